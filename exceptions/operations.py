"""The exception workflow: each function is one transaction of rule, move, audit, notification and tag requests."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from datetime import date, datetime
from typing import Any

from django.conf import settings
from django.db import transaction
from django.db.models import F, QuerySet, Value

from exceptions.models import Approval, Covered, ExceptionRequest
from exceptions.queries import bearing_foreign_tag, current_of, due
from exceptions.rules import (
    check_approvable,
    check_days,
    check_decide,
    check_given,
    check_granted,
    check_move,
    check_open_end,
    check_requester,
    check_revoke,
    check_words,
    full_day,
)
from exceptions.states import EXCEPTION, IN_FORCE, ExceptionState
from exceptions.tag_value import format_interval
from portal.access.models import User
from portal.access.queries import kinds_of
from portal.audit.operations import Entry, EntryForEach
from portal.insert_select import insert_for_each
from portal.inventory.models import Asset
from portal.inventory.ownership import check_owned
from portal.isolation import isolated
from portal.machine.mover import NOTHING, Mover, Step
from portal.sentences import counted
from portal.tags.operations import request_tag_for_each

S = ExceptionState


@transaction.atomic
def submit(
    *,
    assets: Iterable[Asset],
    from_date: date,
    to_date: date,
    time_zone: str,
    category: str,
    reason: str,
    by: User,
    now: datetime,
) -> ExceptionRequest:
    """Asks to leave the assets unpatched from–to (whole days in the zone). Raises Denied or Invalid."""
    starts_at, ends_at = check_days(from_date, to_date, time_zone, now)
    reason = check_words(category, reason)
    rows = Asset.objects.of(assets)
    check_owned(rows, by)
    check_approvable(kinds_of(rows), by)
    request = ExceptionRequest.objects.create(
        from_date=from_date, to_date=to_date, asked_to_date=to_date, time_zone=time_zone, starts_at=starts_at,
        ends_at=ends_at, category=category, reason=reason, requested_by=by, created_at=now, submitted_at=now,
    )  # fmt: skip
    insert_for_each(Covered, rows, {"request_id": request.pk, "asset_id": F("pk")})
    _enter(
        request,
        S.SUBMITTED,
        by=by,
        now=now,
        said=f"asked to leave {_servers(rows)} unpatched until {_last(request)}",
    )
    return _fresh(request)


@transaction.atomic
def approve(
    *, request: ExceptionRequest, by: User, reason: str = "", until: date | None = None, now: datetime
) -> ExceptionRequest:
    """Grants the days that were asked for, or only those until `until`. Raises Denied, Conflict or Invalid.

    From the commit on, no send includes its assets in the interval: it locks the rows that a send locks.
    """
    request = _locked(request)
    check_decide(request, by)
    check_move(request, S.APPROVED, now)
    check_open_end(request, now)
    until = until or request.to_date
    ends_at = check_granted(request, until, now)
    said = f"approved the exception until {full_day(until)}{_fewer(request, until)}"
    _decide(
        request, S.APPROVED, by=by, reason=reason, now=now, said=said, granted_to_date=until,
        facts={"to_date": until, "ends_at": ends_at},
    )  # fmt: skip
    if request.starts_at <= now:
        _enter(request, S.ACTIVE, by=None, now=now, said="put the exception into force", quiet=True)
    _tags(request, by=by, now=now)
    return _fresh(request)


def reject(*, request: ExceptionRequest, by: User, reason: str, now: datetime) -> ExceptionRequest:
    return _answer(request, S.REJECTED, by=by, reason=reason, now=now, said="rejected the exception")


def return_for_rework(*, request: ExceptionRequest, by: User, reason: str, now: datetime) -> ExceptionRequest:
    return _answer(
        request, S.RETURNED, by=by, reason=reason, now=now, said="asked for changes to the exception"
    )


@transaction.atomic
def _answer(
    request: ExceptionRequest, to: ExceptionState, *, by: User, reason: str, now: datetime, said: str
) -> ExceptionRequest:
    request = _locked(request)
    check_decide(request, by)
    check_move(request, to, now)
    reason = check_given(reason, "Write a reason: the requester has to act on it.")
    _decide(request, to, by=by, reason=reason, now=now, said=said)
    return _fresh(request)


@transaction.atomic
def resubmit(*, request: ExceptionRequest, reason: str, by: User, now: datetime) -> ExceptionRequest:
    """A returned request goes back to its approvers with a better reason."""
    request = _locked(request)
    check_requester(request, by, "send it again")
    check_move(request, S.SUBMITTED, now)
    check_open_end(request, now)
    check_approvable(request.kinds, by)
    reason = check_words(request.category, reason)
    said = f"sent the exception again: {reason}"
    _enter(request, S.SUBMITTED, by=by, now=now, said=said, reason=reason, submitted_at=now)
    return _fresh(request)


@transaction.atomic
def withdraw(*, request: ExceptionRequest, by: User, now: datetime) -> ExceptionRequest:
    request = _locked(request)
    check_requester(request, by, "withdraw it")
    check_move(request, S.WITHDRAWN, now)
    _enter(request, S.WITHDRAWN, by=by, now=now, said="withdrew the exception; nothing is left to decide")
    return _fresh(request)


@transaction.atomic
def revoke(*, request: ExceptionRequest, by: User, reason: str, now: datetime) -> ExceptionRequest:
    """Ends it before its last day: its servers may be patched again from the commit on."""
    request = _locked(request)
    check_revoke(request, by)
    check_move(request, S.REVOKED, now)
    reason = check_given(reason, "Write a reason: the people who rely on the exception will read it.")
    _decide(request, S.REVOKED, by=by, reason=reason, now=now, said="ended the exception early")
    _tags(request, by=by, now=now)
    return _fresh(request)


def tick(*, now: datetime) -> int:
    """The clock's moves: approved ones come into force, ended ones expire. Returns how many moved."""
    moved = 0
    for pk in due(now):
        # one broken request never keeps the others waiting (I12); the next tick tries again
        with isolated("exception_not_moved", request=pk):
            moved += _tick_one(pk, now)
    return moved


@transaction.atomic
def _tick_one(pk: int, now: datetime) -> bool:
    request = _locked(ExceptionRequest.objects.get(pk=pk))
    if request.state in IN_FORCE and request.ends_at <= now:
        _enter(
            request,
            S.EXPIRED,
            by=None,
            now=now,
            said="ended the exception with its last day",
        )
    elif request.state == S.APPROVED and request.starts_at <= now:
        _enter(
            request, S.ACTIVE, by=None, now=now, said=f"put the exception into force until {_last(request)}"
        )
    else:
        return False
    _tags(request, by=None, now=now)
    return True


def _locked(request: ExceptionRequest) -> ExceptionRequest:
    """The request and its assets, locked in the order that every send uses: assets by key, then the request."""
    covered = Covered.objects.filter(request=request).values("asset")
    list(Asset.objects.select_for_update().filter(pk__in=covered).order_by("pk").values_list("pk", flat=True))
    return (
        ExceptionRequest.objects.select_for_update(of=("self",))
        .select_related("requested_by")
        .get(pk=request.pk)
    )


def _decide(
    request: ExceptionRequest, to: ExceptionState, *, by: User, reason: str, now: datetime, said: str,
    granted_to_date: date | None = None, facts: Mapping[str, Any] = NOTHING,
) -> None:  # fmt: skip
    reason = check_given(reason, "") if reason.strip() else ""
    Approval.objects.create(
        request=request, by=by, decision=to.value, reason=reason, at=now, granted_to_date=granted_to_date
    )
    said += f": {reason}" if reason else ""
    _enter(request, to, by=by, now=now, said=said, decided_at=now, **facts)


def _enter(
    request: ExceptionRequest,
    to: ExceptionState,
    *,
    by: User | None,
    now: datetime,
    said: str,
    quiet: bool = False,
    **facts: Any,
) -> None:
    """One move of a locked request. Raises Conflict where the table has no such move."""
    check_move(request, to, now)
    MOVER.move_locked([request], to, said=said, by=by, quiet=quiet, fields=facts)
    request.refresh_from_db()


def _events(
    rows: Sequence[ExceptionRequest], step: Step[ExceptionState], kind: str
) -> Iterator[Entry | EntryForEach]:
    """The request's, and one on each asset's timeline."""
    for row in rows:
        detail = {"from": row.state, "request": row.pk, "said": step.said}
        summary = f"Exception {row.pk}: {step.said}"
        yield Entry(kind, "exception", str(row.pk), summary, detail=detail)
        yield EntryForEach(row.assets.all(), kind, "asset", Value(summary), detail)


MOVER = Mover(ExceptionRequest, EXCEPTION, _events)


def _tags(request: ExceptionRequest, *, by: User | None, now: datetime) -> None:
    """The tag bears the current exception, else the next one, else it is gone.

    A tag that somebody else set and that still speaks is left alone: replacing it would end an exemption unseen.
    """
    key, reason = settings.TAG_KEYS["exception"], f"Exception {request.pk}"
    for value, assets in _bearers(request, now).items():
        rows = Asset.objects.with_keys(assets)
        request_tag_for_each(rows, "account__account_id", key=key, value=value, reason=reason, by=by, now=now)


def _bearers(request: ExceptionRequest, now: datetime) -> dict[str | None, list[int]]:
    """What the tag of its servers shall be → the keys of those servers."""
    rows = request.assets.all()
    current, foreign = current_of(rows, now), bearing_foreign_tag(rows, now)
    value_of = {row.pk: _value(row) for row in ExceptionRequest.objects.filter(pk__in=set(current.values()))}
    bearers: dict[str | None, list[int]] = defaultdict(list)
    for asset in rows.order_by("pk").values_list("pk", flat=True):
        if asset not in foreign:
            bearers[value_of.get(current.get(asset, 0))].append(asset)
    return bearers


def _value(request: ExceptionRequest) -> str:
    return format_interval(request.starts_at, request.ends_at)


def _servers(assets: QuerySet[Asset]) -> str:
    count = assets.count()
    return assets.get().label if count == 1 else counted(count, "server")


def _last(request: ExceptionRequest) -> str:
    return full_day(request.to_date)


def _fewer(request: ExceptionRequest, until: date) -> str:
    """What of the days asked for is not granted; '' when all are."""
    days = (request.asked_to_date - until).days
    return f", {days} {'day' if days == 1 else 'days'} fewer than asked for" if days else ""


def _fresh(request: ExceptionRequest) -> ExceptionRequest:
    return ExceptionRequest.objects.get(pk=request.pk)
