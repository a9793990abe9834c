"""AWS accounts: the list, the guided form, and the check of every permission that a reading needs."""

from __future__ import annotations

import json
from typing import Any

from django.conf import settings
from django.contrib import messages
from django.http import HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.utils import timezone
from django.views.decorators.http import require_GET, require_http_methods

from aws.codes import NOT_SIGNED
from aws.iam import policy
from aws.policies import bucket_policy, instance_profile, trust_policy
from portal.access.queries import read_grants_once
from portal.access.rules import Denied, check_role
from portal.access.states import Role
from portal.cloud import cloud
from portal.inventory import checks, operations, queries, silent
from portal.inventory.external_ids import agreed_with
from portal.inventory.forms import AccountForm
from portal.inventory.models import Account
from portal.inventory.setup import names
from portal.inventory.trials import not_tried
from portal.inventory.trust import DOORS
from portal.web.forms import onto
from portal.web.paging import KeysetPager
from portal.web.requests import SignedIn

PAGER = KeysetPager(order=("account_id",))


def _check_admin(request: SignedIn) -> None:
    read_grants_once(request.user)
    check_role(request.user, Role.ADMIN)


@require_GET
def accounts(request: SignedIn) -> HttpResponse:
    _check_admin(request)
    rows, quiet = Account.objects.all(), silent.read()
    context = {
        "page": PAGER.page_of(request, queries.accounts()),
        "silent": quiet,
        "silent_accounts": {row.account.pk for row in quiet or () if row.account},
        "active": rows.filter(active=True).count(),
        "failing": rows.filter(active=True).exclude(sync_error="").count(),
        "unread": rows.filter(active=True, sync_error="", synced_at=None).count(),
        "partly": rows.filter(active=True, sync_error="").exclude(unstored="").count(),
    }
    return render(request, "inventory/accounts.html", context)


@require_http_methods(["GET", "POST"])
def account_new(request: SignedIn) -> HttpResponse:
    """Connects an account, and then shows at once whether its role works."""
    _check_admin(request)
    status, first = 200, {"role_name": settings.AWS_ROLE_NAME}
    form = AccountForm(request.POST or None, initial=first)
    if request.method == "POST":
        status = 422
        if form.is_valid():
            try:
                made = operations.add_account(**form.cleaned_data, by=request.user, now=timezone.now())
            except Denied as refusal:
                status = onto(form, refusal)
            else:
                return _onward(request, made)
    return render(request, "inventory/account_new.html", {"form": form} | _guide(form), status=status)


def _onward(request: SignedIn, made: Account) -> HttpResponse:
    """To the template of its role; a role that was made before the portal can be tried at once."""
    if settings.AWS_EXTERNAL_ID:
        messages.success(request, f"{made.name} is saved. Below stands what was tried with it.")
        return redirect("inventory:account-check", made.pk)
    messages.success(request, f"{made.name} is saved. Now its people make the role.")
    return redirect("inventory:account-role", made.pk)


def _guide(form: AccountForm) -> dict[str, Any]:
    """The policies of the role and of the account's servers, to be read before anything is saved."""
    made = names(role=form["role_name"].value() or "")
    return {
        "role_is_there": bool(settings.AWS_EXTERNAL_ID),
        "permissions": json.dumps(policy(made)["managed_account_role"], indent=2),
        "profile": json.dumps(instance_profile(made), indent=2),
        "managed_tag": made.managed_tag,
    }


@require_http_methods(["GET", "POST"])
def account(request: SignedIn, pk: int) -> HttpResponse:
    """What is known of the account, and the form that changes it."""
    _check_admin(request)
    found = get_object_or_404(queries.accounts(), pk=pk)
    status, form = (
        200,
        AccountForm(request.POST or None, initial=AccountForm.initial_of(found), account=found),
    )
    if request.method == "POST":
        status = 422
        if form.is_valid():
            try:
                _change(request, found, form.cleaned_data)
            except Denied as refusal:
                status = onto(form, refusal)
            else:
                messages.success(request, "Saved. The next reading uses it.")
                return redirect("inventory:account", pk)
    quiet = silent.of_account(silent.read(), found)
    context = {"account": found, "form": form, "silent": quiet}
    return render(request, "inventory/account.html", context, status=status)


def _change(request: SignedIn, found: Account, wanted: dict[str, Any]) -> None:
    fresh = Account.objects.get(pk=found.pk)
    name = wanted.pop("name") or fresh.account_id
    operations.change_account(account=fresh, name=name, by=request.user, now=timezone.now(), **wanted)


@require_GET
def account_check(request: SignedIn, pk: int) -> HttpResponse:
    """Tries what a reading needs, right now, and shows AWS's own words for what it refuses. Changes nothing."""
    _check_admin(request)
    found = get_object_or_404(Account, pk=pk)
    account_results, bucket_results = (
        checks.try_account(found, cloud=cloud()),
        checks.check_bucket(cloud=cloud()),
    )
    results = account_results + bucket_results
    context = {
        "account": found,
        "results": results,
        "refused": sum(row.works is False for row in results),
        "unchecked": sum(row.works is None for row in results),
        "entered": results[0].works,
        "without_credentials": results[0].code == NOT_SIGNED,
        "tried": sorted(tried := {action for row in account_results for action in row.actions}),
        "not_tried": (left := not_tried(tried)),
        "not_tried_count": len(left),
        "agreed": agreed_with(found),
        "door_open": any(row.works is False and row.what in DOORS for row in account_results),
        "trust": json.dumps(
            trust_policy(names(role=found.role_name, external_id=agreed_with(found))), indent=2
        ),
        "permissions_missing": any(row.works is False and row.what not in DOORS for row in account_results),
        "bucket": settings.RESULTS_BUCKET,
        "bucket_differs": any(row.works is False for row in bucket_results),
        "bucket_policy": json.dumps(bucket_policy(names()), indent=2),
    }
    return render(request, "inventory/account_check.html", context)
