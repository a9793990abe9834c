"""The page behind the link that makes the first patch admin. Whoever holds the token is let in; nobody else."""

from __future__ import annotations

from django.conf import settings
from django.contrib import messages
from django.contrib.auth import login
from django.contrib.auth.decorators import login_not_required
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.utils import timezone
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_http_methods

from portal.access.rules import Conflict, Denied
from portal.people.forms import FirstAdminForm
from portal.people.operations import first_admin as operations
from portal.sign_in import known_browser, sign_ins
from portal.web.client_address import client_address
from portal.web.forms import onto, status_of

WELCOME = "You are the first patch admin. Next: connect the AWS account whose servers are patched."


@login_not_required
@never_cache
@require_http_methods(["GET", "POST"])
def first_admin(request: HttpRequest, token: str) -> HttpResponse:
    """Asks for a name and a password, and signs the new admin in."""
    status, form = 200, FirstAdminForm(request.POST or None)
    try:
        operations.check_link(token, now=timezone.now())
        if request.method == "POST":
            status = 422
            if form.is_valid():
                return _made(request, token, form)
    except Conflict as refusal:
        return render(request, "people/first_admin_over.html", {"why": refusal}, status=status_of(refusal))
    except Denied as refusal:
        status = onto(form, refusal)
    return render(request, "people/first_admin.html", {"form": form}, status=status)


def _made(request: HttpRequest, token: str, form: FirstAdminForm) -> HttpResponse:
    wanted = {name: form.cleaned_data[name] for name in ("username", "name", "email", "password")}
    person = operations.use_link(token=token, **wanted, now=timezone.now())
    login(request, person, backend=settings.AUTHENTICATION_BACKENDS[0])
    sign_ins.signed_in(person, client_address(request))
    messages.success(request, WELCOME)
    answer = redirect("inventory:account-new")
    known_browser.remember(answer, person)
    return answer
