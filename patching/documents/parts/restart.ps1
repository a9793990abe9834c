# ---- restarts: twice at most, and none for reasons that the last one did not clear ----
$MaxReboots = 2

# What asks for a restart now: Windows, an installer's word of this boot, or an update that waits for one.
function Get-OpenReasons($Offer) {
    $asked = @(Get-RebootReasons)
    $waiting = @($Notes | Where-Object { $_.restart -and -not (Test-Restarted $_.boot $Boot) }).Count -gt 0
    if ($Offer) { $waiting = $waiting -or @($Offer.Rows | Where-Object { $_.Waits }).Count -gt 0 }
    if (-not $waiting) { $waiting = Test-RestartFirst }
    if ($waiting -and $asked -notcontains 'windows_update') { $asked = @('windows_update') + $asked }
    return $asked
}

# The installer refuses everything until the host restarts.
function Test-RestartFirst {
    try {
        return [bool](New-Object -ComObject 'Microsoft.Update.Session').CreateUpdateInstaller().RebootRequiredBeforeInstallation
    } catch { return $false }
}

# The last restart that was asked for has happened, and for these reasons no other would help.
function Test-Uncured($Asked) {
    if (-not (Test-Restarted $Journal.last $Boot) -or (Get-TryCount) -gt [int]$Journal.tries) { return $false }
    return @($Asked | Where-Object { $Journal.asked -notcontains $_ }).Count -eq 0
}

function Test-MayRestart($Asked) {
    return $Asked.Count -gt 0 -and $RebootPolicy -eq 'if-needed' -and $Reboots -lt $MaxReboots -and
        (Get-TimeLeft) -gt 0 -and -not (Test-Uncured $Asked) -and -not (Test-Orphan)
}

# Ends the worker; what is not kept would be forgotten by the restart, so without notes there is none.
function Send-Restart($Asked) {
    $fault = $null
    try { Save-Restart $Asked } catch { $fault = $_ }
    if (-not $fault) { Send-Draft ([ordered]@{ action = 'restart'; reboots = $Reboots }) }
    $script:Reboots--
    Set-Problem 'reboot_did_not_happen' "Not restarted: what this run knows cannot be kept on the disk: $($fault.Exception.Message)"
}

function Save-Restart($Asked) {
    $script:Reboots++
    $Journal.asked = @($Asked)
    if (@($Journal.reasons).Count -eq 0) { $Journal.reasons = @($Asked) }
    $Journal.last = $Boot
    $Journal.tries = Get-TryCount
    Save-Journal $Journal.stage
}

# Why a restart that is due was not made.
function Set-NoRestart($Asked) {
    if ($Asked.Count -eq 0 -or $RebootPolicy -ne 'if-needed') { return }
    if ((Test-Uncured $Asked) -or ($Reboots -ge $MaxReboots -and (Test-Restarted $Journal.last $Boot))) {
        Set-Problem 'restart_did_not_cure' "Restarted ($Reboots), and this asks for one again: $($Asked -join ' ')"
    } elseif ($Reboots -ge $MaxReboots) {
        Set-Problem 'reboot_did_not_happen' "A restart was asked for $Reboots times, and the last one did not happen."
    } elseif ((Get-TimeLeft) -le 0) {
        Set-Problem 'deadline_exceeded' 'No time was left for the restart.'
    }
}
