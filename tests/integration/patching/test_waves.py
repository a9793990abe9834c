"""A run in waves, on the AWS in memory: nobody of the next wave before the one before it has passed."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest

from aws.errors import AccessRefused
from patching.models import Run
from patching.states import RUN_OVER, RunState, TargetState, WaveState
from portal.audit.models import AuditEvent
from tests import cast
from tests.fakes import FakeAlarms
from tests.integration.patching.stage import Stage

T, W = TargetState, WaveState
REFUSING, OTHER = "111122223333", "444455556666"
CANARY = {"name": "Canary", "count": 2, "bake_s": 600}


def fleet(stage: Stage, count: int, waves: list[dict[str, Any]], **policy: Any) -> Run:
    for number in range(1, count + 1):
        stage.cloud.add(number)
    return stage.set(policy={"waves": waves, **policy})


def patched_ids(stage: Stage) -> list[str]:
    sent = [request for _, request in stage.cloud.commands.values() if "-Patch-" in request.document_name]
    return [item for request in sent for item in request.instance_ids]


def test_the_rest_waits_until_the_canary_has_baked(stage: Stage) -> None:
    run = fleet(stage, 6, [CANARY])
    stage.until(lambda: run.waves.get(number=1).state == W.BAKING)
    baked_from = stage.clock()
    assert len(patched_ids(stage)) == 2
    rest = run.targets.filter(wave=2)
    assert set(rest.values_list("state", flat=True)) == {T.WAITING}
    stage.until(lambda: len(patched_ids(stage)) > 2)
    assert stage.clock() - baked_from >= timedelta(seconds=600)
    stage.to_the_end()
    assert run.state == RunState.FINISHED
    assert len(patched_ids(stage)) == len(set(patched_ids(stage))) == 6
    assert set(run.waves.values_list("state", flat=True)) == {W.PASSED}


def with_a_refusing_account(stage: Stage, **policy: Any) -> Run:
    """One server of an account that refuses the documents, and three of another."""
    for number in range(1, 5):
        stage.cloud.add(number, account_id=REFUSING if number == 1 else OTHER)
    stage.cloud.refuses_documents_in[REFUSING] = AccessRefused("The role is gone.")
    return stage.set(policy={"wake_timeout_s": 900, **policy})


def test_an_account_that_refuses_keeps_the_next_wave_waiting_only_for_a_while(stage: Stage) -> None:
    run = with_a_refusing_account(stage, waves=[{"name": "Canary", "count": 2}])
    stage.until(lambda: run.state in RUN_OVER, seconds=30)
    stuck = run.targets.get(account_id=REFUSING)
    assert (stuck.wave, stuck.state, stuck.reason_code) == (1, T.BLOCKED, "account_refused")
    assert "The role is gone." in stuck.reason
    assert stuck.since - run.starts_at >= timedelta(seconds=900)
    assert run.targets.filter(verdict="patched").count() == 3


def test_an_account_that_refuses_may_change_its_mind_where_nobody_waits_for_it(stage: Stage) -> None:
    run = with_a_refusing_account(stage)
    stage.until(lambda: stage.clock() > run.starts_at + timedelta(seconds=1_200), seconds=30)
    del stage.cloud.refuses_documents_in[REFUSING]
    stage.until(lambda: run.state in RUN_OVER, seconds=30)
    assert run.targets.filter(verdict="patched").count() == 4


def test_a_wave_is_checked_only_when_its_turn_comes(stage: Stage) -> None:
    run = fleet(stage, 4, [{"name": "Canary", "count": 1}])
    stage.until(lambda: bool(patched_ids(stage)))
    checks = [
        request for _, request in stage.cloud.commands.values() if "-Precheck-" in request.document_name
    ]
    assert [len(request.instance_ids) for request in checks] == [1]
    stage.to_the_end()
    assert run.targets.filter(verdict="patched").count() == 4


def test_a_failed_canary_stops_everything(stage: Stage) -> None:
    for number in range(1, 7):
        stage.cloud.add(number, patch="failed" if number <= 1 else "patched")
    run = stage.set(policy={"waves": [CANARY]})
    stage.to_the_end()
    assert run.state == RunState.HALTED
    assert "1 of 2 servers of wave 1, Canary, failed, more than the 20 %" in run.reason
    assert len(patched_ids(stage)) == 2
    assert set(run.waves.values_list("state", flat=True)) == {W.STOPPED}
    assert set(run.targets.filter(wave=2).values_list("state", flat=True)) == {T.HALTED}


def test_a_canary_that_proves_nothing_stops_everything(stage: Stage) -> None:
    for number in range(1, 5):
        stage.cloud.add(number, precheck="blocked" if number <= 2 else "ready")
    run = stage.set(policy={"waves": [CANARY]})
    stage.to_the_end()
    assert run.state == RunState.HALTED
    assert "nothing is proven" in run.reason
    assert not patched_ids(stage)


def test_an_own_threshold_lets_a_wave_pass(stage: Stage) -> None:
    for number in range(1, 7):
        stage.cloud.add(number, patch="failed" if number <= 1 else "patched")
    run = stage.set(policy={"waves": [{**CANARY, "stop_at_error_percent": 50}]})
    stage.to_the_end()
    assert run.state == RunState.FINISHED
    assert len(patched_ids(stage)) == 6


def test_an_alarm_holds_the_first_command_and_halts_a_baking_run(stage: Stage) -> None:
    run = fleet(stage, 4, [CANARY], alarms=["shop-5xx"])
    stage.cloud.alarm_states["shop-5xx"] = "ALARM"
    stage.until(lambda: AuditEvent.objects.filter(kind="run.trouble").exists())
    assert "shop-5xx is in alarm" in AuditEvent.objects.get(kind="run.trouble").summary
    stage.look(60)
    assert not patched_ids(stage)
    stage.cloud.alarm_states["shop-5xx"] = "OK"
    stage.until(lambda: run.waves.get(number=1).state == W.BAKING)
    stage.cloud.alarm_states["shop-5xx"] = "ALARM"
    stage.to_the_end()
    assert run.state == RunState.HALTED
    assert "shop-5xx is in alarm" in run.reason
    assert len(patched_ids(stage)) == 2


def test_an_alarm_that_nobody_knows_holds_the_run(stage: Stage) -> None:
    fleet(stage, 1, [], alarms=["misspelt"])
    stage.until(lambda: AuditEvent.objects.filter(kind="run.trouble").exists())
    assert (
        "No account of this run has the CloudWatch alarm misspelt"
        in AuditEvent.objects.get(kind="run.trouble").summary
    )
    assert not patched_ids(stage)


def test_an_account_that_tells_no_alarms_is_shut_alone(stage: Stage, monkeypatch: pytest.MonkeyPatch) -> None:
    stage.cloud.alarm_states["shop-5xx"] = "OK"
    stage.cloud.add(9, account_id=OTHER)
    fleet(stage, 2, [], alarms=["shop-5xx"])
    known = stage.cloud.alarms

    def alarms(account_id: str, region: str) -> FakeAlarms:
        if account_id == OTHER:
            raise AccessRefused("The role may not.", code="AccessDenied", operation="DescribeAlarms")
        return known(account_id, region)

    monkeypatch.setattr(stage.cloud, "alarms", alarms)
    stage.until(lambda: len(patched_ids(stage)) == 2)
    assert "i-00000000000000009" not in patched_ids(stage)
    told = AuditEvent.objects.filter(run_id=stage.run.pk, summary__contains=f"The alarms of {OTHER}")
    assert told.count() == 1


def test_what_waits_at_the_cutoff_is_left_out_with_the_reason(stage: Stage) -> None:
    run = fleet(stage, 4, [{**CANARY, "bake_s": 40_000}])
    stage.until(lambda: run.waves.get(number=1).state == W.BAKING)
    while stage.clock() < run.cutoff_at:
        stage.look(600)
    stage.to_the_end()
    left = run.targets.filter(wave=2)
    assert {(row.state, row.reason_code) for row in left} == {(T.SKIPPED, "cutoff")}


def test_a_stopped_server_of_a_later_wave_waits_running(stage: Stage) -> None:
    stage.cloud.add(1)
    stage.cloud.add(2, state="stopped")
    run = stage.set(policy={"waves": [{"name": "Canary", "count": 1, "bake_s": 300}]})
    stage.until(lambda: run.waves.get(number=1).state == W.BAKING)
    assert run.targets.get(wave=2).state == T.WAITING
    stage.to_the_end()
    assert run.targets.get(wave=2).verdict == "patched"
    assert stage.cloud.hosts["i-00000000000000002"].instance.state == "stopped"


def test_a_wave_that_takes_nobody_is_not_made(stage: Stage) -> None:
    run = fleet(stage, 2, [{"name": "Test", "tag": "Environment", "values": ["test"]}])
    assert [(wave.number, wave.name) for wave in run.waves.all()] == [(1, "The rest")]
    stage.to_the_end()
    assert run.state == RunState.FINISHED


def test_a_pre_check_run_goes_through_all_waves(stage: Stage) -> None:
    from tests.ad_hoc import start_unguarded

    fleet(stage, 4, [CANARY])
    run = start_unguarded(window=stage.window, by=cast.ada(), now=stage.clock(), check_only=True)
    stage.run = run
    stage.to_the_end()
    assert run.state == RunState.FINISHED
    assert set(run.targets.values_list("reason_code", flat=True)) == {"checked"}


def promoted(stage: Stage) -> list[str]:
    """The package set of each patch command, in order."""
    sent = [request for _, request in stage.cloud.commands.values() if "-Patch-" in request.document_name]
    return [request.parameters["PackageSet"][0] for request in sent]


def test_later_waves_get_exactly_what_the_canary_got(stage: Stage) -> None:
    run = fleet(stage, 4, [CANARY], promote=True)
    stage.to_the_end()
    assert promoted(stage) == ["", "openssl=3.0.14"]
    assert run.dispatches.get(phase="patch", wave=2).package_set == "openssl=3.0.14"
    assert run.targets.filter(verdict="patched").count() == 4


def test_where_the_canary_changed_nothing_nothing_is_installed_later(stage: Stage) -> None:
    for number in (1, 2, 3):
        stage.cloud.add(number, patch="nothing_to_do")
    stage.set(policy={"waves": [CANARY], "promote": True})
    stage.to_the_end()
    assert promoted(stage) == ["", "nothing-was-changed=0"]


def test_a_system_that_no_earlier_wave_proved_is_left_out(stage: Stage) -> None:
    run = fleet(stage, 3, [CANARY], promote=True)
    stage.until(lambda: run.waves.get(number=1).state == W.BAKING)
    run.targets.filter(wave=1).update(os_label="SUSE Linux Enterprise Server 15 SP6")
    stage.to_the_end()
    left = run.targets.get(wave=2)
    assert (left.state, left.reason_code) == (T.SKIPPED, "untested")
    assert "nothing to promote" in left.reason


def test_without_promotion_everybody_gets_what_is_on_offer(stage: Stage) -> None:
    fleet(stage, 4, [CANARY])
    stage.to_the_end()
    assert promoted(stage) == ["", ""]
