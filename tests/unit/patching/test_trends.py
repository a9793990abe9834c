"""When a fault counts as recurring."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

import patching.documents
from patching.checks import LASTING_FIXES
from patching.documents.host_report import Check, Fix
from patching.trends import recurring, troubled

SCHEMA = json.loads((Path(patching.documents.__file__).parent / "host-report.schema.json").read_text())
TOLD_ONLY = {"release", "supported_os", "load", "pending_reboot"}  # nothing that a lasting fix would mend


def checks(name: str = "disk_space", ok: bool = True, tried: bool = False) -> tuple[Check, ...]:
    return (Check(name, ok, "said", Fix(tried, ok, "did")),)


FINE, FAILED, REPAIRED = checks(), checks(ok=False), checks(tried=True)


def test_a_failed_and_a_repaired_check_are_trouble() -> None:
    assert troubled(FINE) == {}
    assert troubled(FAILED) == {"disk_space": ("said", False)}
    assert troubled(REPAIRED) == {"disk_space": ("did", True)}
    assert troubled(checks("pending_reboot", ok=False)) == {}


@pytest.mark.parametrize(
    ("runs", "found"),
    [
        ([FAILED] * 3, (3, 3)),
        ([FAILED, FINE, REPAIRED, FINE, FAILED], (3, 5)),
        ([FAILED, FINE, REPAIRED, FINE, FINE, FAILED], None),
        ([FAILED] * 2, None),
        ([], None),
    ],
)
def test_three_of_the_last_five_runs_recur(
    runs: list[tuple[Check, ...]], found: tuple[int, int] | None
) -> None:
    assert recurring("disk_space", runs) == found


def test_every_check_of_the_schema_has_a_lasting_fix_or_needs_none() -> None:
    names = set(SCHEMA["$defs"]["check_name"]["enum"])
    assert names == set(LASTING_FIXES) | TOLD_ONLY
