"""The brake for the whole portal: pause all sending, and resume it."""

from __future__ import annotations

from django.contrib import messages
from django.http import HttpResponse, HttpResponseRedirect
from django.shortcuts import render
from django.urls import reverse
from django.utils import timezone
from django.utils.http import url_has_allowed_host_and_scheme
from django.views.decorators.http import require_http_methods, require_POST

from patching.forms import ReasonForm
from patching.navigation import pause_in_force
from patching.operations import pause as brake
from patching.queries.runs import active
from patching.states import RunState
from portal.access.rules import Denied, check_role
from portal.access.states import Role
from portal.web.forms import onto
from portal.web.requests import SignedIn


@require_http_methods(["GET", "POST"])
def pause(request: SignedIn) -> HttpResponse:
    check_role(request.user, Role.ADMIN)
    form = ReasonForm(request.POST or None, hint="Everybody reads it on every page until sending is resumed.")
    status = 200
    if request.method == "POST" and form.is_valid():
        try:
            brake.pause(by=request.user, reason=form.cleaned_data["reason"], now=timezone.now())
        except Denied as refusal:
            status = onto(form, refusal)
        else:
            messages.warning(request, "All sending is paused. What is in flight goes on and is collected.")
            return HttpResponseRedirect(_back(request))
    return _pause_page(request, form, 422 if form.errors and status == 200 else status)


def _pause_page(request: SignedIn, form: ReasonForm, status: int) -> HttpResponse:
    runs = list(active().exclude(state=RunState.PLANNED)[:20])
    context = {"form": form, "runs": runs, "pause": pause_in_force(request), "next": _back(request)}
    return render(request, "patching/pause.html", context, status=status)


@require_POST
def resume(request: SignedIn) -> HttpResponse:
    check_role(request.user, Role.ADMIN)
    brake.resume(by=request.user, now=timezone.now())
    messages.success(request, "Sending is resumed. Runs go on until their cutoff.")
    return HttpResponseRedirect(_back(request))


def _back(request: SignedIn) -> str:
    """Where the reader came from, if that is a page of ours; otherwise Tonight."""
    wanted = request.POST.get("next") or request.headers.get("Referer", "")
    ours = url_has_allowed_host_and_scheme(wanted, {request.get_host()}, require_https=request.is_secure())
    if not ours or wanted.endswith("/sending/pause/"):
        return reverse("patching:tonight")
    return wanted
