# ---- what runs here: the build, the boot, what asks for a restart ----
$Windows = 'HKLM:\SOFTWARE\Microsoft\Windows\CurrentVersion'

# $null where the registry has no such key, or does not answer.
function Get-Values([string]$Key) {
    try { return Get-ItemProperty -Path $Key } catch { return $null }
}

# $null where WMI does not answer: nothing here may depend on it.
function Get-System {
    try { return Get-CimInstance -ClassName Win32_OperatingSystem -OperationTimeoutSec 60 } catch { return $null }
}

# 2012 R2 knows neither the version as numbers nor the revision.
function Get-Build {
    $key = Get-Values 'HKLM:\SOFTWARE\Microsoft\Windows NT\CurrentVersion'
    if (-not $key) { return '' }
    $version = "$($key.CurrentVersion)"
    if ($null -ne $key.CurrentMajorVersionNumber) { $version = "$($key.CurrentMajorVersionNumber).$($key.CurrentMinorVersionNumber)" }
    return (@($version, "$($key.CurrentBuildNumber)", "$($key.UBR)") | Where-Object { $_ }) -join '.'
}

function Get-Os {
    $told = Get-System
    if ($told) { return [ordered]@{ id = 'windows'; version = "$($told.Version)"; name = Get-CleanText "$($told.Caption)" } }
    $key = Get-Values 'HKLM:\SOFTWARE\Microsoft\Windows NT\CurrentVersion'
    $version = @((Get-Build) -split '\.' | Select-Object -First 3) -join '.'
    return [ordered]@{ id = 'windows'; version = $version; name = Get-CleanText "$($key.ProductName)" }
}

# Windows counts its boots where it may prefetch; else a boot goes by its time, which moves when the clock is set.
function Get-Boot {
    $told = Get-System
    $id = ''
    $up = $null
    if ($told -and $told.LastBootUpTime) {
        $started = $told.LastBootUpTime.ToUniversalTime()
        $up = Get-Whole ([DateTime]::UtcNow - $started).TotalSeconds
        $id = $started.ToString('o', [cultureinfo]::InvariantCulture)
    }
    $number = Get-BootNumber
    if ($number) { $id = $number }
    return [pscustomobject]@{ id = $id; up_s = $up }
}

function Get-BootNumber {
    $number = (Get-Values 'HKLM:\SYSTEM\CurrentControlSet\Control\Session Manager\Memory Management\PrefetchParameters').BootId
    if ($number) { return "boot-$number" }
    return ''
}

# Whether Now is another boot than First. Times count as another one only where setting the clock explains them not.
function Test-Restarted($First, $Now) {
    if (-not $First -or -not $First.id -or -not $Now.id -or $First.id -ceq $Now.id) { return $false }
    if ($First.id -clike 'boot-*' -and $Now.id -clike 'boot-*') { return $true }
    $both = $null -ne $First.up_s -and $null -ne $Now.up_s
    $shorter = $both -and [long]$Now.up_s + 3660 -lt [long]$First.up_s
    if ($First.id -clike 'boot-*' -or $Now.id -clike 'boot-*') { return $shorter }
    $later = (Get-Time $Now.id) - (Get-Time $First.id)
    if ([Math]::Abs($later) -le 60) { return $false }
    if (-not $both) { return [Math]::Abs($later) -gt 7200 }
    return $shorter -or $later -ge [long]$First.up_s - 60
}

# Seconds since 1970 of a time as `o` writes it.
function Get-Time([string]$Text) {
    $read = [DateTime]::Parse($Text, [cultureinfo]::InvariantCulture, [Globalization.DateTimeStyles]::RoundtripKind)
    return ($read.ToUniversalTime() - [DateTime]'1970-01-01').TotalSeconds
}

function Test-Key([string]$Path) {
    try { return [bool](Test-Path -Path $Path) } catch { return $false }
}

# Updates that ask for a restart do so by Windows Update's own word; component servicing has a key of its own.
function Get-RebootReasons {
    $reasons = @(Get-KeyReasons)
    if ($reasons -notcontains 'windows_update' -and (Test-SystemInfo)) { 'windows_update' }
    $reasons
}

function Get-KeyReasons {
    if (Test-Key "$Windows\WindowsUpdate\Auto Update\RebootRequired") { 'windows_update' }
    if (Test-Key "$Windows\Component Based Servicing\RebootPending") { 'component_servicing' }
}

function Test-SystemInfo {
    try { return [bool](New-Object -ComObject 'Microsoft.Update.SystemInfo').RebootRequired } catch { return $false }
}

function Test-Servicing { return (Get-Values "$Windows\Component Based Servicing\Interface").ServicingInProgress -eq 2 }

# After a boot Windows goes on with what waited for it, for up to a quarter of an hour.
function Wait-Servicing {
    $until = (Get-Spent) + [Math]::Min(900, [Math]::Max(60, (Get-TimeLeft)))
    while ((Test-Servicing) -and (Get-Spent) -lt $until) { Start-Sleep -Seconds 3 }
}

# The server that Windows Update asks: Microsoft's, or the one that a policy of the host names.
function Get-UpdateSource {
    $policy = 'HKLM:\SOFTWARE\Policies\Microsoft\Windows\WindowsUpdate'
    $server = (Get-Values $policy).WUServer
    if ($server -and (Get-Values "$policy\AU").UseWUServer -eq 1) { return "WSUS at $server" }
    return 'Microsoft'
}
