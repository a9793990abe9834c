"""The exception workflow: each function is one transaction of rule, move, audit, notification and tag wishes."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import date, datetime

from django.conf import settings
from django.db import transaction
from django.urls import reverse

from exceptions.models import Approval, Covered, ExceptionRequest
from exceptions.rules import (
    check_approvable,
    check_assets,
    check_days,
    check_decide,
    check_length,
    check_move,
    check_revoke,
    check_words,
)
from exceptions.states import IN_FORCE, ExceptionState
from exceptions.tag_value import format_interval
from portal.access.models import User
from portal.access.rules import Denied, Invalid
from portal.audit.operations import Entry, record, record_all
from portal.inventory.models import Asset
from portal.notify.operations import tell
from portal.tags.operations import InstanceRef, want

S = ExceptionState


@transaction.atomic
def submit(
    *,
    assets: Sequence[Asset],
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
    check_assets(assets, by)
    approvers = check_approvable(assets, by)
    request = ExceptionRequest.objects.create(
        from_date=from_date, to_date=to_date, time_zone=time_zone, starts_at=starts_at, ends_at=ends_at,
        category=category, reason=reason, requested_by=by, created_at=now,
    )  # fmt: skip
    Covered.objects.bulk_create(Covered(request=request, asset=asset) for asset in assets)
    _enter(request, S.SUBMITTED, by=by, said=f"asked to leave {_servers(assets)} unpatched until {to_date:%-d %B %Y}")
    ExceptionRequest.objects.filter(pk=request.pk).update(submitted_at=now)
    _tell(approvers, request, f"{by.display_name} asks for an exception for {_servers(assets)}")
    return _fresh(request)


def approve(*, request: ExceptionRequest, by: User, reason: str = "", now: datetime) -> ExceptionRequest:
    """From the commit on, no send includes its assets in the interval: it locks the rows that a send locks."""
    with transaction.atomic():
        request = _locked(request)
        check_decide(request, by)
        check_move(request, S.APPROVED)
        if request.ends_at <= now:
            raise Denied("Its last day is over, so there is nothing left to approve. Ask for a new request.")
        _decide(request, S.APPROVED, by=by, reason=reason, now=now, said="approved the exception")
        if request.starts_at <= now:
            _enter(request, S.ACTIVE, by=None, said="is in force")
        _tags(request, now=now, by=by)
        _tell([request.requested_by], request, f"{by.display_name} approved your exception until {request.to_date:%-d %B %Y}")
    return _fresh(request)


def reject(*, request: ExceptionRequest, by: User, reason: str, now: datetime) -> ExceptionRequest:
    return _answer(request, S.REJECTED, by=by, reason=reason, now=now, said="rejected the exception")


def return_for_rework(*, request: ExceptionRequest, by: User, reason: str, now: datetime) -> ExceptionRequest:
    return _answer(request, S.RETURNED, by=by, reason=reason, now=now, said="asks for changes to the exception")


def _answer(
    request: ExceptionRequest, to: ExceptionState, *, by: User, reason: str, now: datetime, said: str
) -> ExceptionRequest:
    with transaction.atomic():
        request = _locked(request)
        check_decide(request, by)
        check_move(request, to)
        if not reason.strip():
            raise Invalid("Write a reason: the requester has to act on it.", field="reason")
        _decide(request, to, by=by, reason=reason, now=now, said=said)
        _tell([request.requested_by], request, f"{by.display_name} {said}: {reason.strip()}")
    return _fresh(request)


def resubmit(*, request: ExceptionRequest, reason: str, by: User, now: datetime) -> ExceptionRequest:
    """A returned request goes back to its approvers with a better reason."""
    with transaction.atomic():
        request = _locked(request)
        if request.requested_by_id != by.pk:
            raise Denied("Only the person who asked can send it again.")
        check_move(request, S.SUBMITTED)
        approvers = check_approvable(list(request.assets.all()), by)
        request.reason = check_words(request.category, reason)
        request.save(update_fields=["reason"])
        _enter(request, S.SUBMITTED, by=by, said="sent the exception again")
        ExceptionRequest.objects.filter(pk=request.pk).update(submitted_at=now)
        _tell(approvers, request, f"{by.display_name} sent an exception again")
    return _fresh(request)


def withdraw(*, request: ExceptionRequest, by: User, now: datetime) -> ExceptionRequest:
    with transaction.atomic():
        request = _locked(request)
        if request.requested_by_id != by.pk:
            raise Denied("Only the person who asked can withdraw it.")
        check_move(request, S.WITHDRAWN)
        _enter(request, S.WITHDRAWN, by=by, said="withdrew the exception")
    return _fresh(request)


def revoke(*, request: ExceptionRequest, by: User, reason: str, now: datetime) -> ExceptionRequest:
    """Ends it before its last day: its servers may be patched again from the commit on."""
    with transaction.atomic():
        request = _locked(request)
        check_revoke(request, by)
        check_move(request, S.REVOKED)
        if not reason.strip():
            raise Invalid("Write a reason: the people who rely on the exception will read it.", field="reason")
        _decide(request, S.REVOKED, by=by, reason=reason, now=now, said="ended the exception early")
        _tags(request, now=now, by=by)
        _tell([request.requested_by], request, f"{by.display_name} ended your exception: {reason.strip()}")
    return _fresh(request)


def tick(*, now: datetime) -> int:
    """The clock's moves: approved ones come into force, ended ones expire. Returns how many moved."""
    due = ExceptionRequest.objects.filter(state=S.APPROVED, starts_at__lte=now) | ExceptionRequest.objects.filter(
        state__in=IN_FORCE, ends_at__lte=now
    )
    return sum(_tick_one(pk, now) for pk in due.order_by("pk").values_list("pk", flat=True))


@transaction.atomic
def _tick_one(pk: int, now: datetime) -> bool:
    request = _locked(ExceptionRequest.objects.get(pk=pk))
    if request.state in IN_FORCE and request.ends_at <= now:
        _enter(request, S.EXPIRED, by=None, said="has expired; its servers are patched again")
        _tell([request.requested_by], request, "Your exception has expired; its servers are patched again")
    elif request.state == S.APPROVED and request.starts_at <= now:
        _enter(request, S.ACTIVE, by=None, said="is in force")
    else:
        return False
    _tags(request, now=now, by=None)
    return True


def _locked(request: ExceptionRequest) -> ExceptionRequest:
    """The request and its assets, locked in the order that every send uses: assets by key, then the request."""
    covered = Covered.objects.filter(request=request).values("asset")
    list(Asset.objects.select_for_update().filter(pk__in=covered).order_by("pk").values_list("pk", flat=True))
    return ExceptionRequest.objects.select_for_update(of=("self",)).select_related("requested_by").get(pk=request.pk)


def _decide(
    request: ExceptionRequest, to: ExceptionState, *, by: User, reason: str, now: datetime, said: str
) -> None:
    reason = check_length(reason.strip())
    Approval.objects.create(request=request, by=by, decision=to.value, reason=reason, at=now)
    _enter(request, to, by=by, said=said + (f": {reason}" if reason else ""))
    ExceptionRequest.objects.filter(pk=request.pk).update(decided_at=now)


def _enter(request: ExceptionRequest, to: ExceptionState, *, by: User | None, said: str) -> None:
    """One move with its audit events: one for the request, one on the timeline of each asset."""
    check_move(request, to)
    before = request.state
    ExceptionRequest.objects.filter(pk=request.pk, state=before).update(state=to)
    request.refresh_from_db()
    kind, detail = f"exception.{to.value}", {"from": before, "request": request.pk}
    record(Entry(kind, "exception", str(request.pk), f"Exception {request.pk}: {said}", detail=detail), by=by)
    assets = request.covered.values_list("asset_id", flat=True)
    record_all(
        (Entry(kind, "asset", str(pk), f"Exception {request.pk}: {said}", detail=detail) for pk in assets), by=by
    )


def _tags(request: ExceptionRequest, *, now: datetime, by: User | None) -> None:
    """The tag bears the current exception, else the next one, else it is gone."""
    for asset in request.assets.select_related("account"):
        rows = ExceptionRequest.objects.filter(covered__asset=asset, state__in=IN_FORCE, ends_at__gt=now)
        chosen = rows.order_by("starts_at", "-ends_at").first()
        value = format_interval(chosen.starts_at, chosen.ends_at) if chosen else None
        want(
            instances=[InstanceRef(asset.account.account_id, asset.region, asset.instance_id)],
            key=settings.TAG_KEYS["exception"], value=value, reason=f"Exception {request.pk}", by=by, now=now,
        )  # fmt: skip


def _tell(people: Iterable[User], request: ExceptionRequest, sentence: str) -> None:
    url = reverse("exceptions:case", args=[request.pk])
    tell(people, kind="exception", sentence=sentence, url=url)


def _servers(assets: Sequence[Asset]) -> str:
    return assets[0].label if len(assets) == 1 else f"{len(assets)} servers"


def _fresh(request: ExceptionRequest) -> ExceptionRequest:
    return ExceptionRequest.objects.get(pk=request.pk)
