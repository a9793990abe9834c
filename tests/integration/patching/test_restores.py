"""A root volume goes back to what it was before a run: who may ask, when, and that it happens exactly once."""

from __future__ import annotations

from contextlib import suppress
from dataclasses import replace

import pytest

from aws.errors import Refused, Throttled
from patching.engine import restores, snapshots
from patching.engine.scope import Context
from patching.models import AssetPatchState, Restore, RootSnapshot
from patching.operations.restores import ask
from patching.operations.snapshots import deleting
from patching.severity import group_at
from patching.standing import Group
from patching.states import RestoreState, SnapshotState, TargetState
from portal.access.rules import Conflict, Denied, Invalid
from portal.audit.models import AuditEvent
from portal.inventory.models import Asset
from portal.tones import Tone
from reports.queries.servers import listed, state_of
from tests import cast
from tests.ad_hoc import start_unguarded
from tests.fakes import copy_snapshots, lose_answer
from tests.integration.patching.stage import Stage

R = RestoreState


@pytest.fixture
def stage(db: None) -> Stage:
    return patched()


def patched() -> Stage:
    """One host, patched, its snapshot complete."""
    stage = Stage()
    stage.cloud.add(1)
    stage.set(policy={"snapshot": "root"})
    stage.to_the_end()
    copy_snapshots(stage.cloud)
    snapshots.reconcile_snapshots(Context(cloud=stage.cloud, clock=stage.clock))
    return stage


def request(stage: Stage) -> Restore:
    return ask(
        snapshot=RootSnapshot.objects.get(), by=cast.ada(), reason="The shop broke.", now=stage.clock()
    )


def follow(stage: Stage, seconds: float = 11) -> Restore:
    stage.clock.forward(seconds)
    restores.reconcile_restores(Context(cloud=stage.cloud, clock=stage.clock))
    return Restore.objects.get()


def set_task(stage: Stage, state: str) -> None:
    for token, task in stage.cloud.root_tasks.items():
        stage.cloud.root_tasks[token] = replace(task, state=state)


def test_a_restore_goes_all_the_way_and_is_told(stage: Stage) -> None:
    request(stage)
    assert follow(stage).state == R.RUNNING
    set_task(stage, "in-progress")
    assert follow(stage).progress == "in-progress"
    set_task(stage, "succeeded")
    assert follow(stage).state == R.DONE
    assert stage.cloud.called("CreateReplaceRootVolumeTask") == [("i-00000000000000001",)]
    asset = Asset.objects.select_related("patch_state").get()
    word, tone, why = state_of(asset, None, True, stage.clock())
    assert (word, tone) == ("Restored on 5 Dec", Tone.ATTENTION)
    assert "updates since then are gone" in why
    assert group_at(listed(cast.ada()).values_list("severity", flat=True).get()) == Group.NEEDS_YOU
    kinds = AuditEvent.objects.filter(kind__startswith="restore.").order_by("pk").values_list("kind", "actor")
    assert [kind for kind, _ in kinds] == [
        "restore.wanted",
        "restore.sending",
        "restore.running",
        "restore.done",
    ]
    assert kinds[0][1] == "Ada"
    assert stage.tag(1, "LastPatched") is not None  # I7: only a verdict changes it


def test_the_next_verdict_is_unaffected_and_ends_the_word(stage: Stage) -> None:
    request(stage)
    follow(stage)
    set_task(stage, "succeeded")
    follow(stage)
    stage.run = start_unguarded(window=stage.window, by=cast.ada(), now=stage.clock())
    stage.to_the_end()
    state = AssetPatchState.objects.get()
    assert (state.last_verdict, state.restored_at) == ("patched", None)


def test_a_lost_answer_makes_no_second_task(stage: Stage) -> None:
    request(stage)
    lose_answer(stage.cloud, "CreateReplaceRootVolumeTask")
    assert follow(stage).state == R.SENDING
    assert follow(stage, 130).state == R.RUNNING
    assert len(stage.cloud.root_tasks) == 1


@pytest.mark.parametrize("operation", ["CreateReplaceRootVolumeTask", "DescribeReplaceRootVolumeTasks"])
@pytest.mark.parametrize("moment", ["before", "after"])
@pytest.mark.django_db(transaction=True)
def test_a_worker_killed_at_any_call(operation: str, moment: str) -> None:
    class Killed(BaseException):
        pass

    stage, deaths = patched(), [2]

    def die(name: str) -> None:
        if name == operation and deaths[0] > 0:
            deaths[0] -= 1
            raise Killed

    setattr(stage.cloud, moment, die)
    request(stage)
    for _ in range(8):
        try:
            follow(stage, 130)
        except Killed:
            continue
        set_task(stage, "succeeded")
    assert Restore.objects.get().state == R.DONE
    assert len(stage.cloud.root_tasks) == 1
    assert AuditEvent.objects.filter(kind="restore.done").count() == 1


def test_refusals_and_failures_are_told(stage: Stage) -> None:
    request(stage)

    def fail(name: str) -> None:
        if name == "CreateReplaceRootVolumeTask":
            raise Refused("The instance is not running.", code="IncorrectInstanceState")

    stage.cloud.before = fail
    row = follow(stage)
    assert (row.state, row.error) == (R.FAILED, "EC2 refused it: The instance is not running.")
    assert not AssetPatchState.objects.get().restored_at


def test_throttling_costs_time_only(stage: Stage) -> None:
    left = [2]

    def slow(name: str) -> None:
        if name == "CreateReplaceRootVolumeTask" and left[0]:
            left[0] -= 1
            raise Throttled("Rate exceeded")

    stage.cloud.before = slow
    request(stage)
    follow(stage)
    follow(stage, 30)
    assert follow(stage, 30).state == R.RUNNING


@pytest.mark.parametrize(
    ("state", "words"), [("failed", "old one back"), ("failed-detached", "no root volume now")]
)
def test_a_task_that_fails_says_what_the_host_has(stage: Stage, state: str, words: str) -> None:
    request(stage)
    follow(stage)
    set_task(stage, state)
    row = follow(stage)
    assert row.state == R.FAILED
    assert words in row.error


@pytest.mark.parametrize(
    ("refused", "words"),
    [(True, "AWS refused each look at it for a day"), (False, "EC2 has said pending for a day.")],
)
def test_a_task_of_which_nothing_more_is_heard_ends_after_a_day(
    stage: Stage, refused: bool, words: str
) -> None:
    request(stage)
    follow(stage)
    asked: list[str] = []

    def before(name: str) -> None:
        if name == "DescribeReplaceRootVolumeTasks":
            asked.append(name)
            if refused:
                raise Refused("The role may not.", code="AccessDenied")

    stage.cloud.before = before
    for _ in range(25 * 60):
        with suppress(Refused):
            follow(stage, 60)
    row = Restore.objects.get()
    assert row.state == R.FAILED
    assert words in row.error
    assert len(asked) < 250  # each ten minutes at the end


def test_only_admins_with_a_reason(stage: Stage) -> None:
    row = RootSnapshot.objects.get()
    with pytest.raises(Denied, match="patch admin"):
        ask(snapshot=row, by=cast.ana(), reason="Mine.", now=stage.clock())
    with pytest.raises(Invalid):
        ask(snapshot=row, by=cast.ada(), reason=" ", now=stage.clock())


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"snapshot": SnapshotState.TAKEN}, "still copying"),
        ({"snapshot": SnapshotState.DELETING}, "nothing to go back to"),
        ({"asset": "stopped"}, "restores running instances only"),
        ({"target": TargetState.VERIFYING}, "being patched by"),
    ],
)
def test_not_now(stage: Stage, change: dict[str, str], words: str) -> None:
    if "snapshot" in change:
        RootSnapshot.objects.update(state=change["snapshot"])
    Asset.objects.update(state=change.get("asset", "running"))
    if "target" in change:
        stage.run.targets.update(state=change["target"])
    with pytest.raises(Conflict, match=words):
        request(stage)


def test_one_at_a_time(stage: Stage) -> None:
    request(stage)
    with pytest.raises(Conflict, match="being restored already"):
        request(stage)


def test_what_a_restore_needs_is_not_deleted(stage: Stage) -> None:
    request(stage)
    stage.clock.forward(30 * 86_400)
    snapshots.reconcile_snapshots(Context(cloud=stage.cloud, clock=stage.clock))
    assert stage.cloud.volume_snapshots
    follow(stage)
    set_task(stage, "succeeded")
    assert follow(stage).state == R.DONE
    snapshots.reconcile_snapshots(Context(cloud=stage.cloud, clock=stage.clock))
    assert not stage.cloud.volume_snapshots


def test_a_restore_that_came_in_between_stops_the_deletion(stage: Stage) -> None:
    """The deletion had found the row before somebody asked for the restore."""
    row = RootSnapshot.objects.get()
    request(stage)
    assert deleting([row], now=stage.clock()) == []
    assert RootSnapshot.objects.get().state == SnapshotState.COMPLETED


def test_a_host_under_restore_is_not_patched(stage: Stage) -> None:
    request(stage)
    sent = len(stage.cloud.commands)
    stage.run = start_unguarded(window=stage.window, by=cast.ada(), now=stage.clock())
    for _ in range(60):
        stage.look()
    assert stage.run.targets.get().state == TargetState.READY
    assert len(stage.cloud.commands) == sent + 1  # the pre-check
