"""Stopped hosts on the AWS in memory: started in turns, learned from, kept, shared, given up, always stopped again."""

from __future__ import annotations

from datetime import timedelta

import pytest

from patching.engine.reconcile import reconcile_run
from patching.models import PowerHold, Run
from patching.operations.power import keep_running
from patching.queries.waking import learned, wakes_at
from patching.states import RUN_OVER, HoldState, TargetState, Verdict
from portal.access.rules import Conflict, Denied, Invalid
from portal.audit.models import AuditEvent
from portal.inventory.models import Asset
from tests import cast
from tests.ad_hoc import start_unguarded
from tests.integration.patching.sleepers import asleep
from tests.integration.patching.stage import Stage

H, T = HoldState, TargetState


def test_they_are_started_ahead_checked_patched_and_stopped_again(stage: Stage) -> None:
    hosts = asleep(stage, 3)
    run = stage.set()
    stage.to_the_end()
    assert {row.verdict for row in run.targets.all()} == {Verdict.PATCHED}
    assert {host.instance.state for host in hosts} == {"stopped"}
    assert len(stage.cloud.called("StartInstances")) == 1
    assert len(stage.cloud.called("StopInstances")) == 1
    for hold in PowerHold.objects.all():
        kinds = AuditEvent.objects.filter(kind__startswith="power.", subject_id=str(hold.asset_id)).order_by(
            "pk"
        )
        said = [kind.removeprefix("power.") for kind in kinds.values_list("kind", flat=True)]
        assert said == ["wanted", "starting", "held", "releasing", "released"]


def test_systems_manager_is_asked_only_for_those_that_start(stage: Stage) -> None:
    """Until commands are sent: then everybody in the batch is asked for."""
    sleeper = asleep(stage, 1)[0].instance.instance_id
    stage.cloud.add(2)
    stage.set()
    stage.cloud.calls.clear()
    stage.to_the_end()
    first, *later = map(frozenset, stage.cloud.called("DescribeInstanceInformation"))
    everybody = frozenset(stage.run.targets.values_list("asset__instance_id", flat=True))
    assert first == {sleeper}
    assert set(later) <= {first, everybody, everybody - first}


def test_another_run_right_afterwards_knows_that_they_sleep_again(stage: Stage) -> None:
    asleep(stage, 2)
    stage.set()
    stage.to_the_end()
    assert set(Asset.objects.values_list("state", flat=True)) == {"stopping"}
    stage.clock.forward(60)
    stage.run = start_unguarded(window=stage.window, by=cast.ada(), now=stage.clock())
    stage.to_the_end()
    assert {row.verdict for row in stage.run.targets.all()} <= {Verdict.PATCHED, Verdict.NOTHING_TO_DO}
    assert len(stage.cloud.called("StartInstances")) == len(stage.cloud.called("StopInstances")) == 2


def test_the_time_that_it_takes_is_learned_and_lengthens_the_lead(stage: Stage) -> None:
    host = asleep(stage, 1)[0]
    run = stage.set(policy={"lead_s": 60, "wake_s": 10})
    assert run.starts_at - wakes_at(run) == timedelta(seconds=60)
    host.online = False
    stage.until(lambda: PowerHold.objects.filter(state=H.STARTING).exists())
    started = stage.clock()
    stage.look(90)
    host.online = True
    stage.to_the_end()
    hold = PowerHold.objects.get()
    assert hold.online_at is not None
    assert learned([hold.asset_id]) == {hold.asset_id: (hold.online_at - started).total_seconds()}
    Asset.objects.update(state="stopped")
    later = Run.objects.create(
        name="next", time_zone="UTC", policy=run.policy, created_at=stage.clock(), next_look_at=stage.clock(),
        starts_at=stage.clock() + timedelta(days=7), cutoff_at=stage.clock() + timedelta(days=7, hours=1),
        ends_at=stage.clock() + timedelta(days=7, hours=2),
    )  # fmt: skip
    later.targets.create(
        asset=hold.asset, account_id="1", region="r", instance_id="i", platform="linux", since=stage.clock()
    )
    lead = (later.starts_at - wakes_at(later)).total_seconds()
    assert lead == pytest.approx(60 + learned([hold.asset_id])[hold.asset_id] - 10, abs=1)


def test_what_somebody_started_meanwhile_is_patched_and_never_stopped(stage: Stage) -> None:
    """I6: the inventory said stopped, but by the time of the start it is running."""
    host = asleep(stage, 1)[0]
    run = stage.set()
    stage.cloud.ec2("111122223333", "eu-central-1").start_instances([host.instance.instance_id])
    stage.to_the_end()
    assert run.targets.get().verdict == Verdict.PATCHED
    assert host.instance.state == "running"
    assert PowerHold.objects.get().state == H.KEPT
    assert stage.tag(1, "PatchPortal:Wake") is None


def test_a_host_that_was_stopped_and_started_by_somebody_is_theirs(stage: Stage) -> None:
    host = asleep(stage, 1)[0]
    run = stage.set()
    stage.until(lambda: run.targets.filter(state=T.READY).exists())
    here = stage.cloud.ec2("111122223333", "eu-central-1")
    here.stop_instances([host.instance.instance_id])
    stage.clock.forward(1)
    here.start_instances([host.instance.instance_id])
    stage.to_the_end()
    assert host.instance.state == "running"
    assert "stopped and started it since" in PowerHold.objects.get().reason


def test_whoever_is_stopped_while_it_wakes_is_not_started_again(stage: Stage) -> None:
    host = stage.cloud.add(1, state="stopped", online=False)
    run = stage.set()
    stage.until(lambda: PowerHold.objects.filter(launch_time__isnull=False).exists())
    stage.cloud.ec2("111122223333", "eu-central-1").stop_instances([host.instance.instance_id])
    stage.to_the_end()
    said = "It was started ahead and then stopped by somebody. EC2 says Client.UserInitiatedShutdown."
    assert run.targets.get().reason == said
    assert len(stage.cloud.called("StartInstances")) == 1


def test_keep_running(stage: Stage) -> None:
    host = asleep(stage, 1)[0]
    run = stage.set()
    stage.until(lambda: run.targets.filter(state=T.READY).exists())
    asset = Asset.objects.get()
    with pytest.raises(Denied):
        keep_running(asset=asset, by=cast.cy(), reason="I like it.", now=stage.clock())
    with pytest.raises(Invalid):
        keep_running(asset=asset, by=cast.ana(), reason="", now=stage.clock())
    keep_running(asset=asset, by=cast.ana(), reason="A load test tonight.", now=stage.clock())
    stage.to_the_end()
    assert host.instance.state == "running"
    hold = PowerHold.objects.get()
    assert (hold.state, hold.reason) == (H.KEPT, "Ana keeps it running: A load test tonight.")
    assert stage.tag(1, "PatchPortal:Wake") is None
    event = AuditEvent.objects.get(kind="power.keep")
    assert (event.actor, event.run_id) == ("Ana", run.pk)
    with pytest.raises(Conflict, match="no run is going to stop it"):
        keep_running(asset=asset, by=cast.ana(), reason="Again.", now=stage.clock())


def test_the_last_of_two_runs_stops_it(stage: Stage) -> None:
    host = asleep(stage, 1)[0]
    first = stage.set()
    stage.until(lambda: first.targets.filter(state=T.READY).exists())
    second = start_unguarded(window=stage.window, by=cast.ada(), now=stage.clock())
    for _ in range(200):
        stage.look()
        reconcile_run(second.pk, cloud=stage.cloud, clock=stage.clock)
        second.refresh_from_db()
        if first.state in RUN_OVER and second.state not in RUN_OVER:
            assert host.instance.state == "running"
        if first.state in RUN_OVER and second.state in RUN_OVER:
            break
    assert {run.targets.get().state for run in (first, second)} == {T.DONE}
    assert host.instance.state == "stopped"
    assert sorted(PowerHold.objects.values_list("state", flat=True)) == [H.KEPT, H.RELEASED]
    assert stage.tag(1, "PatchPortal:Wake") is None
    assert len(stage.cloud.called("StopInstances")) == 1
