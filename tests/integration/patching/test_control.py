"""An admin steers a run: retry, leave out, extend. Each with permission, reason and audit, safe at any moment."""

from __future__ import annotations

from datetime import timedelta

import pytest

from patching.models import Run
from patching.operations import runs
from patching.operations.control import extend, retry, skip
from patching.operations.runs import halt
from patching.states import RunState, TargetState, Verdict
from portal.access.rules import Conflict, Denied, Invalid
from portal.audit.models import AuditEvent
from tests import cast
from tests.integration.patching.stage import Stage

T = TargetState


def runs_of(stage: Stage, number: int) -> int:
    """How often the patch document ran on a host."""
    return len(stage.cloud.hosts[f"i-{number:017x}"].executed)


def one_failed_one_silent(stage: Stage) -> Run:
    """Server 1 failed, and server 2 keeps the run open."""
    host = stage.cloud.add(1, patch="failed")
    stage.cloud.add(2, silent=True)
    run = stage.set(policy={"stop_at_error_percent": 100})
    stage.until(lambda: run.targets.get(asset__name="web-1").state == T.DONE)
    host.patch = "patched"
    return run


def test_a_failed_server_is_tried_again_as_a_new_attempt(stage: Stage) -> None:
    run = one_failed_one_silent(stage)
    assert retry(run=run, by=cast.ada(), reason="The mirror is back.", now=stage.clock()) == run
    target = run.targets.get(asset__name="web-1")
    assert (target.state, target.attempt, target.verdict) == (T.WAITING, 2, "")
    stage.to_the_end()
    target.refresh_from_db()
    assert target.verdict == Verdict.PATCHED
    assert runs_of(stage, 1) == 2
    attempts = target.dispatched.filter(phase="patch").values_list("attempt", flat=True)
    assert sorted(attempts) == [1, 2]
    told = AuditEvent.objects.get(kind="target.retried")
    assert told.summary == "web-1: tried again. The mirror is back."
    assert stage.tag(1, "ssm-patch-now") is None
    assert stage.tag(1, "LastPatched")


def test_only_what_failed_is_tried_again(stage: Stage) -> None:
    stage.cloud.add(1)
    stage.cloud.add(2, silent=True)
    run = stage.set()
    stage.until(lambda: run.targets.get(asset__name="web-1").state == T.DONE)
    with pytest.raises(Invalid, match="None of these servers failed"):
        retry(run=run, by=cast.ada(), reason="Once more.", now=stage.clock())
    with pytest.raises(Denied):
        retry(run=run, by=cast.ana(), reason="Mine.", now=stage.clock())
    with pytest.raises(Invalid, match="Write a reason"):
        retry(run=run, by=cast.ada(), reason=" ", now=stage.clock())


def test_after_the_end_a_retry_is_a_run_of_its_own(stage: Stage) -> None:
    first = stage.cloud.add(1, patch="failed")
    stage.cloud.add(2)
    run = stage.set(policy={"stop_at_error_percent": 100})
    stage.to_the_end()
    first.patch = "patched"
    again = retry(run=run, by=cast.ada(), reason="The disk is bigger now.", now=stage.clock())
    assert again.pk != run.pk
    assert again.retry_of == run
    assert again.cutoff_at - again.starts_at == run.cutoff_at - run.starts_at
    assert [row.asset.name for row in again.targets.select_related("asset")] == ["web-1"]
    stage.run = again
    stage.to_the_end()
    assert again.targets.get().verdict == Verdict.PATCHED
    assert runs_of(stage, 2) == 1


def test_a_blocked_server_is_checked_again_and_patched(stage: Stage) -> None:
    host = stage.cloud.add(1, precheck="blocked")
    stage.cloud.add(2, silent=True)
    run = stage.set(policy={"fixes": "none"})
    stage.until(lambda: run.targets.get(asset__name="web-1").state == T.BLOCKED)
    stage.until(lambda: run.targets.get(asset__name="web-2").state == T.IN_DISPATCH)
    host.precheck = "ready"
    retry(run=run, by=cast.ada(), reason="Cleaned by hand.", now=stage.clock())
    stage.to_the_end()
    assert run.targets.get(asset__name="web-1").verdict == Verdict.PATCHED


def test_a_retry_just_before_the_run_would_begin_to_end_keeps_it_going(
    stage: Stage, monkeypatch: pytest.MonkeyPatch
) -> None:
    host = stage.cloud.add(1, patch="failed")
    run, lock = stage.set(policy={"stop_at_error_percent": 100}), runs.lock

    def retried_first(row: Run) -> Run:
        """The engine has seen every server over, and an admin is a moment faster than its lock."""
        if row.state == RunState.PATCHING and host.patch == "failed":
            host.patch = "patched"
            with monkeypatch.context() as patch:
                patch.setattr(runs, "lock", lock)
                retry(run=run, by=cast.ada(), reason="Cleaned by hand.", now=stage.clock())
        return lock(row)

    monkeypatch.setattr(runs, "lock", retried_first)
    stage.until(lambda: host.patch == "patched")
    assert stage.run.state == RunState.PATCHING
    stage.to_the_end()
    target = run.targets.get()
    assert (target.verdict, target.attempt, runs_of(stage, 1)) == (Verdict.PATCHED, 2, 2)


def test_one_server_is_left_out_before_it_is_sent(stage: Stage) -> None:
    stage.cloud.add(1)
    stage.cloud.add(2)
    run = stage.set()
    stage.until(lambda: run.targets.filter(state=T.READY).count() == 2)
    target = run.targets.get(asset__name="web-1")
    with pytest.raises(Denied):
        skip(target=target, by=cast.ana(), reason="Mine.", now=stage.clock())
    skip(target=target, by=cast.ada(), reason="Its owner called.", now=stage.clock())
    stage.to_the_end()
    target.refresh_from_db()
    assert (target.state, target.reason) == (T.SKIPPED, "Left out by Ada: Its owner called.")
    assert runs_of(stage, 1) == 0
    assert runs_of(stage, 2) == 1


def test_what_is_sent_cannot_be_left_out(stage: Stage) -> None:
    stage.cloud.add(1, silent=True)
    run = stage.set()
    stage.until(lambda: run.targets.get().state == T.IN_DISPATCH)
    with pytest.raises(Conflict, match="web-1 is patching: only what has not been sent"):
        skip(target=run.targets.get(), by=cast.ada(), reason="Too late.", now=stage.clock())


def test_a_later_cutoff_lets_more_go_out(stage: Stage) -> None:
    stage.cloud.add(1)
    run = stage.set()
    stage.until(lambda: run.targets.filter(state=T.READY).exists())
    before = run.cutoff_at
    extend(run=run, minutes=90, by=cast.ada(), reason="The mirror was slow.", now=stage.clock())
    run.refresh_from_db()
    assert run.cutoff_at - before == timedelta(minutes=90)
    assert run.ends_at >= run.cutoff_at
    event = AuditEvent.objects.get(kind="run.extended")
    assert event.summary == "Cutoff 90 minutes later: The mirror was slow."
    stage.clock.now = before + timedelta(minutes=10)
    stage.to_the_end()
    assert run.targets.get().verdict == Verdict.PATCHED


@pytest.mark.parametrize("minutes", [0, -5, 241])
def test_an_extension_has_bounds(stage: Stage, minutes: int) -> None:
    stage.cloud.add(1)
    run = stage.set()
    with pytest.raises(Invalid, match="choose 1 to 240"):
        extend(run=run, minutes=minutes, by=cast.ada(), reason="More.", now=stage.clock())


def test_what_is_over_is_neither_extended_nor_kept_open(stage: Stage) -> None:
    stage.cloud.add(1)
    run = stage.set()
    halt(run=run, by=cast.ada(), reason="The shop is down.", now=stage.clock())
    with pytest.raises(Conflict, match="halting"):
        extend(run=run, minutes=10, by=cast.ada(), reason="More.", now=stage.clock())
    with pytest.raises(Denied):
        extend(run=run, minutes=10, by=cast.ana(), reason="More.", now=stage.clock())
    stage.to_the_end()
    assert run.state == RunState.HALTED


def test_a_passed_cutoff_is_not_moved(stage: Stage) -> None:
    stage.cloud.add(1)
    run = stage.set()
    with pytest.raises(Conflict, match="Retry those servers instead"):
        extend(run=run, minutes=10, by=cast.ada(), reason="Late.", now=run.cutoff_at + timedelta(minutes=1))
