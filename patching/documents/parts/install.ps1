# ---- install: one update at a time, with a note before and after each ----
# A note: key, name, title, security, definition, state (begun, done or failed), tries, boot (when it was tried last),
# restart (the installer asks for one), step and code (of what failed).
$Notes = New-Object System.Collections.ArrayList
$MaxTries = 2

function Get-Note([string]$Key) {
    foreach ($note in $Notes) { if ($note.key -ceq $Key) { return $note } }
    return $null
}

function Get-TryCount {
    $sum = 0
    foreach ($note in $Notes) { $sum += [int]$note.tries }
    return $sum
}

function Save-Notes { Save-State 'progress' ([ordered]@{ notes = @($Notes) }) }

# Rounds go on while they bring something new and time is left. Returns the offer after the last one.
function Invoke-Rounds($Offer) {
    for ($round = 1; $Offer.Known -and $round -le 10; $round++) {
        $known = Get-TryCount
        Install-Round $Offer
        if ((Get-TryCount) -eq $known) { break }
        $Offer = Find-Updates
        if ($Problem -or (Get-TimeLeft) -le 0 -or @(Get-OpenReasons $Offer).Count -gt 0) { break }
    }
    return $Offer
}

function Install-Round($Offer) {
    $wanted = @(Get-Wanted $Offer)
    $fresh = @($wanted | Where-Object { -not (Get-Note $_.Key) }).Count -gt 0
    foreach ($row in $wanted) {
        if (-not (Test-Due $row $fresh)) { continue }
        if ((Get-TimeLeft) -le 0) {
            Set-Problem 'deadline_exceeded' "Stopped after $DeadlineSeconds s."
            return
        }
        if (-not (Wait-Installer)) { return }
        Install-One $Offer.Session $row
        if ((Get-Note $row.Key).code -eq '0x8007045B') { return } # the machine goes down
    }
}

# One more try: of what was cut off, and of what failed once another boot or a new update may have made room for it.
function Test-Due($Row, [bool]$Fresh) {
    $note = Get-Note $Row.Key
    if (-not $note) { return $true }
    if ([int]$note.tries -ge $MaxTries -or $note.state -eq 'done') { return $false }
    return $note.state -eq 'begun' -or $Fresh -or (Test-Restarted $note.boot $Boot)
}

# Somebody else's installation: waited for, never disturbed.
function Wait-Installer {
    $until = (Get-Spent) + [Math]::Min($LockWaitSeconds, [Math]::Max(0, (Get-TimeLeft)))
    while (Test-BusyNow) {
        if ((Get-Spent) -ge $until) {
            Set-Problem 'lock_held' "Another installation of updates was still at work after $LockWaitSeconds s."
            return $false
        }
        Start-Sleep -Seconds 2
    }
    return $true
}

function Test-BusyNow {
    try { return Test-Busy } catch { return $false }
}

# Without the note before it an update could take the host down for ever, or go in unseen: then it is not begun.
function Install-One($Session, $Row) {
    $note = Get-Note $Row.Key
    if (-not $note) {
        $note = [pscustomobject]@{
            key = $Row.Key; name = $Row.Name; title = $Row.Title; security = $Row.Security; definition = $Row.Definition
            state = ''; tries = 0; boot = $null; restart = $false; step = ''; code = ''
        }
        [void]$Notes.Add($note)
    }
    $was = $note.state
    $note.state = 'begun'; $note.tries = [int]$note.tries + 1; $note.boot = $Boot; $note.step = 'download'; $note.code = ''
    $fault = $null
    try { Save-Notes } catch { $fault = $_ }
    if ($fault) {
        $note.state = $was
        if (-not $was) { $Notes.Remove($note) }
        throw $fault
    }
    try { Add-Update $Session $Row $note } catch { $fault = $_ }
    if ($fault) { Set-Failed $note (Get-FaultCode $fault) }
    try { Save-Notes } catch { [void]$_ } # what went in is known here all the same; the next one is not begun
}

function Set-Failed($Note, [string]$Code) {
    $Note.state = 'failed'
    $Note.code = $Code
    if ($Code -eq '0x8007045B') { $Note.restart = $true } # the machine is going down: again after the boot
}

# 2 = done, 3 = done with remarks; 4 and 5 = failed and stopped
function Add-Update($Session, $Row, $Note) {
    if (-not $Row.Com.EulaAccepted) { [void]$Row.Com.AcceptEula() }
    $one = New-Object -ComObject 'Microsoft.Update.UpdateColl'
    [void]$one.Add($Row.Com)
    $code = Receive-Update $Session $one
    if ($code) { Set-Failed $Note $code; return }
    $Note.step = 'install'
    try { Save-Notes } catch { [void]$_ }
    $installer = $Session.CreateUpdateInstaller()
    $installer.AllowSourcePrompts = $false
    if ($Row.Com.InstallationBehavior.CanRequestUserInput) { $installer.ForceQuiet = $true }
    $installer.Updates = $one
    $result = $installer.Install()
    $told = $result.GetUpdateResult(0)
    if (@(2, 3) -notcontains [int]$told.ResultCode) { Set-Failed $Note (Format-Result $told $result); return }
    $Note.restart = [bool]($told.RebootRequired -or $result.RebootRequired)
    $Note.state = 'done'
}

# '' when it is there; else the number of what went wrong, after three tries where that may pass.
function Receive-Update($Session, $One) {
    $try = 0
    while ($true) {
        $code = Get-Download $Session $One
        if (-not $code -or $Passing -notcontains $code -or -not (Wait-Try $try)) { return $code }
        $try++
    }
}

function Get-Download($Session, $One) {
    $fault = $null
    try {
        $downloader = $Session.CreateUpdateDownloader()
        $downloader.Updates = $One
        $result = $downloader.Download()
        if (@(2, 3) -contains [int]$result.ResultCode) { return '' }
        return Format-Result ($result.GetUpdateResult(0)) $result
    } catch { $fault = $_ }
    return Get-FaultCode $fault
}

function Format-Result($Told, $Whole) {
    $number = [int]$Told.HResult
    if ($number -eq 0) { $number = [int]$Whole.HResult }
    return '0x{0:X8}' -f $number
}
