"""The portal's addresses for SAML providers: for their answers, their wishes to sign out, and what they are told."""

from __future__ import annotations

from allauth.account.adapter import get_adapter
from allauth.socialaccount.models import SocialAccount
from django.conf import settings
from django.contrib.auth.decorators import login_not_required
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.urls import reverse
from django.views.decorators.cache import never_cache
from django.views.decorators.csrf import csrf_exempt
from django.views.decorators.http import require_GET, require_POST
from onelogin.saml2.settings import OneLogin_Saml2_Settings

from portal.federation.arrival import arrive, refused
from portal.federation.entrance import of_provider, provider_or_404
from portal.federation.refusal import Refused
from portal.federation.saml import answers, flow, logout
from portal.federation.saml.toolkit import settings_for
from portal.identity_providers.kinds import Saml

COOKIE = "saml_proven"
FORM = "application/x-www-form-urlencoded"


@login_not_required
@csrf_exempt  # another site's form is the very protocol; the signature stands in for the token
@never_cache
@require_POST
@of_provider(Saml)
def acs(request: HttpRequest, provider: Saml) -> HttpResponse:
    """Takes an answer. Nothing of the request is kept but what the answer proves."""
    token = flow.prove(provider, _the_answer(request, provider))
    path = reverse("federation:saml-finish", args=[provider.id])
    response = redirect(path)
    response.status_code = 303  # a GET, which brings the session along
    response.set_cookie(
        COOKIE, token, max_age=flow.KEPT_S, path=path, secure=settings.SESSION_COOKIE_SECURE, httponly=True,
        samesite="Lax",
    )  # fmt: skip
    return response


def _the_answer(request: HttpRequest, provider: Saml) -> str:
    given = request.POST.getlist("SAMLResponse") if request.content_type == FORM else []
    if len(given) != 1:
        raise answers.refused(provider, f"the form holds {len(given)} answers, not one")
    return str(given[0])


@login_not_required
@never_cache
@require_GET
def finish(request: HttpRequest, provider: str) -> HttpResponse:
    found = provider_or_404(provider, Saml)
    try:
        identity, next_url = flow.finish(request, found, request.COOKIES.get(COOKIE, ""))
        response = arrive(request, identity, next_url)
    except Refused as refusal:
        response = refused(request, found, refusal)
    response.delete_cookie(COOKIE, path=request.path)
    return response


@login_not_required
@never_cache
@require_GET
@of_provider(Saml)
def sls(request: HttpRequest, provider: Saml) -> HttpResponse:
    """Signs out whom the provider names, in the browser that it sends here, and leads back to it."""
    subject, request_id = logout.whom(request, provider)
    theirs = SocialAccount.objects.filter(provider=provider.issuer, uid=subject, user_id=request.user.pk or 0)
    if request.user.is_authenticated and theirs.exists():
        get_adapter().logout(request)
    if not provider.slo_url:
        return redirect("account_login")
    return redirect(logout.answer_address(provider, request_id, request.GET.get("RelayState", "")))


@login_not_required
@require_GET
def metadata(request: HttpRequest, provider: str) -> HttpResponse:
    """What the provider must know of the portal."""
    found = provider_or_404(provider, Saml)
    described: OneLogin_Saml2_Settings = settings_for(found)
    return HttpResponse(described.get_sp_metadata(), content_type="application/samlmetadata+xml")
