# ---- the second process: whatever may hang (Windows Update, WMI) is asked there, so that the first can end and tell ----
# The first process holds the agent's pipe, starts this same script again and waits. A mark in the environment, which
# each child inherits, makes the second one a worker: it holds the dispatch, the first one's number and the time spent.
$Mark = "$env:PATCH_PORTAL_WORKER"
$ParentId = 0
$MaxStarts = 6 # of workers that died, in one delivery
$Grace = 22 # seconds past the deadline for telling

# A worker never starts a worker, whatever became of its arguments.
function Start-Worker([string]$Out) {
    if ($Mark) { throw 'A worker must not start a worker.' }
    $env:PATCH_PORTAL_WORKER = "$DispatchId $PID $(Get-Spent)"
    $call = "-NoProfile -NonInteractive -ExecutionPolicy Bypass -File `"$PSCommandPath`" work"
    try {
        $process = Start-Process -FilePath 'powershell.exe' -ArgumentList $call -PassThru -NoNewWindow -RedirectStandardOutput $Out -RedirectStandardError "$Out.errors"
    } finally { $env:PATCH_PORTAL_WORKER = '' }
    [void]$process.Handle
    return $process
}

# What a worker came to; where none did: what the notes know of it.
function Wait-Work {
    $limit = [Math]::Max($DeadlineSeconds, (Get-Spent)) + $Grace
    if ($Spent -gt 0) { $limit = [Math]::Max($limit, (Get-Spent) + 180) } # what was installed must still be told
    for ($start = 1; $start -le $MaxStarts -and (Get-Spent) -lt $limit; $start++) {
        $out = Join-Path $Folder "worker.$start.out"
        $process = Start-Worker $out
        if (-not $process.WaitForExit(1000 * [Math]::Max(1, $limit - (Get-Spent)))) {
            Stop-Tree $process
            break
        }
        $draft = Read-Draft $out
        if ($draft) { return $draft }
    }
    Restore-Run
    if ((Get-Spent) -ge $limit - 2) { return New-Draft 'deadline_exceeded' "Still at work when the time was over: $(Get-AtWork)" }
    return New-Draft 'interrupted' "The work was cut off $($start - 1) times. $(Get-AtWork) was the last that it did."
}

# What the notes say was being done.
function Get-AtWork {
    $begun = @($Notes | Where-Object { $_.state -eq 'begun' } | ForEach-Object { "$($_.name) ($($_.step))" })
    if ($begun.Count -gt 0) { return $begun -join ', ' }
    return 'The search for updates, or another question to Windows'
}

# The output reaches the file a moment after the process has ended.
function Read-Draft([string]$Out) {
    for ($look = 0; $look -lt 5; $look++) {
        try {
            $found = [regex]::Match("$(Get-Content -Path $Out -Raw)", '(?m)^DRAFT ([^\r\n]+)[\r\n]')
            if ($found.Success) { return $found.Groups[1].Value | ConvertFrom-Json }
        } catch { [void]$_ }
        Start-Sleep -Milliseconds 300
    }
    return $null
}

function Test-Orphan { return -not (Get-Process -Id $ParentId -ErrorAction SilentlyContinue) }

# Ends the worker. Where the agent has ended the first process, nobody waits: the worker does the rest itself.
function Send-Draft($Draft) {
    $text = ConvertTo-AsciiJson $Draft
    if ($Draft.action -eq 'report' -and (Test-Orphan)) { Complete-Run ($text | ConvertFrom-Json) }
    Write-Output "DRAFT $text"
    exit 0
}

# An earlier worker of this dispatch may live on where the agent was started anew: one works at a time.
function Enter-Work {
    while ($true) {
        $fault = $null
        try { return [System.IO.File]::Open((Join-Path $Folder 'lock'), 'OpenOrCreate', 'ReadWrite', 'None') } catch { $fault = $_ }
        if ((Get-TimeLeft) -le 0) { throw $fault }
        Start-Sleep -Seconds 1
    }
}
