"""Stopped hosts on the AWS in memory: started in turns, learned from, kept, shared, given up, always stopped again."""

from __future__ import annotations

from datetime import timedelta

import pytest

from aws.errors import AccessRefused, Ambiguous, CapacityShortage, CloudError, Missing, Refused, Throttled
from patching.engine.advance import advance
from patching.models import PowerHold, Run
from patching.operations.control import retry
from patching.operations.power import keep_running
from patching.operations.runs import start_now
from patching.queries.waking import learned, wakes_at
from patching.states import RUN_OVER, HoldState, TargetState, Verdict
from portal.access.rules import Conflict, Denied, Invalid
from portal.audit.models import AuditEvent
from portal.inventory.models import Asset
from tests import cast
from tests.fakes import FakeHost, lose_answer
from tests.integration.patching.stage import Stage

H, T = HoldState, TargetState


@pytest.fixture
def stage(db: None) -> Stage:
    return Stage()


def asleep(stage: Stage, count: int, **facts: object) -> list[FakeHost]:
    return [stage.cloud.add(number, state="stopped", **facts) for number in range(1, count + 1)]


def refuse(stage: Stage, bad: set[str], error: CloudError) -> list[tuple[str, ...]]:
    """StartInstances is refused while one of these is in the call: all or none. Returns the calls tried."""
    here, tried = stage.cloud.ec2, []

    def ec2(account: str, region: str):  # type: ignore[no-untyped-def]
        place = here(account, region)
        start = place.start_instances

        def start_instances(ids: list[str]) -> None:
            tried.append(tuple(ids))
            if bad & set(ids):
                stage.cloud.call("RefusedStart", ids)
                raise error
            start(ids)

        place.start_instances = start_instances  # type: ignore[method-assign]
        return place

    stage.cloud.ec2 = ec2  # type: ignore[method-assign]
    return tried


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


def test_another_run_right_afterwards_knows_that_they_sleep_again(stage: Stage) -> None:
    asleep(stage, 2)
    stage.set()
    stage.to_the_end()
    assert set(Asset.objects.values_list("state", flat=True)) == {"stopping"}
    stage.clock.forward(60)
    stage.run = start_now(window=stage.window, by=cast.ada(), now=stage.clock())
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
    left = [7]

    def before(name: str) -> None:
        if name == "StartInstances" and left[0]:
            left[0] -= 1
            raise Throttled("Request limit exceeded.")

    stage.cloud.before = before
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
    host, left = asleep(stage, 1)[0], [2]

    def before(name: str) -> None:
        if name == "StartInstances" and left[0]:
            left[0] -= 1
            raise Ambiguous("Connection reset.")

    stage.cloud.before = before
    run = stage.set()
    stage.to_the_end()
    assert run.targets.get().verdict == Verdict.PATCHED
    assert host.instance.state == "stopped"


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
    assert run.targets.get().reason == "It was started ahead and then stopped by somebody."
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
    with pytest.raises(Conflict, match="nobody is going to stop it"):
        keep_running(asset=asset, by=cast.ana(), reason="Again.", now=stage.clock())


def test_the_last_of_two_runs_stops_it(stage: Stage) -> None:
    host = asleep(stage, 1)[0]
    first = stage.set()
    stage.until(lambda: first.targets.filter(state=T.READY).exists())
    second = start_now(window=stage.window, by=cast.ada(), now=stage.clock())
    for _ in range(200):
        stage.look()
        advance(second, cloud=stage.cloud, clock=stage.clock)
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


def test_one_that_cannot_be_stopped_keeps_no_other_running(stage: Stage) -> None:
    hosts = asleep(stage, 3)
    run = stage.set()
    stage.until(lambda: run.targets.filter(state=T.READY).count() == 3)
    bad, here = hosts[0].instance.instance_id, stage.cloud.ec2

    def ec2(account: str, region: str):  # type: ignore[no-untyped-def]
        place = here(account, region)
        stop = place.stop_instances

        def stop_instances(ids: list[str]) -> None:
            if bad in ids and protected[0]:
                raise Refused("It is protected.", code="OperationNotPermitted")
            stop(ids)

        place.stop_instances = stop_instances  # type: ignore[method-assign]
        return place

    protected = [True]
    stage.cloud.ec2 = ec2  # type: ignore[method-assign]
    stage.until(lambda: [host.instance.state for host in hosts] == ["running", "stopped", "stopped"])
    assert run.state not in RUN_OVER
    protected[0] = False
    stage.to_the_end()
    assert hosts[0].instance.state == "stopped"
