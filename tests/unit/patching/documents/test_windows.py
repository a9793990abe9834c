"""The Windows scripts are parsed here; tests/windows executes them where there is a PowerShell.

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

from patching.documents.assemble import LIMIT_BYTES, PARAMETERS, Phase, document, script, source
from patching.documents.output import SCHEMA_PATH

PHASES = ["precheck", "patch"]
# Of Windows PowerShell 5.1, in the modules that every Windows Server has.
CMDLETS = {
    *("Set-Content", "Get-Content", "New-Item", "Remove-Item", "Join-Path", "Test-Path"),
    *("ConvertTo-Json", "ConvertFrom-Json", "Write-Output", "New-Object", "Where-Object", "ForEach-Object"),
    *("Select-Object", "Get-CimInstance", "Get-ItemProperty", "Get-HotFix", "Get-PSDrive"),
    *("Remove-TypeData", "Get-Service", "Set-Service", "Start-Service", "Start-Process", "exit"),
    *("Start-Sleep", "Stop-Process", "Get-Process"),
}

# Types and members of .NET 4.5, in assemblies that Windows PowerShell has loaded.
TYPES = {
    *("System.Collections.ArrayList", "System.Collections.Generic.SortedSet[string]", "StringComparer"),
    *("System.IO.MemoryStream", "System.IO.Compression.GZipStream", "System.IO.Compression.CompressionMode"),
    *("System.Security.Cryptography.SHA256", "System.Security.Cryptography.SHA256CryptoServiceProvider"),
    *("System.Security.Cryptography.CryptoConfig", "System.Text.Encoding", "System.IO.Directory"),
    *("BitConverter", "Convert", "DateTime", "Guid", "Math"),
    *(
        "Diagnostics.Stopwatch",
        "System.IO.File",
        "cultureinfo",
        "Globalization.DateTimeStyles",
        "regex",
        "long",
    ),
    *("bool", "double", "int", "ordered", "pscustomobject", "scriptblock", "string", "void"),
}
UUID = "0f8c1d2e-3b4a-4c5d-8e6f-708192a3b4c5"


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


def function(text: str, name: str) -> Node:
    """A function's own tree."""
    opening = f"function {name}".encode()
    found = [node for node in nodes(text) if node.type == "function_statement"]
    (one,) = [node for node in found if re.match(opening + rb"[( {]", node.text or b"")]
    return one


def body(text: str, name: str) -> str:
    return (function(text, name).text or b"").decode()


def inside(node: Node, kind: str) -> bool:
    above = node.parent
    return above is not None and (above.type == kind or inside(above, kind))


def enum(name: str) -> set[str]:
    found: list[str] = json.loads(SCHEMA_PATH.read_text())["$defs"][name]["enum"]
    return set(found)


@pytest.mark.parametrize("phase", PHASES)
def test_the_script_parses(phase: Phase) -> None:
    assert mistakes(source(phase, "windows")) == []
    assert mistakes(script(phase, "windows")) == []


@pytest.mark.parametrize("phase", PHASES)
def test_packing_changes_names_and_nothing_else(phase: Phase) -> None:
    """The same tree, but for remarks and the blank ahead of one."""
    beside = {"comment", "command_argument_sep", " "}
    read, sent = (
        [node.type for node in nodes(text) if node.type not in beside]
        for text in (source(phase, "windows"), script(phase, "windows"))
    )
    assert read == sent
    assert "$DeadlineSeconds" in source(phase, "windows")
    assert "$DeadlineSeconds" not in script(phase, "windows")


def test_a_missing_brace_is_found() -> None:
    text = source("patch", "windows")
    cut = text.rindex("}")
    assert mistakes(text[:cut] + text[cut + 1 :])


@pytest.mark.parametrize("phase", PHASES)
def test_whatever_it_calls_is_there(phase: Phase) -> None:
    text = source(phase, "windows")
    defined = set(texts(text, "function_name"))
    called = set(texts(text, "command_name"))
    assert called - defined - CMDLETS == set()
    assert {"Find-Updates", "Get-Report", "Write-Output"} <= called


def test_a_misspelt_call_would_be_seen() -> None:
    assert "Get-Repotr" in texts("$a = Get-Repotr 'x'", "command_name")


@pytest.mark.parametrize("phase", PHASES)
def test_every_place_is_a_parameter_and_stands_in_single_quotes(phase: Phase) -> None:
    """Between single quotes PowerShell expands nothing; the patterns let no quote through."""
    text = source(phase, "windows")
    places = re.findall(r"\{\{ (\w+) \}\}", text)
    assert set(places) <= set(PARAMETERS)
    assert len(places) == text.count("{{") == len(re.findall(r"'\{\{ \w+ \}\}'", text))
    for name in set(places):
        assert not re.search(PARAMETERS[name]["allowedPattern"], "'; Remove-Item x #")


@pytest.mark.parametrize(("phase", "outputs"), [("precheck", 2), ("patch", 7)])
def test_it_prints_nothing_but_the_report(phase: Phase, outputs: int) -> None:
    """A value that nobody takes would be printed: calls of methods are cast away, and each output is one we know."""
    text = source(phase, "windows")
    printed = re.findall(r"^\s*Write-Output (.*)$", text, re.MULTILINE)
    assert len(printed) == outputs
    for line in printed:
        assert line.startswith(("(Get-Output", "$text", "$Text", '"Patch Portal: ', '"DRAFT $text"'))
    assert not re.search(r"Write-(Host|Verbose|Information|Warning|Error)|\becho\b|Out-", text)
    assert not re.search(r"^\s*\$\w+(\.\w+)*\.(Add|Remove)\(", text, re.MULTILINE)


def test_excluded_updates_and_those_outside_a_tested_set_are_told_as_left_out() -> None:
    text = source("patch", "windows")
    assert "aside = @($Aside)" in text
    assert text.count("$script:Aside = @(Get-Aside $") == 1
    assert "foreach ($row in $wanted)" in body(text, "Install-Round")
    assert "$wanted = @(Get-Wanted $Offer)" in body(text, "Install-Round")


def test_a_bad_end_says_failed_to_systems_manager() -> None:
    text = source("patch", "windows")
    assert "exit (Get-ExitCode $Report.status)" in text
    assert "@('failed', 'partial', 'blocked') -contains $Status" in text


def test_patch_reboots_by_3010_twice_at_most_and_guards_its_dispatch() -> None:
    text = source("patch", "windows")
    assert text.count("exit 3010") == 1
    assert "exit 3010" not in source("precheck", "windows")
    assert "$MaxReboots = 2" in text
    assert "$Reboots -lt $MaxReboots" in body(text, "Test-MayRestart")
    assert "Join-Path $env:ProgramFiles 'PatchPortal'" in text  # others may write below ProgramData
    assert "ProgramData" not in source("patch", "windows").replace("C:\\ProgramData", "")
    assert "[System.IO.Directory]::Move($fresh, $Folder)" in text
    assert text.index("'owner') -Value $CommandId") < text.index("::Move($fresh, $Folder)")


@pytest.mark.parametrize("phase", PHASES)
def test_codes_names_and_reasons_are_those_of_the_schema(phase: Phase) -> None:
    text = source(phase, "windows")
    assert set(re.findall(r"Set-Problem '(\w+)'", text)) <= enum("error_code")
    assert set(re.findall(r"Add-Check '(\w+)'", text)) <= enum("check_name")
    reasons = body(text, "Get-KeyReasons") + body(text, "Get-RebootReasons")
    assert set(re.findall(r"\{ '(\w+)' \}", reasons)) == {"windows_update", "component_servicing"}
    assert {"windows_update", "component_servicing"} <= enum("reboot_reason")


@pytest.mark.parametrize("phase", PHASES)
def test_the_output_is_the_line_then_the_report_then_the_packages(phase: Phase) -> None:
    output = body(source(phase, "windows"), "Get-Output")
    assert texts(output, "command_name") == [
        *("Get-ResultLine", "Get-ReportText"),  # the line first: the text is cut to size
        *("Get-Packed", "Get-Sha256", "Get-Sha256"),
        *("ConvertTo-AsciiJson", "Format-Block", "Format-Block"),
    ]
    assert re.findall(r"Format-Block '(\w+)' (\$\w+)", output) == [
        ("REPORT", "$text"),
        ("PACKAGES", "$packed"),
    ]
    assert re.findall(r"Get-Sha256 (\$\w+)", output) == ["$packed", "$text"]
    assert output.index("$line['sha256'] =") < output.index("ConvertTo-AsciiJson $line")
    assert "if ($sum) { $output += Format-Block 'PACKAGES' $packed }" in output


def test_the_sums_are_the_last_key_of_the_line() -> None:
    """An ordered table appends a key that it does not have."""
    text = source("patch", "windows")
    assert "return [ordered]@{" in body(text, "Get-ResultLine")
    assert "sha256" not in body(text, "Get-ResultLine")
    assert "[ordered]@{ report = Get-Sha256 $text; packages = $sum }" in body(text, "Get-Output")


def test_a_block_stands_between_its_marks_on_one_line() -> None:
    marks = '"`n<<<PATCH-PORTAL-$Name $DispatchId`n$Text`nPATCH-PORTAL-$Name>>>"'
    assert texts(body(source("patch", "windows"), "Format-Block"), "expandable_string_literal") == [marks]


@pytest.mark.parametrize("phase", PHASES)
def test_all_json_that_is_printed_is_made_ascii_where_it_is_made(phase: Phase) -> None:
    text = source(phase, "windows")
    made = [node for node in nodes(text) if node.type == "command_name" and node.text == b"ConvertTo-Json"]
    saved = 1 if phase == "patch" else 0  # Save-State writes a file
    assert len(made) == 1 + saved
    assert "-creplace '[^ -~]', '?'" in body(text, "ConvertTo-AsciiJson")
    assert "ConvertTo-AsciiJson $Report" in body(text, "Get-ReportText")
    assert not re.search(r"-i?replace '\[\^", text)  # where case is ignored, the Kelvin sign is a k


@pytest.mark.parametrize("name", ["Get-Sha256", "Get-Packed"])
def test_a_failure_of_sum_packing_or_list_does_not_cost_the_report(name: str) -> None:
    """Whatever calls something stands in a try, and the catch calls nothing."""
    found = list(nodes(body(source("patch", "windows"), name)))
    calls = [node for node in found if node.type in ("command", "invokation_expression")]
    assert len(calls) >= 3
    assert all(inside(node, "try_statement") for node in calls)
    assert not [node for node in calls if inside(node, "catch_clause")]


@pytest.mark.parametrize("phase", PHASES)
def test_the_packages_are_those_of_the_last_side(phase: Phase) -> None:
    text = source(phase, "windows")
    assert texts(text, "command_name").count("Get-HotFix") == 1
    of_the_worker = {"$null", "$Draft.packages"} if phase == "patch" else set()
    assert text.count("= Get-Packages") == 1
    assert set(re.findall(r"\$script:Packages = (.+)", text)) == {"Get-Packages"} | of_the_worker
    side = body(text, "Get-Side")
    assert side.index("$script:Packages = Get-Packages") < side.index("$total = $Packages.Total")
    assert "installed = $total;" in side
    caught = text[
        text.index("function New-Draft") if phase == "patch" else text.index("if ($fault) {\n    $Problem") :
    ]
    assert caught.index("ackages = $null") < caught.index("Get-Draft" if phase == "patch" else "Get-Report")


def test_packages_are_sorted_by_code_point_and_bounded() -> None:
    text = source("patch", "windows")
    assert "SortedSet[string]' -ArgumentList ([StringComparer]::Ordinal)" in body(text, "Get-Packages")
    assert '"$_`t`t`n"' in body(text, "Get-Packages")
    packed = body(text, "Get-Packed")
    assert "if ($packed.Length -le 150000) { return $packed }" in packed
    assert packed.index("$gzip.Close()") < packed.index("$memory.ToArray()")


@pytest.mark.parametrize("phase", PHASES)
def test_every_variable_is_given_a_value_somewhere(phase: Phase) -> None:
    text = source(phase, "windows")
    giving = [*texts(text, "left_assignment_expression"), *texts(text, "script_parameter")]
    giving += re.findall(r"foreach \(\$\w+", text)
    given = set(re.findall(r"\$(?:script:)?(\w+)", " ".join(giving).lower()))
    used = {re.sub(r"^\$(script:)?|[{}]", "", name.lower()) for name in texts(text, "variable")}
    unknown = {name for name in used - given if not name.startswith("env:")}
    assert unknown - {"_", "null", "true", "false", "pscommandpath", "pid", "executioncontext"} == set()


@pytest.mark.parametrize("phase", PHASES)
def test_types_are_those_of_windows_powershell(phase: Phase) -> None:
    text = source(phase, "windows")
    named = {one.strip("[]") for one in texts(text, "type_literal")}
    made = set(re.findall(r"New-Object (?:-TypeName )?'?(System\.[\w.]+(?:\[string\])?)", text))
    assert "System.IO.Compression.GZipStream" in made
    assert (named | made) - TYPES == set()


@pytest.mark.parametrize("instance_id", ["i-0123456789abcdef0", "i-01234567", "mi-0123456789abcdef0"])
def test_without_the_agents_word_the_ids_are_those_in_the_path(instance_id: str) -> None:
    folder = rf"C:\ProgramData\Amazon\SSM\InstanceData\{instance_id}\document\orchestration\{UUID}\patch"
    assert ids_of(rf"{folder}\0.awsrunPowerShellScript\_script.ps1") == {
        "CommandId": UUID,
        "InstanceId": instance_id,
    }


def test_outside_the_agents_folders_a_run_is_by_hand() -> None:
    assert ids_of(r"C:\Users\ann\i-know\patch.ps1") == {"CommandId": "by-hand-$PID", "InstanceId": ""}


def ids_of(path: str) -> dict[str, str]:
    """What Get-PathElement finds by the script's own patterns."""
    text = source("patch", "windows")
    assert r"""foreach ($element in "$PSCommandPath" -split '[\\/]')""" in body(text, "Get-PathElement")
    rule = r"if \(-not \$(\w+)\) \{ \$\1 = Get-PathElement '([^']+)' ['\"]([^'\"]*)['\"] \}"
    elements = re.split(r"[\\/]", path)
    return {
        name: next((one for one in elements if re.search(pattern, one)), otherwise)
        for name, pattern, otherwise in re.findall(rule, text)
    }


def test_functions_stand_before_what_runs_at_once() -> None:
    text = source("patch", "windows")
    assert text.index("function Get-PathElement") < text.index("$CommandId = Get-PathElement")


@pytest.mark.parametrize("phase", PHASES)
def test_the_documents_leave_room_below_the_limit(phase: Phase) -> None:
    """Two fifths of AWS's limit are kept for what is still to come."""
    assert len(document(phase, "windows").content_yaml.encode()) <= LIMIT_BYTES * 0.6
