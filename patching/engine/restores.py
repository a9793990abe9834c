"""Carries out wanted restores: one CreateReplaceRootVolumeTask each, then a look at the task until it is over."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from datetime import datetime, timedelta

from aws.errors import AccessRefused, Ambiguous, Refused, Throttled
from aws.ports import Cloud, Ec2
from aws.states import RootVolumeState
from patching.engine.places import for_each
from patching.models import Restore
from patching.operations import restores
from patching.states import RestoreState
from portal.policy.waking import Place

Clock = Callable[[], datetime]
LOOK_EVERY = timedelta(seconds=10)
MOST_TRIES = 20
PER_LOOK = 200
WORDS: dict[str, str] = {
    RootVolumeState.FAILED: "EC2 could not replace the volume; the host has its old one back.",
    RootVolumeState.FAILED_DETACHED: (
        "EC2 could not replace the volume, and the host has no root volume now: attach one in EC2."
    ),
}


def tend(*, cloud: Cloud, clock: Clock) -> None:
    """Sends what is wanted and follows what runs; one broken account stops no other."""
    try:
        _each(cloud, [RestoreState.WANTED, RestoreState.SENDING], _send_all, clock)
    finally:
        _each(cloud, [RestoreState.RUNNING], _follow, clock)


Act = Callable[[Ec2, list[Restore], Clock], None]


def _each(cloud: Cloud, states: list[RestoreState], act: Act, clock: Clock) -> None:
    rows = Restore.objects.filter(state__in=states, due_at__lte=clock())
    places: dict[Place, list[Restore]] = {}
    for row in rows.select_related("snapshot", "asset").order_by("due_at")[:PER_LOOK]:
        places.setdefault((row.snapshot.account_id, row.snapshot.region), []).append(row)
    for_each(places, lambda place: act(cloud.ec2(*place), places[place], clock))


def _send_all(ec2: Ec2, rows: Iterable[Restore], clock: Clock) -> None:
    for_each(rows, lambda row: _send(ec2, row, clock))


def _send(ec2: Ec2, row: Restore, clock: Clock) -> None:
    """The restore's id is the client token: AWS answers a repeat with the same task."""
    restores.count_try(row, due_at=clock() + restores.next_try(row.tries))
    try:
        task = ec2.replace_root_volume(row.snapshot.instance_id, row.snapshot.snapshot_id, token=str(row.pk))
    except (Throttled, Ambiguous, AccessRefused) as error:
        if row.tries + 1 >= MOST_TRIES:
            restores.failed(row, f"Given up after {MOST_TRIES} tries: {error}", now=clock())
    except Refused as error:
        restores.failed(row, f"EC2 refused it: {error}", now=clock())
    else:
        restores.running(row, task.task_id, now=clock())


def _follow(ec2: Ec2, rows: list[Restore], clock: Clock) -> None:
    tasks = {task.task_id: task for task in ec2.root_volume_tasks([row.snapshot.instance_id for row in rows])}
    for row in rows:
        state = tasks[row.task_id].state if row.task_id in tasks else ""
        if state == RootVolumeState.SUCCEEDED:
            restores.done(row, now=clock())
        elif state in WORDS:
            restores.failed(row, WORDS[state], now=clock(), progress=state)
        elif not state and clock() > row.requested_at + timedelta(days=1):
            restores.failed(row, "EC2 no longer tells anything of this task.", now=clock())
        else:
            restores.note([row], state, due_at=clock() + LOOK_EVERY)
