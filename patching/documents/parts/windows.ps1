# Patch Portal: checks or patches this Windows host through the Windows Update Agent and prints one report.
# For Windows PowerShell 5.1. It has only been parsed, never executed, where it was written: try it on one host first.
$ErrorActionPreference = 'Stop'
$ProgressPreference = 'SilentlyContinue'
# Windows PowerShell writes an array that came out of a function as {"value":...,"Count":...} while this is there.
Remove-TypeData -TypeName 'System.Array' -ErrorAction SilentlyContinue

$DispatchId = '{{ DispatchId }}'
$Mode = '{{ Mode }}'
$Fixes = '{{ Fixes }}'
$MinFreeMb = [int]'{{ MinFreeMb }}'
$LockWaitSeconds = [int]'{{ LockWaitSeconds }}'
$DeadlineSeconds = [Math]::Min([int]'{{ DeadlineSeconds }}', 27000) # below the document's own time-out
$SentAt = '{{ SentAt }}'
$DocumentHash = '{{ DocumentHash }}'
$Excluded = @('{{ Exclude }}' -split ',' | Where-Object { $_ })
$TestedSet = @() # the patch alone may get one

$MaxReboots = 2
$CommandId = $env:SSM_COMMAND_ID
$InstanceId = $env:AWS_SSM_INSTANCE_ID
$Watch = [Diagnostics.Stopwatch]::StartNew()
$Spent = 0 # seconds
$Checks = New-Object System.Collections.ArrayList
$Problem = $null
$Blocked = $false
$Aside = @()
$Packages = $null # those of the side read last
$Reboots = 0

# Agents before 3.0.284.0: ...\<instance-id>\document\orchestration\<command-id>\...\_script.ps1
function Get-PathElement([string]$Pattern, [string]$Otherwise) {
    foreach ($element in "$PSCommandPath" -split '[\\/]') {
        if ($element -cmatch $Pattern) { return $element }
    }
    return $Otherwise
}

if (-not $CommandId) { $CommandId = Get-PathElement '^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$' "by-hand-$PID" }
if (-not $InstanceId) { $InstanceId = Get-PathElement '^m?i-[0-9a-f]{8,17}$' '' }

function Get-CleanText([string]$Text, [int]$Most = 300) {
    $clean = $Text -creplace '[^ -~]', '?' # -replace takes the Kelvin sign for a k
    if ($clean.Length -gt $Most) { $clean = $clean.Substring(0, $Most) }
    return $clean
}

function Set-Problem([string]$Code, [string]$Detail) {
    if (-not $script:Problem) {
        $script:Problem = [ordered]@{ code = $Code; detail = (Get-CleanText $Detail 600) }
    }
}

function Get-Spent { return [int]($Spent + $Watch.Elapsed.TotalSeconds) }

function Get-TimeLeft { return $DeadlineSeconds - (Get-Spent) }

function Get-System { return Get-CimInstance -ClassName Win32_OperatingSystem }

function Get-BootId { return (Get-System).LastBootUpTime.ToUniversalTime().ToString('o') }

function Get-Build {
    $key = Get-ItemProperty -Path 'HKLM:\SOFTWARE\Microsoft\Windows NT\CurrentVersion'
    return '{0}.{1}.{2}.{3}' -f $key.CurrentMajorVersionNumber, $key.CurrentMinorVersionNumber, $key.CurrentBuildNumber, $key.UBR
}

function Get-RebootReasons {
    $base = 'HKLM:\SOFTWARE\Microsoft\Windows\CurrentVersion'
    $reasons = @()
    if (Test-Path "$base\WindowsUpdate\Auto Update\RebootRequired") { $reasons += 'windows_update' }
    if (Test-Path "$base\Component Based Servicing\RebootPending") { $reasons += 'component_servicing' }
    return , $reasons
}

function Test-Security($Update) {
    foreach ($category in $Update.Categories) {
        # The id of "Security Updates": its name depends on the language.
        if ($category.CategoryID -eq '0fa1201d-4330-4fa8-8ae9-b877473b6441') { return $true }
    }
    return [bool]$Update.MsrcSeverity
}

function Find-Updates {
    $session = New-Object -ComObject 'Microsoft.Update.Session'
    $session.ClientApplicationID = 'Patch Portal'
    $found = $session.CreateUpdateSearcher().Search("IsInstalled=0 and IsHidden=0 and Type='Software'")
    return [pscustomobject]@{ Session = $session; Updates = $found.Updates }
}

function Get-UpdateName($Update) {
    foreach ($number in $Update.KBArticleIDs) { return "KB$number" }
    return Get-CleanText $Update.Title
}

# Names one update in the lists and in the folder: a KB number alone may stand for several.
function Get-UpdateKey($Update) { return "$(Get-UpdateName $Update)|$(Get-CleanText $Update.Title)" }

# An exclude list knows the globs * and ?. A tested set names KB numbers; the version behind = says nothing here.
function Test-KeptOut($Update) {
    foreach ($number in $Update.KBArticleIDs) {
        foreach ($glob in $Excluded) {
            if ("KB$number" -like $glob) { return $true }
        }
    }
    return $TestedSet.Count -gt 0 -and $TestedSet -notcontains (Get-UpdateName $Update)
}

function Test-InMode($Update) { return $Mode -ne 'security' -or $TestedSet.Count -gt 0 -or (Test-Security $Update) }

function Test-Wanted($Update) { return (Test-InMode $Update) -and -not (Test-KeptOut $Update) }

function Get-Wanted($Found) {
    foreach ($update in $Found.Updates) {
        if (Test-Wanted $update) { Get-UpdateName $update }
    }
}

# Pending, and left out on purpose.
function Get-Aside($Found) {
    foreach ($update in $Found.Updates) {
        if ((Test-InMode $update) -and (Test-KeptOut $update)) { Get-UpdateName $update }
    }
}

function Get-Available($Found) {
    $list = @()
    foreach ($update in $Found.Updates) {
        $list += [ordered]@{
            name = Get-UpdateName $update; arch = ''; from = ''
            to = Get-CleanText $update.Title; security = [bool](Test-Security $update)
        }
    }
    return , $list
}

# The installed updates, as lines of name, arch and version. None at all means that WMI did not answer.
function Get-Packages {
    try {
        $names = New-Object -TypeName 'System.Collections.Generic.SortedSet[string]' -ArgumentList ([StringComparer]::Ordinal)
        foreach ($fix in @(Get-HotFix -ErrorAction SilentlyContinue)) {
            if ($fix.HotFixID) { [void]$names.Add((Get-CleanText $fix.HotFixID)) }
        }
        if ($names.Count -eq 0) { return $null }
        return [pscustomobject]@{ Total = $names.Count; Lines = @($names | ForEach-Object { "$_`t`t`n" }) -join '' }
    } catch { return $null }
}

# One side of the report. $Found is $null when the update service did not answer: unknown, not zero.
function Get-Side($Found) {
    $available = @()
    $upgradable = $null
    $security = $null
    if ($Found) {
        $available = Get-Available $Found
        $upgradable = @($available).Count
        $security = @($available | Where-Object { $_.security }).Count
    }
    $build = Get-Build
    $script:Packages = Get-Packages
    $total = $null
    if ($Packages) { $total = $Packages.Total }
    $uptime = [int]((Get-Date) - (Get-System).LastBootUpTime).TotalSeconds
    return [ordered]@{
        kernel = [ordered]@{ running = $build; installed = @($build); newest_installed = $build; newest_available = '' }
        boot_id = Get-BootId
        uptime_s = $uptime
        packages = [ordered]@{ installed = $total; upgradable = $upgradable; security = $security; held = @() }
        broken = @()
        duplicates = @()
        available = @($available)
    }
}

function Add-Check([string]$Name, [string]$FixLevel, [string]$Code, [scriptblock]$Test, [scriptblock]$Fix) {
    $outcome = & $Test
    $tried = $false
    $fixed = $false
    $told = ''
    $allowed = ($FixLevel -eq 'early' -and $Fixes -ne 'none') -or ($FixLevel -eq 'late' -and $Fixes -eq 'all')
    if (-not $outcome.ok -and $allowed) {
        $tried = $true
        try { $told = & $Fix } catch { $told = "The repair failed: $($_.Exception.Message)" }
        $outcome = & $Test
        $fixed = [bool]$outcome.ok
    }
    [void]$Checks.Add([ordered]@{
        name = $Name; ok = [bool]$outcome.ok; detail = Get-CleanText $outcome.detail
        fix = [ordered]@{ tried = $tried; ok = $fixed; detail = Get-CleanText "$told" }
    })
    if (-not $outcome.ok -and $Code) {
        $script:Blocked = $true
        Set-Problem $Code $outcome.detail
    }
}

function New-Outcome([bool]$Ok, [string]$Detail) { return @{ ok = $Ok; detail = $Detail } }

# SentAt is the portal's time when it sent the command; a late delivery is not told from a clock that runs ahead.
function Get-ClockOutcome {
    if (-not $SentAt) { return New-Outcome $true 'Not measured: the portal did not tell its time.' }
    $skew = [int](([DateTime]::UtcNow - [DateTime]'1970-01-01').TotalSeconds - [double]$SentAt)
    if ($skew -lt -300) { return New-Outcome $false "The clock is at least $(-$skew) s behind the portal's." }
    if ($skew -gt 7200) { return New-Outcome $false "The clock is $skew s after the time of sending: late delivery, or a clock that runs ahead." }
    return New-Outcome $true "The clock is $skew s after the time of sending."
}

function Invoke-Checks {
    Add-Check 'disk_space' 'early' 'disk_full' {
        $free = [int]((Get-PSDrive -Name $env:SystemDrive.Substring(0, 1)).Free / 1048576)
        New-Outcome ($free -ge $MinFreeMb) "$env:SystemDrive has $free MB free; $MinFreeMb MB are needed."
    } {
        Remove-Item -Path "$env:SystemRoot\SoftwareDistribution\Download\*" -Recurse -Force
        'Emptied the download cache of Windows Update.'
    }
    Add-Check 'update_service' 'late' 'update_service_unavailable' {
        $service = Get-CimInstance -ClassName Win32_Service -Filter "Name='wuauserv'"
        New-Outcome ($service -and $service.StartMode -ne 'Disabled') "The Windows Update service starts: $($service.StartMode)."
    } {
        Set-Service -Name wuauserv -StartupType Manual
        'Allowed the Windows Update service to start.'
    }
    Add-Check 'agent' 'early' '' {
        $agent = Get-Service -Name AmazonSSMAgent -ErrorAction SilentlyContinue
        New-Outcome ($agent -and $agent.Status -eq 'Running') "The SSM agent is $($agent.Status)."
    } {
        Start-Service -Name AmazonSSMAgent
        'Started the SSM agent.'
    }
    Add-Check 'pending_reboot' 'never' '' {
        $reasons = Get-RebootReasons
        New-Outcome (@($reasons).Count -eq 0) "Reasons for a reboot: $(@($reasons).Count)."
    } { '' }
    Add-Check 'clock' 'never' '' { Get-ClockOutcome } { '' }
}

function Get-Report([string]$Phase, [string]$Status, $Before, $After, $Changes, $Reasons, [bool]$Needed, [bool]$Done) {
    $system = Get-System
    return [ordered]@{
        schema = 1; dispatch = $DispatchId; command_id = $CommandId; instance_id = $InstanceId
        document_hash = $DocumentHash; phase = $Phase; status = $Status; error = $Problem
        os = [ordered]@{ id = 'windows'; version = $system.Version; name = Get-CleanText $system.Caption }
        boot_count = $Reboots
        host_time = [DateTime]::UtcNow.ToString('s') + 'Z' # the same in every culture
        checks = @($Checks); before = $Before; after = $After; changes = @($Changes); aside = @($Aside); services = @()
        reboot = [ordered]@{ needed = $Needed; reasons = @($Reasons); done = $Done }
        took_s = Get-Spent
        truncated = [ordered]@{}
    }
}
