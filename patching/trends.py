"""Which faults count as recurring. Pure."""

from __future__ import annotations

from collections.abc import Iterable

from patching.checks import LASTING_FIXES
from patching.documents.host_report import Check

NEEDED, OUT_OF = 3, 5  # the same fault in 3 of the last 5 runs


def troubled(checks: Iterable[Check]) -> dict[str, tuple[str, bool]]:
    """check → (what it said, whether the repair worked), for checks that failed or had to be repaired."""
    found = {}
    for check in checks:
        fixed = check.fix.tried and check.ok
        if check.name in LASTING_FIXES and (fixed or not check.ok):
            found[check.name] = (check.fix.detail if fixed else check.detail, fixed)
    return found


def recurring(name: str, runs: Iterable[Iterable[Check]]) -> tuple[int, int] | None:
    """(runs with trouble, runs looked at) when a check had trouble in enough of the last runs; else None."""
    looked = list(runs)[:OUT_OF]
    count = sum(name in troubled(checks) for checks in looked)
    return (count, len(looked)) if count >= NEEDED else None
