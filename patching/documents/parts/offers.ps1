# ---- what Windows Update offers ----
# Answers that pass by themselves: name, connection, time-out, service busy, agent busy or renewing itself.
$Passing = @(
    '0x8024402C', '0x8024401C', '0x80244022', '0x80244010', '0x80072EE2', '0x80072EFE', '0x80072EFD', '0x80072EE7',
    '0x8024401F', '0x8024001E', '0x80240009', '0x80240016', '0x8024001B', '0x80244021', '0x80244023'
)
$Pauses = @(5, 15) # seconds, between three tries

# Waits before the next try of something that failed; false where there is none, or no time for it.
function Wait-Try([int]$Try) {
    if ($Try -ge $Pauses.Count -or (Get-TimeLeft) -le $Pauses[$Try]) { return $false }
    Start-Sleep -Seconds $Pauses[$Try]
    return $true
}

function Find-Updates {
    $try = 0
    while ($true) {
        $offer = Get-Offer
        if (-not $offer.Passes -or -not (Wait-Try $try)) { return $offer }
        $try++
    }
}

# Known: the answer can be believed. Partial: it may be incomplete. Passes: worth asking again. Detail: what was wrong.
function New-Offer($Session, $Rows, [bool]$Known, [bool]$Partial, [bool]$Passes, [string]$Detail) {
    return [pscustomobject]@{
        Session = $Session; Rows = @($Rows); Known = $Known; Partial = $Partial; Passes = $Passes; Detail = $Detail
    }
}

function Get-Offer {
    $fault = $null
    try { return Get-Answer } catch { $fault = $_ }
    $code = Get-FaultCode $fault
    return New-Offer $null @() $false $false ($Passing -contains $code) "The search for updates failed: $(Get-FaultText $fault)"
}

# The search ends with 2 (done), 3 (done with errors), 4 (failed) or 5 (stopped).
function Get-Answer {
    $session = New-Object -ComObject 'Microsoft.Update.Session'
    $session.ClientApplicationID = 'Patch Portal'
    $found = $session.CreateUpdateSearcher().Search("IsInstalled=0 and IsHidden=0 and Type='Software'")
    $code = [int]$found.ResultCode
    if ($code -ne 2 -and $code -ne 3) { return New-Offer $null @() $false $false $false "The search for updates ended with result $code." }
    $rows = New-Object System.Collections.ArrayList
    $spoilt = 0
    foreach ($update in $found.Updates) {
        $row = $null
        try { $row = Read-Update $update } catch { $spoilt++; continue }
        if (-not $row) { return New-Offer $null @() $false $false $false 'Windows Update is broken: it lists updates without a title and an identity.' }
        [void]$rows.Add($row)
    }
    $detail = ''
    if ($code -eq 3) { $detail = 'The search for updates ended with errors, so the list may be incomplete.' }
    if ($spoilt -gt 0) { $detail = "$spoilt of the updates on offer cannot be read, so the list may be incomplete." }
    return New-Offer $session $rows $true ($detail -ne '') ($code -eq 3) $detail
}

# One update in plain values; $null for an object that has none.
function Read-Update($Update) {
    $numbers = @()
    foreach ($number in $Update.KBArticleIDs) { if ($number) { $numbers += Get-CleanText "KB$number" } }
    $classes = @()
    foreach ($category in $Update.Categories) { $classes += "$($category.CategoryID)" }
    $title = Get-CleanText "$($Update.Title)"
    $id = "$($Update.Identity.UpdateID)"
    if (-not $title -and -not $id) { return $null }
    $name = @(@($numbers) + @($title, $id) | Where-Object { $_ })[0]
    return [pscustomobject]@{
        Key = "$id.$($Update.Identity.RevisionNumber)"; Name = $name; Numbers = $numbers; Title = $title; Com = $Update
        # ids of categories, for their names depend on the language: Security Updates, Upgrades, Definition Updates
        Security = [bool]($classes -contains '0fa1201d-4330-4fa8-8ae9-b877473b6441' -or $Update.MsrcSeverity)
        Upgrade = $classes -contains '3689bdc8-b205-4af4-8d4a-a63924c5e9d5'
        Definition = $classes -contains 'e0789628-ce08-4437-be74-2495b842f43b' -or $numbers -contains 'KB2267602'
        Optional = [bool]$Update.BrowseOnly
        Waits = [bool]$Update.RebootRequired # in, as soon as the host restarts
    }
}
