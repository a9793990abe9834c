# ---- pre-check: looks, repairs only what Fixes allows, changes nothing else; also the look after AWS's own document ----
function Get-CheckReport {
    Invoke-Checks
    $found = $null
    try { $found = Find-Updates } catch {
        $script:Blocked = $true
        Set-Problem 'update_service_unavailable' "The search for updates failed: $($_.Exception.Message)"
    }
    $before = Get-Side $found
    $script:Aside = @(Get-Aside $found)
    $reasons = Get-RebootReasons
    $needed = @($reasons).Count -gt 0
    $status = 'ready'
    if ($Blocked) {
        $status = 'blocked'
    } elseif (@(Get-Wanted $found).Count -eq 0 -and -not $needed) {
        $status = 'nothing_to_do'
    }
    return Get-Report 'precheck' $status $before $null @() $reasons $needed $false
}

# A mistake of this script is told in a report too.
try {
    $report = Get-CheckReport
} catch {
    $Problem = $null
    $Packages = $null # newer, perhaps, than the side shown
    Set-Problem 'interrupted' "The script failed: $($_.Exception.Message)"
    $report = Get-Report 'precheck' 'failed' $null $null @() @() $false $false
}
Write-Output (Get-Output $report)
exit 0
