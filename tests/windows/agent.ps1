# agent.ps1 SCRIPT [arguments]: runs a script as the agent does, on the host of the file.
. "$PSScriptRoot/host.ps1"
$rest = @($args | Select-Object -Skip 1)
$global:LASTEXITCODE = 0
try { & $args[0] @rest } catch { [Console]::Error.WriteLine("$_"); exit 1 }
exit $LASTEXITCODE
