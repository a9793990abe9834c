"""Hibernated servers: left as they are unless their window allows it, and then hibernated again."""

from __future__ import annotations

from dataclasses import replace

import pytest

from aws.errors import Refused, Throttled
from aws.states import HIBERNATED, SPOT_INTERRUPTED
from patching.engine.reconcile import reconcile_run
from patching.invariants.audit import violations
from patching.models import PowerHold
from patching.queries.runs import plan_of
from patching.states import RUN_OVER, HoldState, RunState, TargetState, Verdict
from portal.inventory.models import Asset
from tests import cast
from tests.ad_hoc import start_unguarded
from tests.fakes import FakeHost
from tests.integration.patching.stage import Stage

H, T = HoldState, TargetState
WAKE = {"hibernated": "wake"}


def hibernated(stage: Stage, number: int = 1, **facts: object) -> FakeHost:
    return stage.cloud.add(number, state="stopped", state_reason=HIBERNATED, hibernation=True, **facts)


def test_they_are_left_out_with_that_reason(stage: Stage) -> None:
    host = hibernated(stage)
    stage.cloud.add(2, state="stopped")
    run = stage.set()
    plan = plan_of(stage.window, run.starts_at)
    assert [(item.code, item.sentence) for item in plan.excluded] == [
        ("hibernated", "It is hibernated, and its window leaves hibernated servers as they are.")
    ]
    stage.to_the_end()
    out = run.targets.get(instance_id=host.instance.instance_id)
    assert (out.state, out.reason_code) == (T.SKIPPED, "hibernated")
    assert host.instance.state_reason == HIBERNATED
    assert run.targets.filter(verdict=Verdict.PATCHED).count() == 1


def test_where_their_window_allows_it_they_are_patched_and_hibernated_again(stage: Stage) -> None:
    host, plain = hibernated(stage), stage.cloud.add(2, state="stopped")
    run = stage.set(policy=WAKE)
    stage.to_the_end()
    assert run.targets.filter(verdict=Verdict.PATCHED).count() == 2
    assert (host.instance.state, host.instance.state_reason) == ("stopped", HIBERNATED)
    assert plain.instance.state_reason == "Client.UserInitiatedShutdown"
    hold = PowerHold.objects.get(asset__instance_id=host.instance.instance_id)
    assert (hold.state, hold.reason) == (
        H.RELEASED, "It was hibernated before the run, so it is hibernated again."
    )  # fmt: skip
    rows = dict(Asset.objects.values_list("instance_id", "state_reason"))
    assert rows[host.instance.instance_id] == HIBERNATED  # the next plan need not wait for a sync
    assert rows[plain.instance.instance_id] == ""


def test_one_that_was_hibernated_after_the_plan_is_left_as_it_is(stage: Stage) -> None:
    host = stage.cloud.add(1, state="stopped")
    run = stage.set()
    host.instance = replace(host.instance, state_reason=HIBERNATED)
    stage.to_the_end()
    out = run.targets.get()
    assert (out.state, out.reason_code) == (T.SKIPPED, "hibernated")
    assert not stage.cloud.called("StartInstances")
    assert stage.tag(1, "PatchPortal:Wake") is None


def test_one_that_was_woken_after_the_last_sync_is_patched(stage: Stage) -> None:
    host = hibernated(stage)
    run = stage.set()
    host.instance = replace(host.instance, state="running", state_reason="")
    stage.to_the_end()
    assert run.targets.get().verdict == Verdict.PATCHED
    assert host.instance.state == "running"


def test_ec2_that_is_not_ready_to_hibernate_is_asked_again(stage: Stage) -> None:
    host = hibernated(stage)
    said = "Your instance is not ready to hibernate yet. Please retry after a few minutes."
    host.stop_refused = Refused(said, code="UnsupportedOperation")
    stage.set(policy=WAKE)
    stage.until(lambda: len(stage.cloud.called("StopInstances")) == 5)
    host.stop_refused = None
    stage.to_the_end()
    assert (host.instance.state, host.instance.state_reason) == ("stopped", HIBERNATED)


def test_one_that_can_no_longer_be_hibernated_is_never_simply_stopped(stage: Stage) -> None:
    host = hibernated(stage)
    run = stage.set(policy=WAKE)
    host.hibernation = False
    stage.to_the_end()
    assert host.instance.state == "running"
    assert run.power_holds.get().state == H.NOT_STOPPED


def test_another_run_that_shares_it_hibernates_it_too(stage: Stage) -> None:
    host = hibernated(stage)
    host.stop_refused = Throttled("Rate exceeded")
    first = stage.set(policy=WAKE)
    stage.until(lambda: bool(stage.cloud.called("StopInstances")))
    second = start_unguarded(window=stage.window, by=cast.ada(), now=stage.clock())
    for _ in range(200):
        stage.clock.forward(5)
        for run in (first, second):
            reconcile_run(run.pk, cloud=stage.cloud, clock=stage.clock)
            run.refresh_from_db()
        if second.targets.get().state == T.DONE:
            host.stop_refused = None
        if {first.state, second.state} <= RUN_OVER:
            break
    assert (host.instance.state, host.instance.state_reason) == ("stopped", HIBERNATED)


@pytest.mark.parametrize("reason", ["", HIBERNATED])
def test_a_warm_pool_is_its_groups(stage: Stage, reason: str) -> None:
    tags = {"aws:autoscaling:groupName": "web", "Owner": "payments-team"}
    stage.cloud.add(1, state="stopped", state_reason=reason, tags=tags)
    run = stage.set(policy=WAKE)
    stage.to_the_end()
    assert run.targets.get().reason_code == "auto_scaling"
    assert not stage.cloud.called("StartInstances")


def test_one_that_joined_a_group_after_the_plan_is_left_as_it_is(stage: Stage) -> None:
    host = stage.cloud.add(1, state="stopped")
    run = stage.set()
    host.instance = replace(host.instance, tags={**host.instance.tags, "aws:autoscaling:groupName": "web"})
    stage.to_the_end()
    assert (
        run.targets.get().reason
        == "It belongs to the Auto Scaling group web, which is renewed by image instead."
    )
    assert not stage.cloud.called("StartInstances")


def test_a_spot_instance_that_ec2_interrupted_is_not_asked_for(stage: Stage) -> None:
    stage.cloud.add(1, state="stopped", state_reason=SPOT_INTERRUPTED)
    run = stage.set()
    stage.to_the_end()
    assert (run.targets.get().state, run.targets.get().reason_code) == (T.SKIPPED, "cannot_start")
    assert not stage.cloud.called("StartInstances")


def test_who_the_plan_left_out_needs_no_second_word_when_the_run_is_missed(stage: Stage) -> None:
    """Found by the simulation, seed 302: the audit missed an event of a server that the plan itself had left out."""
    hibernated(stage)
    run = stage.set()
    stage.clock.forward(24 * 3600)
    stage.look()
    assert stage.run.state == RunState.MISSED
    assert not violations([run.pk])
