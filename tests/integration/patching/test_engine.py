"""The engine end to end on the AWS in memory: what is sent, to whom, how often, and what is left behind."""

from __future__ import annotations

from datetime import timedelta

import pytest

from exceptions.operations import approve, submit
from patching.models import AssetPatchState, Dispatch, Run
from patching.operations.runs import plan_due
from patching.states import RunState, TargetState, Verdict
from portal.audit.models import AuditEvent
from tests import cast
from tests.ad_hoc import start_unguarded
from tests.integration.patching.stage import Stage

T = TargetState


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
    assert [key for key in stage.cloud.stored if key.startswith("evidence/")]


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


def test_a_stopped_host_is_started_and_stopped_again(stage: Stage) -> None:
    host = stage.cloud.add(1, state="stopped")
    run = stage.set()
    stage.until(lambda: host.instance.state == "running")
    assert stage.tag(1, "PatchPortal:Wake") == str(run.pk)
    stage.to_the_end()
    assert run.targets.get().verdict == Verdict.PATCHED
    assert host.instance.state == "stopped"
    assert stage.tag(1, "PatchPortal:Wake") is None


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
    known = AssetPatchState.objects.get(asset=target.asset)
    assert (known.kernel_running, known.available_count) == ("6.1.96", target.available_count)
    assert known.updates_open_since == run.starts_at


def test_an_early_check_that_is_answered_after_the_start_is_repeated_as_well(stage: Stage) -> None:
    stage.cloud.add(1, precheck="blocked")
    run = stage.set()
    stage.until(run.dispatches.exists)
    stage.look(seconds=(run.starts_at - stage.clock()).total_seconds() + 5)
    assert run.targets.get().attempt == 2
    stage.to_the_end()
    fixes = [request.parameters["Fixes"][0] for _, request in stage.cloud.commands.values()]
    assert fixes == ["early", "all"]


def test_a_check_mended_at_the_start_lets_the_host_in(stage: Stage) -> None:
    host = stage.cloud.add(1, precheck="blocked")
    run = stage.set()
    stage.until(lambda: run.targets.filter(attempt=2).exists())
    host.precheck = "ready"
    stage.to_the_end()
    assert run.targets.get().verdict == Verdict.PATCHED


@pytest.mark.parametrize(("name", "sent"), [("repository_signing", ["early", "all"]), ("clock", ["early"])])
def test_a_fit_host_whose_repair_waits_for_the_start_is_checked_again_then(
    stage: Stage, name: str, sent: list[str]
) -> None:
    """The patch itself repairs nothing; what no repair helps is not asked again."""
    fix = {"tried": False, "ok": False, "detail": ""}
    stage.cloud.add(1, checks=[{"name": name, "ok": False, "detail": "Not as it should be.", "fix": fix}])
    run = stage.set()
    stage.to_the_end()
    assert run.targets.get().verdict == Verdict.PATCHED
    requests = [request.parameters for _, request in stage.cloud.commands.values()]
    assert [given["Fixes"][0] for given in requests if "Fixes" in given] == sent


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
    stage.run = start_unguarded(window=stage.window, by=cast.ada(), now=stage.clock(), check_only=True)
    stage.to_the_end()
    assert not patch_sends(stage)
    assert stage.run.targets.get().state == T.DONE
    assert stage.tag(1, "LastPatched") is None


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


def test_a_server_is_never_in_flight_in_two_runs(stage: Stage) -> None:
    host = stage.cloud.add(1)
    run = stage.set()
    stage.until(lambda: run.targets.filter(state=T.READY).exists())
    asset = run.targets.get().asset
    other = start_unguarded(window=stage.window, by=cast.ada(), now=stage.clock())
    other.targets.update(state=T.IN_DISPATCH)
    for _ in range(80):
        stage.look()
    assert not patch_sends(stage), "the other run still patches it"
    other.targets.update(state=T.DONE)
    stage.to_the_end()
    assert patch_sends(stage) == [host.instance.instance_id]
    assert run.targets.get(asset=asset).verdict == Verdict.PATCHED
