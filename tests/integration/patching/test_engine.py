"""The engine end to end on the AWS in memory: what is sent, to whom, how often, and what is left behind."""

from __future__ import annotations

from datetime import timedelta

import pytest

from aws.errors import AccessRefused, Ambiguous, Missing, Throttled
from exceptions.operations import approve, submit
from patching.models import AssetPatchState, Dispatch, PowerHold, Run
from patching.operations import pause as brake
from patching.operations.runs import halt, plan_due, start_now
from patching.states import DispatchState, RunState, TargetState, Verdict
from portal.access.rules import Conflict, Denied
from portal.audit.models import AuditEvent
from portal.tags.models import TagChange
from tests import cast
from tests.fakes import lose_answer
from tests.integration.patching.stage import Stage

T = TargetState


@pytest.fixture
def stage(db: None) -> Stage:
    return Stage()


def patch_sends(stage: Stage) -> list[str]:
    """Instance ids of every patch command that AWS accepted, in order, repeats included."""
    sent = [request for _, request in stage.cloud.commands.values() if "-Patch-" in request.document_name]
    return [item for request in sent for item in request.instance_ids]


def test_a_whole_run(stage: Stage) -> None:
    for number in range(1, 4):
        stage.cloud.add(number)
    run = stage.set()
    stage.to_the_end()

    assert run.targets.filter(state=T.DONE, verdict=Verdict.PATCHED).count() == 3, stage.states()
    assert run.state == RunState.FINISHED
    target = run.targets.first()
    assert (target.kernel_before, target.kernel_after, target.updated_count) == ("6.1.96", "6.1.112", 1)
    assert all(stage.tag(n, "ssm-patch-now") is None for n in (1, 2, 3))
    assert stage.tag(1, "LastPatched") == run.starts_at.strftime("%Y-%m-%dT%H:%M:%SZ")
    assert len(patch_sends(stage)) == 3
    assert AssetPatchState.objects.filter(last_verdict=Verdict.PATCHED, kernel_running="6.1.112").count() == 3
    assert [key for key in stage.cloud.stored if key.startswith("reports/")]


def test_the_fewest_calls(stage: Stage) -> None:
    for number in range(1, 61):
        stage.cloud.add(number)
    stage.set()
    stage.to_the_end()
    # 60 hosts: two commands for the checks, two for patching; one call for each tag that changes.
    assert len(stage.cloud.called("SendCommand")) == 4
    assert len(stage.cloud.called("CreateTags")) == 2
    assert len(stage.cloud.called("DeleteTags")) == 1
    assert not stage.cloud.called("GetCommandInvocation")


def test_nothing_leaves_before_the_start(stage: Stage) -> None:
    stage.cloud.add(1)
    run = stage.set()
    stage.until(lambda: run.targets.filter(state=T.READY).exists())
    assert stage.clock() < run.starts_at
    assert not patch_sends(stage)
    assert stage.tag(1, "ssm-patch-now") is None


def test_tags_before_during_after(stage: Stage) -> None:
    stage.cloud.add(1)
    run = stage.set()
    assert stage.tag(1, "ssm-patch-now") is None
    seen = []
    stage.cloud.before = lambda name: (
        seen.append(stage.tag(1, "ssm-patch-now")) if name == "SendCommand" else None
    )
    stage.to_the_end()
    assert seen == [None, str(run.pk)]  # the check goes out untagged, the patch command only to a tagged host
    assert stage.tag(1, "ssm-patch-now") is None


def test_an_exception_approved_before_the_send_keeps_the_host_out(stage: Stage) -> None:
    stage.cloud.add(1)
    stage.cloud.add(2)
    run = stage.set()
    stage.until(lambda: run.targets.filter(state=T.READY).count() == 2)
    asset = run.targets.get(asset__name="web-2").asset
    today = stage.clock().date()
    request = submit(assets=[asset], from_date=today, to_date=today + timedelta(days=3), time_zone="Europe/Berlin",
                     category="audit", reason="The auditors are here this week.", by=cast.ana() if cast.bo() else None,
                     now=stage.clock())  # fmt: skip
    approve(request=request, by=cast.bo(), now=stage.clock())
    stage.to_the_end()
    assert patch_sends(stage) == ["i-00000000000000001"]
    left = run.targets.get(asset=asset)
    assert (left.state, left.reason_code) == (T.SKIPPED, "excepted")
    assert "exception" in left.reason


def test_a_foreign_exception_tag_set_in_the_last_moment_keeps_the_host_out(stage: Stage) -> None:
    host = stage.cloud.add(1)
    run = stage.set()
    stage.until(lambda: run.targets.filter(state=T.READY).exists())
    host.instance.tags["PatchException"] = "2026-12-01/2026-12-31"
    stage.to_the_end()
    assert not patch_sends(stage)
    assert run.targets.get().reason_code == "foreign_exception"


def test_a_lost_answer_is_adopted_not_repeated(stage: Stage) -> None:
    stage.cloud.add(1)
    run = stage.set()
    stage.until(lambda: run.targets.filter(state=T.READY).exists())
    lose_answer(stage.cloud, "SendCommand")
    stage.to_the_end()
    assert patch_sends(stage) == ["i-00000000000000001"]
    dispatch = run.dispatches.get(phase="patch")
    assert dispatch.state == DispatchState.COLLECTED
    assert AuditEvent.objects.filter(kind="dispatch.adopted", subject_id=str(dispatch.pk)).exists()


def test_a_command_that_never_arrived_is_sent_again_after_the_settle_time(stage: Stage) -> None:
    stage.cloud.add(1)
    run = stage.set()
    stage.until(lambda: run.targets.filter(state=T.READY).exists())
    failing = [True]

    def before(name: str) -> None:
        if name == "SendCommand" and failing.pop():
            failing.append(False)
            raise Ambiguous("Connection reset.", operation=name)

    stage.cloud.before = before
    stage.until(lambda: run.dispatches.filter(state=DispatchState.UNKNOWN).exists())
    lost_at = stage.clock()
    stage.until(lambda: bool(patch_sends(stage)))
    assert stage.clock() - lost_at >= timedelta(seconds=20)
    stage.to_the_end()
    assert patch_sends(stage) == ["i-00000000000000001"]
    assert run.targets.get().verdict == Verdict.PATCHED


def test_throttling_costs_time_only(stage: Stage) -> None:
    stage.cloud.add(1)
    run = stage.set()
    left = [5]

    def before(name: str) -> None:
        if name in {"SendCommand", "CreateTags"} and left[0] > 0:
            left[0] -= 1
            raise Throttled("Rate exceeded", operation=name)

    stage.cloud.before = before
    stage.to_the_end()
    assert patch_sends(stage) == ["i-00000000000000001"]
    assert run.targets.get().verdict == Verdict.PATCHED


class Killed(BaseException):
    """kill -9: nothing of ours runs after it."""


@pytest.mark.parametrize("operation", ["CreateDocument", "SendCommand", "CreateTags", "DeleteTags", "ListCommands",
                                       "ListCommandInvocations", "GetObject", "PutObject", "StartInstances",
                                       "StopInstances"])  # fmt: skip
@pytest.mark.parametrize("moment", ["before", "after"])
@pytest.mark.django_db(transaction=True)
def test_a_worker_killed_at_any_call(operation: str, moment: str) -> None:
    stage = Stage()
    stage.cloud.add(1)
    stage.cloud.add(2, state="stopped")
    run = stage.set()
    deaths = [3]

    def die(name: str) -> None:
        if name == operation and deaths[0] > 0:
            deaths[0] -= 1
            raise Killed

    setattr(stage.cloud, moment, die)
    for _ in range(400):
        try:
            stage.look()
        except Killed:
            run.refresh_from_db()
        if run.state == RunState.FINISHED:
            break
    assert deaths[0] < 3 or (moment == "after" and operation in {"CreateDocument", "ListCommands", "GetObject",
                                                                 "ListCommandInvocations", "PutObject"})  # fmt: skip
    assert run.state == RunState.FINISHED, stage.states()
    for host in stage.cloud.hosts.values():
        assert len(host.executed) == 1, f"{host.instance.instance_id} ran {host.executed}"
        assert "ssm-patch-now" not in host.instance.tags
        assert "PatchPortal:Wake" not in host.instance.tags
    assert stage.cloud.hosts["i-00000000000000002"].instance.state == "stopped"
    assert not TagChange.objects.filter(state__in=["wanted", "writing"]).exists()


def test_a_stopped_host_is_started_and_stopped_again(stage: Stage) -> None:
    host = stage.cloud.add(1, state="stopped")
    run = stage.set()
    stage.until(lambda: host.instance.state == "running")
    assert stage.tag(1, "PatchPortal:Wake") == str(run.pk)
    stage.to_the_end()
    assert run.targets.get().verdict == Verdict.PATCHED
    assert host.instance.state == "stopped"
    assert stage.tag(1, "PatchPortal:Wake") is None


def test_a_host_taken_over_by_somebody_is_left_running(stage: Stage) -> None:
    host = stage.cloud.add(1, state="stopped")
    run = stage.set()
    stage.until(lambda: run.targets.filter(state=T.READY).exists())
    host.instance.tags.pop("PatchPortal:Wake")
    stage.to_the_end()
    assert host.instance.state == "running"
    assert PowerHold.objects.get().state == "kept"


def test_a_host_that_never_comes_online_is_blocked_and_stopped_again(stage: Stage) -> None:
    host = stage.cloud.add(1, state="stopped", online=False)
    run = stage.set()
    stage.to_the_end()
    target = run.targets.get()
    assert (target.state, target.reason_code) == (T.BLOCKED, "not_started")
    assert host.instance.state == "stopped"
    assert not patch_sends(stage)


def test_a_failed_check_is_repeated_with_all_fixes_then_blocks(stage: Stage) -> None:
    stage.cloud.add(1, precheck="blocked")
    run = stage.set()
    stage.to_the_end()
    target = run.targets.get()
    assert (target.state, target.reason_code) == (T.BLOCKED, "disk_full")
    assert "900 MB" in target.reason
    fixes = [request.parameters["Fixes"][0] for _, request in stage.cloud.commands.values()]
    assert fixes == ["early", "all"]
    assert not patch_sends(stage)


def test_a_check_mended_at_the_start_lets_the_host_in(stage: Stage) -> None:
    host = stage.cloud.add(1, precheck="blocked")
    run = stage.set()
    stage.until(lambda: run.targets.filter(attempt=2).exists())
    host.precheck = "ready"
    stage.to_the_end()
    assert run.targets.get().verdict == Verdict.PATCHED


def test_a_silent_host_is_written_off_with_a_reason(stage: Stage) -> None:
    stage.cloud.add(1, silent=True)
    stage.cloud.add(2)
    run = stage.set()
    stage.to_the_end()
    lost = run.targets.get(asset__name="web-1")
    assert (lost.state, lost.verdict) == (T.LOST, Verdict.UNKNOWN)
    assert lost.reason
    assert run.targets.get(asset__name="web-2").verdict == Verdict.PATCHED
    assert stage.tag(1, "LastPatched") is None
    assert stage.tag(1, "ssm-patch-now") is None


def test_a_pause_stops_every_send_and_a_resume_lets_it_go_on(stage: Stage) -> None:
    stage.cloud.add(1)
    run = stage.set()
    stage.until(lambda: run.targets.filter(state=T.READY).exists())
    brake.pause(by=cast.ada(), reason="A fire drill.", now=stage.clock())
    for _ in range(80):
        stage.look()
    assert not patch_sends(stage)
    brake.resume(by=cast.ada(), now=stage.clock())
    stage.to_the_end()
    assert patch_sends(stage) == ["i-00000000000000001"]


def test_a_halt_keeps_what_is_not_sent_and_cleans_up(stage: Stage) -> None:
    stage.cloud.add(1)
    stage.cloud.add(2, state="stopped")
    run = stage.set()
    stage.until(lambda: run.targets.filter(state=T.READY).count() == 2)
    halt(run=run, by=cast.ada(), reason="The shop is down.", now=stage.clock())
    stage.to_the_end()
    assert run.state == RunState.HALTED
    assert not patch_sends(stage)
    assert {row.reason for row in run.targets.all()} == {"The run was halted: The shop is down."}
    assert stage.cloud.hosts["i-00000000000000002"].instance.state == "stopped"
    with pytest.raises(Conflict):
        halt(run=run, by=cast.ada(), reason="Again.", now=stage.clock())


def test_only_admins_halt(stage: Stage) -> None:
    stage.cloud.add(1)
    run = stage.set()
    with pytest.raises(Denied, match="patch admin"):
        halt(run=run, by=cast.ana(), reason="I want it.", now=stage.clock())


def test_one_bad_host_does_not_take_its_batch_along(stage: Stage) -> None:
    stage.cloud.add(1)
    stage.cloud.add(2)
    run = stage.set()
    stage.until(lambda: run.targets.filter(state=T.READY).count() == 2)

    def before(name: str) -> None:
        if name == "SendCommand" and run.dispatches.filter(phase="patch", instance_ids__contains="i-00000000000000002",
                                                           state="sending").exists():  # fmt: skip
            raise Missing("Invalid instance", code="InvalidInstanceId", ids=("i-00000000000000002",))

    stage.cloud.before = before
    stage.to_the_end()
    assert run.targets.get(asset__name="web-1").verdict == Verdict.PATCHED
    bad = run.targets.get(asset__name="web-2")
    assert (bad.state, bad.reason_code) == (T.BLOCKED, "refused")


def test_an_account_that_refuses_keeps_nobody_else_waiting(stage: Stage) -> None:
    stage.cloud.add(1)
    run = stage.set()

    def before(name: str) -> None:
        if name == "SendCommand":
            raise AccessRefused("The role may not send commands.", code="AccessDenied")

    stage.cloud.before = before
    stage.to_the_end()
    assert run.targets.get().state == T.BLOCKED
    assert "may not send" in run.targets.get().reason


def test_two_of_one_cluster_are_never_in_flight_together(stage: Stage) -> None:
    for number in (1, 2):
        stage.cloud.add(number, tags={"Name": f"db-{number}", "Application": "payments", "Owner": "x",
                                      "PatchCluster": "db"})  # fmt: skip
    run = stage.set()
    most = [0]

    def before(name: str) -> None:
        most[0] = max(most[0], run.targets.filter(state=T.IN_DISPATCH).count())

    stage.cloud.before = before
    stage.to_the_end()
    assert most[0] == 1
    assert run.targets.filter(verdict=Verdict.PATCHED).count() == 2


def test_a_run_that_nobody_began_is_missed(stage: Stage) -> None:
    stage.cloud.add(1)
    run = stage.set()
    stage.look(seconds=4 * 3600)
    assert run.state == RunState.MISSED
    assert run.targets.get().reason_code == "missed"
    assert not patch_sends(stage)


def test_planning_twice_makes_one_run(stage: Stage) -> None:
    stage.cloud.add(1)
    stage.set()
    assert plan_due(now=stage.clock()) == []
    assert Run.objects.filter(window=stage.window).count() == 1


def test_one_broken_window_does_not_stop_the_others(stage: Stage) -> None:
    stage.cloud.add(1)
    cast.a_window(name="AAA broken", time_zone="Mars/Olympus")
    assert stage.set().targets.count() == 1


def test_a_check_only_run_patches_nobody(stage: Stage) -> None:
    stage.cloud.add(1)
    stage.set()
    stage.run = start_now(window=stage.window, by=cast.ada(), now=stage.clock(), check_only=True)
    stage.to_the_end()
    assert not patch_sends(stage)
    assert stage.run.targets.get().state == T.DONE
    assert stage.tag(1, "LastPatched") is None


def test_too_many_failures_halt_the_run(stage: Stage) -> None:
    for number in range(1, 13):
        stage.cloud.add(number, patch="failed" if number <= 6 else "patched")
    run = stage.set(policy={"concurrency": 6, "stop_at_least": 3, "stop_at_error_percent": 20})
    stage.to_the_end()
    assert run.state == RunState.HALTED
    assert "6 of 6" in run.reason
    assert len(patch_sends(stage)) == 6


def test_every_move_has_its_audit_event(stage: Stage) -> None:
    stage.cloud.add(1)
    run = stage.set()
    stage.to_the_end()
    kinds = list(AuditEvent.objects.filter(run_id=run.pk).order_by("pk").values_list("kind", flat=True))
    for kind in ("run.planned", "run.waking", "run.checking", "run.patching", "run.verifying", "run.finished",
                 "target.checking", "target.ready", "target.in_dispatch", "target.done", "dispatch.sending",
                 "dispatch.sent", "dispatch.collected", "tag.verified"):  # fmt: skip
        assert kind in kinds, kind
    assert Dispatch.objects.filter(run=run).count() == 2


def test_a_deleted_document_is_published_again(stage: Stage) -> None:
    stage.cloud.add(1)
    run = stage.set()
    stage.until(lambda: run.targets.filter(state=T.READY).exists())
    published = len(stage.cloud.called("CreateDocument"))
    left = [1]

    def before(name: str) -> None:
        if name == "SendCommand" and left.pop():
            left.append(0)
            raise Missing("The document does not exist.", code="InvalidDocument")

    stage.cloud.before = before
    stage.to_the_end()
    assert run.targets.get().verdict == Verdict.PATCHED
    assert len(stage.cloud.called("CreateDocument")) == published + 1
