# ---- patch: once per dispatch; goes on after its own reboot; the searches before and after decide ----
$RebootPolicy = '{{ RebootPolicy }}'
$TestedSet = @('{{ PackageSet }}' -split ',' | Where-Object { $_ } | ForEach-Object { ($_ -split '=')[0] })
$PreScript = '{{ PreScript }}'
$PostScript = '{{ PostScript }}'

# ---- in the worker ----
function Invoke-Work {
    $lock = Enter-Work
    if (Read-Result) { Send-Draft ([ordered]@{ action = 'stored' }) }
    Restore-Run
    $script:Boot = Get-Boot
    if (-not $Journal.first) { $Journal.first = $Boot }
    Save-Journal $Journal.stage
    Wait-Servicing
    if ($Journal.stage -eq 'checking') { Start-Run } else { Resume-Run }
    $lock.Dispose()
}

function Start-Run {
    Invoke-Checks
    $offer = $null
    if (-not $Blocked) {
        $offer = Find-Updates
        Test-Offer $offer
    }
    $os = Get-Os
    $before = Get-Side $offer
    $earlier = Read-State 'before' # of before a restart that was open when the run began
    if ($earlier -and $Reboots -gt 0) { $before = $earlier.side }
    if ($Blocked) { Send-Report $os $before $null $null }
    $asked = @(Get-OpenReasons $offer)
    $Journal.pending = $asked.Count -gt 0
    if (Test-MayRestart $asked) {
        Save-Before $os $before
        Send-Restart $asked
    }
    Start-Pre $os $before
    Save-Before $os $before
    Save-Journal 'installing'
    Complete-Work $os $before (Invoke-Rounds $offer)
}

function Save-Before($Os, $Before) { Save-State 'before' ([ordered]@{ side = $Before; os = $Os; boot = $Boot; checks = @($Checks) }) }

# What stops the application is run once, however often this start is repeated.
function Start-Pre($Os, $Before) {
    if ($Journal.pre -eq 'done') { return }
    $Journal.pre = 'begun'
    Save-Journal 'checking'
    if (-not (Invoke-Hook $PreScript 'pre' (Get-TimeLeft))) {
        $script:Blocked = $true
        Send-Report $Os $Before $null $null
    }
    $Journal.pre = 'done'
    Save-Journal 'checking'
}

# The agent or the host died, or was restarted by us: on with the same lists before.
function Resume-Run {
    $earlier = Read-State 'before'
    [void](Wait-Installer)
    Complete-Work (Get-Os) $earlier.side (Invoke-Rounds (Find-Updates))
}

function Complete-Work($Os, $Before, $Offer) {
    $asked = @(Get-OpenReasons $Offer)
    if (Test-MayRestart $asked) { Send-Restart $asked }
    Set-Left $Offer
    Set-NoRestart $asked
    $script:Aside = @(Get-Aside $Offer)
    Send-Report $Os $Before (Get-Side $Offer) $Offer
}

function Send-Report($Os, $Before, $After, $Offer) {
    $asked = @(Get-OpenReasons $Offer)
    $done = Test-Restarted $Journal.first $Boot
    Send-Draft (Get-Draft $Os $Before $After $Offer $asked $done)
}

# What the first process makes the report of.
function Get-Draft($Os, $Before, $After, $Offer, $Asked, [bool]$Done) {
    $shown = @($Asked)
    if ($shown.Count -eq 0 -and $Done) { $shown = @($Journal.reasons) }
    return [ordered]@{
        action = 'report'; blocked = $Blocked; post = $Journal.pre -eq 'done'; os = $Os; before = $Before; after = $After
        changes = @(Get-Changes $Offer); failures = @(Get-Failures); aside = @($Aside); checks = @($Checks); problem = $Problem
        reasons = $shown; needed = @($Asked).Count -gt 0; done = $Done; reboots = $Reboots; packages = $Packages
    }
}

# By the notes alone: neither WMI nor Windows Update is asked, since one of them may be what hangs.
function New-Draft([string]$Code, [string]$Detail) {
    $script:Problem = $null
    $script:Packages = $null
    $unproven = Get-Unproven $null
    Set-Problem $Code ("$($Detail.TrimEnd('.')). $unproven").Trim()
    $script:Blocked = $false
    if (-not $Boot) { $script:Boot = [pscustomobject]@{ id = Get-BootNumber; up_s = $null } }
    $asked = @(Get-KeyReasons)
    if ($asked.Count -eq 0 -and @($Notes | Where-Object { $_.restart -and -not (Test-Restarted $_.boot $Boot) }).Count -gt 0) { $asked = @('windows_update') }
    return Get-Draft (New-Os) (Read-State 'before').side $null $null $asked (Test-Restarted $Journal.first $Boot)
}

# ---- in the first process ----
# What the pre script stopped is started again, whatever came of the work: the script after has time of its own.
function Complete-Run($Draft) {
    $script:Problem = $Draft.problem
    $script:Checks = @($Draft.checks)
    $script:Aside = @($Draft.aside)
    $script:Failures = @($Draft.failures)
    $script:Reboots = [int]$Draft.reboots
    $script:Packages = $Draft.packages
    if ($Draft.post -and -not $Draft.blocked) { [void](Invoke-Hook $PostScript 'post' ([Math]::Max(300, (Get-TimeLeft)))) }
    $list = @($Draft.changes)
    $status = 'blocked'
    if (-not $Draft.blocked) { $status = Get-Status $list.Count $Draft.needed $Draft.done }
    $reboot = New-Reboot $Draft.needed $Draft.reasons $Draft.done
    Publish-Report (Get-Report 'patch' $status $Draft.os $Draft.before $Draft.after $list $reboot)
}

function Invoke-First {
    $claim = Get-Claim
    if ($claim -ne 'new') {
        $stored = Read-Result
        if ($stored) { Show-Stored $stored }
    }
    if ($claim -eq 'other') { Show-Duplicate }
    $script:Claimed = $true
    Restore-Time
    $draft = Wait-Work
    if ($draft.action -eq 'stored') { Show-Stored (Read-Result) }
    if ($draft.action -eq 'restart') {
        Write-Output "Patch Portal: restarting ($($draft.reboots) of at most $MaxReboots)."
        exit 3010
    }
    Complete-Run $draft
}

# A mistake of this script is told in a report too: without one nobody would know how far it came.
$Claimed = $false
$fault = $null
if ($Mark) {
    $part = $Mark -split ' '
    if ($part.Count -ne 3 -or $part[0] -cne $DispatchId) { exit 1 } # a worker starts no other document's work
    $ParentId = [int]$part[1]
    $Spent = [int]$part[2]
    try { Invoke-Work } catch { $fault = $_ }
    Send-Draft (New-Draft 'interrupted' "The script failed: $(Get-FaultText $fault)")
}
try { Invoke-First } catch { $fault = $_ }
if ($Claimed) {
    Restore-Run
    Complete-Run (New-Draft 'interrupted' "The script failed: $(Get-FaultText $fault)")
}
Set-Problem 'filesystem_unusable' "The run cannot be guarded, so nothing was done: $(Get-FaultText $fault)"
Write-Output (Get-Output (Get-Report 'patch' 'blocked' (New-Os) $null $null @() (New-Reboot $false @() $false)))
exit 1
