"""The role that an account's people make for the portal: what it may do, as a template for CloudFormation."""

from __future__ import annotations

import json

from django.conf import settings
from django.http import Http404, HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.views.decorators.http import require_GET

from aws.template import SERVERS_POLICY, May, account_template
from portal.access.queries import read_grants_once
from portal.access.rules import Denied, check_role
from portal.access.states import Role
from portal.inventory.external_ids import agreed_with
from portal.inventory.models import Account
from portal.inventory.rules import check_role_can_be_made
from portal.inventory.setup import names
from portal.inventory.words import MAY
from portal.web.requests import SignedIn


@require_GET
def account_role(request: SignedIn, pk: int) -> HttpResponse:
    """The steps from reading to snapshots, each with its template; or why there can be none yet."""
    found = _account_of(request, pk)
    context = {
        "account": found,
        "home": _home(found),
        "others": found.regions[1:],
        "steps": [(step, *MAY[step]) for step in May],
        "missing": _missing(found),
        "servers_policy": SERVERS_POLICY,
        "events": bool(settings.EVENTS_QUEUE_URL),
    }
    return render(request, "inventory/account_role.html", context)


@require_GET
def account_role_template(request: SignedIn, pk: int, may: str) -> HttpResponse:
    """A JSON file. Its external id is the one that the portal holds: nothing of the request gets into it."""
    found = _account_of(request, pk)
    if may not in set(May):
        raise Http404
    if _missing(found):  # the page says what
        return redirect("inventory:account-role", pk)
    named = names(role=found.role_name, external_id=agreed_with(found))
    events_to = settings.AWS_PORTAL_REGION if settings.EVENTS_QUEUE_URL else ""
    made = account_template(named, May(may), home=_home(found), events_to=events_to)
    answer = HttpResponse(json.dumps(made, indent=2) + "\n", content_type="application/json")
    answer["Content-Disposition"] = f'attachment; filename="patch-portal-{found.account_id}-{may}.json"'
    return answer


def _account_of(request: SignedIn, pk: int) -> Account:
    read_grants_once(request.user)
    check_role(request.user, Role.ADMIN)
    return get_object_or_404(Account, pk=pk)


def _home(account: Account) -> str:
    """Where the stack makes what has no region; a row without regions was made by hand."""
    return str(next(iter(account.regions), settings.AWS_PORTAL_REGION))


def _missing(account: Account) -> str:
    try:
        check_role_can_be_made(account.role_name, agreed_with(account), settings.AWS_PORTAL_ROLE_ARN)
    except Denied as refusal:
        return str(refusal)
    return ""
