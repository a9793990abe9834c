"""Root snapshots before the patch command, on an AWS that refuses, throttles, loses answers and kills workers."""

from __future__ import annotations

from contextlib import suppress
from datetime import timedelta

import pytest

from aws.errors import AccessRefused, Ambiguous, Refused, Throttled
from patching.engine import snapshots
from patching.engine.scope import Context
from patching.invariants.audit import late
from patching.models import RootSnapshot, Run
from patching.states import RunState, SnapshotState, TargetState, Verdict
from portal.audit.models import AuditEvent
from portal.notify.models import Notification
from tests import cast
from tests.fakes import copy_snapshots, lose_answer
from tests.integration.patching.stage import Stage

T, S = TargetState, SnapshotState


def fleet(stage: Stage, count: int = 1, **policy: object) -> Run:
    for number in range(1, count + 1):
        stage.cloud.add(number)
    return stage.set(policy={"snapshot": "root", "snapshot_keep_days": 3, **policy})


def order_of(stage: Stage, *operations: str) -> list[str]:
    return [name for name, _ in stage.cloud.calls if name in operations]


def patch_sends(stage: Stage) -> list[str]:
    sent = [request for _, request in stage.cloud.commands.values() if "-Patch-" in request.document_name]
    return [item for request in sent for item in request.instance_ids]


def follow(stage: Stage, seconds: float = 0) -> None:
    stage.clock.forward(seconds)
    snapshots.reconcile_snapshots(Context(cloud=stage.cloud, clock=stage.clock))


def test_the_snapshot_is_taken_before_the_patch_command(stage: Stage) -> None:
    run = fleet(stage, 2)
    stage.to_the_end()
    assert {row.verdict for row in run.targets.all()} == {Verdict.PATCHED}
    calls = order_of(stage, "CreateSnapshot", "SendCommand")
    # checks, snapshots, patch
    assert calls == ["SendCommand", "CreateSnapshot", "CreateSnapshot", "SendCommand"]
    for row in RootSnapshot.objects.all():
        item = stage.cloud.volume_snapshots[row.snapshot_id]
        assert item.tags["PatchPortal:Snapshot"] == str(row.pk)
        assert item.tags["PatchPortal:Instance"] == row.instance_id
        assert row.state == S.TAKEN
        assert row.expires_at - row.wanted_at == timedelta(days=3)


def test_without_the_policy_nothing_is_taken(stage: Stage) -> None:
    stage.cloud.add(1)
    stage.set()
    stage.to_the_end()
    assert not stage.cloud.called("CreateSnapshot")


def test_a_lost_answer_is_found_by_its_tag_and_nothing_is_taken_twice(stage: Stage) -> None:
    run = fleet(stage)
    stage.until(lambda: run.targets.filter(state=T.READY).exists())
    lose_answer(stage.cloud, "CreateSnapshot")
    stage.to_the_end()
    assert run.targets.get().verdict == Verdict.PATCHED
    assert len(stage.cloud.volume_snapshots) == 1
    assert RootSnapshot.objects.get().snapshot_id in stage.cloud.volume_snapshots


def test_a_request_that_never_arrived_is_repeated_after_the_settle_time(stage: Stage) -> None:
    run = fleet(stage)
    failing = [True]

    def before(name: str) -> None:
        if name == "CreateSnapshot" and failing.pop():
            failing.append(False)
            raise Ambiguous("Connection reset.", operation=name)

    stage.cloud.before = before
    stage.until(lambda: RootSnapshot.objects.filter(state=S.UNKNOWN).exists())
    lost_at = stage.clock()
    assert not patch_sends(stage)
    stage.until(lambda: bool(stage.cloud.volume_snapshots))
    assert stage.clock() - lost_at >= timedelta(seconds=20)
    stage.to_the_end()
    assert run.targets.get().verdict == Verdict.PATCHED


def test_throttling_costs_time_only(stage: Stage) -> None:
    run = fleet(stage, 3)
    left = [4]

    def before(name: str) -> None:
        if name == "CreateSnapshot" and left[0] > 0:
            left[0] -= 1
            raise Throttled("Rate exceeded", operation=name)

    stage.cloud.before = before
    stage.to_the_end()
    assert {row.verdict for row in run.targets.all()} == {Verdict.PATCHED}
    assert len(stage.cloud.volume_snapshots) == 3


@pytest.mark.parametrize("error", [Refused("The volume is in error."), AccessRefused("The role may not.")])
def test_no_snapshot_no_patch(stage: Stage, error: Exception) -> None:
    run = fleet(stage, 2)

    def before(name: str) -> None:
        if name == "CreateSnapshot" and not stage.cloud.volume_snapshots and not failed:
            failed.append(name)
            raise error

    failed: list[str] = []
    stage.cloud.before = before
    stage.to_the_end()
    bad, good = run.targets.order_by("state")
    assert (bad.state, bad.reason_code) == (T.BLOCKED, "no_snapshot")
    assert str(error) in bad.reason
    assert good.verdict == Verdict.PATCHED
    assert patch_sends(stage) == [good.instance_id]


def test_an_instance_store_root_is_refused_in_clear_words(stage: Stage) -> None:
    stage.cloud.add(1, root_device_type="instance-store", root_volume_id="")
    run = stage.set(policy={"snapshot": "root"})
    stage.to_the_end()
    target = run.targets.get()
    assert target.state == T.BLOCKED
    assert "instance store" in target.reason
    assert not patch_sends(stage)


def test_the_copy_is_followed_until_it_is_complete(stage: Stage) -> None:
    fleet(stage)
    stage.to_the_end()
    follow(stage)
    row = RootSnapshot.objects.get()
    assert row.state == S.TAKEN
    copy_snapshots(stage.cloud)
    follow(stage, 31)
    row.refresh_from_db()
    assert row.state == S.COMPLETED
    assert AuditEvent.objects.filter(kind="snapshot.completed", run_id=row.run_id).count() == 1


def test_a_copy_that_breaks_later_changes_nothing_for_the_patched_host(stage: Stage) -> None:
    run = fleet(stage)
    stage.to_the_end()
    copy_snapshots(stage.cloud, "error")
    follow(stage)
    assert RootSnapshot.objects.get().state == S.FAILED
    assert run.targets.get().state == T.DONE


def test_it_is_deleted_when_its_time_is_over_and_only_ours_is(stage: Stage) -> None:
    fleet(stage)
    stage.to_the_end()
    row = RootSnapshot.objects.get()
    here = stage.cloud.ec2(row.account_id, row.region)
    by_hand = here.create_snapshot(row.volume_id, description="by hand", tags={"Name": "mine"})
    other = here.create_snapshot(
        "vol-other", description="copied tag", tags={"PatchPortal:Snapshot": str(row.pk)}
    )
    follow(stage, 2 * 86_400)
    assert not stage.cloud.called("DeleteSnapshot")
    follow(stage, 86_400)
    assert set(stage.cloud.volume_snapshots) == {by_hand.snapshot_id, other.snapshot_id}
    row.refresh_from_db()
    assert row.state == S.DELETED


def test_a_snapshot_that_an_image_uses_is_deleted_later(stage: Stage) -> None:
    fleet(stage)
    stage.to_the_end()
    used = [True]

    def before(name: str) -> None:
        if name == "DeleteSnapshot" and used[0]:
            raise Refused("It is in use by ami-1.", code="InvalidSnapshot.InUse")

    stage.cloud.before = before
    follow(stage, 4 * 86_400)
    row = RootSnapshot.objects.get()
    assert (row.state, row.reason) == (S.DELETING, "It is in use by ami-1.")
    used[0] = False
    follow(stage, 60)
    assert stage.cloud.volume_snapshots
    follow(stage, 6 * 3600)
    assert not stage.cloud.volume_snapshots


@pytest.mark.parametrize("operation", ["DeleteSnapshot", "DescribeSnapshots"])
def test_one_that_aws_never_deletes_is_asked_for_a_month_and_then_told(stage: Stage, operation: str) -> None:
    """Somebody keeps an image of it, or the account refuses even to be asked."""
    admin = cast.ada()
    run = fleet(stage)
    stage.to_the_end()
    copy_snapshots(stage.cloud)
    follow(stage, 60)
    asked: list[str] = []

    def before(name: str) -> None:
        if name == operation:
            asked.append(name)
            raise Refused("It is in use by ami-1.", code="InvalidSnapshot.InUse")

    stage.cloud.before = before
    follow_quietly(stage, 3 * 86_400)
    for _ in range(40 * 6):
        follow_quietly(stage, 4 * 3_600)
    assert 30 <= len(asked) <= 60  # each hour it would have been 720 times
    row = RootSnapshot.objects.get()
    assert row.state == S.LEFT
    assert "It is in use by ami-1." in row.reason
    told = Notification.objects.get(kind="snapshot.left", user=admin)
    assert f"AWS did not delete {row.snapshot_id} for a month." in told.sentence
    assert not late([run.pk], now=stage.clock())


def follow_quietly(stage: Stage, seconds: float) -> None:
    with suppress(Refused):  # the task's own isolation tells it
        follow(stage, seconds)


def test_an_account_that_refuses_every_look_at_a_copy_is_asked_ever_more_seldom(stage: Stage) -> None:
    fleet(stage)
    stage.to_the_end()
    asked: list[str] = []

    def before(name: str) -> None:
        if name == "DescribeSnapshots":
            asked.append(name)
            raise Refused("The role may not.", code="AccessDenied")

    stage.cloud.before = before
    for _ in range(24 * 60):
        follow_quietly(stage, 60)
    assert len(asked) < 60


class Killed(BaseException):
    """kill -9: nothing of ours runs after it."""


@pytest.mark.parametrize("operation", ["CreateSnapshot", "DescribeSnapshots", "DeleteSnapshot"])
@pytest.mark.parametrize("moment", ["before", "after"])
@pytest.mark.django_db(transaction=True)
def test_a_worker_killed_at_any_call(operation: str, moment: str) -> None:
    stage = Stage()
    run = fleet(stage, 2)
    deaths = [2]

    def die(name: str) -> None:
        if name == operation and deaths[0] > 0:
            deaths[0] -= 1
            raise Killed

    setattr(stage.cloud, moment, die)
    for _ in range(300):
        try:
            stage.look()
        except Killed:
            run.refresh_from_db()
        if run.state == RunState.FINISHED:
            break
    assert {row.verdict for row in run.targets.all()} == {Verdict.PATCHED}, stage.states()
    assert len(stage.cloud.volume_snapshots) == 2
    stage.clock.forward(4 * 86_400)
    for _ in range(4):
        try:
            follow(stage, 86_401)
        except Killed:
            continue
    assert deaths[0] < 2 or (operation, moment) == ("DescribeSnapshots", "after")
    assert not stage.cloud.volume_snapshots
    assert set(RootSnapshot.objects.values_list("state", flat=True)) == {S.DELETED}
