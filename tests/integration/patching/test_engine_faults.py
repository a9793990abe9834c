"""The engine on an AWS that throttles, loses answers, refuses, kills workers, and on hosts that stay silent."""

from __future__ import annotations

from datetime import timedelta

import pytest
from django.urls import reverse

from aws.errors import AccessRefused, Ambiguous, Missing, Refused, Throttled
from patching.models import HostReport, PowerHold
from patching.operations import pause as brake
from patching.operations.runs import halt
from patching.states import DispatchState, Phase, RunState, TargetState, Verdict
from portal.access.rules import Conflict, Denied
from portal.audit.models import AuditEvent
from portal.tags.models import TagChange
from tests import cast
from tests.fakes import lose_answer
from tests.integration.patching.stage import Stage
from tests.integration.patching.test_pages import browser

T = TargetState
OTHER = "444455556666"


def patch_sends(stage: Stage) -> list[str]:
    """Instance ids of every patch command that AWS accepted, in order, repeats included."""
    sent = [request for _, request in stage.cloud.commands.values() if "-Patch-" in request.document_name]
    return [item for request in sent for item in request.instance_ids]


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


def test_a_silent_host_is_written_off_with_a_reason(stage: Stage) -> None:
    stage.cloud.add(1, silent=True, gone_silent=True)
    stage.cloud.add(2)
    run = stage.set()
    stage.to_the_end()
    lost = run.targets.get(asset__name="web-1")
    assert (lost.state, lost.verdict) == (T.LOST, Verdict.UNKNOWN)
    assert lost.reason
    assert run.targets.get(asset__name="web-2").verdict == Verdict.PATCHED
    assert stage.tag(1, "LastPatched") is None
    assert stage.tag(1, "ssm-patch-now") is None


def test_a_silent_host_that_answers_a_look_is_judged_by_it(stage: Stage) -> None:
    """Its command was never begun, as the look finds: nothing is unknown about it."""
    stage.cloud.add(1, silent=True)
    run = stage.set()
    stage.to_the_end()
    target = run.targets.get()
    assert (target.state, target.verdict, target.agreement) == (T.DONE, Verdict.FAILED, "agrees")
    [look] = run.dispatches.filter(phase=Phase.VERIFY)
    assert look.rows.get().target == target
    asked = run.dispatches.get(phase=Phase.PATCH).pk
    [sent] = [
        request for _, request in stage.cloud.commands.values() if "AfterDispatch" in request.parameters
    ]
    assert sent.parameters["AfterDispatch"] == [str(asked)]
    assert sent.parameters["Fixes"] == ["none"]
    assert target.reason.endswith("Its own report never arrived; a look afterwards found this.")
    report = HostReport.objects.get(phase=Phase.PATCH)
    page = browser(cast.ada()).get(reverse("reports:host-report", args=[target.asset_id, report.pk]))
    assert "made by a look at the server, because its own report never arrived" in page.content.decode()


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


def test_too_many_failures_halt_the_run(stage: Stage) -> None:
    for number in range(1, 13):
        stage.cloud.add(number, patch="failed" if number <= 6 else "patched")
    run = stage.set(policy={"concurrency": 6, "stop_at_least": 3, "stop_at_error_percent": 20})
    stage.to_the_end()
    assert run.state == RunState.HALTED
    assert "6 of 6" in run.reason
    assert len(patch_sends(stage)) == 6


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


def test_a_send_that_the_rate_limit_could_carry_past_its_limit_is_not_tried(stage: Stage) -> None:
    """The wait for a token is counted in: what is claimed seconds before the cutoff never leaves after it."""
    stage.cloud.add(1)
    run = stage.set()
    stage.until(lambda: run.targets.filter(state=T.READY).exists())
    stage.clock.now = run.cutoff_at - timedelta(seconds=5)
    stage.look(2)
    assert not patch_sends(stage)
    stage.to_the_end()
    assert not patch_sends(stage)
    assert run.targets.get().state == T.SKIPPED


def test_a_document_that_aws_refuses_is_told_and_stops_nobody_else(stage: Stage) -> None:
    stage.cloud.add(1)
    stage.cloud.add(2, account_id=OTHER)
    words = "The document is not valid: mainSteps is missing."
    stage.cloud.refuses_documents_in = {OTHER: Refused(words, code="InvalidDocumentContent")}
    run = stage.set()
    stage.to_the_end()
    assert run.targets.get(asset__name="web-1").verdict == Verdict.PATCHED
    refused = run.targets.get(asset__name="web-2")
    assert (refused.state, refused.reason_code) == (T.BLOCKED, "document_refused")
    assert words in refused.reason
    assert stage.clock() < run.cutoff_at, "nobody waits for what will never come"
    assert AuditEvent.objects.filter(run_id=run.pk, summary=f"AWS: {words}").exists()
