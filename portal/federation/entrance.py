"""What strangers may ask of the portal on their way to a provider and back."""

from __future__ import annotations

from collections.abc import Callable
from functools import wraps
from typing import TypeVar

from allauth.account.adapter import get_adapter
from allauth.core.internal import ratelimit
from django.conf import settings
from django.contrib.auth.decorators import login_not_required
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_GET

from portal.federation.arrival import arrive, leave_anew, refused
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
View = Callable[..., HttpResponse]  # of a request and the id of a provider


def of_provider(kind: type[P]) -> Callable[[Callable[[HttpRequest, P], HttpResponse]], View]:
    """A view of one provider of this kind: shows what was refused and why, and bounds how often a source asks.

    settings.ACCOUNT_RATE_LIMITS says how often.
    """

    def decorate(view: Callable[[HttpRequest, P], HttpResponse]) -> View:
        @wraps(view)
        def answer(request: HttpRequest, provider: str) -> HttpResponse:
            if not ratelimit.consume(request, app="allauth.account", action="identity_provider"):
                return too_many(request)
            found = provider_or_404(provider, kind)
            try:
                return view(request, found)
            except Refused as refusal:
                return refused(request, found, refusal)

        return answer

    return decorate


@login_not_required
@never_cache
@require_GET
@of_provider(IdentityProvider)
def start(request: HttpRequest, provider: IdentityProvider) -> HttpResponse:
    """Leads to the provider. A plain link, so that a message may hold it."""
    return redirect(_address_of(request, provider))


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
@of_provider(OpenIDConnect)
def oidc_callback(request: HttpRequest, provider: OpenIDConnect) -> HttpResponse:
    identity, next_url = Flow(request, provider).come_back()
    return arrive(request, identity, next_url)


def provider_or_404(wanted: str, kind: type[P]) -> P:
    for provider in settings.IDENTITY_PROVIDERS:
        if provider.id == wanted and isinstance(provider, kind):
            return provider
    raise Http404


def _address_of(request: HttpRequest, provider: IdentityProvider) -> str:
    fresh = leave_anew(request, provider)
    if isinstance(provider, Saml):
        return saml_flow.leave(request, provider, _next(request), fresh=fresh)
    hint = request.GET.get("email", "")[:LONGEST_HINT]
    return Flow(request, provider).leave(_next(request), hint, fresh=fresh)  # type: ignore[arg-type]


def _next(request: HttpRequest) -> str:
    """The page that the person wanted; '' for an address elsewhere."""
    wanted = request.GET.get("next", "")
    return wanted if wanted and get_adapter().is_safe_url(wanted) else ""
