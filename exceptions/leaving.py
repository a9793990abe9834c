"""What a person who leaves has open among exceptions, and how it becomes somebody else's."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime

from django.db.models import Count
from django.urls import reverse

from exceptions.models import ExceptionRequest
from exceptions.queries import waiting_for
from exceptions.states import IN_FORCE, UNDECIDED, ExceptionState
from portal.access.models import Grant, User
from portal.access.queries import covers
from portal.access.states import Role
from portal.audit.operations import Entry, record
from portal.people.leaving import HandedOver, LeftOpen
from portal.sentences import counted

SHOWN = 20
OPEN = (*UNDECIDED, *IN_FORCE)


def left_open(person: User) -> list[LeftOpen]:
    """Their requests, and requests of others that nobody else may decide."""
    return [*_asked(person), *_undecidable_without(person)]


def _asked(person: User) -> Iterator[LeftOpen]:
    rows = ExceptionRequest.objects.filter(requested_by=person, state__in=OPEN)
    for request in rows.annotate(servers=Count("covered")).order_by("pk")[:SHOWN]:
        state, servers = ExceptionState(request.state).label.lower(), counted(request.servers, "server")
        yield LeftOpen(f"Exception {request.pk} for {servers}: {state}", _case(request), moves=True)


def _undecidable_without(person: User) -> Iterator[LeftOpen]:
    waiting = list(waiting_for(person).prefetch_related("assets")[:SHOWN])
    held: dict[int, list[Grant]] = {}
    rows = Grant.objects.filter(role=Role.APPROVER, user__is_active=True).exclude(user=person)
    for grant in rows if waiting else ():
        held.setdefault(grant.user_id, []).append(grant)
    for request in waiting:
        others = (grants for user, grants in held.items() if user != request.requested_by_id)
        if not any(all(covers(grants, asset) for asset in request.assets.all()) for grants in others):
            said = f"Exception {request.pk} waits, and nobody else may decide it: give somebody the right"
            yield LeftOpen(said, _case(request))


def hand_over(*, person: User, to: User, by: User, now: datetime) -> HandedOver:
    """Their open requests, as far as the other owns every server and has not decided on it. Within a transaction."""
    grants = list(to.grants_now(Role.OWNER))
    rows = ExceptionRequest.objects.select_for_update().filter(requested_by=person, state__in=OPEN)
    moved, stayed = 0, []
    for request in rows.order_by("pk").prefetch_related("assets", "approvals"):
        if why := _why_not(request, to, grants):
            stayed.append(f"Exception {request.pk} stays: {why}.")
            continue
        ExceptionRequest.objects.filter(pk=request.pk).update(requested_by=to)
        said = f"{by.display_name} handed it over from {person.display_name} to {to.display_name}"
        record(Entry("exception.handed_over", "exception", str(request.pk), said), by=by)
        moved += 1
    return HandedOver(moved, stayed)


def _why_not(request: ExceptionRequest, to: User, grants: list[Grant]) -> str:
    if not all(covers(grants, asset) for asset in request.assets.all()):
        return f"{to.display_name} does not own every server of it"
    if any(approval.by_id == to.pk for approval in request.approvals.all()):
        return f"{to.display_name} decided on it, and nobody decides their own"
    return ""


def _case(request: ExceptionRequest) -> str:
    return reverse("exceptions:case", args=[request.pk])
