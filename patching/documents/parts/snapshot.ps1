# ---- one side of the report: the host at this moment ----
function Get-Available($Offer) {
    foreach ($row in (Get-Counted $Offer)) {
        [ordered]@{ name = $row.Name; arch = ''; from = ''; to = $row.Title; security = $row.Security }
    }
}

# Where the update service did not answer the counts are $null: unknown, not zero.
function Get-Side($Offer) {
    $open = @()
    $upgradable = $null
    $security = $null
    if ($Offer -and $Offer.Known) {
        $open = @(Get-Available $Offer)
        $upgradable = $open.Count
        $security = @($open | Where-Object { $_.security }).Count
    }
    $build = Get-Build
    $now = Get-Boot
    $script:Packages = Get-Packages
    $total = $null
    if ($Packages) { $total = $Packages.Total }
    return [ordered]@{
        kernel = [ordered]@{ running = $build; installed = @($build); newest_installed = $build; newest_available = '' }
        boot_id = $now.id
        uptime_s = $now.up_s
        packages = [ordered]@{ installed = $total; upgradable = $upgradable; security = $security; held = @() }
        broken = @()
        duplicates = @()
        available = $open
    }
}
