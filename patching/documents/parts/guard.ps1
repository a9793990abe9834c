# ---- the guard: one dispatch runs at most once here, however often it is delivered ----
# The folder gets its name together with its owner's, in one step or not at all: one command only can succeed.
# new, resume (the same command again, after a restart or a kill), or other.
function Get-Claim {
    [void](New-Item -ItemType Directory -Path $Dispatches -Force)
    $fresh = Join-Path $Dispatches ([Guid]::NewGuid().ToString())
    [void](New-Item -ItemType Directory -Path $fresh)
    Set-Content -Path (Join-Path $fresh 'owner') -Value $CommandId -Encoding ASCII
    $refused = $null
    try { [System.IO.Directory]::Move($fresh, $Folder) } catch { $refused = $_ }
    if (-not $refused) { return 'new' }
    Remove-Item -Path $fresh -Recurse -Force -ErrorAction SilentlyContinue
    if (-not (Test-Path -Path $Folder)) { throw "The folder of this run cannot be made: $($refused.Exception.Message)" }
    if ((Get-Owner) -ceq $CommandId) { return 'resume' }
    return 'other'
}

# Where a loss of power took the owner's name, the notes of the run still hold it.
function Get-Owner {
    $told = ''
    try { $told = "$(Get-Content -Path (Join-Path $Folder 'owner') -Raw)" -creplace '[^!-~]', '' } catch { $told = '' }
    if ($told) { return $told }
    return "$((Read-State 'stage').command)"
}

# Systems Manager shall say Failed where the host says so; the report decides all the same.
function Get-ExitCode([string]$Status) {
    if (@('failed', 'partial', 'blocked') -contains $Status) { return 1 }
    return 0
}

# The stored result answers a second delivery; it ends with the code of what it tells.
function Show-Stored([string]$Text) {
    Write-Output $Text
    exit (Get-ExitCode ([regex]::Match($Text, '(?m)^PATCH-PORTAL-RESULT .*?"status":"(\w+)"').Groups[1].Value))
}

function Show-Duplicate {
    Set-Problem 'duplicate_delivery' "Command $(Get-Owner) is already working on this dispatch."
    $report = Get-Report 'patch' 'duplicate_running' (New-Os) $null $null @() (New-Reboot $false @() $false)
    Write-Output (Get-Output $report)
    exit 0
}

# The system where WMI is not asked: what the run's notes say of it, or nothing.
function New-Os {
    $told = (Read-State 'before').os
    if ($told) { return $told }
    return [ordered]@{ id = 'windows'; version = ''; name = '' }
}

# A full disk must not stop the printed report; the stored copy only answers a second delivery.
function Publish-Report($Report) {
    $text = Get-Output $Report
    try {
        $place = Join-Path $Folder 'result'
        Set-Content -Path "$place.new" -Value $text -Encoding ASCII
        Publish-File "$place.new" $place "$place.old"
    } catch { [void]$_ }
    Write-Output $text
    exit (Get-ExitCode $Report.status)
}
