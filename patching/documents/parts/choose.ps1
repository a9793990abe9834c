# ---- which of the updates on offer this run installs: by mode, exclude list or tested set ----
# Another version of Windows and optional previews never go in, whoever names them.
# An exclude list knows the globs * and ?. A tested set names KB numbers; the version behind = says nothing here.
function Test-KeptOut($Row) {
    if ($Row.Upgrade -or $Row.Optional) { return $true }
    $names = @($Row.Numbers)
    if ($names.Count -eq 0) { $names = @($Row.Title) }
    foreach ($name in $names) {
        foreach ($glob in $Excluded) { if ($name -like $glob) { return $true } }
    }
    if ($TestedSet.Count -eq 0) { return $false }
    return @($names | Where-Object { $TestedSet -contains $_ }).Count -eq 0
}

function Test-InMode($Row) { return $Mode -ne 'security' -or $TestedSet.Count -gt 0 -or $Row.Security }

function Get-Wanted($Offer) {
    foreach ($row in $Offer.Rows) {
        if (-not $row.Waits -and (Test-InMode $row) -and -not (Test-KeptOut $row)) { $row }
    }
}

# What decides a verdict: definitions of Defender have a new title several times a day, and it renews them itself.
function Get-Counted($Offer) {
    foreach ($row in $Offer.Rows) { if (-not $row.Waits -and -not $row.Definition) { $row } }
}

# Pending, and left out on purpose.
function Get-Aside($Offer) {
    foreach ($row in (Get-Counted $Offer)) {
        if ((Test-InMode $row) -and (Test-KeptOut $row)) { $row.Name }
    }
}
