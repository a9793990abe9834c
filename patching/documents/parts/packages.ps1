# ---- what is installed: the build, and the updates that servicing and Windows Update's own history know ----
# Lines of name, arch and version. $null where nobody answered: unknown is not empty.
function Get-Packages {
    $names = New-Object -TypeName 'System.Collections.Generic.SortedSet[string]' -ArgumentList ([StringComparer]::Ordinal)
    $told = 0
    try {
        foreach ($fix in @(Get-HotFix)) { if ($fix.HotFixID) { [void]$names.Add((Get-CleanText $fix.HotFixID)) } }
        $told = $names.Count
    } catch { [void]$_ }
    try {
        foreach ($number in @(Get-History)) { [void]$names.Add($number) }
        $told = $names.Count
    } catch { [void]$_ }
    if ($told -eq 0) { return $null }
    $lines = @($names | ForEach-Object { "$_`t`t`n" }) -join ''
    return [pscustomobject]@{ Total = $told + 1; Lines = ($lines + "windows`t`t$(Get-Build)`n") }
}

# KB numbers by their last entry: done (2, 3) by an installation (1), which an uninstallation (2) undoes.
function Get-History {
    $searcher = (New-Object -ComObject 'Microsoft.Update.Session').CreateUpdateSearcher()
    $count = [Math]::Min(1000, $searcher.GetTotalHistoryCount())
    if ($count -lt 1) { return }
    $seen = @{}
    foreach ($entry in $searcher.QueryHistory(0, $count)) {
        $number = [regex]::Match("$($entry.Title)", 'KB[0-9]{5,8}').Value
        if (-not $number -or $seen.ContainsKey($number) -or @(2, 3) -notcontains [int]$entry.ResultCode) { continue }
        $seen[$number] = $true
        if ([int]$entry.Operation -eq 1) { $number }
    }
}
