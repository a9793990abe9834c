# ---- the journal: how far the run is, for another start of it ----
$Journal = $null
$Boot = $null # this boot, as the worker sees it

function Save-Journal([string]$Stage) {
    $Journal.stage = $Stage
    $Journal.reboots = $Reboots
    $Journal.spent_s = Get-Spent
    $Journal.at_s = Get-Clock
    Save-State 'stage' $Journal
}

# A restart or a pause takes what the clock says, but no more than an hour: the clock may have been set.
function Restore-Time {
    $earlier = Read-State 'stage'
    if (-not $earlier) { return }
    $away = [Math]::Min(3600, [Math]::Max(0, (Get-Clock) - [double]$earlier.at_s))
    $script:Spent = Get-Whole ([double]$earlier.spent_s + $away)
}

# What earlier starts of this dispatch noted. Where the stage was lost the other notes still tell that work had begun.
function Restore-Run {
    $before = Read-State 'before'
    $Notes.Clear()
    $script:Checks = New-Object System.Collections.ArrayList
    foreach ($note in (Read-State 'progress').notes) { if ($note.key) { [void]$Notes.Add($note) } }
    $script:Journal = Read-State 'stage'
    if (-not $Journal) {
        $begun = $before -and $Notes.Count -gt 0
        $script:Journal = [pscustomobject]@{
            stage = @('checking', 'installing')[[int]$begun]; command = $CommandId; reboots = 0; spent_s = 0; at_s = 0
            first = $before.boot; last = $null; asked = @(); reasons = @(); tries = 0; pre = @('', 'done')[[int]$begun]; pending = $false
        }
    }
    $script:Reboots = [int]$Journal.reboots
    if ($Journal.stage -eq 'checking') { return }
    foreach ($check in $before.checks) { [void]$Checks.Add($check) }
}
