"""The end of each sign-in by a provider, whatever its protocol: the person is recognised and signed in, or refused."""

from __future__ import annotations

import structlog
from allauth.core.internal import ratelimit
from allauth.socialaccount.helpers import complete_social_login
from allauth.socialaccount.models import SocialAccount, SocialLogin
from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.utils import timezone

from portal.federation.identity import Identity
from portal.federation.operations.recognise import recognise
from portal.federation.refusal import Refused
from portal.identity_providers.kinds import IdentityProvider
from portal.sign_in import sign_ins
from portal.web.client_address import client_address

log = structlog.get_logger(__name__)


def arrive(request: HttpRequest, identity: Identity, next_url: str) -> HttpResponse:
    """Signs the person in whom the provider vouches for. Raises Refused."""
    recognise(identity=identity, now=timezone.now())
    account = SocialAccount(
        provider=identity.provider.issuer, uid=identity.subject, extra_data=identity.claims
    )
    login = SocialLogin(account=account, provider=identity.provider)
    login.state.update(process="login", next=next_url)
    answer: HttpResponse = complete_social_login(request, login)
    return answer


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
    context = {"provider": provider, "sentence": str(refusal)}
    return render(request, "federation/refused.html", context, status=403)
