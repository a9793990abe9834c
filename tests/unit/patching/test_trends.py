"""When a fault counts as recurring."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

import patching.documents
from patching.trends import LASTING_FIXES, recurring, troubled

SCHEMA = json.loads((Path(patching.documents.__file__).parent / "host-report.schema.json").read_text())
TOLD_ONLY = {"supported_os", "load", "pending_reboot"}  # nothing that a lasting fix would mend


def report(name: str = "disk_space", ok: bool = True, tried: bool = False) -> dict[str, Any]:
    return {
        "checks": [
            {"name": name, "ok": ok, "detail": "said", "fix": {"tried": tried, "ok": ok, "detail": "did"}}
        ]
    }


FINE, FAILED, REPAIRED = report(), report(ok=False), report(tried=True)


def test_a_failed_and_a_repaired_check_are_trouble() -> None:
    assert troubled(FINE) == {}
    assert troubled(FAILED) == {"disk_space": ("said", False)}
    assert troubled(REPAIRED) == {"disk_space": ("did", True)}
    assert troubled(report("pending_reboot", ok=False)) == {}


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
def test_three_of_the_last_five_runs_recur(runs: list[dict[str, Any]], found: tuple[int, int] | None) -> None:
    assert recurring("disk_space", runs) == found


def test_every_check_of_the_schema_has_a_lasting_fix_or_needs_none() -> None:
    names = set(SCHEMA["$defs"]["check_name"]["enum"])
    assert names == set(LASTING_FIXES) | TOLD_ONLY
