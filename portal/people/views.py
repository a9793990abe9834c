"""People and their grants, for admins."""

from __future__ import annotations

from typing import Any

from django.contrib import messages
from django.db.models import Q, QuerySet
from django.http import HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.utils import timezone
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_GET, require_http_methods, require_POST

from portal.access.models import Grant, User
from portal.access.queries import people_with, read_grants_once, scope_of
from portal.access.rules import Denied, allows, check_role
from portal.access.states import Dimension, Role
from portal.audit.models import AuditEvent
from portal.inventory.models import Asset
from portal.people.forms import ChangePersonForm, GrantForm, HandOverForm, PeopleFilter, PersonForm
from portal.people.leaving import hand_over, left_open
from portal.people.models import WaitingGrant
from portal.people.operations import grants as grant_operations
from portal.people.operations import people as people_operations
from portal.people.rules import check_second_admin
from portal.people.words import grant_words
from portal.second_factor.operations import reset as reset_second_factor
from portal.second_factor.queries import demanding_roles, factor_words, factors_of
from portal.sentences import counted
from portal.sign_in.operations import new_password
from portal.web.filters import chips_of
from portal.web.forms import onto, status_of
from portal.web.paging import KeysetPager, capped_count
from portal.web.requests import SignedIn

PAGER = KeysetPager(order=("username", "pk"))
NAMES_OFFERED, EVENTS, NAMED = 300, 30, 10


def _check_admin(request: SignedIn) -> None:
    read_grants_once(request.user)
    check_role(request.user, Role.ADMIN)


@require_GET
def people(request: SignedIn) -> HttpResponse:
    _check_admin(request)
    form = PeopleFilter(request.GET)
    rows = _filtered(form)
    total, capped = capped_count(rows)
    page = PAGER.page_of(request, rows.prefetch_related("grants"))
    context = {
        "form": form,
        "chips": chips_of(form, request.GET),
        "page": page,
        "rows": [(person, [grant_words(grant) for grant in person.grants.all()]) for person in page],
        "total": total,
        "capped": capped,
        "admins": len(people_with(Role.ADMIN)),
        "waiting": User.objects.filter(waiting_grants__ends_at__gt=timezone.now()).distinct()[:NAMED],
        "without": User.objects.filter(is_active=True, grants=None).count(),
    }
    return render(request, "people/people.html", context)


def _filtered(form: PeopleFilter) -> QuerySet[User]:
    if not form.is_valid():
        return User.objects.none()
    wanted, rows = form.cleaned_data, User.objects.all()
    if words := wanted["q"].strip():
        named = Q(first_name__icontains=words) | Q(last_name__icontains=words) | Q(email__icontains=words)
        rows = rows.filter(named | Q(username__icontains=words))
    if wanted["role"]:
        rows = rows.filter(pk__in=Grant.objects.filter(role=wanted["role"]).values("user_id"))
    return rows.filter(is_active=wanted["active"] == "1") if wanted["active"] else rows


@never_cache
@require_http_methods(["GET", "POST"])
def person_new(request: SignedIn) -> HttpResponse:
    """Adds a person; the answer shows the first password once and is kept nowhere."""
    _check_admin(request)
    status, form = 200, PersonForm(request.POST or None)
    if request.method == "POST":
        status = 422
        if form.is_valid():
            try:
                made, password = people_operations.add_person(
                    **form.cleaned_data, by=request.user, now=timezone.now()
                )
            except Denied as refusal:
                status = onto(form, refusal)
            else:
                return render(
                    request, "people/password.html", {"person": made, "password": password, "new": True}
                )
    return render(request, "people/person_new.html", {"form": form}, status=status)


@require_http_methods(["GET", "POST"])
def person_change(request: SignedIn, pk: int) -> HttpResponse:
    """Name and e-mail address, as an admin gives them."""
    _check_admin(request)
    found, status = get_object_or_404(User, pk=pk), 200
    form = ChangePersonForm(
        request.POST or None, initial={"name": found.get_full_name(), "email": found.email}
    )
    if request.method == "POST":
        status = 422
        if form.is_valid():
            try:
                people_operations.change_person(
                    person=found, **form.cleaned_data, by=request.user, now=timezone.now()
                )
            except Denied as refusal:
                status = onto(form, refusal)
            else:
                messages.success(request, "Saved.")
                return redirect("people:person", pk)
    return render(request, "people/person_change.html", {"form": form, "person": found}, status=status)


@never_cache
@require_POST
def person_password(request: SignedIn, pk: int) -> HttpResponse:
    _check_admin(request)
    found = get_object_or_404(User, pk=pk)
    password = new_password(person=found, by=request.user, now=timezone.now())
    return render(request, "people/password.html", {"person": found, "password": password, "new": False})


@require_GET
def person(request: SignedIn, pk: int) -> HttpResponse:
    _check_admin(request)
    return _person_page(request, get_object_or_404(User, pk=pk), GrantForm())


def _person_page(
    request: SignedIn, found: User, form: GrantForm, *, refusal: str = "", status: int = 200
) -> HttpResponse:
    grants = list(found.grants.order_by("role", "dimension", "value"))
    covered = Asset.objects.present().filter(scope_of(grants)).count() if grants else 0
    context = {
        "person": found,
        "grants": [(grant, grant_words(grant)) for grant in grants],
        "covered": covered,
        "waiting": _waiting_of(found, by=request.user),
        "left_open": (still_open := left_open(found)),
        "hand_over": HandOverForm(leaver=found) if any(one.moves for one in still_open) else None,
        "is_last_admin": found.is_active and [found] == people_with(Role.ADMIN),
        "form": form,
        "names": _names(),
        "factors": [factor_words(factor) for factor in factors_of(found)],
        "demanding": demanding_roles(found),
        "refusal": refusal,
        "events": AuditEvent.objects.filter(subject_type="person", subject_id=str(found.pk)).order_by("-pk")[
            :EVENTS
        ],
    }
    return render(request, "people/person.html", context, status=status)


def _waiting_of(found: User, *, by: User) -> list[tuple[WaitingGrant, str, str]]:
    """(what waits, in words, why this reader may not agree)."""
    rows = WaitingGrant.objects.filter(person=found, ends_at__gt=timezone.now()).select_related("asked_by")
    return [
        (
            row,
            grant_words(row),
            allows(lambda row: check_second_admin(by, asked_by=row.asked_by, person=found), row),
        )
        for row in rows.order_by("asked_at")
    ]


def _names() -> list[str]:
    """What the tags of the servers say, to choose from while typing."""
    here = Asset.objects.present().order_by()
    columns = [name for name in Dimension.values if name != Dimension.EVERYTHING]
    lists = [here.exclude(**{name: ""}).values_list(name, flat=True).distinct() for name in columns]
    return sorted(lists[0].union(*lists[1:]))[:NAMES_OFFERED]


@require_POST
def person_grant(request: SignedIn, pk: int) -> HttpResponse:
    _check_admin(request)
    found, form = get_object_or_404(User, pk=pk), GrantForm(request.POST)
    if not form.is_valid():
        return _person_page(request, found, form, status=422)
    try:
        grant = grant_operations.grant_role(
            person=found, **form.cleaned_data, by=request.user, now=timezone.now()
        )
    except Denied as refusal:
        return _person_page(request, found, form, status=onto(form, refusal))
    if isinstance(grant, WaitingGrant):
        words = grant_words(grant)
        messages.success(request, f"Another patch admin has to agree that {found.display_name} is {words}.")
        return redirect("people:person", pk)
    servers = Asset.objects.present().filter(scope_of([grant])).count()
    said = f"{found.display_name} is now {grant_words(grant)}: {counted(servers, 'server')} today."
    messages.success(request, said)
    return redirect("people:person", pk)


@require_POST
def person_revoke(request: SignedIn, pk: int, grant: int) -> HttpResponse:
    held = get_object_or_404(Grant.objects.select_related("user"), pk=grant, user_id=pk)
    return _done(request, held.user, "The right is taken away.", grant_operations.revoke, grant=held)


@require_POST
def person_agree(request: SignedIn, pk: int, waiting: int) -> HttpResponse:
    asked = _waiting(pk, waiting)
    return _done(
        request, asked.person, "You agreed. The right counts.", grant_operations.agree, waiting=asked
    )


@require_POST
def person_decline(request: SignedIn, pk: int, waiting: int) -> HttpResponse:
    asked = _waiting(pk, waiting)
    return _done(request, asked.person, "The right is not given.", grant_operations.decline, waiting=asked)


def _waiting(pk: int, waiting: int) -> WaitingGrant:
    rows = WaitingGrant.objects.select_related("person", "asked_by")
    return get_object_or_404(rows, pk=waiting, person_id=pk)


@require_POST
def person_hand_over(request: SignedIn, pk: int) -> HttpResponse:
    """What they leave open becomes somebody else's."""
    _check_admin(request)
    found = get_object_or_404(User, pk=pk)
    form = HandOverForm(request.POST, leaver=found)
    to = User.objects.filter(pk=form.cleaned_data["to"]).first() if form.is_valid() else None
    try:
        done = hand_over(person=found, to=to, by=request.user, now=timezone.now())
    except Denied as refusal:
        return _person_page(request, found, GrantForm(), refusal=str(refusal), status=status_of(refusal))
    said = f"{counted(done.moved, 'request')} handed over. {' '.join(done.stayed)}".strip()
    messages.success(request, said)
    return redirect("people:person", pk)


@require_POST
def person_active(request: SignedIn, pk: int) -> HttpResponse:
    found, active = get_object_or_404(User, pk=pk), request.POST.get("active") == "1"
    said = "They may sign in again." if active else "They are shut out from now on."
    return _done(request, found, said, people_operations.set_active, person=found, active=active)


@require_POST
def person_second_factor(request: SignedIn, pk: int) -> HttpResponse:
    found = get_object_or_404(User, pk=pk)
    said = "Their second factor is reset, and their sessions have ended."
    return _done(request, found, said, reset_second_factor, person=found)


def _done(request: SignedIn, found: User, said: str, operation: Any, **facts: Any) -> HttpResponse:
    """Back to the person, with what was done or with the refusal on top."""
    _check_admin(request)
    try:
        operation(**facts, by=request.user, now=timezone.now())
    except Denied as refusal:
        return _person_page(request, found, GrantForm(), refusal=str(refusal), status=status_of(refusal))
    messages.success(request, said)
    return redirect("people:person", found.pk)
