"""A person's own second factors: a list, and how another is set up."""

from __future__ import annotations

import json

from allauth.mfa.models import Authenticator
from allauth.mfa.webauthn.internal import auth
from django.contrib import messages
from django.forms import Form
from django.http import HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.utils import timezone
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_GET, require_http_methods, require_POST

from portal.access.rules import Conflict, Denied
from portal.second_factor import codes, operations
from portal.second_factor.adapter import ISSUER, takes_passkeys
from portal.second_factor.forms import NewApp, NewPasskey
from portal.second_factor.middleware import is_missing
from portal.second_factor.qr import drawing_of
from portal.second_factor.queries import Kind, codes_left, demanding_roles, factor_words, factors_of
from portal.sign_in.sealed import Unreadable, seal, unseal
from portal.web.forms import onto
from portal.web.requests import SignedIn

SECRET = "second_factor_secret"  # in the session, sealed: of the app that is being set up
NO_NAME = "Passkeys need a name in the address, and this one is a number. Open the portal by its name."


@require_GET
def own_factors(request: SignedIn) -> HttpResponse:
    factors = list(factors_of(request.user))
    context = {
        "factors": [(factor, factor_words(factor)) for factor in factors],
        "has_app": any(factor.type == Kind.TOTP for factor in factors),
        "codes_left": codes_left(request.user),
        "demanding": demanding_roles(request.user),
        "is_missing": is_missing(request),
        "takes_passkeys": takes_passkeys(),
    }
    return render(request, "account/second_factor.html", context)


@never_cache
@require_http_methods(["GET", "POST"])
def new_app(request: SignedIn) -> HttpResponse:
    secret, form, status = _secret(request), NewApp(request.POST or None), 200
    if request.method == "POST":
        status = 422
        if form.is_valid():
            try:
                made = operations.add_app(
                    person=request.user, secret=secret, code=form.cleaned_data["code"], now=timezone.now()
                )
            except Denied as refusal:
                status = onto(form, refusal)
            else:
                del request.session[SECRET]
                return _set_up(request, made)
    return _app_page(request, form, secret, status)


def _app_page(request: SignedIn, form: Form, secret: str, status: int) -> HttpResponse:
    address = codes.address_of(secret, issuer=ISSUER, account=request.user.email or request.user.username)
    groups = [secret[at : at + 4] for at in range(0, len(secret), 4)]
    context = {
        "form": form,
        "qr": drawing_of(address),
        "secret": " ".join(groups),
        "is_missing": is_missing(request),
    }
    return render(request, "account/second_factor_app.html", context, status=status)


def _secret(request: SignedIn) -> str:
    """The same until it is used: who reloads the page has scanned it already."""
    try:
        return unseal(request.session.get(SECRET, ""))
    except Unreadable:
        secret = codes.new_secret()
        request.session[SECRET] = seal(secret)
        return secret


@never_cache
@require_http_methods(["GET", "POST"])
def new_passkey(request: SignedIn) -> HttpResponse:
    if not takes_passkeys():
        raise Conflict(NO_NAME)
    status, form = 200, NewPasskey(request.POST or None)
    if request.method == "POST":
        status = 422
        if form.is_valid():
            try:
                made = operations.add_passkey(person=request.user, **form.cleaned_data, now=timezone.now())
            except Denied as refusal:
                status = onto(form, refusal)
            else:
                return _set_up(request, made)
    options = auth.begin_registration(request.user, passwordless=False)["publicKey"]
    context = {"form": form, "options": json.dumps(options), "is_missing": is_missing(request)}
    return render(request, "account/second_factor_passkey.html", context, status=status)


def _set_up(request: SignedIn, recovery_codes: list[str]) -> HttpResponse:
    if recovery_codes:
        return _show_codes(request, recovery_codes, first=True)
    messages.success(request, "Set up. You are asked for it at your next sign-in.")
    return redirect("second_factor")


@never_cache
@require_POST
def renew_codes(request: SignedIn) -> HttpResponse:
    made = operations.renew_codes(person=request.user, now=timezone.now())
    return _show_codes(request, made, first=False)


def _show_codes(request: SignedIn, recovery_codes: list[str], *, first: bool) -> HttpResponse:
    context = {"codes": recovery_codes, "all_codes": "\n".join(recovery_codes), "first": first}
    return render(request, "account/recovery_codes.html", context)


@require_POST
def remove_factor(request: SignedIn, pk: int) -> HttpResponse:
    factor = get_object_or_404(Authenticator.objects.select_related("user"), pk=pk, user=request.user)
    operations.remove(factor=factor, now=timezone.now())
    messages.success(request, "Removed.")
    return redirect("second_factor")
