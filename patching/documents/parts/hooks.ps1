# ---- the host's own scripts, by their names in one folder that administrators keep ----
# True: there is none, or it ended well. It has so many seconds; its processes end with it, for what they leave behind
# would hold the agent's pipe and with it the command.
function Invoke-Hook([string]$Name, [string]$When, [int]$Seconds) {
    if (-not $Name) { return $true }
    $path = Join-Path $Kept "hooks\$Name.ps1"
    if (-not (Test-Path -Path $path)) {
        Set-Problem "${When}_script_failed" "The script $Name.ps1 is not in the folder of hooks, so it was not run."
        return $false
    }
    $fault = $null
    try { $code = Start-Hook $path $When $Seconds } catch { $fault = $_ }
    if ($fault) {
        Set-Problem "${When}_script_failed" "The script $Name.ps1 ($When) could not be run: $($fault.Exception.Message)"
    } elseif ($null -eq $code) {
        Set-Problem 'deadline_exceeded' "The script $Name.ps1 ($When) had not ended after $Seconds s."
    } elseif ($code -ne 0) {
        Set-Problem "${When}_script_failed" "The script $Name.ps1 ($When) ended with code $code."
    }
    return -not $fault -and $code -eq 0
}

# Its exit code; $null when it had not ended in time.
function Start-Hook([string]$Path, [string]$When, [int]$Seconds) {
    $log = Join-Path $Folder "$When.log"
    $call = "-NoProfile -NonInteractive -ExecutionPolicy Bypass -File `"$Path`" $When $DispatchId"
    $process = Start-Process -FilePath 'powershell.exe' -ArgumentList $call -PassThru -NoNewWindow -RedirectStandardOutput $log -RedirectStandardError "$log.errors"
    [void]$process.Handle # read early, or its exit code is lost
    $ended = $process.WaitForExit(1000 * [Math]::Max(1, $Seconds))
    Stop-Tree $process
    if (-not $ended) { return $null }
    return $process.ExitCode
}

# Ends a process and all that it has started and left, as far as WMI tells of them.
function Stop-Tree($Process) {
    $all = @()
    try {
        # a process number may be that of an older one
        $all = @(Get-CimInstance -ClassName Win32_Process -OperationTimeoutSec 5 | Where-Object { $_.CreationDate -ge $Process.StartTime })
    } catch { $all = @() }
    $doomed = @($Process.Id)
    for ($at = 0; $at -lt $doomed.Count; $at++) {
        $doomed += @($all | Where-Object { $_.ParentProcessId -eq $doomed[$at] } | ForEach-Object { $_.ProcessId })
    }
    foreach ($id in $doomed) {
        if ($id -eq $Process.Id -and $Process.HasExited) { continue }
        try { Stop-Process -Id $id -Force } catch { [void]$_ }
    }
}
