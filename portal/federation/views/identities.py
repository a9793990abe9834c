"""By which identities a person signs in, for admins."""

from __future__ import annotations

from allauth.socialaccount.models import SocialAccount
from django.contrib import messages
from django.http import HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.utils import timezone
from django.views.decorators.http import require_http_methods, require_POST

from portal.access.models import User
from portal.access.queries import read_grants_once
from portal.access.rules import Denied, check_role
from portal.access.states import Role
from portal.federation.forms import LinkForm
from portal.federation.operations import identities as operations
from portal.web.forms import onto
from portal.web.requests import SignedIn

SHOWN = 50


@require_http_methods(["GET", "POST"])
def identities(request: SignedIn, pk: int) -> HttpResponse:
    """Lists them, and links another."""
    read_grants_once(request.user)
    check_role(request.user, Role.ADMIN)
    person, status, form = get_object_or_404(User, pk=pk), 200, LinkForm(request.POST or None)
    if request.method == "POST":
        status = 422
        if form.is_valid():
            try:
                operations.link(person=person, **form.cleaned_data, by=request.user, now=timezone.now())
            except Denied as refusal:
                status = onto(form, refusal)
            else:
                messages.success(request, "Linked.")
                return redirect("federation:identities", pk)
    found = SocialAccount.objects.filter(user=person).order_by("-last_login", "pk")[:SHOWN]
    named = [(identity, operations.provider_named(identity.provider)) for identity in found]
    or_password = " or a password" if person.has_usable_password() else ""
    context = {"person": person, "identities": named, "form": form, "or_password": or_password}
    return render(request, "federation/identities.html", context, status=status)


@require_POST
def identity_unlink(request: SignedIn, pk: int, identity: int) -> HttpResponse:
    read_grants_once(request.user)
    check_role(request.user, Role.ADMIN)
    found = get_object_or_404(SocialAccount.objects.select_related("user"), pk=identity, user_id=pk)
    operations.unlink(identity=found, by=request.user, now=timezone.now())
    messages.success(request, "Unlinked.")
    return redirect("federation:identities", pk)
