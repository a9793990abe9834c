# ---- pre-check: looks, repairs only what Fixes allows, changes nothing else ----
$before = $null
$found = $null
Invoke-Checks
try {
    $found = Find-Updates
} catch {
    $Blocked = $true
    Set-Problem 'update_service_unavailable' "The search for updates failed: $($_.Exception.Message)"
}
$before = Get-Side $found
$reasons = Get-RebootReasons
$needed = @($reasons).Count -gt 0
$status = 'ready'
if ($Blocked) {
    $status = 'blocked'
} elseif ($before.packages.upgradable -eq 0 -and -not $needed) {
    $status = 'nothing_to_do'
}
Write-Output (Get-Output (Get-Report 'precheck' $status $before $null @() $reasons $needed $false))
exit 0
