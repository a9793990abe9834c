"""The end of power holds: stopped again, given away, kept, or left running because EC2 refuses (invariants I6, I14)."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import datetime

from django.db import transaction
from django.db.models import Q, QuerySet

from aws.errors import CloudError
from aws.power_refusals import STOP, Lasts, Refusal, refusal_of
from patching.models import PowerHold, Run
from patching.operations.power import GIVEN_AWAY, RUNNING, lock_assets, moved, take_marks_away
from patching.policy.patience import LASTING, STOPS, stopped_by
from patching.states import HoldState
from portal.notify.operations import notify

H = HoldState
NAMED = 5
GONE = "The instance no longer exists."
NO_WORD = "Nothing came back of each try to stop it: the workers ended in the middle, or failed."
STILL_STOPPING = "It was still being stopped by"


@transaction.atomic
def releasing(holds: Iterable[PowerHold], *, now: datetime) -> None:
    """Claims the stops; a host that another run uses, or that somebody keeps, is let go as it is.

    A run that has not looked at it yet starts it anew: left running for one that fails before, it would stay so.
    """
    asked = {item.pk: item.asset_id for item in holds}
    lock_assets(asked.values())
    rows = list(
        PowerHold.objects.select_for_update(of=("self",))
        .filter(pk__in=asked, state__in=[H.STARTING, H.HELD])
        .select_related("asset__account", "run", "kept_by")
        .order_by("pk")
    )
    others = PowerHold.objects.filter(asset__in=[row.asset_id for row in rows], state__in=RUNNING)
    needed = set(others.exclude(pk__in=[row.pk for row in rows]).values_list("asset_id", flat=True))
    moved((row for row in rows if row.asset_id in needed), H.KEPT, GIVEN_AWAY, released_at=now)
    ours = [row for row in rows if row.asset_id not in needed]
    for row in ours:
        if row.kept_by_id:
            settle([row], H.KEPT, reason=_kept_words(row), now=now)
    claimed = (row for row in ours if not row.kept_by_id)
    moved(claimed, H.RELEASING, releasing_at=now, due_at=now, stop_attempts=0)


def waits_for(run: Run) -> str:
    """Why a start did not come to its turn; the audit looks for it where the other stop was refused."""
    return f"{STILL_STOPPING} {run.name}, another run."


def _kept_words(row: PowerHold) -> str:
    who = row.kept_by.display_name if row.kept_by else "Somebody"
    return f"{who} keeps it running: {row.keep_reason}"


def due(run: Run, *, now: datetime) -> QuerySet[PowerHold]:
    """Those of the run that are to be stopped by now."""
    rows = run.power_holds.filter(Q(due_at=None) | Q(due_at__lte=now), state=H.RELEASING)
    return rows.select_related("asset__account", "run").order_by("pk")


@transaction.atomic
def count_try(holds: Iterable[PowerHold], *, now: datetime) -> list[PowerHold]:
    """The try is counted, and the time of the next one set, before anything is asked. Returns those to be stopped.

    Without a reason a try is under way: nobody else takes the host over until EC2 has answered.
    """
    asked = list(holds)
    if not asked:
        return []
    still = due(asked[0].run, now=now).filter(pk__in=[item.pk for item in asked])
    rows = list(still.select_for_update(of=("self",)))
    silent = {row: NO_WORD for row in rows if STOPS.over(row.stop_attempts)}
    going = [row for row in rows if row not in silent]
    for row in going:
        row.stop_attempts += 1
        row.due_at = min(now + STOPS.wait(row.stop_attempts), max(_last_at(row), now))
        row.reason = ""
    PowerHold.objects.bulk_update(going, ["stop_attempts", "due_at", "reason"])
    _left_running(silent, now=now)
    return going


def _last_at(row: PowerHold) -> datetime:
    return stopped_by(row.run.ends_at, row.releasing_at or row.wanted_at)


@transaction.atomic
def refused(errors: Mapping[PowerHold, CloudError], *, now: datetime) -> None:
    """Each waits for its next try, or is left running: told to the admins, once for all of the call."""
    ends: dict[PowerHold, str] = {}
    for row, error in errors.items():
        row_of_table = refusal_of(error, STOP)
        said = f"EC2 did not stop it: {error}"
        if row_of_table.lasts == Lasts.GONE:
            settle([row], H.RELEASED, reason=GONE, now=now)
        elif _is_over(row, row_of_table, now):
            ends[row] = " ".join(filter(None, [said, row_of_table.mends]))
        else:
            waits = PowerHold.objects.filter(pk=row.pk, state=H.RELEASING, stop_attempts=row.stop_attempts)
            waits.update(reason=said)
    _left_running(ends, now=now)


def _is_over(row: PowerHold, refusal: Refusal, now: datetime) -> bool:
    patience = LASTING if refusal.lasts == Lasts.LASTING else STOPS
    return patience.over(row.stop_attempts) or now >= _last_at(row)


def _left_running(ends: Mapping[PowerHold, str], *, now: datetime) -> None:
    left = [row for row, reason in ends.items() if settle([row], H.NOT_STOPPED, reason=reason, now=now)]
    if left:
        notify("power.not_stopped", left[0].run, said=left_running_sentence(left, ends[left[0]]))


def left_running_sentence(rows: list[PowerHold], reason: str) -> str:
    """E.g. `web-1 was started for Sunday and is left running. EC2 did not stop it: …`"""
    names = ", ".join(row.asset.label for row in rows[:NAMED])
    more = f" and {len(rows) - NAMED} more" if len(rows) > NAMED else ""
    be = "was" if len(rows) == 1 else "were"
    left = "is" if len(rows) == 1 else "are"
    return f"{names}{more} {be} started for {rows[0].run.name} and {left} left running. {reason}"


@transaction.atomic
def settle(holds: list[PowerHold], to: HoldState, *, reason: str, now: datetime) -> set[int]:
    """Over, told in the run's log, and the removal of the Wake tag is requested. Returns the keys of those moved."""
    done = moved(holds, to, reason, released_at=now)
    take_marks_away([item for item in holds if item.pk in done], now)
    return done
