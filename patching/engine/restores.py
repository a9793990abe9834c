"""Carries out requested restores: one CreateReplaceRootVolumeTask each, then followed until the task is over."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from datetime import datetime

from aws.errors import AccessRefused, Ambiguous, CloudError, Refused, Throttled
from aws.states import RootVolumeState
from patching.engine.places import for_each
from patching.engine.scope import Context
from patching.models import Restore
from patching.operations import restores
from patching.policy.patience import RESTORES
from patching.policy.waking import Place
from patching.states import RestoreState

MOST_TRIES = 20
AT_ONCE = 200
WORDS: dict[str, str] = {
    RootVolumeState.FAILED: "EC2 could not replace the volume; the host has its old one back.",
    RootVolumeState.FAILED_DETACHED: (
        "EC2 could not replace the volume, and the host has no root volume now: attach one in EC2."
    ),
}


def reconcile_restores(context: Context) -> None:
    """Sends what is requested and follows what runs; one broken account stops no other."""
    try:
        _each(context, [RestoreState.WANTED, RestoreState.SENDING], _send_all)
    finally:
        _each(context, [RestoreState.RUNNING], _follow)


Act = Callable[[Context, Place, list[Restore]], None]


def _each(context: Context, states: list[RestoreState], act: Act) -> None:
    rows = Restore.objects.filter(state__in=states, due_at__lte=context.now())
    places: dict[Place, list[Restore]] = {}
    for row in rows.select_related("snapshot", "asset").order_by("due_at")[:AT_ONCE]:
        places.setdefault((row.snapshot.account_id, row.snapshot.region), []).append(row)
    for_each(places, lambda place: act(context, place, places[place]))


def _send_all(context: Context, place: Place, rows: Iterable[Restore]) -> None:
    for_each(rows, lambda row: _send(context, place, row))


def _send(context: Context, place: Place, row: Restore) -> None:
    """The restore's id is the client token: AWS answers a repeat with the same task."""
    restores.count_try(row, due_at=context.now() + restores.next_try(row.tries))
    try:
        taken = row.snapshot
        task = context.ec2(place).replace_root_volume(taken.instance_id, taken.snapshot_id, token=str(row.pk))
    except (Throttled, Ambiguous, AccessRefused) as error:
        if row.tries + 1 >= MOST_TRIES:
            restores.failed(row, f"Given up after {MOST_TRIES} tries: {error}", now=context.now())
    except Refused as error:
        restores.failed(row, f"EC2 refused it: {error}", now=context.now())
    else:
        restores.running(row, task.task_id, now=context.now())


def _follow(context: Context, place: Place, rows: list[Restore]) -> None:
    """The next look is set before AWS is asked, each later than the last; after a day nobody looks any more."""
    rows, now = list(rows), context.now()
    for row in rows:
        restores.note([row], row.progress, due_at=now + RESTORES.wait(_since(row), now))
    try:
        listed = context.ec2(place).root_volume_tasks([row.snapshot.instance_id for row in rows])
    except CloudError as error:
        for row in rows:
            if RESTORES.over(_since(row), now):
                restores.failed(row, f"AWS refused each look at it for a day: {error}", now=now)
        raise
    tasks = {task.task_id: task for task in listed}
    for row in rows:
        state = tasks[row.task_id].state if row.task_id in tasks else ""
        if state == RootVolumeState.SUCCEEDED:
            restores.done(row, now=context.now())
        elif state in WORDS:
            restores.failed(row, WORDS[state], now=context.now(), progress=state)
        elif RESTORES.over(_since(row), now):
            told = f"EC2 has said {state} for a day" if state else "EC2 no longer tells anything of this task"
            restores.failed(row, f"{told}.", now=now, progress=state)
        else:
            restores.note([row], state, due_at=now + RESTORES.wait(_since(row), now))


def _since(row: Restore) -> datetime:
    return row.running_at or row.requested_at
