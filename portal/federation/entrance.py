"""What strangers may ask of the portal on their way to a provider and back."""

from __future__ import annotations

from typing import TypeVar

from allauth.account.adapter import get_adapter
from allauth.core.internal import ratelimit
from django.conf import settings
from django.contrib.auth.decorators import login_not_required
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_GET

from portal.federation.arrival import arrive, refused
from portal.federation.openid_connect import Flow
from portal.federation.refusal import Refused
from portal.federation.saml import flow as saml_flow
from portal.identity_providers.kinds import IdentityProvider, OpenIDConnect, Saml
from portal.web.errors import too_many

LONGEST_HINT = 254
NOBODY_LEADS = (
    "No identity provider is set up for {domain!r}. Choose one from the list, or sign in with a password."
)
P = TypeVar("P", bound=IdentityProvider)


def limited(request: HttpRequest, action: str) -> HttpResponse | None:
    """The refusal where this source asks too often; settings.ACCOUNT_RATE_LIMITS says how often it may."""
    within = ratelimit.consume(request, app="allauth.account", action=action)
    return None if within else too_many(request)


@login_not_required
@never_cache
@require_GET
def start(request: HttpRequest, provider: str) -> HttpResponse:
    """Leads to the provider. A plain link, so that a message may hold it."""
    if answer := limited(request, "identity_provider"):
        return answer
    found: IdentityProvider = provider_or_404(provider, IdentityProvider)
    try:
        return redirect(_address_of(request, found))
    except Refused as refusal:
        return refused(request, found, refusal)


@login_not_required
@never_cache
@require_GET
def by_email(request: HttpRequest) -> HttpResponse:
    """Leads to the provider of the address's domain."""
    email = request.GET.get("email", "").strip()[:LONGEST_HINT]
    domain = email.rpartition("@")[2].lower()
    for provider in settings.IDENTITY_PROVIDERS:
        if domain and domain in provider.domains:
            return start(request, provider.id)
    sentence = NOBODY_LEADS.format(domain=domain)
    return render(request, "federation/refused.html", {"sentence": sentence}, status=404)


@login_not_required
@never_cache
@require_GET
def oidc_callback(request: HttpRequest, provider: str) -> HttpResponse:
    if answer := limited(request, "identity_provider"):
        return answer
    found = provider_or_404(provider, OpenIDConnect)
    try:
        identity, next_url = Flow(request, found).come_back()
        return arrive(request, identity, next_url)
    except Refused as refusal:
        return refused(request, found, refusal)


def provider_or_404(wanted: str, kind: type[P]) -> P:
    for provider in settings.IDENTITY_PROVIDERS:
        if provider.id == wanted and isinstance(provider, kind):
            return provider
    raise Http404


def _address_of(request: HttpRequest, provider: IdentityProvider) -> str:
    if isinstance(provider, Saml):
        return saml_flow.leave(request, provider, _next(request))
    hint = request.GET.get("email", "")[:LONGEST_HINT]
    return Flow(request, provider).leave(_next(request), hint)  # type: ignore[arg-type]


def _next(request: HttpRequest) -> str:
    """The page that the person wanted; '' for an address elsewhere."""
    wanted = request.GET.get("next", "")
    return wanted if wanted and get_adapter().is_safe_url(wanted) else ""
