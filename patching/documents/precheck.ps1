# ---- pre-check: looks, repairs only what Fixes allows, changes nothing else; also the look after AWS's own document ----
$DeadlineSeconds = [Math]::Min($DeadlineSeconds, 3000) # below this document's own time-out

function Get-CheckReport {
    Invoke-Checks
    $offer = Find-Updates
    Test-Offer $offer
    $before = Get-Side $offer
    $script:Aside = @(Get-Aside $offer)
    $reasons = @(Get-RebootReasons)
    $needed = $reasons.Count -gt 0
    $wanted = @(Get-Wanted $offer | Where-Object { -not $_.Definition })
    $status = 'ready'
    if ($Blocked) {
        $status = 'blocked'
    } elseif ($wanted.Count -eq 0 -and -not $needed) {
        $status = 'nothing_to_do'
    }
    return Get-Report 'precheck' $status (Get-Os) $before $null @() (New-Reboot $needed $reasons $false)
}

# A mistake of this script is told in a report too; what it asks for then needs neither WMI nor Windows Update.
$fault = $null
try { $report = Get-CheckReport } catch { $fault = $_ }
if ($fault) {
    $Problem = $null
    $Packages = $null # newer, perhaps, than the side shown
    Set-Problem 'interrupted' "The script failed: $(Get-FaultText $fault)"
    $os = [ordered]@{ id = 'windows'; version = ''; name = '' }
    $report = Get-Report 'precheck' 'failed' $os $null $null @() (New-Reboot $false @() $false)
}
Write-Output (Get-Output $report)
exit 0
