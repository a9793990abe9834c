# ---- what became of it: what went in, what is left, and the status ----
# Offered: in this moment's list, and not for the sake of a restart that is still to come.
function Test-Offered($Note, $Offer) {
    foreach ($row in $Offer.Rows) { if ($row.Key -ceq $Note.key) { return -not $row.Waits -and -not (Test-WaitingNote $Note) } }
    return $false
}

function Test-WaitingNote($Note) { return $Note.state -eq 'done' -and $Note.restart -and -not (Test-Restarted $Note.boot $Boot) }

# went_in, undone (by a restart), left, failed, gone (failed, and not offered any more), or unproven (begun, and no
# search tells what became of it).
function Get-Fate($Note, $Offer) {
    if (-not $Offer -or -not $Offer.Known) { return @{ done = 'went_in'; failed = 'failed'; begun = 'unproven' }[$Note.state] }
    $offered = Test-Offered $Note $Offer
    if ($Note.state -eq 'failed') { return @('gone', 'failed')[[int]$offered] }
    if (-not $offered) { return 'went_in' }
    if ($Note.state -ne 'done') { return 'left' }
    if (Test-Restarted $Note.boot $Boot) { return 'undone' }
    return 'left'
}

function Get-Changes($Offer) {
    foreach ($note in $Notes) {
        if ((Get-Fate $note $Offer) -ne 'went_in') { continue }
        [ordered]@{ name = $note.name; arch = ''; from = ''; to = $note.title; kind = 'kb'; security = [bool]$note.security }
    }
}

function Get-Failures {
    foreach ($note in $Notes) {
        if ($note.state -ne 'failed') { continue }
        [ordered]@{ name = $note.name; to = $note.title; step = $note.step; code = $note.code }
    }
}

function Join-Names($Names) { return (@($Names) | Select-Object -First 20) -join ' ' }

# Names of what had this fate; definitions of Defender decide nothing.
function Get-Named([string]$Fate, $Offer) {
    foreach ($note in $Notes) { if (-not $note.definition -and (Get-Fate $note $Offer) -eq $Fate) { $note.name } }
}

# Whatever the installer said: what is still offered, undone or not known is not "patched".
function Set-Left($Offer) {
    $undone = @(Get-Named 'undone' $Offer)
    $failed = @($Notes | Where-Object { -not $_.definition -and (Get-Fate $_ $Offer) -eq 'failed' })
    if ($undone.Count -gt 0) { Set-Problem 'updates_left' "Went in, undone by the restart: $(Join-Names $undone)" }
    if (-not $Offer.Known) { Set-Problem 'update_service_unavailable' "What is still open cannot be read. $($Offer.Detail) $(Get-Unproven $Offer)" }
    if ($failed.Count -gt 0) { Set-FailedProblem $failed }
    $left = @(Get-Wanted $Offer | Where-Object { -not $_.Definition } | ForEach-Object { $_.Name })
    if ($left.Count -gt 0) { Set-Problem 'updates_left' "Still open: $(Join-Names $left)" }
    if ($Offer.Partial) { Set-Problem 'update_service_unavailable' $Offer.Detail }
}

function Get-Unproven($Offer) {
    $names = @(Get-Named 'went_in' $Offer) + @(Get-Named 'unproven' $Offer)
    if ($names.Count -eq 0) { return '' }
    return "Went in, not yet proven: $(Join-Names $names)"
}

function Set-FailedProblem($Failed) {
    $told = @($Failed | Select-Object -First 12 | ForEach-Object { "$($_.name) ($($_.step) $($_.code))" }) -join ', '
    if ($Journal.pending -and @($Failed | Where-Object { $_.code -eq '0x80240016' }).Count -gt 0) {
        Set-Problem 'restart_needed_first' "A restart was open before, and none could be made; until then updates fail: $told"
    }
    Set-Problem 'install_failed' "Failed: $told"
}

function Get-Status([int]$Changed, [bool]$Needed, [bool]$Done) {
    if ($Problem -and @('reboot_did_not_happen', 'restart_did_not_cure') -notcontains $Problem.code) {
        if ($Changed -gt 0) { return 'partial' }
        return 'failed'
    }
    if ($Needed) { return 'reboot_pending' }
    if ($Changed -eq 0 -and -not $Done) { return 'nothing_to_do' }
    return 'patched'
}
