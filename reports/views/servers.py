"""My servers: the list that everybody starts from."""

from __future__ import annotations

from datetime import timedelta
from urllib.parse import urlencode

from django.http import HttpResponse
from django.http.response import HttpResponseBase
from django.shortcuts import redirect, render
from django.urls import reverse
from django.utils import timezone
from django.views.decorators.http import require_GET, require_POST

from portal.access.queries import has_role, read_grants_once
from portal.access.rules import Invalid
from portal.access.states import Role
from portal.inventory.choosing import chosen
from portal.inventory.models import Asset
from portal.inventory.selections import select
from portal.web.csv_export import csv_response
from portal.web.filters import chips_of
from portal.web.paging import KeysetPager, total_of
from portal.web.requests import SignedIn
from reports.filters import ServerFilter, servers
from reports.queries.last_run import last_run
from reports.queries.named import unknown_names
from reports.queries.sections import Section, sections
from reports.queries.server_lines import server_lines
from reports.queries.servers import Row, Summary, next_start, rows_of, summary

ORDERS = {
    "": ("standing__severity", "standing__name", "pk"),  # in one index
    "name": ("name", "pk"),
    "-name": ("-name", "-pk"),
    "application": ("application", "name", "pk"),
    "-application": ("-application", "name", "pk"),
}
MOST_IN_ADDRESS = 200


@require_GET
def my_servers(request: SignedIn) -> HttpResponse:
    read_grants_once(request.user)
    now = timezone.now()
    form, rows = servers(request.user, request.GET)
    order = ORDERS.get(request.GET.get("sort", ""), ORDERS[""])
    page = KeysetPager(order=order).page_of(request, rows)
    last, figures = last_run(request.user, now), None
    if not form.narrows:  # who searches reads the list
        figures = summary(request.user, now - timedelta(days=30), last.run if last else None)
    total, capped = (figures.total, False) if figures else total_of(page, rows)
    shown = rows_of(page.rows, form.windows, now)
    context = {
        "form": form,
        "chips": chips_of(form, request.GET),
        "page": page,
        "rows": shown,
        "sections": _sections(order, shown, figures),
        "unknown_names": _unknown_names(request, form),
        "total": total,
        "capped": capped,
        "last": last,
        "summary": figures,
        "elsewhere": figures.elsewhere if figures and last else 0,
        "coming": next_start(request.user, form.windows, now),
        "fleet": has_role(request.user, Role.ADMIN, Role.AUDITOR),
        "can_act": has_role(request.user, Role.OWNER, Role.ADMIN),
        "query": request.GET.urlencode(),
    }
    return render(request, "reports/my_servers.html", context)


def _sections(order: tuple[str, ...], rows: list[Row], figures: Summary | None) -> list[Section]:
    """Under headings where the list is sorted by itself; as one where the reader sorted it."""
    if order != ORDERS[""]:
        return [Section("", rows)] if rows else []
    return sections(rows, figures.groups if figures else None)


def _unknown_names(request: SignedIn, form: ServerFilter) -> list[str]:
    text = form.cleaned_data.get("q", "")
    return unknown_names(Asset.objects.visible_to(request.user).present(), text) if text else []


@require_POST
def act(request: SignedIn) -> HttpResponse:
    """Carries a selection (or all that match) to the page that acts on it."""
    goal = {"window": "patching:pick-window", "exception": "exceptions:ask"}.get(request.POST.get("act", ""))
    if goal is None:
        raise Invalid("Choose what to do with the servers: a window or an exception.", field="act")
    return redirect(f"{reverse(goal)}?{urlencode(_carried(request))}")


def _carried(request: SignedIn) -> dict[str, str]:
    """What tells the next page which servers: a few by their keys, many by a selection, which an address can hold."""
    if request.POST.get("all_matching"):
        _, rows = servers(request.user, request.GET)
    else:
        ids = request.POST.getlist("ids")
        if len(ids) <= MOST_IN_ADDRESS:
            return {"ids": ",".join(ids)}
        rows = chosen(request).rows
    return {"selection": str(select(rows, by=request.user, now=timezone.now()).key)}


@require_GET
def servers_csv(request: SignedIn) -> HttpResponseBase:
    header = (
        "server", "instance id", "account", "region", "application", "environment", "owner", "platform", "os",
        "state", "reason", "kernel running", "kernel before", "updates waiting", "window", "next run", "last patched",
    )  # fmt: skip
    form, rows = servers(request.user, request.GET)
    lines = server_lines(rows.order_by("name", "pk"), form.windows, timezone.now())
    return csv_response("servers.csv", header, lines)
