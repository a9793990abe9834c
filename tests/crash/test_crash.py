"""A sample of the kill points on the live stack; `script/crash` plays all of them.

One stack serves all: first undisturbed with two beats, then with one and kills, then with a deliberate bug.
"""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

import pytest

from tests.fresh import seed

ROOT = Path(__file__).resolve().parents[2]
POINTS, FRESH = 18, 6
BUG, POINT = "adopts_nothing", "SendCommand #1 lost: nobody"


@pytest.fixture(scope="module")
def done() -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "tests.crash", "--some", str(POINTS), "--fresh", str(FRESH)]
    command += ["--fresh-seed", str(seed())]
    command += ["--beats", "2", "--workers", "2", "--then-one-beat"]
    command += ["--then-mutant", BUG, "--mutant-point", POINT]
    return subprocess.run(
        command, cwd=ROOT, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, check=False
    )


@pytest.fixture
def told(done: subprocess.CompletedProcess[str]) -> str:
    print(done.stdout)
    return done.stdout


@pytest.mark.timeout(1800)
def test_no_kill_breaks_a_promise(done: subprocess.CompletedProcess[str], told: str) -> None:
    assert done.returncode == 0
    reached = re.search(r"(\d+) kill points reached, (\d+) not reached, 0 violations", told)
    assert reached
    assert int(reached[1]) >= 14
    assert "every invariant holds" in told
    assert f"--fresh {FRESH} --fresh-seed {seed()}" in told


@pytest.mark.timeout(1800)
def test_a_command_that_nobody_adopts_is_found(told: str) -> None:
    """The proof that the crash test sees something: with this bug a lost answer is a second command."""
    found = told.partition(f"with {BUG}: found")[2]
    assert re.search(rf"\[{POINT}\] run \d+: I3: AWS accepted dispatch \S+ 2 times", found)


@pytest.mark.timeout(1800)
def test_two_beats_and_two_workers_do_everything_once(told: str) -> None:
    """Every dispatch is accepted once (tests/crash/testimony.py), although each tick comes twice."""
    undisturbed = told.partition("calls of a run")[0]
    assert "ok: no kill" in undisturbed
    numbers = {name: int(count) for name, count in re.findall(r"\b((?:worker|beat)-\d) (\d+)", undisturbed)}
    assert set(numbers) == {"beat-1", "beat-2", "worker-1", "worker-2"}
    assert min(numbers.values()) > 5
