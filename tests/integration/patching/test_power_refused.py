"""Starts that AWS refuses, delays or never answers: each host alone, nobody else fails with it."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

import pytest

from aws.errors import AccessRefused, Ambiguous, CapacityShortage, CloudError, Missing, Refused, Throttled
from patching.models import PowerHold
from patching.operations.control import retry
from patching.states import HoldState, TargetState, Verdict
from portal.inventory.models import Asset
from tests import cast
from tests.fakes import lose_answer, raising
from tests.integration.patching.sleepers import asleep, refuse
from tests.integration.patching.stage import Stage

H, T = HoldState, TargetState


def test_sixty_are_started_in_batches_that_keep_apart(stage: Stage) -> None:
    asleep(stage, 60)
    run = stage.set()
    stage.until(lambda: run.targets.filter(state=T.READY).count() == 60)
    sizes = [len(ids) for ids in stage.cloud.called("StartInstances")]
    assert sizes == [50, 10]
    began = sorted(set(PowerHold.objects.values_list("started_at", flat=True)))
    assert began[-1] - began[0] >= timedelta(seconds=2)


def test_one_host_without_capacity_does_not_fail_its_batch_and_is_tried_until_the_lead_is_over(
    stage: Stage,
) -> None:
    hosts = asleep(stage, 9)
    bad = hosts[4].instance.instance_id
    shortage = CapacityShortage("There is no capacity for t3.medium.", code="InsufficientInstanceCapacity")
    tried = refuse(stage, {bad}, shortage)
    run = stage.set(policy={"wake_timeout_s": 100})
    stage.to_the_end()
    lost = run.targets.get(instance_id=bad)
    assert (lost.state, lost.reason_code) == (T.BLOCKED, "not_started")
    assert "could not be started in time" in lost.reason
    assert "no capacity for t3.medium" in lost.reason
    assert run.targets.filter(verdict=Verdict.PATCHED).count() == 8
    assert tried.count((bad,)) >= 2  # halved until it is alone, then alone again and again
    assert {host.instance.state for host in hosts} == {"stopped"}
    assert PowerHold.objects.get(asset__instance_id=bad).state == H.FAILED


def test_capacity_that_comes_back_is_used(stage: Stage) -> None:
    bad = {asleep(stage, 1)[0].instance.instance_id}
    refuse(stage, bad, CapacityShortage("None now.", code="InsufficientInstanceCapacity"))
    run = stage.set()
    stage.until(lambda: PowerHold.objects.filter(reason__contains="None now").exists())
    bad.clear()
    stage.to_the_end()
    assert run.targets.get().verdict == Verdict.PATCHED


def test_one_without_capacity_is_started_when_somebody_has_it_tried_again(stage: Stage) -> None:
    hosts = asleep(stage, 2)
    hosts[1].silent = True  # keeps the run under way meanwhile
    bad = {hosts[0].instance.instance_id}
    refuse(stage, bad, CapacityShortage("None now.", code="InsufficientInstanceCapacity"))
    run = stage.set(policy={"wake_timeout_s": 60})
    stage.until(lambda: run.targets.filter(reason_code="not_started").exists())
    bad.clear()
    retry(run=run, by=cast.ada(), reason="There is capacity now.", now=stage.clock())
    stage.to_the_end()
    assert run.targets.get(instance_id=hosts[0].instance.instance_id).verdict == Verdict.PATCHED
    assert {host.instance.state for host in hosts} == {"stopped"}


def test_one_that_was_slow_is_watched_again_when_somebody_has_it_tried_again(stage: Stage) -> None:
    hosts = asleep(stage, 2)
    hosts[1].silent, hosts[0].online = True, False
    run = stage.set(policy={"wake_timeout_s": 30})
    stage.until(lambda: run.targets.filter(reason_code="not_started").exists())
    hosts[0].online = True
    retry(run=run, by=cast.ada(), reason="It is up now.", now=stage.clock())
    stage.to_the_end()
    assert run.targets.get(instance_id=hosts[0].instance.instance_id).verdict == Verdict.PATCHED
    assert {host.instance.state for host in hosts} == {"stopped"}
    assert len(stage.cloud.called("StartInstances")) == 1


@pytest.mark.parametrize(
    ("error", "words", "tries"),
    [
        (Refused("You have reached your limit.", code="InstanceLimitExceeded"), "reached your limit", 2),
        (Refused("It is not in a state.", code="IncorrectInstanceState"), "not in a state", 2),
        (
            Refused("The volume is gone.", code="IncorrectVolume"),
            "EC2 did not start it: The volume is gone.",
            1,
        ),
        (AccessRefused("The role may not."), "The role may not", 2),
        (
            Refused("Only EC2 may.", code="IncorrectSpotRequestState"),
            "Only EC2 starts a Spot Instance again",
            1,
        ),
        (
            Refused("It is disabled.", code="InvalidKMSKey.InvalidState"),
            "Enable the KMS key of its volumes",
            1,
        ),
        (Refused("No such host.", code="InvalidHostID.NotFound"), "Make room on its Dedicated Host", 1),
        (Refused("It may not be started.", code="OperationNotPermitted"), "AWS has set forbids it", 1),
        (
            CapacityShortage("The reservation is full.", code="ReservationCapacityExceeded"),
            "Enlarge its Capacity Reservation",
            2,
        ),
        (CapacityShortage("The host is full.", code="InsufficientCapacityOnHost"), "Make room on its", 2),
    ],
)
def test_each_refusal_ends_with_its_own_sentence(
    stage: Stage, error: CloudError, words: str, tries: int
) -> None:
    host = asleep(stage, 1)[0]
    tried = refuse(stage, {host.instance.instance_id}, error)
    run = stage.set(policy={"wake_timeout_s": 60})
    stage.to_the_end()
    assert words in run.targets.get().reason
    assert len(tried) >= tries
    assert tries == 2 or len(tried) == 1
    assert host.instance.state == "stopped"


@pytest.mark.parametrize("seen_up", [True, False])
@pytest.mark.parametrize(
    ("reason", "words", "starts"),
    [
        ("Client.InternalError", "EC2 began to start it and gave up. EC2 says Client.InternalError.", 1),
        ("Client.InvalidKMSKey.InvalidState", "Enable the KMS key of its volumes", 1),
        ("Server.InsufficientInstanceCapacity", "EC2 shows it stopped after its start.", 2),
    ],
)
def test_a_start_that_fails_after_ec2_took_it_is_told_as_what_it_is(
    stage: Stage, seen_up: bool, reason: str, words: str, starts: int
) -> None:
    """E.g. a disabled key: nobody stopped it, and another start would fail the same way."""
    host = asleep(stage, 1)[0]
    host.online = False
    fails = replace(host.instance, state_reason=reason)

    def after(operation: str) -> None:
        first = len(stage.cloud.called("StartInstances")) == 1
        if operation == "StartInstances" and not (seen_up and first):
            host.instance = replace(fails, launch_time=stage.clock())

    stage.cloud.after = after
    run = stage.set(policy={"wake_timeout_s": 60})
    if seen_up:
        stage.until(lambda: PowerHold.objects.filter(launch_time__isnull=False).exists())
        host.instance = replace(fails, launch_time=host.instance.launch_time)
    stage.to_the_end()
    assert words in run.targets.get().reason
    asked = len(stage.cloud.called("StartInstances"))
    assert asked == 1 if starts == 1 else asked >= 2


def test_a_reason_that_is_older_than_the_start_says_nothing_of_it(stage: Stage) -> None:
    """It failed to start last week; tonight's start never reached EC2."""
    host = asleep(stage, 1)[0]
    old = stage.clock() - timedelta(days=7)
    host.instance = replace(host.instance, state_reason="Client.InternalError", launch_time=old)
    raising(stage.cloud, "StartInstances", Ambiguous("Connection reset."))
    run = stage.set()
    stage.to_the_end()
    assert run.targets.get().verdict == Verdict.PATCHED


def test_one_that_was_terminated_meanwhile_is_not_asked_for(stage: Stage) -> None:
    host = asleep(stage, 1)[0]
    run = stage.set()
    host.instance = replace(host.instance, state="terminated")
    stage.to_the_end()
    assert run.targets.get().reason == "The instance no longer exists."
    assert not stage.cloud.called("StartInstances")


def test_a_server_that_its_owner_did_not_give_over_keeps_nobody_else_off(stage: Stage) -> None:
    """The role's policy refuses the whole call for one server without the tag."""
    hosts = asleep(stage, 9)
    bad = hosts[4].instance.instance_id
    refused = AccessRefused("You are not authorized.", code="UnauthorizedOperation")
    refuse(stage, {bad}, refused)
    run = stage.set(policy={"wake_timeout_s": 100})
    stage.to_the_end()
    left = run.targets.get(instance_id=bad)
    assert left.reason_code == "not_started"
    assert "You are not authorized. Its tag PatchPortal:Managed is not true" in left.reason
    assert run.targets.filter(verdict=Verdict.PATCHED).count() == 8


def test_an_instance_that_vanished_takes_nobody_along(stage: Stage) -> None:
    hosts = asleep(stage, 3)
    gone = hosts[0].instance.instance_id
    refuse(stage, {gone}, Missing("It does not exist.", code="InvalidInstanceID.NotFound", ids=(gone,)))
    run = stage.set()
    stage.to_the_end()
    assert "does not know it any more" in run.targets.get(instance_id=gone).reason
    assert run.targets.filter(verdict=Verdict.PATCHED).count() == 2


def test_throttling_costs_time_only(stage: Stage) -> None:
    host = asleep(stage, 1)[0]
    raising(stage.cloud, "StartInstances", Throttled("Request limit exceeded."), times=7)
    run = stage.set()
    stage.to_the_end()
    assert run.targets.get().verdict == Verdict.PATCHED
    assert host.instance.state == "stopped"


def test_a_lost_answer_of_a_start_is_ours(stage: Stage) -> None:
    host = asleep(stage, 1)[0]
    run = stage.set()
    lose_answer(stage.cloud, "StartInstances")
    stage.to_the_end()
    assert run.targets.get().verdict == Verdict.PATCHED
    assert host.instance.state == "stopped"


def test_a_lost_answer_of_a_stop_leaves_nobody_believing_that_it_runs(stage: Stage) -> None:
    asleep(stage, 1)
    stage.set()
    lose_answer(stage.cloud, "StopInstances")
    stage.to_the_end()
    assert Asset.objects.get().state in {"stopping", "stopped"}


def test_a_start_that_never_arrived_is_repeated(stage: Stage) -> None:
    host = asleep(stage, 1)[0]
    raising(stage.cloud, "StartInstances", Ambiguous("Connection reset."), times=2)
    run = stage.set()
    stage.to_the_end()
    assert run.targets.get().verdict == Verdict.PATCHED
    assert host.instance.state == "stopped"
