"""The page that asks who sits there, and the one that goes on with what was held meanwhile."""

from __future__ import annotations

import json
from datetime import datetime
from typing import Any

from allauth.account.adapter import get_adapter
from allauth.mfa.webauthn.internal import auth
from django.forms import Form
from django.http import HttpResponse
from django.shortcuts import redirect, render
from django.utils import timezone
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_GET, require_http_methods

from portal.reauthentication.acts import ACTS
from portal.reauthentication.forms import Password
from portal.reauthentication.held import held
from portal.reauthentication.proof import is_fresh, prove
from portal.reauthentication.ways import Ways, ways_of
from portal.second_factor.forms import Code, Passkey
from portal.sign_in import sign_ins
from portal.web.client_address import client_address
from portal.web.requests import SignedIn

FORMS: dict[str, type[Form]] = {"code": Code, "credential": Passkey, "password": Password}
SAID = {"code": "a code", "credential": "a passkey", "password": "the password"}


@never_cache
@require_http_methods(["GET", "POST"])
def reauthenticate(request: SignedIn) -> HttpResponse:
    """Takes whichever form was sent of those that this person may send."""
    ways, forms = ways_of(request.user), _forms(request)
    sent = next((name for name in FORMS if name in request.POST and _is_open(ways, name)), "")
    if sent and forms[sent].is_valid():
        proven(request, how=SAID[sent], at=timezone.now())
        return redirect(onward(request, _next(request)))
    return _page(request, ways, forms, 422 if request.method == "POST" else 200)


def proven(request: SignedIn, *, how: str, at: datetime) -> None:
    """Notes it in the session and in the audit trail; `at` is when they showed it."""
    prove(request.session, at=at)
    sign_ins.shown_anew(request.user, client_address(request), how=how)


def onward(request: SignedIn, wanted: str) -> str:
    """Where to go now: on with what is held, or to the page that was wanted."""
    return "reauthenticated" if held(request.session) else wanted or "/"


@never_cache
@require_GET
def reauthenticated(request: SignedIn) -> HttpResponse:
    """Sends what was held once more, by its sender's own click."""
    act = held(request.session)
    if act is None or not is_fresh(request.session, now=timezone.now()):
        return redirect(act.back if act else "/")
    context = {"act": act, "what": ACTS.get(act.name, "go on")}
    return render(request, "reauthentication/go_on.html", context)


def _forms(request: SignedIn) -> dict[str, Any]:
    """Each bound only by its own field: what is sent to one is no error of the others."""
    made = {}
    for name, form in FORMS.items():
        made[name] = form(request.POST if name in request.POST else None, user=request.user)  # type: ignore[call-arg]
    return made


def _is_open(ways: Ways, name: str) -> bool:
    return {"code": ways.code, "credential": ways.passkey, "password": ways.password}[name]


def _page(request: SignedIn, ways: Ways, forms: dict[str, Any], status: int) -> HttpResponse:
    act = held(request.session)
    options = auth.begin_authentication(request.user)["publicKey"] if ways.passkey else None
    context = {
        "ways": ways,
        **{f"{name}_form": form for name, form in forms.items()},
        "options": json.dumps(options),
        "act": act,
        "what": ACTS.get(act.name, "") if act else "",
        "next": _next(request),
    }
    return render(request, "reauthentication/ask.html", context, status=status)


def _next(request: SignedIn) -> str:
    """The page that was wanted; '' for an address elsewhere."""
    wanted = request.POST.get("next") or request.GET.get("next", "")
    return wanted if wanted and get_adapter().is_safe_url(wanted) else ""
