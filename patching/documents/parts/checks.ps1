# ---- the checks and their repairs (docs/checks.md) ----
function New-Outcome([bool]$Ok, [string]$Detail) { return @{ ok = $Ok; detail = $Detail } }

# A check that cannot be measured stops nobody.
function Get-Outcome([scriptblock]$Test) {
    $fault = $null
    try { return & $Test } catch { $fault = $_ }
    return New-Outcome $true "Not measured: $(Get-FaultText $fault)"
}

function Invoke-Repair([scriptblock]$Fix) {
    $fault = $null
    try { return "$(& $Fix)" } catch { $fault = $_ }
    return "The repair failed: $($fault.Exception.Message)"
}

function Add-Check([string]$Name, [string]$FixLevel, [string]$Code, [scriptblock]$Test, [scriptblock]$Fix) {
    $outcome = Get-Outcome $Test
    $tried = $false
    $told = ''
    $allowed = ($FixLevel -eq 'early' -and $Fixes -ne 'none') -or ($FixLevel -eq 'late' -and $Fixes -eq 'all')
    if (-not $outcome.ok -and $allowed) {
        $tried = $true
        $told = Invoke-Repair $Fix
        $outcome = Get-Outcome $Test
    }
    Add-Answer $Name $outcome $tried $told
    if (-not $outcome.ok -and $Code) {
        $script:Blocked = $true
        Set-Problem $Code $outcome.detail
    }
}

function Add-Answer([string]$Name, $Outcome, [bool]$Tried, [string]$Told) {
    [void]$Checks.Add([ordered]@{
        name = $Name; ok = [bool]$Outcome.ok; detail = Get-CleanText $Outcome.detail
        fix = [ordered]@{ tried = $Tried; ok = $Tried -and [bool]$Outcome.ok; detail = Get-CleanText $Told }
    })
}

# SentAt is the portal's time when it sent the command; a late delivery is not told from a clock that runs ahead.
function Get-ClockOutcome {
    if (-not $SentAt) { return New-Outcome $true 'Not measured: the portal did not tell its time.' }
    $skew = [Math]::Round((Get-Clock) - [double]$SentAt)
    if ($skew -lt -300) { return New-Outcome $false "The clock is at least $(-$skew) s behind the portal's." }
    if ($skew -gt 7200) { return New-Outcome $false "The clock is $skew s after the time of sending: late delivery, or a clock that runs ahead." }
    return New-Outcome $true "The clock is $skew s after the time of sending."
}

function Get-DiskOutcome {
    $free = (Get-PSDrive -Name "$env:SystemDrive".Substring(0, 1)).Free
    if ($null -eq $free) { return New-Outcome $true "Not measured: $env:SystemDrive does not tell its free space." }
    $free = [Math]::Floor([double]$free / 1048576)
    return New-Outcome ($free -ge $MinFreeMb) "$env:SystemDrive has $free MB free; $MinFreeMb MB are needed."
}

function Get-ServiceOutcome {
    $service = Get-CimInstance -ClassName Win32_Service -Filter "Name='wuauserv'" -OperationTimeoutSec 60
    return New-Outcome ($service -and $service.StartMode -ne 'Disabled') "The Windows Update service starts: $($service.StartMode). Updates come from $(Get-UpdateSource)."
}

# Another installation, or one of an earlier run that works on: waited for as long as the policy allows.
function Get-LockOutcome {
    $until = (Get-Spent) + [Math]::Min($LockWaitSeconds, [Math]::Max(0, (Get-TimeLeft)))
    while (((Test-Busy) -or (Test-Servicing)) -and (Get-Spent) -lt $until) { Start-Sleep -Seconds 2 }
    if (Test-Busy) { return New-Outcome $false "Another installation of updates was still at work after $LockWaitSeconds s." }
    if (Test-Servicing) { return New-Outcome $false 'Windows is still busy with what waited for its last start.' }
    return New-Outcome $true 'No other installation of updates is at work.'
}

function Test-Busy { return [bool](New-Object -ComObject 'Microsoft.Update.Session').CreateUpdateInstaller().IsBusy }

function Invoke-Checks {
    Add-Check 'disk_space' 'early' 'disk_full' { Get-DiskOutcome } {
        Remove-Item -Path "$env:SystemRoot\SoftwareDistribution\Download\*" -Recurse -Force
        'Emptied the download cache of Windows Update.'
    }
    Add-Check 'update_service' 'late' 'update_service_unavailable' { Get-ServiceOutcome } {
        Set-Service -Name wuauserv -StartupType Manual
        'Allowed the Windows Update service to start.'
    }
    Add-Check 'package_lock' 'never' 'lock_held' { Get-LockOutcome } { '' }
    Add-Check 'agent' 'early' '' {
        $agent = Get-Service -Name AmazonSSMAgent -ErrorAction SilentlyContinue
        New-Outcome ($agent -and $agent.Status -eq 'Running') "The SSM agent is $($agent.Status)."
    } {
        Start-Service -Name AmazonSSMAgent
        'Started the SSM agent.'
    }
    Add-Check 'pending_reboot' 'never' '' {
        $open = @(Get-RebootReasons)
        New-Outcome ($open.Count -eq 0) "Reasons for a reboot: $($open.Count)."
    } { '' }
    Add-Check 'clock' 'never' '' { Get-ClockOutcome } { '' }
}

# The list that the work begins with. Unknown blocks; incomplete is told, and never counts as empty.
function Test-Offer($Offer) {
    if ($Offer.Known -and -not $Offer.Detail) { return }
    Add-Answer 'updates' (New-Outcome $false $Offer.Detail) $false ''
    if ($Offer.Known -and @(Get-Wanted $Offer).Count -gt 0) { return }
    $script:Blocked = $true
    Set-Problem 'update_service_unavailable' $Offer.Detail
}
