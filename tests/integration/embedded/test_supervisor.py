"""Order, readiness, restarts and failures of the supervisor."""

from __future__ import annotations

import os
import signal
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from embedded.errors import EmbeddedError
from embedded.supervisor import Process, Supervisor
from tests.integration.embedded.conftest import eventually


@pytest.fixture
def supervisor(tmp_path: Path) -> Iterator[Supervisor]:
    with Supervisor(tmp_path / "logs") as running:
        yield running


def shell(name: str, script: str, **how: object) -> Process:
    return Process(name=name, argv=("sh", "-c", script), **how)  # type: ignore[arg-type]


def test_start_returns_when_the_process_is_ready(supervisor: Supervisor, tmp_path: Path) -> None:
    mark = tmp_path / "ready"
    supervisor.start(shell("slow", f"sleep 0.3; touch {mark}; sleep 60", ready=mark.exists))
    assert mark.exists()


def test_one_that_is_started_ahead_is_waited_for_later(supervisor: Supervisor, tmp_path: Path) -> None:
    mark = tmp_path / "ready"
    wait_until_ready = supervisor.start_ahead(
        shell("slow", f"sleep 0.3; touch {mark}; sleep 60", ready=mark.exists)
    )
    assert not mark.exists()
    wait_until_ready()
    assert mark.exists()


def test_a_process_that_ends_before_it_is_ready_is_named_with_its_last_words(supervisor: Supervisor) -> None:
    with pytest.raises(EmbeddedError, match=r"(?s)broken ended with code 3\..*no such port"):
        supervisor.start(shell("broken", "echo no such port; exit 3", ready=lambda: False))


def test_a_process_that_never_gets_ready_is_named(supervisor: Supervisor) -> None:
    with pytest.raises(EmbeddedError, match=r"late was not ready in 0\.2 s"):
        supervisor.start(shell("late", "sleep 60", ready=lambda: False, ready_within_s=0.2))


def test_a_process_that_dies_is_started_again(supervisor: Supervisor) -> None:
    supervisor.start(shell("worker", "sleep 60"))
    first = supervisor.pids()["worker"]
    os.kill(first, signal.SIGKILL)
    assert eventually(lambda: supervisor.pids().get("worker", first) != first)


def test_what_a_dead_process_left_behind_is_gone_before_the_new_one(
    supervisor: Supervisor, tmp_path: Path
) -> None:
    note = tmp_path / "child"
    supervisor.start(shell("worker", f"sleep 60 & echo $! > {note}; wait", ready=note.exists))
    child = int(eventually(lambda: bool(note.read_text())) and note.read_text())
    os.kill(supervisor.pids()["worker"], signal.SIGKILL)
    assert eventually(lambda: not Path(f"/proc/{child}/cmdline").exists())


def test_a_process_that_keeps_dying_is_started_less_and_less_often(
    supervisor: Supervisor, tmp_path: Path
) -> None:
    starts = tmp_path / "starts"
    supervisor.start(shell("crashing", f"echo x >> {starts}"))
    time.sleep(2.5)
    assert 1 < len(starts.read_text().split()) <= 3


def test_who_is_dismissed_leaves_and_does_not_come_back(supervisor: Supervisor) -> None:
    supervisor.start(shell("stays", "sleep 60"), shell("leaves", "sleep 60"))
    stays = supervisor.pids()["stays"]
    supervisor.dismiss("leaves")
    assert supervisor.pids() == {"stays": stays}
    os.kill(stays, signal.SIGKILL)  # when this one is back, the other would be as well
    assert eventually(lambda: supervisor.pids().get("stays") not in {None, stays})
    assert set(supervisor.pids()) == {"stays"}


def test_batches_stop_in_reverse_order(tmp_path: Path) -> None:
    order = tmp_path / "order"
    script = "trap 'echo {0} >> {1}; exit' TERM; touch {2}/{0}; while :; do sleep 0.01; done"
    with Supervisor(tmp_path / "logs") as supervisor:
        for name in ("database", "site"):
            mark = tmp_path / name
            supervisor.start(shell(name, script.format(name, order, tmp_path), ready=mark.exists))
    assert order.read_text().split() == ["site", "database"]
