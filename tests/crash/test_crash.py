"""A sample of the kill points on the live stack; `script/crash` plays all of them."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]


def crash(*arguments: str) -> tuple[int, str]:
    command = [sys.executable, "-m", "tests.crash", *arguments]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    return done.returncode, done.stdout + done.stderr


@pytest.mark.timeout(1800)
def test_no_kill_breaks_a_promise() -> None:
    code, told = crash("--some", "18")
    assert code == 0, told
    reached = re.search(r"(\d+) kill points reached, (\d+) not reached, 0 violations", told)
    assert reached, told
    assert int(reached[1]) >= 14, told
    assert "every invariant holds" in told


@pytest.mark.timeout(1800)
def test_a_command_that_nobody_adopts_is_found() -> None:
    """The proof that the crash test sees something: with this bug a lost answer is a second command."""
    code, told = crash("--lanes", "1", "--point", "SendCommand #1 lost: nobody", "--mutant", "adopts_nothing")
    assert code == 1, told
    assert re.search(
        r"\[SendCommand #1 lost: nobody\] run \d+: I3: AWS accepted dispatch \S+ 2 times", told
    ), told


@pytest.mark.timeout(1800)
def test_two_beats_and_two_workers_do_everything_once() -> None:
    """Every dispatch is accepted once (tests/crash/testimony.py), although each tick comes twice."""
    code, told = crash("--undisturbed", "--beats", "2", "--workers", "2", "--lanes", "2")
    assert code == 0, told
    numbers = {name: int(count) for name, count in re.findall(r"\b((?:worker|beat)-\d) (\d+)", told)}
    assert set(numbers) == {"beat-1", "beat-2", "worker-1", "worker-2"}, told
    assert min(numbers.values()) > 5, told
