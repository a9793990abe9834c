"""The Windows scripts are parsed here, never executed: no PowerShell runs on the machines that test this.

What a parser can prove is proven: syntax, no call of a function or cmdlet that is not there, no place without a
parameter, nothing printed but the report, every code and name within the report's schema.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator

import pytest
import tree_sitter_powershell
from tree_sitter import Language, Node, Parser

from patching.documents.assemble import PARAMETERS, Phase, script
from patching.documents.output import SCHEMA_PATH

PHASES = ["precheck", "patch"]
# Of Windows PowerShell 5.1, in the modules that every Windows Server has.
CMDLETS = {
    *("Set-Content", "Get-Content", "New-Item", "Move-Item", "Remove-Item", "Join-Path", "Test-Path"),
    *("ConvertTo-Json", "ConvertFrom-Json", "Write-Output", "New-Object", "Where-Object", "ForEach-Object"),
    *("Select-Object", "Get-CimInstance", "Get-ItemProperty", "Get-HotFix", "Get-PSDrive", "Get-Date"),
    *("Remove-TypeData", "Get-Service", "Set-Service", "Start-Service", "Start-Process", "exit"),
}


def nodes(text: str) -> Iterator[Node]:
    def walk(node: Node) -> Iterator[Node]:
        yield node
        for child in node.children:
            yield from walk(child)

    return walk(Parser(Language(tree_sitter_powershell.language())).parse(text.encode()).root_node)


def mistakes(text: str) -> list[tuple[int, int]]:
    wrong = [node for node in nodes(text) if node.is_error or node.is_missing]
    return [(node.start_point[0] + 1, node.start_point[1] + 1) for node in wrong]


def texts(text: str, kind: str) -> list[str]:
    return [(node.text or b"").decode() for node in nodes(text) if node.type == kind]


def enum(name: str) -> set[str]:
    found: list[str] = json.loads(SCHEMA_PATH.read_text())["$defs"][name]["enum"]
    return set(found)


@pytest.mark.parametrize("phase", PHASES)
def test_the_script_parses(phase: Phase) -> None:
    assert mistakes(script(phase, "windows")) == []


def test_a_missing_brace_is_found() -> None:
    text = script("patch", "windows")
    cut = text.rindex("}")
    assert mistakes(text[:cut] + text[cut + 1 :])


@pytest.mark.parametrize("phase", PHASES)
def test_whatever_it_calls_is_there(phase: Phase) -> None:
    text = script(phase, "windows")
    defined = set(texts(text, "function_name"))
    called = set(texts(text, "command_name"))
    assert called - defined - CMDLETS == set()
    assert {"Find-Updates", "Get-Report", "Write-Output"} <= called


def test_a_misspelt_call_would_be_seen() -> None:
    assert "Get-Repotr" in texts("$a = Get-Repotr 'x'", "command_name")


@pytest.mark.parametrize("phase", PHASES)
def test_every_place_is_a_parameter_and_stands_in_single_quotes(phase: Phase) -> None:
    """Between single quotes PowerShell expands nothing; the patterns let no quote through."""
    text = script(phase, "windows")
    places = re.findall(r"\{\{ (\w+) \}\}", text)
    assert set(places) <= set(PARAMETERS)
    assert len(places) == text.count("{{") == len(re.findall(r"'\{\{ \w+ \}\}'", text))
    for name in set(places):
        assert not re.search(PARAMETERS[name]["allowedPattern"], "'; Remove-Item x #")


@pytest.mark.parametrize(("phase", "outputs"), [("precheck", 1), ("patch", 5)])
def test_it_prints_nothing_but_the_report(phase: Phase, outputs: int) -> None:
    """A value that nobody takes would be printed: calls of methods are cast away, and each output is one we know."""
    text = script(phase, "windows")
    printed = re.findall(r"^\s*Write-Output (.*)$", text, re.MULTILINE)
    assert len(printed) == outputs
    for line in printed:
        assert line.startswith(
            ("(Get-Output", "$text", "(Get-Content -Path $stored", '"Patch Portal: restarting')
        )
    assert not re.search(r"Write-(Host|Verbose|Information|Warning|Error)|\becho\b|Out-", text)
    assert not re.search(r"^\s*\$\w+(\.\w+)*\.(Add|Remove)\(", text, re.MULTILINE)


def test_excluded_updates_and_those_outside_a_tested_set_are_told_as_left_out() -> None:
    text = script("patch", "windows")
    assert "aside = @($Aside)" in text
    assert text.count("$script:Aside = @(Get-Aside $") == 1
    assert "if (-not (Test-Wanted $update)) { continue }" in text


def test_a_bad_end_says_failed_to_systems_manager() -> None:
    text = script("patch", "windows")
    assert "exit (Get-ExitCode $Report.status)" in text
    assert "@('failed', 'partial', 'blocked') -contains $Status" in text


def test_patch_reboots_by_3010_twice_at_most_and_guards_its_dispatch() -> None:
    text = script("patch", "windows")
    assert text.count("exit 3010") == 1
    assert "exit 3010" not in script("precheck", "windows")
    assert "$MaxReboots = 2" in text
    assert "$Reboots -lt $MaxReboots" in text
    assert "Join-Path $env:ProgramFiles 'PatchPortal'" in text  # others may write below ProgramData
    assert "ProgramData" not in text
    assert "[System.IO.Directory]::Move($fresh, $Folder)" in text
    assert text.index("'owner') -Value $CommandId") < text.index("::Move($fresh, $Folder)")


@pytest.mark.parametrize("phase", PHASES)
def test_codes_names_and_reasons_are_those_of_the_schema(phase: Phase) -> None:
    text = script(phase, "windows")
    assert set(re.findall(r"Set-Problem '(\w+)'", text)) <= enum("error_code")
    assert set(re.findall(r"Add-Check '(\w+)'", text)) <= enum("check_name")
    assert set(re.findall(r"\$reasons \+= '(\w+)'", text)) == {"windows_update", "component_servicing"}
    assert {"windows_update", "component_servicing"} <= enum("reboot_reason")


@pytest.mark.parametrize("phase", PHASES)
def test_it_says_that_it_was_never_executed(phase: Phase) -> None:
    assert "never executed" in script(phase, "windows")
