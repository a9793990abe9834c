# ---- what a run keeps on the host, in one folder for each dispatch ----
# owner (the SSM command id), stage, before, progress, and at last the result. Below Program Files: only administrators
# may write there, so nobody else can plant a result or a script.
$Kept = Join-Path $env:ProgramFiles 'PatchPortal'
$Dispatches = Join-Path $Kept 'dispatches'
$Folder = Join-Path $Dispatches $DispatchId

# Kept in one step or not at all, and on the disk when this returns; the note before it stays beside it.
function Save-State([string]$Name, $Value) {
    $path = Join-Path $Folder $Name
    Set-Content -Path "$path.new" -Value (ConvertTo-Json -InputObject $Value -Compress -Depth 8) -Encoding UTF8
    Publish-File "$path.new" "$path.json" "$path.old"
}

function Publish-File([string]$Fresh, [string]$Place, [string]$Earlier) {
    $stream = [System.IO.File]::Open($Fresh, 'Open', 'ReadWrite')
    try { $stream.Flush($true) } finally { $stream.Dispose() }
    if ([System.IO.File]::Exists($Place)) {
        [System.IO.File]::Replace($Fresh, $Place, $Earlier)
    } else {
        [System.IO.File]::Move($Fresh, $Place)
    }
}

# A loss of power may leave a note half swapped, torn or full of zeros: then the one beside it counts. $null: none.
function Read-State([string]$Name) {
    foreach ($kind in 'json', 'new', 'old') {
        $value = Read-Note (Join-Path $Folder "$Name.$kind")
        if ($null -ne $value) { return $value }
    }
    return $null
}

function Read-Note([string]$Path) {
    try { return Get-Content -Path $Path -Raw -Encoding UTF8 | ConvertFrom-Json } catch { return $null }
}

# The stored result, when it is whole; else ''.
function Read-Result {
    $text = ''
    try { $text = "$(Get-Content -Path (Join-Path $Folder 'result') -Raw)" } catch { return '' }
    if ($text -cmatch '(?m)^PATCH-PORTAL-RESULT \{' -and $text -cmatch '(?m)^PATCH-PORTAL-(REPORT|PACKAGES)>>>\s*\z') { return $text }
    return ''
}
