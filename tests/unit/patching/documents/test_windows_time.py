"""How the Windows scripts measure time: parsed like everything of theirs, never executed here."""

from __future__ import annotations

import re

import pytest

from patching.documents.assemble import Phase, source
from tests.unit.patching.documents.test_windows import PHASES, body


def test_times_are_written_in_forms_that_no_culture_changes() -> None:
    forms = set(re.findall(r"\.ToString\((.+?)\)", source("patch", "windows")))
    invariant = "[cultureinfo]::InvariantCulture"
    assert forms == {f"'o', {invariant}", f"'yyyy-MM-ddTHH:mm:ssZ', {invariant}", ")"}


@pytest.mark.parametrize("phase", PHASES)
def test_durations_are_not_read_off_the_clock(phase: Phase) -> None:
    text = source(phase, "windows")
    asked = [line.strip() for line in text.splitlines() if "UtcNow" in line or "Get-Date" in line]
    assert [line.split(" = ")[0] for line in asked] == [
        "function Get-Clock { return ([DateTime]::UtcNow - [DateTime]'1970-01-01').TotalSeconds }",
        "$up",
        "host_time",
    ]
    assert "$Watch.Elapsed.TotalSeconds" in body(text, "Get-Spent")
    assert "$DeadlineSeconds - (Get-Spent)" in body(text, "Get-TimeLeft")


def test_the_time_before_a_restart_is_kept_with_an_allowance_for_it() -> None:
    text = source("patch", "windows")
    assert "$Journal.spent_s = Get-Spent" in body(text, "Save-Journal")
    away = "$away = [Math]::Min(3600, [Math]::Max(0, (Get-Clock) - [double]$earlier.at_s))"
    assert away in body(text, "Restore-Time")
    assert "[double]$earlier.spent_s + $away" in body(text, "Restore-Time")
