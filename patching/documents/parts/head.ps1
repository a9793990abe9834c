# Patch Portal: checks or patches this Windows host through the Windows Update Agent and prints one report.
# For Windows PowerShell 5.1. On a real Windows host it was never executed by its makers: try it on one first.
$ErrorActionPreference = 'Stop'
$ProgressPreference = 'SilentlyContinue'
$DispatchId = '{{ DispatchId }}'
# Where a policy of the host restricts the language nothing below would run: told in words that any language mode prints.
if ("$($ExecutionContext.SessionState.LanguageMode)" -ne 'FullLanguage') {
    Write-Output "Patch Portal: PowerShell may not run here: this host's policy restricts it ($($ExecutionContext.SessionState.LanguageMode))."
    exit 1
}
# Windows PowerShell writes an array that came out of a function as {"value":...,"Count":...} while this is there.
Remove-TypeData -TypeName 'System.Array' -ErrorAction SilentlyContinue

$Mode = '{{ Mode }}'
$Fixes = '{{ Fixes }}'
$MinFreeMb = [int]'{{ MinFreeMb }}'
$LockWaitSeconds = [int]'{{ LockWaitSeconds }}'
$DeadlineSeconds = [Math]::Min([int]'{{ DeadlineSeconds }}', 26400) # below the document's own time-out
$SentAt = '{{ SentAt }}'
$DocumentHash = '{{ DocumentHash }}'
$Excluded = @('{{ Exclude }}' -split ',' | Where-Object { $_ })
$TestedSet = @() # the patch alone may get one

$CommandId = "$env:SSM_COMMAND_ID"
$InstanceId = "$env:AWS_SSM_INSTANCE_ID"
$Watch = [Diagnostics.Stopwatch]::StartNew() # the clock may be set while we work, so it is no stop-watch
$Spent = 0 # seconds, by earlier starts of this dispatch
$Checks = New-Object System.Collections.ArrayList
$Problem = $null
$Blocked = $false
$Aside = @()
$Failures = @()
$Packages = $null # those of the side read last
$Reboots = 0

# Agents before 3.0.284.0: ...\<instance-id>\document\orchestration\<command-id>\...\_script.ps1
function Get-PathElement([string]$Pattern, [string]$Otherwise) {
    foreach ($element in "$PSCommandPath" -split '[\\/]') {
        $name = $element -creplace '\.ps1$', ''
        if ($name -cmatch $Pattern) { return $name }
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

# The first thing that went wrong is the one that is told.
function Set-Problem([string]$Code, [string]$Detail) {
    if (-not $script:Problem) {
        $script:Problem = [ordered]@{ code = $Code; detail = (Get-CleanText $Detail 600) }
    }
}

# A whole number that is no less than 0 and fits where the report keeps one, whatever a clock says.
function Get-Whole([double]$Number) { return [int][Math]::Floor([Math]::Max(0, [Math]::Min(2000000000, $Number))) }

function Get-Spent { return Get-Whole ($Spent + $Watch.Elapsed.TotalSeconds) }

function Get-TimeLeft { return $DeadlineSeconds - (Get-Spent) }

function Get-Clock { return ([DateTime]::UtcNow - [DateTime]'1970-01-01').TotalSeconds }

# The wrapper's own number says nothing; the innermost one is that of Windows.
function Get-FaultCode($Fault) {
    $inner = $Fault.Exception
    while ($inner.InnerException) { $inner = $inner.InnerException }
    return '0x{0:X8}' -f $inner.HResult
}

function Get-FaultText($Fault) { return "$(Get-FaultCode $Fault), $($Fault.Exception.Message)" }
