"""Each way in which a check can fail has a next step, and somebody who takes it."""

from __future__ import annotations

import re
from pathlib import Path

from aws.errors import AccessRefused, Silent
from aws.ports import ManagedNode
from patching.engine.nodes import _blocked_by, _why_not
from patching.next_steps import STEPS, UNKNOWN, next_step
from patching.states import TargetState

ROOT = Path(__file__).resolve().parents[3]
SAID = re.compile(r'(?:BLOCKED,(?:[^\n]*?code=)? ?|\bto, now=now, code=|code, said = )"(\w+)"')


def codes_of_the_host() -> set[str]:
    """Of the column `Blocks with`."""
    table = (ROOT / "docs/checks.md").read_text().splitlines()
    rows = [line.split("|") for line in table if line.startswith("| `")]
    checks = {row[1].strip(" `") for row in rows}  # the column names some of them, too
    return {code for row in rows for code in re.findall(r"`(\w+)`", row[3])} - checks


def codes_of_the_engine() -> set[str]:
    files = [*ROOT.glob("patching/engine/*.py"), *ROOT.glob("patching/operations/*.py")]
    said = {code for file in files for code in SAID.findall(file.read_text())} - {
        "answer_lost"
    }  # of a patch alone
    lost = _why_not(ManagedNode("i-1", "ConnectionLost"))
    unknown = _why_not(None)
    assert lost
    assert unknown
    return said | {lost[0], unknown[0], _blocked_by(AccessRefused("no"))[0], _blocked_by(Silent("no"))[0]}


def test_every_code_that_blocks_has_a_step() -> None:
    host, engine = codes_of_the_host(), codes_of_the_engine()
    assert {"disk_full", "repository_unsigned", "base_repository_missing", "security_unknown"} <= host
    assert {"no_report", "not_started", "tag_refused", "no_snapshot", "refused"} <= engine
    assert (host | engine) - set(STEPS) == set()


def test_only_a_failed_check_has_one() -> None:
    assert next_step(TargetState.BLOCKED, "disk_full") is STEPS["disk_full"]
    assert next_step(TargetState.BLOCKED, "of a later version") is UNKNOWN
    assert next_step(TargetState.SKIPPED, "disk_full") is None


def test_each_is_a_whole_sentence() -> None:
    assert [step.what for step in STEPS.values() if not re.fullmatch(r"[A-Z][^.]*\.", step.what)] == []
