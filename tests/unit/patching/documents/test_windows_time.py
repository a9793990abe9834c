"""How the Windows scripts measure time: parsed like everything of theirs, never executed here."""

from __future__ import annotations

import re

import pytest

from patching.documents.assemble import Phase, script
from tests.unit.patching.documents.test_windows import PHASES, body


def test_times_are_written_in_forms_that_no_culture_changes() -> None:
    assert set(re.findall(r"\.ToString\((.+?)\)", script("patch", "windows"))) == {"'o'", "'s'", ")"}


@pytest.mark.parametrize("phase", PHASES)
def test_durations_are_not_read_off_the_clock(phase: Phase) -> None:
    text = script(phase, "windows")
    asked = [line.strip() for line in text.splitlines() if "UtcNow" in line or "Get-Date" in line]
    assert [line.split(" = ")[0] for line in asked] == ["$uptime", "$skew", "host_time"]
    assert "$Watch.Elapsed.TotalSeconds" in body(text, "Get-Spent")
    assert "$DeadlineSeconds - (Get-Spent)" in body(text, "Get-TimeLeft")


def test_the_time_before_a_restart_is_kept_with_an_allowance_for_it() -> None:
    text = script("patch", "windows")
    assert "spent_s = (Get-Spent) + 120" in body(text, "Restart-Later")
    assert "$script:Spent = [int]$Stage.spent_s" in body(text, "Restore-Progress")
