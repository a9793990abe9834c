"""The phases of a reconcile: in order, each whatever became of the one before; the earliest time asked for wins."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from datetime import datetime, timedelta

import pytest
from celery.exceptions import SoftTimeLimitExceeded
from django.db import OperationalError

from aws.errors import AccessRefused
from patching.engine import control_loop, reconcile
from patching.engine.lease import LeaseLost
from patching.engine.reconcile import PHASES, Phase, reconcile_run
from patching.engine.scope import INTERVAL, Scope
from patching.models import Run
from patching.states import RunState
from portal.audit.models import AuditEvent
from tests.fakes import Clock, FakeCloud
from tests.integration.patching.stage import Stage
from tests.integration.patching.test_lease import a_run

pytestmark = pytest.mark.django_db
SECOND = timedelta(seconds=1)
Act = Callable[[Scope], datetime | None]
SELDOM = {
    "remove_from_finished",
    "try_requirements",
    "expire_starts",
    "send_rescans",
    "enforce_deadlines",
}  # no work on a good night; harmless without any


class Recorder:
    """Phases of a test: each notes that it was reached, then raises or answers as told."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.clock, self.reached = Clock(), list[str]()
        self.run = a_run()
        self.monkeypatch = monkeypatch

    def reconcile(self, **phases: BaseException | datetime | None) -> datetime | None:
        made = tuple(Phase(self._act(name, does), lambda seen: True) for name, does in phases.items())
        self.monkeypatch.setattr(reconcile, "PHASES", made)
        return reconcile_run(self.run.pk, cloud=FakeCloud(self.clock), clock=self.clock)

    def _act(self, name: str, does: BaseException | datetime | None) -> Act:
        def act(scope: Scope) -> datetime | None:
            self.reached.append(name)
            if isinstance(does, BaseException):
                raise does
            return does

        act.__name__ = name
        return act

    def told(self) -> list[str]:
        rows = AuditEvent.objects.filter(kind="run.trouble", run_id=self.run.pk).order_by("pk")
        return list(rows.values_list("summary", flat=True))


@pytest.fixture
def recorder(monkeypatch: pytest.MonkeyPatch) -> Recorder:
    return Recorder(monkeypatch)


@pytest.mark.parametrize("error", [AccessRefused("No."), ValueError("nobody foresaw it"), KeyError("State")])
def test_a_phase_that_fails_never_stops_a_later_one(recorder: Recorder, error: Exception) -> None:
    recorder.reconcile(first=error, second=None, third=error, last=None)
    assert recorder.reached == ["first", "second", "third", "last"]


@pytest.mark.parametrize("error", [SoftTimeLimitExceeded(), LeaseLost("gone"), OperationalError("closed")])
def test_what_ends_the_work_ends_it_at_once(recorder: Recorder, error: Exception) -> None:
    with pytest.raises(type(error)):
        recorder.reconcile(first=None, second=error, last=None)
    assert recorder.reached == ["first", "second"]
    assert recorder.told() == []


def test_the_earliest_time_for_the_next_reconcile_wins(recorder: Recorder) -> None:
    now = recorder.clock()
    asked = {"first": now + 3 * SECOND, "second": now + SECOND, "third": None, "last": now + 5 * SECOND}
    assert recorder.reconcile(**asked) == now + SECOND


def test_a_phase_that_failed_is_tried_again_soon(recorder: Recorder) -> None:
    now = recorder.clock()
    later = now + timedelta(hours=1)
    assert recorder.reconcile(first=later, second=ValueError("odd"), last=later) == now + INTERVAL


def test_each_phase_tells_its_trouble_once_while_it_lasts(recorder: Recorder) -> None:
    for _ in range(3):
        recorder.reconcile(first=AccessRefused("The role is gone."), second=ValueError("odd\nand more"))
    assert recorder.told() == [
        "AWS: The role is gone.",
        "A step of this run failed and will be tried again. ValueError: odd",
    ]
    recorder.reconcile(first=AccessRefused("Another reason."), second=None)
    assert recorder.told()[2:] == ["AWS: Another reason."]


def test_a_phase_without_work_is_passed_over(recorder: Recorder, monkeypatch: pytest.MonkeyPatch) -> None:
    act = recorder._act("idle", None)
    monkeypatch.setattr(reconcile, "PHASES", (Phase(act, lambda seen: False),))
    reconcile_run(recorder.run.pk, cloud=FakeCloud(recorder.clock), clock=recorder.clock)
    assert recorder.reached == []


def test_a_run_that_is_over_is_not_due_again(recorder: Recorder) -> None:
    Run.objects.filter(pk=recorder.run.pk).update(state=RunState.FINISHED)
    assert recorder.reconcile(first=recorder.clock()) is None
    assert recorder.reached == []


@pytest.mark.parametrize("broken", [phase.act.__name__ for phase in PHASES])
def test_each_real_phase_may_fail_at_its_first_try(broken: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Whatever fails once unforeseen, the run comes to the same end, with no tag left and its host asleep again."""
    stage = Stage()
    stage.cloud.add(1, state="stopped")
    stage.cloud.add(2)
    run = stage.set(policy={"snapshot": "root"})
    tries: list[str] = []

    def fails_once(phase: Phase) -> Phase:
        def act(scope: Scope) -> datetime | None:
            tries.append(broken)
            if len(tries) == 1:
                raise ValueError("nobody foresaw it")
            return phase.act(scope)

        act.__name__ = phase.act.__name__
        has_work = (lambda seen: True) if broken in SELDOM else phase.has_work
        return replace(phase, act=act, has_work=has_work)

    changed = tuple(fails_once(phase) if phase.act.__name__ == broken else phase for phase in PHASES)
    monkeypatch.setattr(reconcile, "PHASES", changed)
    stage.to_the_end()
    run.refresh_from_db()
    assert run.state == RunState.FINISHED
    assert tries, "it never had work"
    assert set(run.targets.values_list("verdict", flat=True)) == {"patched"}, stage.states()
    assert stage.tag(1, "ssm-patch-now") is None
    assert stage.tag(2, "ssm-patch-now") is None
    assert stage.cloud.hosts["i-00000000000000001"].instance.state == "stopped"


def test_an_unforeseen_failure_of_the_whole_run_is_no_circle_within_one_tick(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    seen: list[int] = []

    def fails(run_id: int, **_: object) -> datetime | None:
        seen.append(run_id)
        raise ValueError("nobody foresaw it")

    runs = [a_run(name="broken"), a_run(name="other")]
    monkeypatch.setattr(control_loop, "reconcile_run", fails)
    control_loop.reconcile_due_runs(FakeCloud(Clock()))
    assert sorted(seen) == sorted(run.pk for run in runs)
    assert not Run.objects.exclude(lease_token=None).exists()
