"""The notifications of the exception workflow: one kind for each state whose table names somebody."""

from __future__ import annotations

from collections.abc import Iterable

from django.urls import reverse

from exceptions.models import ExceptionRequest
from exceptions.published import event_of
from exceptions.queries import approvers_of
from exceptions.states import EXCEPTION
from portal.access.models import User
from portal.audit.operations import PORTAL
from portal.notify.kinds import Kind


def _people(request: ExceptionRequest, word: str) -> Iterable[User]:
    if word == "requester":
        return [request.requested_by]
    if word == "approvers":
        return approvers_of(request.kinds, without=request.requested_by)
    return [approval.by for approval in request.approvals.select_related("by")]


def _sentence(_: ExceptionRequest, said: str, by: User | None) -> str:
    return f"{by.display_name if by else PORTAL} {said}"


def _case(request: ExceptionRequest) -> str:
    return reverse("exceptions:case", args=[request.pk])


KINDS = [
    Kind(EXCEPTION.kind(state), facts.notifies, _people, _sentence, _case, facts.tone, event=event_of)
    for state, facts in EXCEPTION.states.items()
    if facts.notifies
]
