# A Windows host made of one JSON file, so that the documents can be executed where no Windows is: what they ask of
# Windows Update, WMI, the registry, services and drives is answered from the file, and what they do is written into it.
# It shows what a script does with an answer, never that Windows gives it.
$global:HostFile = $env:WINDOWS_HOST
function global:Read-Host_ {
    $global:Box = [IO.File]::ReadAllText($HostFile) | Microsoft.PowerShell.Utility\ConvertFrom-Json -AsHashtable -DateKind String
}
function global:Write-Host_ {
    [IO.File]::WriteAllText("$HostFile.$PID", (Microsoft.PowerShell.Utility\ConvertTo-Json -InputObject $Box -Depth 9))
    [IO.File]::Move("$HostFile.$PID", $HostFile, $true)
}
Read-Host_

function global:Add-Deed([string]$Deed) {
    [IO.File]::AppendAllText("$HostFile.deeds", "$Deed`n")
    if ($Box.dies_at.Count -gt 0 -and $Deed.StartsWith($Box.dies_at[0])) {
        $Box.dies_at = @($Box.dies_at | Select-Object -Skip 1)
        Write-Host_
        [Diagnostics.Process]::GetCurrentProcess().Kill()
        Start-Sleep -Seconds 30
    }
}
# The first of a list of answers; the list forgets it.
function global:Get-Next([string]$List, $Owner = $Box) {
    if (-not $Owner[$List] -or $Owner[$List].Count -eq 0) { return $null }
    $first = $Owner[$List][0]
    $Owner[$List] = @($Owner[$List] | Select-Object -Skip 1)
    Write-Host_
    return $first
}
function global:Stop-WithCode([string]$Hex) {
    throw [Runtime.InteropServices.COMException]::new("Exception from HRESULT: $Hex", [Convert]::ToInt32($Hex, 16))
}
function global:Test-Open($Row) {
    if ($Row.state -eq 'in' -or ($Row.state -eq 'waits' -and -not $Row.still_offered)) { return $false }
    return -not $Row.after -or @($Box.updates | Where-Object { $_.id -eq $Row.after -and $_.state -eq 'in' }).Count -gt 0
}

function global:New-Update($Row) {
    $categories = @($Row.categories | ForEach-Object { [pscustomobject]@{ CategoryID = $_ } })
    $update = [pscustomobject]@{
        Row = $Row; Title = $Row.title; KBArticleIDs = @($Row.numbers); Categories = $categories; MsrcSeverity = $Row.severity
        Identity = [pscustomobject]@{ UpdateID = $Row.id; RevisionNumber = 1 }; BrowseOnly = [bool]$Row.optional
        EulaAccepted = -not $Row.licence; RebootRequired = $Row.state -eq 'waits'; Here = $false
        InstallationBehavior = [pscustomobject]@{ CanRequestUserInput = [bool]$Row.asks }
    }
    $update | Add-Member -MemberType ScriptMethod -Name AcceptEula -Value { $this.EulaAccepted = $true; Add-Deed "licence $($this.Title)" }
    return $update
}

function global:Search-Updates {
    Add-Deed 'search'
    Start-Sleep -Seconds ([int]$Box.search_s)
    $code = Get-Next 'search_errors'
    if ($code) { Stop-WithCode $code }
    $list = [Collections.ArrayList]::new()
    for ($n = 0; $n -lt [int]$Box.empty; $n++) { [void]$list.Add([pscustomobject]@{}) }
    foreach ($row in $Box.updates) { if (Test-Open $row) { [void]$list.Add((New-Update $row)) } }
    return [pscustomobject]@{ ResultCode = [int]$Box.search_code; Updates = $list }
}

function global:New-Result([int]$Code, [string]$Hex, [bool]$Restart) {
    $number = 0
    if ($Hex) { $number = [Convert]::ToInt32($Hex, 16) }
    $result = [pscustomobject]@{ ResultCode = $Code; HResult = $number; RebootRequired = $Restart }
    $result | Add-Member -MemberType ScriptMethod -Name GetUpdateResult -Value { return $this }
    return $result
}

function global:Save-Download($Update) {
    Add-Deed "download $($Update.Title)"
    $code = Get-Next 'download_errors' $Update.Row
    if ($code) { return New-Result 4 $code $false }
    $Update.Here = $true
    return New-Result 2 '' $false
}

function global:Save-Install($Update, [bool]$Quiet) {
    $row = $Update.Row
    Add-Deed "install $($Update.Title)"
    if (-not $Update.Here) { Stop-WithCode '0x80246007' }
    Start-Sleep -Seconds ([int]$row.seconds)
    $code = Get-Next 'install_errors' $row
    if ($row.asks) { $code = '0x80242004' }
    if ($row.needs_restart_first -and $Box.flags.Count -gt 0) { $code = '0x80240016' }
    if ($code) { return New-Result 4 $code $false }
    $row.state = if ($row.restart) { 'waits' } else { 'in' }
    if ($row.restart -eq 'keys') { $Box.flags = @('windows_update', 'component_servicing') }
    Write-Host_
    Add-Deed "installed $($Update.Title)"
    return New-Result 2 '' ([bool]$row.restart)
}

function global:New-Session {
    $session = [pscustomobject]@{ ClientApplicationID = '' }
    $session | Add-Member -MemberType ScriptMethod -Name CreateUpdateSearcher -Value {
        $one = [pscustomobject]@{}
        $one | Add-Member -MemberType ScriptMethod -Name Search -Value { return Search-Updates }
        $one | Add-Member -MemberType ScriptMethod -Name GetTotalHistoryCount -Value { return $Box.history.Count }
        $one | Add-Member -MemberType ScriptMethod -Name QueryHistory -Value { return @($Box.history | ForEach-Object { [pscustomobject]$_ }) }
        return $one
    }
    $session | Add-Member -MemberType ScriptMethod -Name CreateUpdateDownloader -Value {
        $one = [pscustomobject]@{ Updates = $null }
        $one | Add-Member -MemberType ScriptMethod -Name Download -Value { return Save-Download $this.Updates[0] }
        return $one
    }
    $session | Add-Member -MemberType ScriptMethod -Name CreateUpdateInstaller -Value {
        $busy = [DateTimeOffset]::UtcNow.ToUnixTimeSeconds() -lt [long]$Box.busy_until
        $one = [pscustomobject]@{ Updates = $null; AllowSourcePrompts = $true; ForceQuiet = $false; IsBusy = $busy; RebootRequiredBeforeInstallation = $false }
        $one | Add-Member -MemberType ScriptMethod -Name Install -Value { return Save-Install $this.Updates[0] $this.ForceQuiet }
        return $one
    }
    return $session
}

function global:New-Object {
    param([Parameter(Position = 0)][string]$TypeName, [string]$ComObject, [object[]]$ArgumentList)
    switch ($ComObject) {
        'Microsoft.Update.Session' { return New-Session }
        'Microsoft.Update.UpdateColl' { return , [Collections.ArrayList]::new() }
        'Microsoft.Update.SystemInfo' { return [pscustomobject]@{ RebootRequired = $Box.flags -contains 'windows_update' } }
    }
    $more = @{}
    if ($ArgumentList) { $more.ArgumentList = $ArgumentList }
    return , (Microsoft.PowerShell.Utility\New-Object -TypeName $TypeName @more)
}

function global:Get-CimInstance {
    param([string]$ClassName, [string]$Filter, [int]$OperationTimeoutSec)
    if ($Box.wmi_silent) { throw 'Invalid class (0x80041010)' }
    if ($ClassName -eq 'Win32_Service') { return [pscustomobject]@{ StartMode = $Box.update_service } }
    if ($ClassName -ne 'Win32_OperatingSystem') { return }
    $boot = [DateTime]::Parse($Box.boot, [cultureinfo]::InvariantCulture).ToLocalTime()
    return [pscustomobject]@{ LastBootUpTime = $boot; Version = '10.0.20348'; Caption = 'Microsoft Windows Server 2022 Datacenter' }
}

function global:Get-ItemProperty {
    param([string]$Path)
    if ($Path -like '*Windows NT\CurrentVersion') {
        return [pscustomobject]@{ CurrentMajorVersionNumber = 10; CurrentMinorVersionNumber = 0; CurrentBuildNumber = '20348'; UBR = 2700; CurrentVersion = '6.3' }
    }
    if ($Path -like '*PrefetchParameters' -and $Box.boots) { return [pscustomobject]@{ BootId = [int]$Box.boots } }
    if ($Path -like '*Component Based Servicing\Interface') {
        $busy = [DateTimeOffset]::UtcNow.ToUnixTimeSeconds() -lt [long]$Box.servicing_until
        return [pscustomobject]@{ ServicingInProgress = 2 * [int]$busy }
    }
    throw "There is no $Path."
}

function global:Test-Path {
    param([Parameter(Position = 0)][string]$Path)
    if ($Path -like '*Auto Update\RebootRequired') { return $Box.flags -contains 'windows_update' }
    if ($Path -like '*Component Based Servicing\RebootPending') { return $Box.flags -contains 'component_servicing' }
    return Microsoft.PowerShell.Management\Test-Path -Path $Path
}
function global:Get-HotFix {
    if ($Box.wmi_silent) { throw 'Invalid class' }
    $Box.hotfixes | ForEach-Object { [pscustomobject]@{ HotFixID = $_ } }
}
function global:Get-PSDrive {
    param([string]$Name)
    return [pscustomobject]@{ Name = $Name; Free = $Box.free_bytes }
}
function global:Get-Service {
    [CmdletBinding()] param([string]$Name)
    return [pscustomobject]@{ Status = 'Running' }
}
function global:Set-Service {
    param([string]$Name, [string]$StartupType)
    Add-Deed "set-service $Name"
    $Box.update_service = $StartupType
    Write-Host_
}

function global:Set-Content {
    [CmdletBinding()] param([string]$Path, $Value, [string]$Encoding)
    if ($Box.refuses -and $Path -match $Box.refuses) { throw [IO.IOException]::new('There is not enough space on the disk.') }
    Microsoft.PowerShell.Management\Set-Content @PSBoundParameters
}
# 5.1 keeps dates as text and knows no JSON in zeros.
function global:ConvertFrom-Json {
    param([Parameter(ValueFromPipeline = $true)][string]$InputObject)
    process {
        if (-not $InputObject -or $InputObject.Contains([char]0)) { throw [ArgumentException]::new('Invalid JSON primitive: .') }
        Microsoft.PowerShell.Utility\ConvertFrom-Json -InputObject $InputObject -DateKind String
    }
}
# A child is a PowerShell on the same host.
function global:Start-Process {
    [CmdletBinding()] param([string]$FilePath, [string]$ArgumentList, [switch]$PassThru, [switch]$NoNewWindow, [string]$RedirectStandardOutput, [string]$RedirectStandardError)
    $PSBoundParameters.FilePath = $env:WINDOWS_PWSH
    $call = [regex]::Match($ArgumentList, '-File (.*)$').Groups[1].Value
    $PSBoundParameters.ArgumentList = "-NoLogo -NoProfile -NonInteractive -File `"$PSScriptRoot/agent.ps1`" $call"
    Microsoft.PowerShell.Management\Start-Process @PSBoundParameters
}
