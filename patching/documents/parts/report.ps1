# ---- the output: the result line, the report, the packages ----
# What is hashed must be what is printed: ConvertTo-Json does not escape all that is not ASCII.
function ConvertTo-AsciiJson($Value) {
    return (ConvertTo-Json -InputObject $Value -Compress -Depth 8) -creplace '[^ -~]', '?'
}

# Cuts a list and notes its true length; returns what is left of it.
function Limit-List($List, [int]$Most, [string]$Key, $Truncated) {
    if (@($List).Count -le $Most) { return , @($List) }
    if (-not $Truncated.Contains($Key)) { $Truncated[$Key] = @($List).Count }
    return , @(@($List) | Select-Object -First $Most)
}

function Get-ReportText($Report) {
    $most = 2000
    while ($true) {
        if ($Report.before) { $Report.before.available = Limit-List $Report.before.available $most 'before.available' $Report.truncated }
        $text = ConvertTo-AsciiJson $Report
        if ($text.Length -le 19500 -or $most -eq 0) { return $text }
        if ($Report.after) { $Report.after.available = Limit-List $Report.after.available $most 'after.available' $Report.truncated }
        $Report.changes = Limit-List $Report.changes $most 'changes' $Report.truncated
        $Report.aside = Limit-List $Report.aside $most 'aside' $Report.truncated
        $Report.failures = Limit-List $Report.failures $most 'failures' $Report.truncated
        $most = [int]($most / 2)
    }
}

function Get-ResultLine($Report) {
    $side = if ($Report.after) { $Report.after } else { $Report.before }
    $count = @($Report.changes).Count
    return [ordered]@{
        schema = 1; dispatch = $DispatchId; phase = $Report.phase; status = $Report.status
        error = if ($Problem) { $Problem.code } else { '' }
        kernel = [ordered]@{ running = "$($side.kernel.running)"; newest = "$($side.kernel.newest_installed)" }
        boot_id = "$($side.boot_id)"
        packages = [ordered]@{
            installed = $side.packages.installed; upgradable = $side.packages.upgradable
            security = $side.packages.security; changed = $count; broken = 0; aside = @($Aside).Count
        }
        reboot = [ordered]@{ needed = $Report.reboot.needed; done = $Report.reboot.done }
        took_s = $Report.took_s
    }
}

function New-Hasher {
    # Before .NET 4.8 Create() throws where Windows insists on FIPS.
    if ([System.Security.Cryptography.CryptoConfig]::AllowOnlyFipsAlgorithms) {
        return New-Object -TypeName 'System.Security.Cryptography.SHA256CryptoServiceProvider'
    }
    return [System.Security.Cryptography.SHA256]::Create()
}

# Empty when it cannot be had: the report comes out all the same.
function Get-Sha256([string]$Text) {
    try {
        $sum = (New-Hasher).ComputeHash([System.Text.Encoding]::ASCII.GetBytes($Text))
        return [BitConverter]::ToString($sum).Replace('-', '').ToLowerInvariant()
    } catch { return '' }
}

# Base64 of gzip; empty when it cannot be had, or is more than the portal takes.
function Get-Packed([string]$Text) {
    try {
        $bytes = [System.Text.Encoding]::ASCII.GetBytes($Text)
        $memory = New-Object -TypeName 'System.IO.MemoryStream'
        $gzip = New-Object -TypeName 'System.IO.Compression.GZipStream' -ArgumentList $memory, ([System.IO.Compression.CompressionMode]::Compress)
        $gzip.Write($bytes, 0, $bytes.Length)
        $gzip.Close() # writes the rest
        $packed = [Convert]::ToBase64String($memory.ToArray())
        if ($packed.Length -le 150000) { return $packed }
    } catch { [void]$_ }
    return ''
}

function Format-Block([string]$Name, [string]$Text) {
    return "`n<<<PATCH-PORTAL-$Name $DispatchId`n$Text`nPATCH-PORTAL-$Name>>>"
}

function Get-Report([string]$Phase, [string]$Status, $Os, $Before, $After, $Changes, $Reboot) {
    return [ordered]@{
        schema = 1; dispatch = $DispatchId; command_id = $CommandId; instance_id = $InstanceId
        document_hash = $DocumentHash; phase = $Phase; status = $Status; error = $Problem; os = $Os
        boot_count = $Reboots
        host_time = [DateTime]::UtcNow.ToString('yyyy-MM-ddTHH:mm:ssZ', [cultureinfo]::InvariantCulture)
        checks = @($Checks); before = $Before; after = $After; changes = @($Changes); failures = @($Failures)
        aside = @($Aside); services = @(); reboot = $Reboot; took_s = Get-Spent; truncated = [ordered]@{}
    }
}

function New-Reboot([bool]$Needed, $Reasons, [bool]$Done) {
    return [ordered]@{ needed = $Needed; reasons = @($Reasons | Where-Object { $_ }); done = $Done }
}

function Get-Output($Report) {
    $line = Get-ResultLine $Report # first: it counts what the report's text leaves out
    $text = Get-ReportText $Report
    $packed = if ($Packages) { Get-Packed $Packages.Lines } else { '' }
    $sum = if ($packed) { Get-Sha256 $packed } else { '' }
    $line['sha256'] = [ordered]@{ report = Get-Sha256 $text; packages = $sum }
    $output = "PATCH-PORTAL-RESULT $(ConvertTo-AsciiJson $line)" + (Format-Block 'REPORT' $text)
    if ($sum) { $output += Format-Block 'PACKAGES' $packed }
    return $output
}
