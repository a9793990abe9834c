"""The end of each sign-in by a provider, whatever its protocol: the person is recognised and signed in, or refused."""

from __future__ import annotations

import structlog
from allauth.core.internal import ratelimit
from allauth.socialaccount.helpers import complete_social_login
from allauth.socialaccount.models import SocialAccount, SocialLogin
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.utils import timezone

from portal.access.models import User
from portal.federation.identity import Identity
from portal.federation.operations.recognise import recognise
from portal.federation.refusal import Refused
from portal.identity_providers.kinds import IdentityProvider
from portal.reauthentication.proof import is_recent, prove
from portal.reauthentication.views import onward, proven
from portal.sign_in import sign_ins
from portal.web.client_address import client_address

ANEW = "shows_anew_with"  # in the session: the id of a provider
SOMEBODY_ELSE = (
    "{provider} says that you are somebody else. Sign in there as yourself, or sign out here first."
)
NOT_ANEW = (
    "{provider} did not say that you signed in there just now, so it is not shown that it is you. Try again, or let "
    "whoever runs the portal look into docs/sign-in.md."
)
log = structlog.get_logger(__name__)


def arrive(request: HttpRequest, identity: Identity, next_url: str) -> HttpResponse:
    """Signs the person in whom the provider vouches for, or notes that they still sit there. Raises Refused."""
    person = recognise(identity=identity, now=timezone.now())
    if request.session.pop(ANEW, "") == identity.provider.id and request.user.is_authenticated:
        return _shown_anew(request, person, identity, next_url)
    account = SocialAccount(
        provider=identity.provider.issuer, uid=identity.subject, extra_data=identity.claims
    )
    login = SocialLogin(account=account, provider=identity.provider)
    login.state.update(process="login", next=next_url)
    answer: HttpResponse = complete_social_login(request, login)
    if request.user.is_authenticated and identity.authenticated_at:
        prove(request.session, at=identity.authenticated_at)
    return answer


def leave_anew(request: HttpRequest, provider: IdentityProvider) -> bool:
    """Whether who is signed in goes to the provider to show that it is them; the session remembers it."""
    request.session.pop(ANEW, None)
    if not request.user.is_authenticated or request.GET.get("fresh") != "1":
        return False
    request.session[ANEW] = provider.id
    return True


def _shown_anew(request: HttpRequest, person: User, identity: Identity, next_url: str) -> HttpResponse:
    name, at = identity.provider.name, identity.authenticated_at
    if person != request.user:
        why = f"{request.user} was to show that it is them, and somebody else came"
        raise Refused(SOMEBODY_ELSE.format(provider=name), why=why, about=str(identity))
    if at is None or not is_recent(at, now=timezone.now()):
        why = f"it was to ask them to sign in anew, and says that they did {at or 'at no time'}"
        raise Refused(NOT_ANEW.format(provider=name), why=why, about=str(identity))
    proven(request, how=f"signing in anew with {name}", at=at)  # type: ignore[arg-type]
    return redirect(onward(request, next_url))  # type: ignore[arg-type]


def refused(request: HttpRequest, provider: IdentityProvider, refusal: Refused) -> HttpResponse:
    """The page of a sign-in that did not happen; the audit trail and the log have the reason."""
    log.warning("sign_in_refused", provider=provider.id, why=refusal.why)
    sign_ins.refused(
        provider.name,
        refusal.why,
        client_address(request),
        about=refusal.about,
        network=ratelimit.get_ip(request),
    )
    context = {"provider": provider, "sentence": str(refusal), "stays": request.user.is_authenticated}
    return render(request, "federation/refused.html", context, status=403)
