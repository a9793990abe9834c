# ---- patch: once per dispatch; goes on after its own reboot; the searches before and after decide ----
$Folder = Join-Path $env:ProgramData "PatchPortal\dispatches\$DispatchId"

function Save-State([string]$Name, $Value) {
    $text = ConvertTo-Json -InputObject $Value -Compress -Depth 8
    Set-Content -Path (Join-Path $Folder "$Name.new") -Value $text -Encoding UTF8
    Move-Item -Path (Join-Path $Folder "$Name.new") -Destination (Join-Path $Folder "$Name.json") -Force
}

function Read-State([string]$Name) {
    $path = Join-Path $Folder "$Name.json"
    if (-not (Test-Path $path)) { return $null }
    return Get-Content -Path $path -Raw -Encoding UTF8 | ConvertFrom-Json
}

# The folder can be made by one command only; its owner file says which.
function Get-Claim {
    [void](New-Item -ItemType Directory -Path (Split-Path $Folder) -Force)
    try {
        [void](New-Item -ItemType Directory -Path $Folder)
        Set-Content -Path (Join-Path $Folder 'owner') -Value $CommandId -Encoding ASCII
        return 'new'
    } catch [System.IO.IOException] {
        $owner = Get-Content -Path (Join-Path $Folder 'owner') -ErrorAction SilentlyContinue
        if ($owner -eq $CommandId) { return 'resume' }
        return 'other'
    }
}

function Publish-Report($Report) {
    $text = Get-Output $Report
    try {
        Set-Content -Path (Join-Path $Folder 'result.new') -Value $text -Encoding ASCII
        Move-Item -Path (Join-Path $Folder 'result.new') -Destination (Join-Path $Folder 'result') -Force
    } catch {
        # a full disk must not stop the printed report; the stored copy only answers a second delivery
        [void]$_
    }
    Write-Output $text
    exit 0
}

# One update at a time: the deadline is looked at between two of them.
function Install-Updates($Found) {
    foreach ($update in $Found.Updates) {
        if ($Mode -eq 'security' -and -not (Test-Security $update)) { continue }
        if ($update.InstallationBehavior.CanRequestUserInput) { continue }
        if ((Get-SecondsLeft) -le 0) {
            Set-Problem 'deadline_exceeded' "Stopped after $DeadlineSeconds s."
            return
        }
        try { Install-One $Found.Session $update } catch {
            Set-Problem 'install_failed' "$(Get-UpdateName $update): $($_.Exception.Message)"
        }
    }
}

function Install-One($Session, $Update) {
    if (-not $Update.EulaAccepted) { $Update.AcceptEula() }
    $one = New-Object -ComObject 'Microsoft.Update.UpdateColl'
    [void]$one.Add($Update)
    $downloader = $Session.CreateUpdateDownloader()
    $downloader.Updates = $one
    [void]$downloader.Download()
    $installer = $Session.CreateUpdateInstaller()
    $installer.Updates = $one
    $code = $installer.Install().ResultCode
    # 2 = installed, 3 = installed with remarks
    if ($code -ne 2 -and $code -ne 3) {
        Set-Problem 'install_failed' "$(Get-UpdateName $Update) ended with result $code."
    }
}

# What was open before and is not open any more.
function Get-Changes($Before, $After) {
    $open = @($After.available | ForEach-Object { "$($_.name)|$($_.to)" })
    $list = @()
    foreach ($update in $Before.available) {
        if ($open -notcontains "$($update.name)|$($update.to)") {
            $list += [ordered]@{
                name = $update.name; arch = ''; from = ''; to = $update.to; kind = 'kb'; security = [bool]$update.security
            }
        }
    }
    return , $list
}

function Restart-Later($Before, $Reasons) {
    Save-State 'stage' ([ordered]@{
        stage = 'rebooting'; reboots = $Reboots + 1; started = $Started.ToString('o')
        boot_id = Get-BootId; reasons = @($Reasons); problem = $Problem
    })
    Save-State 'before' $Before
    Save-State 'checks' @($Checks)
    Write-Output "Patch Portal: restarting ($($Reboots + 1) of at most $MaxReboots)."
    exit 3010
}

function Complete-Run($Before, [bool]$Rebooted, $FirstReasons) {
    $found = $null
    try { $found = Find-Updates } catch {
        Set-Problem 'update_service_unavailable' "What is still open cannot be read: $($_.Exception.Message)"
    }
    $after = Get-Side $found
    $changes = if ($found) { Get-Changes $Before $after } else { @() }
    $reasons = Get-RebootReasons
    $needed = @($reasons).Count -gt 0
    if ($needed -and $RebootPolicy -eq 'if-needed') {
        if ($Reboots -lt $MaxReboots -and (Get-SecondsLeft) -gt 0) { Restart-Later $Before $reasons }
        if (-not $Rebooted) { Set-Problem 'reboot_did_not_happen' "A restart was asked for $Reboots times and did not happen." }
    }
    $left = if ($Mode -eq 'security') { $after.packages.security } else { $after.packages.upgradable }
    if ($left -gt 0) { Set-Problem 'updates_left' "$left updates are still open." }
    $status = Get-Status @($changes).Count $needed $Rebooted
    if (-not $needed -and $Rebooted) { $reasons = $FirstReasons }
    Publish-Report (Get-Report 'patch' $status $Before $after $changes $reasons $needed $Rebooted)
}

function Get-Status([int]$Changed, [bool]$Needed, [bool]$Rebooted) {
    if ($Problem -and $Problem.code -ne 'reboot_did_not_happen') {
        if ($Changed -gt 0) { return 'partial' }
        return 'failed'
    }
    if ($Needed) { return 'reboot_pending' }
    if ($Changed -eq 0 -and -not $Rebooted) { return 'nothing_to_do' }
    return 'patched'
}

function Start-Run {
    Invoke-Checks
    $found = $null
    if (-not $Blocked) {
        try { $found = Find-Updates } catch {
            $script:Blocked = $true
            Set-Problem 'update_service_unavailable' "The search for updates failed: $($_.Exception.Message)"
        }
    }
    $before = Get-Side $found
    if ($Blocked) {
        $reasons = Get-RebootReasons
        Publish-Report (Get-Report 'patch' 'blocked' $before $null @() $reasons (@($reasons).Count -gt 0) $false)
    }
    Save-State 'before' $before
    Save-State 'checks' @($Checks)
    Save-State 'stage' ([ordered]@{ stage = 'installing'; reboots = 0; started = $Started.ToString('o') })
    Install-Updates $found
    Complete-Run $before $false @()
}

function Resume-Run {
    $stored = Join-Path $Folder 'result'
    if (Test-Path $stored) { Write-Output (Get-Content -Path $stored -Raw); exit 0 }
    $stage = Read-State 'stage'
    if (-not $stage) { Start-Run }
    $script:Started = [DateTime]::Parse($stage.started).ToUniversalTime()
    $script:Reboots = [int]$stage.reboots
    foreach ($check in @(Read-State 'checks')) { [void]$Checks.Add($check) }
    $before = Read-State 'before'
    if ($stage.stage -eq 'installing') {
        Install-Updates (Find-Updates)
        Complete-Run $before $false @()
    }
    $script:Problem = $stage.problem
    Complete-Run $before ($stage.boot_id -ne (Get-BootId)) @($stage.reasons)
}

switch (Get-Claim) {
    'new' { Start-Run }
    'resume' { Resume-Run }
    'other' {
        $stored = Join-Path $Folder 'result'
        if (Test-Path $stored) { Write-Output (Get-Content -Path $stored -Raw); exit 0 }
        Set-Problem 'duplicate_delivery' 'Another command is already working on this dispatch.'
        Write-Output (Get-Output (Get-Report 'patch' 'duplicate_running' $null $null @() @() $false $false))
        exit 0
    }
}
