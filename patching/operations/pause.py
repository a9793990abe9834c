"""The portal-wide brake: one row that every send locks and reads."""

from __future__ import annotations

from datetime import datetime

from django.db import transaction

from patching.models import SendingPause
from patching.rules import check_reason
from portal.access.models import User
from portal.access.rules import Conflict, check_role
from portal.access.states import Role
from portal.audit.operations import Entry, record


def _locked() -> SendingPause:
    SendingPause.objects.get_or_create(pk=1)
    return SendingPause.objects.select_for_update().get(pk=1)


@transaction.atomic
def pause(*, by: User, reason: str, now: datetime) -> SendingPause:
    """From the commit on nothing is sent anywhere; what is in flight goes on."""
    check_role(by, Role.ADMIN)
    reason = check_reason(reason)
    row = _locked()
    if row.paused:
        raise Conflict(f"All sending is paused by {row.by} already: {row.reason}")
    row.paused, row.reason, row.by, row.since = True, reason, by.display_name, now
    row.save()
    record(Entry("sending.paused", "portal", "sending", f"Paused all sending: {reason}"), by=by)
    return row


@transaction.atomic
def resume(*, by: User, now: datetime) -> SendingPause:
    check_role(by, Role.ADMIN)
    row = _locked()
    if not row.paused:
        raise Conflict("Sending is not paused; somebody resumed it already.")
    detail = {"paused_at": (row.since or now).isoformat(), "resumed_at": now.isoformat()}  # read by the audit
    row.paused, row.reason, row.by, row.since = False, "", by.display_name, now
    row.save()
    record(Entry("sending.resumed", "portal", "sending", "Resumed sending", detail=detail), by=by)
    return row


def current() -> SendingPause | None:
    """The pause in force, without a lock, for pages."""
    return SendingPause.objects.filter(pk=1, paused=True).first()
