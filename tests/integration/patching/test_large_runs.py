"""What keeps a large run cheap: few pages read, fleets moved in pieces, no pause between two looks that send."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest

from patching.engine import control_loop, lease, rollout
from patching.operations import targets
from patching.states import Phase, TargetState
from portal.audit.models import AuditEvent
from portal.machine import mover
from tests.fakes import Clock, FakeCloud
from tests.integration.patching.stage import Stage

T = TargetState
PAGE = "ListCommandInvocations"
# Nobody is given up while these tests watch.
SLOW_HOSTS = {"gather_s": 20, "delivery_timeout_s": 3_000, "execution_timeout_s": 3_000}


def sent(stage: Stage, hosts: int) -> None:
    """Hosts whose patch command is out, and which do not answer yet."""
    for number in range(1, hosts + 1):
        stage.cloud.add(number, silent=True)
    run = stage.set(policy=SLOW_HOSTS)
    stage.until(lambda: run.targets.filter(state=T.IN_DISPATCH).count() == hosts)


def pages(stage: Stage) -> int:
    return len(stage.cloud.called(PAGE))


def answers(stage: Stage, number: int) -> None:
    stage.cloud.hosts[f"i-{number:017x}"].silent = False


def watch(stage: Stage, seconds: int) -> None:
    for _ in range(seconds // 2):
        stage.look()


def test_a_command_that_nobody_has_answered_is_not_read(stage: Stage) -> None:
    sent(stage, hosts=2)
    before = pages(stage)
    watch(stage, seconds=60)
    assert pages(stage) == before


def test_a_command_is_read_in_part_less_often_as_it_gets_older_and_at_once_when_complete(
    stage: Stage,
) -> None:
    sent(stage, hosts=4)
    before = pages(stage)
    read = []
    for number in (1, 2, 3, 4):
        answers(stage, number)
        watch(stage, seconds=24)
        read.append(pages(stage) - before)
    # At 20 s, then when the command is twice as old as at the last reading; the fourth answer completes it.
    assert read == [1, 2, 2, 3]
    assert stage.run.targets.filter(state__in=[T.DONE, T.LOST]).count() == 4, stage.states()


def test_one_tick_sends_all_that_may_go(stage: Stage, monkeypatch: pytest.MonkeyPatch) -> None:
    def now() -> datetime:
        stage.clock.forward(0.1)
        return stage.clock()

    for module in (control_loop, lease):
        monkeypatch.setattr(module, "database_now", now)
    monkeypatch.setattr(rollout, "MOST_AT_ONCE", 50)
    for number in range(1, 121):
        stage.cloud.add(number)
    run = stage.set()
    stage.until(lambda: run.targets.filter(state=T.READY).count() == 120)
    stage.clock.forward(120)
    control_loop.reconcile_due_runs(stage.cloud)
    assert run.dispatches.filter(phase=Phase.PATCH).count() == 3, "it waited for the next tick"


def test_a_run_that_falls_due_meanwhile_has_its_turn_in_the_same_tick(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    due, visited = iter([[1], [1, 2], []]), list[int]()

    def reconcile_under_lease(run_id: int, cloud: FakeCloud) -> bool:
        visited.append(run_id)
        return run_id == 1  # the large one, which has more to send

    monkeypatch.setattr(control_loop, "due", lambda now: next(due))
    monkeypatch.setattr(control_loop, "database_now", lambda: datetime(2026, 1, 1, tzinfo=UTC))
    monkeypatch.setattr(control_loop, "reconcile_under_lease", reconcile_under_lease)
    control_loop.reconcile_due_runs(FakeCloud(Clock()))
    assert visited == [1, 1, 2]


def test_a_fleet_moves_in_pieces_and_each_move_is_told(stage: Stage, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(mover, "AT_ONCE", 2)
    for number in range(1, 6):
        stage.cloud.add(number)
    run = stage.set()
    ids = set(run.targets.values_list("pk", flat=True))
    moved = targets.move(ids, T.SKIPPED, now=stage.clock(), code="cutoff", reason="Too late.")
    assert set(moved) == ids
    assert run.targets.filter(state=T.SKIPPED, reason="Too late.").count() == 5
    assert AuditEvent.objects.filter(kind="target.skipped", run_id=run.pk).count() == 5
