"""Requesting a desired tag: a row in the caller's transaction; the writer carries it out later."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from datetime import datetime, timedelta
from typing import Any

from django.conf import settings
from django.db import IntegrityError, transaction
from django.db.models import F, Q, QuerySet

from portal.access.models import User
from portal.audit.operations import PORTAL, Entry
from portal.insert_select import insert_for_each
from portal.machine.mover import Mover, Step
from portal.tags.models import InstanceRef, TagChange
from portal.tags.states import OPEN, TAG, TagState

MOST_RACES = 5
LONGEST_WRITE = timedelta(seconds=settings.STRAY_WRITE_SECONDS)


def _ended(rows: Sequence[TagChange], step: Step[TagState], kind: str) -> list[Entry]:
    """One event for rows of one account, region, key and value, which end together."""
    row, servers = rows[0], f"{len(rows)} server{'s' if len(rows) != 1 else ''}"
    what = f"removed {row.key} from" if row.value is None else f"set {row.key}={row.value} on"
    summary = f"Tags: {what} {servers} in {row.account_id} {row.region}"
    if step.to == TagState.FAILED:
        summary = f"Tags: could not {what.replace('removed', 'remove')} {servers}. {step.said}"
    return [Entry(kind, "tag", row.key[:64], summary, run_id=row.run_id, detail={"reason": row.reason})]


MOVER = Mover(TagChange, TAG, _ended)


def request_tag(
    *,
    instances: Iterable[InstanceRef],
    key: str,
    value: str | None,
    reason: str,
    run_id: int | None = None,
    by: User | None,
    now: datetime,
) -> None:
    """`key` shall be `value` (None: gone) on each instance. A later request replaces one that is still open."""
    # In one order for everybody, so that two at the same moment wait for each other and never for ever.
    refs = sorted(
        {(ref.account_id, ref.instance_id): ref for ref in instances}.values(),
        key=lambda ref: (ref.account_id, ref.instance_id),
    )
    requested_by = by.display_name if by else PORTAL
    requests = [
        {"account_id": ref.account_id, "region": ref.region, "instance_id": ref.instance_id, "key": key,
         "value": value, "reason": reason[:200], "run_id": run_id, "requested_by": requested_by,
         "created_at": now, "due_at": now}
        for ref in refs
    ]  # fmt: skip
    same = _same(refs).filter(key=key)

    def write() -> None:
        stray = replace_open(same, now=now)
        TagChange.objects.bulk_create(
            TagChange(**request, confirm_at=stray.get(str(request["instance_id"]))) for request in requests
        )

    _although_others_ask(write)


def request_tag_for_each(
    rows: QuerySet[Any],
    account: str,
    *,
    key: str,
    value: str | None,
    reason: str,
    by: User | None,
    now: datetime,
) -> None:
    """As `request_tag`, for rows with `region` and `instance_id`; `account` is their path to the account's id.

    The database makes the requests: thousands cost no objects here.
    """
    # As a list and not as a join, which the database plans badly while it does not know yet how many rows there are.
    refs = [InstanceRef(*row) for row in rows.order_by().values_list(account, "region", "instance_id")]
    same = _same(refs).filter(key=key)
    columns = {
        "account_id": F(account), "region": F("region"), "instance_id": F("instance_id"), "key": key, "value": value,
        "state": TagState.WANTED, "reason": reason[:200], "run_id": None,
        "requested_by": by.display_name if by else PORTAL, "created_at": now, "due_at": now, "attempts": 0,
        "lease_until": None, "stray_until": None, "confirm_at": None, "error": "", "finished_at": None,
    }  # fmt: skip

    def write() -> None:
        stray = replace_open(same, now=now)
        insert_for_each(TagChange, rows.order_by(account, "instance_id"), columns)
        for moment in set(stray.values()):
            ids = [instance_id for instance_id, until in stray.items() if until == moment]
            same.filter(state=TagState.WANTED, instance_id__in=ids).update(confirm_at=moment)

    _although_others_ask(write)


def _although_others_ask(write: Callable[[], None]) -> None:
    """Again where somebody asked at the same moment and was first: their request is the older one."""
    for race in range(MOST_RACES):
        try:
            with transaction.atomic():
                write()
        except IntegrityError:
            if race == MOST_RACES - 1:
                raise
        else:
            return


def replace_open(rows: QuerySet[TagChange], *, now: datetime) -> dict[str, datetime]:
    """Returns instance id → until when a writer of an earlier row may still undo what follows it."""
    held = list(rows.filter(state__in=OPEN).select_for_update().order_by("pk"))
    until = dict(
        rows.filter(stray_until__gt=now).order_by("stray_until").values_list("instance_id", "stray_until")
    )
    until |= {row.instance_id: moment for row in held if (moment := _written_until(row, now))}
    MOVER.move_locked(held, TagState.REPLACED, fields={"finished_at": now})
    return {instance_id: moment for instance_id, moment in until.items() if moment and moment > now}


def _written_until(row: TagChange, now: datetime) -> datetime | None:
    """A worker that hangs may make its call to AWS after others have gone on."""
    under_way = now + LONGEST_WRITE if row.lease_until else None
    return max(filter(None, (under_way, row.stray_until, row.confirm_at)), default=None)


def _same(refs: list[InstanceRef]) -> QuerySet[TagChange]:
    condition = Q(pk__in=[])
    for account in {ref.account_id for ref in refs}:
        ids = [ref.instance_id for ref in refs if ref.account_id == account]
        condition |= Q(account_id=account, instance_id__in=ids)
    return TagChange.objects.filter(condition)
