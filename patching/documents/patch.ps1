# ---- patch: once per dispatch; goes on after its own reboot; the searches before and after decide ----
$RebootPolicy = '{{ RebootPolicy }}'
$TestedSet = @('{{ PackageSet }}' -split ',' | Where-Object { $_ } | ForEach-Object { ($_ -split '=')[0] })
$PreScript = '{{ PreScript }}'
$PostScript = '{{ PostScript }}'
# Below Program Files: only administrators may write there, so nobody else can plant a result or a script.
$Kept = Join-Path $env:ProgramFiles 'PatchPortal'
$Dispatches = Join-Path $Kept 'dispatches'
$Folder = Join-Path $Dispatches $DispatchId
$Tried = New-Object System.Collections.ArrayList
$Installed = New-Object System.Collections.ArrayList

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

# The folder gets its name together with its owner's, in one step or not at all: one command only can succeed.
function Get-Claim {
    [void](New-Item -ItemType Directory -Path $Dispatches -Force)
    $fresh = Join-Path $Dispatches ([Guid]::NewGuid().ToString())
    [void](New-Item -ItemType Directory -Path $fresh)
    Set-Content -Path (Join-Path $fresh 'owner') -Value $CommandId -Encoding ASCII
    try {
        [System.IO.Directory]::Move($fresh, $Folder)
        return 'new'
    } catch [System.IO.IOException] {
        Remove-Item -Path $fresh -Recurse -Force
        if ((Get-Content -Path (Join-Path $Folder 'owner')) -eq $CommandId) { return 'resume' }
        return 'other'
    }
}

function Publish-Report($Report) {
    $text = Get-Output $Report
    try {
        Set-Content -Path (Join-Path $Folder 'result.new') -Value $text -Encoding ASCII
        Move-Item -Path (Join-Path $Folder 'result.new') -Destination (Join-Path $Folder 'result') -Force
        Save-State 'code' (Get-ExitCode $Report.status)
    } catch {
        # a full disk must not stop the printed report; the stored copy only answers a second delivery
        [void]$_
    }
    Write-Output $text
    exit (Get-ExitCode $Report.status)
}

# Systems Manager shall say Failed where the host says so; the report decides all the same.
function Get-ExitCode([string]$Status) {
    if (@('failed', 'partial', 'blocked') -contains $Status) { return 1 }
    return 0
}

function Show-Stored {
    $stored = Join-Path $Folder 'result'
    if (Test-Path $stored) {
        Write-Output (Get-Content -Path $stored -Raw)
        exit [int](Read-State 'code')
    }
}

# One update at a time: the deadline is looked at between two of them, and each is tried once per dispatch.
function Install-Updates($Found) {
    foreach ($update in $Found.Updates) {
        if (-not (Test-Wanted $update)) { continue }
        $key = Get-UpdateKey $update
        if ($Tried -contains $key) { continue }
        if ((Get-TimeLeft) -le 0) {
            Set-Problem 'deadline_exceeded' "Stopped after $DeadlineSeconds s."
            return
        }
        [void]$Tried.Add($key)
        if ($update.InstallationBehavior.CanRequestUserInput) {
            Set-Problem 'install_failed' "$(Get-UpdateName $update) asks questions; somebody has to install it by hand."
            continue
        }
        try { Install-One $Found.Session $update $key } catch {
            Set-Problem 'install_failed' "$(Get-UpdateName $update): $($_.Exception.Message)"
        }
        Save-State 'progress' ([ordered]@{ tried = @($Tried); installed = @($Installed) })
    }
}

function Install-One($Session, $Update, [string]$Key) {
    if (-not $Update.EulaAccepted) { $Update.AcceptEula() }
    $one = New-Object -ComObject 'Microsoft.Update.UpdateColl'
    [void]$one.Add($Update)
    $downloader = $Session.CreateUpdateDownloader()
    $downloader.Updates = $one
    $code = $downloader.Download().ResultCode
    if ($code -eq 2 -or $code -eq 3) {
        $installer = $Session.CreateUpdateInstaller()
        $installer.AllowSourcePrompts = $false
        $installer.Updates = $one
        $code = $installer.Install().ResultCode
    }
    # 2 = done, 3 = done with remarks; 4 and 5 = failed and stopped
    if ($code -eq 2 -or $code -eq 3) {
        [void]$Installed.Add($Key)
    } else {
        Set-Problem 'install_failed' "$(Get-UpdateName $Update) ended with result $code."
    }
}

# The host's own script, by its name in one folder that administrators keep. True: there is none, or it ended well.
function Invoke-Hook([string]$Name, [string]$When) {
    if (-not $Name) { return $true }
    $path = Join-Path $Kept "hooks\$Name.ps1"
    if (-not (Test-Path $path)) {
        Set-Problem "${When}_script_failed" "The script $Name.ps1 is not in the folder of hooks, so it was not run."
        return $false
    }
    $call = "-NoProfile -NonInteractive -ExecutionPolicy Bypass -File `"$path`" $When $DispatchId"
    $log = Join-Path $Folder "$When.log"
    $process = Start-Process -FilePath 'powershell.exe' -ArgumentList $call -PassThru -NoNewWindow `
        -RedirectStandardOutput $log -RedirectStandardError "$log.errors"
    [void]$process.Handle # read early, or its exit code is lost
    if (-not $process.WaitForExit([int](1000 * [Math]::Max(1, (Get-TimeLeft))))) {
        $process.Kill()
        Set-Problem 'deadline_exceeded' "The script $Name.ps1 ($When) had not ended after $DeadlineSeconds s."
        return $false
    }
    if ($process.ExitCode -eq 0) { return $true }
    Set-Problem "${When}_script_failed" "The script $Name.ps1 ($When) ended with code $($process.ExitCode)."
    return $false
}

# What the installer said it put in, as long as the new search no longer offers it.
function Get-Changes($Before, $After) {
    $open = @($After.available | ForEach-Object { "$($_.name)|$($_.to)" })
    $offered = @{}
    foreach ($update in $Before.available) { $offered["$($update.name)|$($update.to)"] = $update }
    $list = @()
    foreach ($key in $Installed) {
        if ($open -contains $key) { continue }
        $name, $title = $key -split '\|', 2
        $security = $offered.ContainsKey($key) -and [bool]$offered[$key].security
        $list += [ordered]@{ name = $name; arch = ''; from = ''; to = $title; kind = 'kb'; security = $security }
    }
    return , $list
}

function Restart-Later($Before, $Reasons) {
    Save-State 'stage' ([ordered]@{
        stage = 'rebooting'; reboots = $Reboots + 1; spent_s = (Get-Spent) + 120
        boot_id = Get-BootId; reasons = @($Reasons); problem = $Problem
    })
    Write-Output "Patch Portal: restarting ($($Reboots + 1) of at most $MaxReboots)."
    exit 3010
}

# Searches again; what the first round brought to light is installed too, while there is time.
function Complete-Run($Before, [bool]$Rebooted, $FirstReasons) {
    $found = Find-AfterInstall
    $reasons = Get-RebootReasons
    if ($found -and @($reasons).Count -eq 0 -and -not $Problem) {
        $known = $Tried.Count
        Install-Updates $found
        if ($Tried.Count -gt $known) {
            $found = Find-AfterInstall
            $reasons = Get-RebootReasons
        }
    }
    $needed = @($reasons).Count -gt 0
    if ($needed -and $RebootPolicy -eq 'if-needed') {
        if ($Reboots -lt $MaxReboots -and (Get-TimeLeft) -gt 0) { Restart-Later $Before $reasons }
        if (-not $Rebooted) { Set-Problem 'reboot_did_not_happen' "A restart was asked for $Reboots times and did not happen." }
    }
    if (-not $needed -and $Rebooted) { $reasons = $FirstReasons }
    Publish-Judged $Before $found $reasons $needed $Rebooted
}

function Find-AfterInstall {
    try { return Find-Updates } catch {
        Set-Problem 'update_service_unavailable' "What is still open cannot be read: $($_.Exception.Message)"
        return $null
    }
}

function Publish-Judged($Before, $Found, $Reasons, [bool]$Needed, [bool]$Rebooted) {
    $after = Get-Side $Found
    $changes = @()
    if ($Found) {
        $script:Aside = @(Get-Aside $Found)
        $changes = Get-Changes $Before $after
        $left = @(Get-Wanted $Found)
        if ($left.Count -gt 0) { Set-Problem 'updates_left' "Still open: $(($left | Select-Object -First 20) -join ' ')" }
    }
    [void](Invoke-Hook $PostScript 'post')
    $count = @($changes).Count
    $status = Get-Status $count $Needed $Rebooted
    Publish-Report (Get-Report 'patch' $status $Before $after $changes $Reasons $Needed $Rebooted)
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
    if (-not $Blocked) { $script:Blocked = -not (Invoke-Hook $PreScript 'pre') }
    if ($Blocked) {
        $reasons = Get-RebootReasons
        Publish-Report (Get-Report 'patch' 'blocked' $before $null @() $reasons (@($reasons).Count -gt 0) $false)
    }
    Save-State 'before' $before
    Save-State 'checks' @($Checks)
    Save-State 'stage' ([ordered]@{
        stage = 'installing'; reboots = 0; spent_s = Get-Spent; boot_id = Get-BootId; reasons = @()
    })
    Install-Updates $found
    Complete-Run $before $false @()
}

function Resume-Run {
    Show-Stored
    $stage = Read-State 'stage'
    if (-not $stage) { Start-Run }
    Restore-Progress $stage
    $before = Read-State 'before'
    $rebooted = $stage.boot_id -ne (Get-BootId)
    if ($stage.stage -eq 'installing') {
        $found = Find-AfterInstall
        if ($found) { Install-Updates $found }
    } else {
        $script:Problem = $stage.problem
    }
    Complete-Run $before $rebooted @($stage.reasons)
}

function Restore-Progress($Stage) {
    $script:Spent = [int]$Stage.spent_s
    $script:Reboots = [int]$Stage.reboots
    $stored = Read-State 'checks'
    foreach ($check in $stored) { [void]$Checks.Add($check) }
    $progress = Read-State 'progress'
    if (-not $progress) { return }
    foreach ($key in $progress.tried) { [void]$Tried.Add($key) }
    foreach ($key in $progress.installed) { [void]$Installed.Add($key) }
}

function Show-Duplicate {
    Show-Stored
    Set-Problem 'duplicate_delivery' 'Another command is already working on this dispatch.'
    Write-Output (Get-Output (Get-Report 'patch' 'duplicate_running' $null $null @() @() $false $false))
    exit 0
}

# A mistake of this script is told in a report too: without one nobody would know how far it came.
$Claim = ''
try {
    $Claim = Get-Claim
    switch ($Claim) {
        'new' { Start-Run }
        'resume' { Resume-Run }
        'other' { Show-Duplicate }
    }
} catch {
    $Problem = $null
    $Packages = $null # newer, perhaps, than the side shown
    Set-Problem 'interrupted' "The script failed: $($_.Exception.Message)"
    $report = Get-Report 'patch' 'failed' (Read-State 'before') $null @() @() $false $false
    if ($Claim -ne 'other') { Publish-Report $report }
    Write-Output (Get-Output $report)
    exit 1
}
