"""Runs whose policy chose AWS-InstallWindowsUpdates: sent once, looked at again, judged by what the look says."""

from __future__ import annotations

from typing import Any

import pytest
from django.urls import reverse

from aws.errors import Refused
from patching.documents import aws_windows
from patching.models import DispatchTarget, HostReport, PackageChange, Run, Target
from patching.operations import runs
from patching.states import DispatchState, Phase, RunState, TargetState
from portal.audit.models import AuditEvent
from tests import cast
from tests.fakes import lose_answer
from tests.integration.patching.stage import Stage
from tests.integration.patching.test_pages import browser
from tests.integration.patching.test_pages_acts import text
from tests.integration.patching.windows_cloud import WindowsCloud

pytestmark = pytest.mark.django_db

FALSE_FAILURE = ("Failed", "Failed")
AWS = {"windows_method": "aws"}


@pytest.fixture
def stage() -> Stage:
    made = Stage()
    made.cloud = WindowsCloud(made.clock)
    return made


def cloud(stage: Stage) -> WindowsCloud:
    assert isinstance(stage.cloud, WindowsCloud)
    return stage.cloud


def names(stage: Stage) -> list[str]:
    """The documents in the order in which commands were sent."""
    return [request.document_name for _, request in stage.cloud.commands.values()]


def only(stage: Stage) -> Target:
    return stage.run.targets.get()


def run(stage: Stage, **policy: Any) -> Run:
    stage.set(policy=AWS | policy)
    stage.to_the_end()
    return stage.run


def test_a_false_failure_is_judged_by_the_re_scan_and_the_boot_time(stage: Stage) -> None:
    host = cloud(stage).windows(1, ends=FALSE_FAILURE)
    assert run(stage).state == RunState.FINISHED
    target = only(stage)
    assert (target.state, target.verdict, target.agreement) == ("done", "patched", "ssm_failed_host_patched")
    assert (target.rebooted, target.updated_count, target.available_count) == (True, 2, 0)
    assert target.reason.endswith(aws_windows.NOTE)
    assert names(stage) == ["PatchPortal-Precheck-Windows", aws_windows.NAME, "PatchPortal-Precheck-Windows"]
    assert len(host.runs) == 1
    assert AuditEvent.objects.filter(kind="target.disagreement").count() == 1


def test_the_evidence_holds_both_looks_and_what_they_came_to(stage: Stage) -> None:
    cloud(stage).windows(1)
    run(stage)
    found = {report.phase: report for report in HostReport.objects.all()}
    assert set(found) == {"precheck", "patch", "verify"}
    assert (found["patch"].source, found["patch"].status) == ("rescan", "patched")
    assert found["verify"].evidence_key
    assert found["verify"].content["phase"] == "precheck"
    row = DispatchTarget.objects.get(phase=Phase.PATCH)
    assert row.no_report_reason == f"Systems Manager says Success. {aws_windows.NAME} prints no report."
    assert sorted(PackageChange.objects.values_list("name", "kind")) == [
        ("KB5031364", "kb"),
        ("KB890830", "kb"),
    ]


def test_the_evidence_says_that_there_was_no_guard(stage: Stage) -> None:
    cloud(stage).windows(1)
    run(stage)
    target, ada = only(stage), browser(cast.ada())
    pages = {
        report.phase: text(ada.get(reverse("reports:host-report", args=[target.asset_id, report.pk])))
        for report in HostReport.objects.all()
    }
    assert "no guard against a second delivery" in pages["patch"]
    assert "re-scan of" in pages["verify"]
    for name, key in (("reports:server", target.asset_id), ("patching:run", stage.run.pk)):
        page = text(ada.get(reverse(name, args=[key])))
        assert "without a guard against a second delivery" in page


def test_ssm_says_success_and_nothing_went_in(stage: Stage) -> None:
    cloud(stage).windows(1, installs=False)
    run(stage)
    target = only(stage)
    assert (target.verdict, target.agreement) == ("failed", "ssm_ok_host_unpatched")
    assert "KB5031364" in target.reason


def test_nothing_to_do_stays_nothing_to_do(stage: Stage) -> None:
    cloud(stage).windows(1, open=[])
    run(stage)
    assert (only(stage).verdict, only(stage).agreement) == ("nothing_to_do", "agrees")


def test_a_re_scan_that_cannot_search_proves_nothing(stage: Stage) -> None:
    host = cloud(stage).windows(1)
    stage.set(policy=AWS)
    stage.until(lambda: only(stage).state == TargetState.IN_DISPATCH)
    host.searches = False
    stage.to_the_end()
    assert only(stage).verdict == "failed"


def test_the_document_is_told_what_the_policy_wants(stage: Stage) -> None:
    host = cloud(stage).windows(1)
    run(stage, mode="security", reboot="never")
    assert host.told == [{"Action": ["Install"], "AllowReboot": ["False"], "Categories": ["SecurityUpdates"]}]


def test_an_excluded_number_stays_open_and_is_not_missing(stage: Stage) -> None:
    host = cloud(stage).windows(1)
    run(stage, exclude="docker-ce,KB890830")
    assert host.told[0]["ExcludeKbs"] == ["KB890830"]
    assert host.open == ["KB890830"]
    target = only(stage)
    assert (target.verdict, target.updated_count, target.available_count) == ("patched", 1, 1)
    assert HostReport.objects.get(phase=Phase.PATCH).content["aside"] == ["KB890830"]


def test_an_answer_that_was_lost_is_found_by_its_comment(stage: Stage) -> None:
    host = cloud(stage).windows(1)
    stage.set(policy=AWS)
    stage.until(lambda: only(stage).state == TargetState.READY)
    lose_answer(stage.cloud, "SendCommand")
    stage.to_the_end()
    assert len(host.runs) == 1
    assert only(stage).verdict == "patched"


def test_without_a_trace_it_is_not_sent_a_second_time(stage: Stage) -> None:
    """Our own document would be: its guard makes that safe."""
    host = cloud(stage).windows(1)
    stage.set(policy=AWS)
    stage.until(lambda: only(stage).state == TargetState.READY)
    lose_answer(stage.cloud, "SendCommand")
    stage.until(lambda: bool(host.runs))
    command = host.runs[0]
    kept = stage.cloud.commands.pop(command)  # AWS never shows it again
    stage.to_the_end()
    assert kept[0].command_id == command
    assert len(host.runs) == 1
    assert stage.run.dispatches.get(phase=Phase.PATCH).state == DispatchState.GIVEN_UP
    # whether it ran all the same is told by a look
    assert (only(stage).state, only(stage).verdict) == ("done", "patched")
    waited = AuditEvent.objects.get(kind="target.verifying")
    assert "has no guard on the host" in waited.summary


@pytest.mark.parametrize("details", ["Undeliverable", "DeliveryTimedOut", "Terminated", "Cancelled"])
def test_a_look_also_where_the_agent_told_no_end(stage: Stage, details: str) -> None:
    """None of these proves that nothing ran."""
    cloud(stage).windows(1, ends=("Failed", details))
    run(stage)
    assert names(stage)[1:] == [aws_windows.NAME, "PatchPortal-Precheck-Windows"]
    assert (only(stage).state, only(stage).verdict) == ("done", "patched")
    assert only(stage).agreement == "ssm_failed_host_patched"


@pytest.mark.parametrize("details", ["AccessDenied", "InvalidPlatform"])
def test_no_look_where_nothing_can_have_run(stage: Stage, details: str) -> None:
    cloud(stage).windows(1, ends=("Failed", details))
    run(stage)
    assert names(stage)[1:] == [aws_windows.NAME]
    assert (only(stage).state, only(stage).verdict) == ("lost", "failed")


def test_a_halt_lets_the_look_go_out(stage: Stage) -> None:
    cloud(stage).windows(1)
    stage.set(policy=AWS)
    stage.until(lambda: only(stage).state == TargetState.IN_DISPATCH)
    runs.halt(run=stage.run, by=cast.ada(), reason="Enough for tonight.", now=stage.clock())
    stage.to_the_end()
    assert stage.run.state == RunState.HALTED
    assert (only(stage).state, only(stage).verdict) == ("done", "patched")


def test_so_does_the_cutoff(stage: Stage) -> None:
    host = cloud(stage).windows(1, ends=("InProgress", "InProgress"))
    stage.set(policy=AWS | {"execution_timeout_s": 40_000})
    stage.until(lambda: bool(host.runs))
    stage.clock.now = stage.run.cutoff_at
    host.ends = ("Success", "Success")
    stage.to_the_end()
    assert only(stage).verdict == "patched"
    assert stage.run.dispatches.get(phase=Phase.VERIFY).claimed_at > stage.run.cutoff_at


def test_a_look_that_aws_refuses_leaves_the_server_lost_and_told(stage: Stage) -> None:
    cloud(stage).windows(1)
    stage.set(policy=AWS)
    refuse_looks(stage)
    stage.to_the_end()
    assert (only(stage).state, only(stage).reason_code) == ("lost", "refused")
    assert only(stage).reason.startswith("It may have been patched, but AWS refused the re-scan")


def refuse_looks(stage: Stage) -> None:
    def before(operation: str) -> None:
        if operation == "SendCommand" and stage.run.dispatches.filter(phase=Phase.VERIFY).exists():
            raise Refused("not now", code="InvalidInstanceId")

    stage.cloud.before = before


def test_linux_servers_of_the_same_window_keep_our_document(stage: Stage) -> None:
    """Only by the policy of the platform: the choice says Windows."""
    assert not aws_windows.chosen("aws", "linux")
    assert not aws_windows.chosen("portal", "windows")
    assert aws_windows.chosen("aws", "windows")
