"""The documents as AWS sees them: shape, size, parameters, lint."""

from __future__ import annotations

import json
import re
import subprocess
import sys
from pathlib import Path

import pytest
import yaml

from patching.documents import assemble
from patching.documents.assemble import (
    LEAST_FREE_PERCENT,
    LIMIT_BYTES,
    LONGEST,
    PARAMETERS,
    SHORT_BYTES,
    Phase,
    Platform,
    document,
    free_bytes,
    parameters_of,
    script,
    source,
)
from patching.documents.output import SCHEMA_PATH
from tests.documents.shells import SHELLS, shell_of

EACH = [(phase, platform) for phase in ("precheck", "patch") for platform in ("linux", "windows")]
PHASES = ["precheck", "patch"]


@pytest.mark.parametrize(("phase", "platform"), EACH)
def test_the_document_is_schema_2_2_for_its_platform(phase: Phase, platform: Platform) -> None:
    made = document(phase, platform)
    body = yaml.safe_load(made.content_yaml)
    assert body["mainSteps"][0]["inputs"]["runCommand"] == [script(phase, platform).rstrip("\n")]
    step = body["mainSteps"][0]
    assert made.name == f"PatchPortal-{phase.title()}-{platform.title()}"
    assert re.fullmatch(r"[a-zA-Z0-9_.-]{3,128}", made.name)
    assert body["schemaVersion"] == "2.2"
    assert step["precondition"] == {"StringEquals": ["platformType", platform.title()]}
    assert step["action"] == {"linux": "aws:runShellScript", "windows": "aws:runPowerShellScript"}[platform]
    assert 5 <= int(step["inputs"]["timeoutSeconds"]) <= 172_800
    assert "\n".join(step["inputs"]["runCommand"]) == script(phase, platform).rstrip("\n")


@pytest.mark.parametrize(("phase", "platform"), EACH)
def test_the_document_fits_with_its_own_parameters_and_has_room(phase: Phase, platform: Platform) -> None:
    made = document(phase, platform)
    declared = yaml.safe_load(made.content_yaml)["parameters"]
    longest = json.dumps({name: ["x" * LONGEST.get(name, SHORT_BYTES)] for name in declared})
    assert len(made.content_yaml.encode()) + len(longest) + free_bytes(made) == 64 * 1024
    assert free_bytes(made) >= LIMIT_BYTES * LEAST_FREE_PERCENT / 100


def test_a_document_that_leaves_no_room_for_its_parameters_is_not_made(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    document.cache_clear()
    monkeypatch.setattr(assemble, "LIMIT_BYTES", 20_000)
    with pytest.raises(ValueError, match=r"PatchPortal-Patch-Linux .* [0-9]+ bytes too large"):
        document("patch", "linux")


def test_the_patterns_let_no_value_be_longer() -> None:
    for name, about in PARAMETERS.items():
        most = LONGEST.get(name, SHORT_BYTES)
        if name != "PackageSet":  # which the portal itself cuts
            assert not any(re.fullmatch(about["allowedPattern"], sign * (most + 1)) for sign in "a0")
    assert re.fullmatch(PARAMETERS["Exclude"]["allowedPattern"], "a" * 2_000)


def test_the_pre_check_alone_repairs_and_the_patch_alone_installs() -> None:
    check, patch = (parameters_of(f"PatchPortal-{phase}-Linux") for phase in ("Precheck", "Patch"))
    assert {"Fixes", "AfterDispatch"} <= check - patch
    assert {"PackageSet", "Exclude", "RebootPolicy", "PreScript"} <= patch - check
    for word in ("remove_old_kernels", "restore_repositories", "remove_duplicates"):
        assert word in source("precheck", "linux")
        assert word not in source("patch", "linux")
    for word in ("pm_install()", "--with-new-pkgs", "run_hook", "exit 194"):
        assert word in source("patch", "linux")
        assert word not in source("precheck", "linux")


@pytest.mark.parametrize(("phase", "platform"), EACH)
def test_only_declared_parameters_are_pasted_and_only_between_quotes(
    phase: Phase, platform: Platform
) -> None:
    text = script(phase, platform)
    used = re.findall(r"\{\{.*?\}\}", text)
    declared = yaml.safe_load(document(phase, platform).content_yaml)["parameters"]
    assert set(used) == {f"{{{{ {name} }}}}" for name in declared}
    assert {name: PARAMETERS[name] for name in declared} == declared
    assert len(re.findall(r"'\{\{ \w+ \}\}'", text)) == len(used)


@pytest.mark.parametrize("name", sorted(PARAMETERS))
def test_no_parameter_admits_shell_characters(name: str) -> None:
    pattern, default = PARAMETERS[name]["allowedPattern"], PARAMETERS[name].get("default")
    for bad in ("$(id)", "a'b", "1; reboot", "`id`", "all\nid", "a b", "$$", '"', "{{ Mode }}", "all\n"):
        assert not re.fullmatch(pattern, bad), bad
    assert default is None or re.fullmatch(pattern, default)
    assert pattern[0] == "^"
    assert pattern[-1] == "$"
    assert re.fullmatch("[a-zA-Z0-9]+", name)


@pytest.mark.parametrize("name", ["MinFreeMb", "LockWaitSeconds", "DeadlineSeconds"])
def test_numbers_have_no_zero_ahead(name: str) -> None:
    """The shell would take 08 for a wrong octal number."""
    pattern = PARAMETERS[name]["allowedPattern"]
    assert [text for text in ("0", "7", "120", "08", "007", "") if re.fullmatch(pattern, text)] == [
        "0",
        "7",
        "120",
    ]


def test_the_hash_is_of_the_text_and_stable() -> None:
    assert document("patch", "linux").sha256 == document("patch", "linux").sha256
    assert document("patch", "linux").sha256 != document("precheck", "linux").sha256


@pytest.mark.parametrize("phase", PHASES)
def test_every_path_starts_with_the_root(phase: Phase) -> None:
    """Empty on a real host; a directory when an image root is patched or a host is simulated."""
    lines = (line for line in source(phase, "linux").splitlines() if not line.lstrip().startswith("#"))
    code = "\n".join(lines).replace('"${PATCH_PORTAL_ROOT}"', "${PATCH_PORTAL_ROOT}")
    folders = "etc|var|run|proc|boot|usr|tmp|sys|opt|lib|root|home|bin|sbin"
    assert re.findall(rf"(?<![\w}}*.\]^/\\])/(?:{folders})\b", code) == []
    assert "${PATCH_PORTAL_ROOT}/etc/os-release" in code


@pytest.mark.parametrize("phase", PHASES)
def test_shellcheck_finds_nothing(phase: Phase, tmp_path: Path) -> None:
    path = tmp_path / f"{phase}.sh"
    path.write_text(source(phase, "linux"))
    tool = Path(sys.executable).parent / "shellcheck"
    done = subprocess.run([tool, "-s", "sh", path], capture_output=True, text=True, check=False)
    assert (done.returncode, done.stdout) == (0, "")


@pytest.mark.parametrize("shell", SHELLS)
@pytest.mark.parametrize("phase", PHASES)
def test_each_shell_can_read_the_script(phase: Phase, shell: str, tmp_path: Path) -> None:
    path = tmp_path / f"{phase}.sh"
    path.write_text(script(phase, "linux"))
    assert subprocess.run([*shell_of(shell).split(), "-n", str(path)], check=False).returncode == 0


@pytest.mark.parametrize("phase", PHASES)
def test_each_function_stands_once_and_is_used(phase: Phase) -> None:
    """AWS counts every byte, and a second definition would silently win."""
    text = script(phase, "linux")
    names = re.findall(r"^([a-z_0-9]+)\(\)", text, re.MULTILINE)
    assert len(names) == len(set(names))
    by_name = {
        f"{kind}_{check}"
        for check in re.findall(r"\b(?:examine|told) (\w+)", text)
        for kind in ("check", "fix")
    }
    unused = [name for name in names if name not in by_name and len(re.findall(rf"\b{name}\b", text)) < 2]
    assert unused == []


@pytest.mark.parametrize("phase", PHASES)
def test_no_word_that_stands_for_something_else_is_shortened(phase: Phase) -> None:
    """Functions get short names in what is sent; words of the report, and what a run keeps on the host, stay."""
    code = "\n".join(
        line for line in source(phase, "linux").splitlines() if not line.lstrip().startswith("#")
    )
    words = set(re.findall(r'"(\w+)"', SCHEMA_PATH.read_text()))
    words |= set(re.findall(r"\b(?:fact|recall|remember|examine|told) (\w+)", code))
    sent = script(phase, "linux")
    for word in (one for one in words if "_" in one):
        assert len(re.findall(rf"\b{word}\b", sent)) == len(re.findall(rf"\b{word}\b", code)), word
    assert "fail_with" in code
    assert "fail_with" not in sent
