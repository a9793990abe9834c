"""Identity providers, the rules of roles and their try-out, for admins."""

from __future__ import annotations

from typing import Any

from django.conf import settings
from django.contrib import messages
from django.http import HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.urls import reverse
from django.utils import timezone
from django.views.decorators.http import require_GET, require_http_methods, require_POST

from portal.access.queries import read_grants_once
from portal.access.rules import Denied, check_role
from portal.access.states import Role
from portal.federation.forms import NO_ROLE, SAMPLE, RuleForm, TryForm
from portal.federation.models import RoleRule, rules_in_force
from portal.federation.operations import rules as operations
from portal.federation.role_rules import Judgement, Right, judge
from portal.federation.words import provider_name, rule_words
from portal.identity_providers.kinds import IdentityProvider, Saml
from portal.web.forms import onto
from portal.web.requests import SignedIn

SAVED_AND_WAITS = "Saved. It gives the right to approve, so it counts once another patch admin has agreed."
FROM_THE_NEXT = "It counts from each person's next sign-in."


def _check_admin(request: SignedIn) -> None:
    read_grants_once(request.user)
    check_role(request.user, Role.ADMIN)


@require_GET
def providers(request: SignedIn) -> HttpResponse:
    _check_admin(request)
    rules = list(RoleRule.objects.select_related("asked_by"))
    context = {
        "providers": [(provider, *_answers_to(provider)) for provider in settings.IDENTITY_PROVIDERS],
        "in_force": sum(rule.asked_by is None for rule in rules),
        "rules": [(rule, rule_words(rule).partition(" → "), provider_name(rule.provider)) for rule in rules],
    }
    return render(request, "federation/providers.html", context)


def _answers_to(provider: IdentityProvider) -> tuple[str, str]:
    """What the provider must be told, where its answers go; first what that is called."""
    label, view = (
        ("ACS address", "saml-acs") if isinstance(provider, Saml) else ("Redirect address", "oidc-callback")
    )
    return label, str(settings.PORTAL_URL) + reverse(f"federation:{view}", args=[provider.id])


@require_http_methods(["GET", "POST"])
def rule_new(request: SignedIn) -> HttpResponse:
    return _rule_page(request, None)


@require_http_methods(["GET", "POST"])
def rule(request: SignedIn, pk: int) -> HttpResponse:
    _check_admin(request)
    return _rule_page(request, get_object_or_404(RoleRule, pk=pk))


def _rule_page(request: SignedIn, found: RoleRule | None) -> HttpResponse:
    _check_admin(request)
    initial = {name: getattr(found, name) for name in operations.FIELDS} if found else {}
    initial |= {"role": found.role or NO_ROLE} if found else {}
    status, form = 200, RuleForm(request.POST or None, initial=initial)
    if request.method == "POST":
        status = 422
        if form.is_valid():
            try:
                saved = _saved(request, found, form.cleaned_data)
            except Denied as refusal:
                status = onto(form, refusal)
            else:
                messages.success(request, SAVED_AND_WAITS if saved.asked_by else f"Saved. {FROM_THE_NEXT}")
                return redirect("federation:providers")
    return render(request, "federation/rule.html", {"form": form, "rule": found}, status=status)


def _saved(request: SignedIn, found: RoleRule | None, said: dict[str, str]) -> RoleRule:
    if found is None:
        return operations.add_rule(**said, by=request.user, now=timezone.now())
    return operations.change_rule(rule=found, **said, by=request.user, now=timezone.now())


@require_POST
def rule_agree(request: SignedIn, pk: int) -> HttpResponse:
    """A second admin's word; the rule counts from then on."""
    _check_admin(request)
    found = get_object_or_404(RoleRule.objects.select_related("asked_by"), pk=pk)
    said = request.POST.get("said", "")
    operations.agree_to_rule(rule=found, said=said, by=request.user, now=timezone.now())
    messages.success(request, f"You agreed. {FROM_THE_NEXT}")
    return redirect("federation:providers")


@require_POST
def rule_move(request: SignedIn, pk: int) -> HttpResponse:
    _check_admin(request)
    found, up = get_object_or_404(RoleRule, pk=pk), request.POST.get("to") == "up"
    operations.move_rule(rule=found, up=up, by=request.user, now=timezone.now())
    return redirect("federation:providers")


@require_POST
def rule_remove(request: SignedIn, pk: int) -> HttpResponse:
    _check_admin(request)
    operations.remove_rule(rule=get_object_or_404(RoleRule, pk=pk), by=request.user, now=timezone.now())
    messages.success(request, f"The rule is removed. {FROM_THE_NEXT}")
    return redirect("federation:providers")


@require_http_methods(["GET", "POST"])
def rules_try(request: SignedIn) -> HttpResponse:
    """What the rules would make of claims; changes nothing."""
    _check_admin(request)
    status, form = 200, TryForm(request.POST or None, initial={"sample": SAMPLE})
    context: dict[str, Any] = {"form": form}
    if request.method == "POST":
        status = 422
        if form.is_valid():
            status, context = 200, context | _tried(form.cleaned_data)
    return render(request, "federation/try.html", context, status=status)


def _tried(said: dict[str, Any]) -> dict[str, Any]:
    account = said["account"]
    provider = _id_of(account.provider) if account else said["provider"]
    judgement = judge(rules_in_force(), provider, said["claims"])
    person = account.user if account else None
    return {
        "judgement": judgement, "person": person, "claims": sorted(said["claims"].items()),
        "differs": _differs(judgement, person, provider) if person else None,
    }  # fmt: skip


def _differs(judgement: Judgement, person: Any, provider: str) -> list[str]:
    """What the next sign-in with the same claims would change."""
    held = {Right(grant.role, grant.dimension, grant.value): grant.provider for grant in person.grants.all()}
    lost = [
        f"loses: {right.words}"
        for right, by in held.items()
        if by == provider and right not in judgement.rights
    ]
    return lost + [f"gets: {right.words}" for right in judgement.rights if right not in held]


def _id_of(issuer: str) -> str:
    """The provider's id; '' where the file names that issuer no more."""
    return next((provider.id for provider in settings.IDENTITY_PROVIDERS if provider.issuer == issuer), "")
