"""Servers join and leave windows: the consequences first, and an undo after."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime
from typing import Any

from django.contrib import messages
from django.http import HttpResponse
from django.shortcuts import redirect, render
from django.urls import reverse
from django.utils import timezone
from django.views.decorators.http import require_http_methods, require_POST

from patching.models import Window
from patching.operations import undo
from patching.operations import windows as operations
from patching.queries.moves import Move, moves_of
from patching.words import rule_words
from portal.access.rules import Denied
from portal.inventory.choosing import Chosen, chosen, selected
from portal.inventory.ownership import check_owned
from portal.inventory.selections import select
from portal.inventory.states import BLOCKING
from portal.sentences import counted
from portal.web.forms import status_of
from portal.web.refusals import note
from portal.web.requests import SignedIn

UNDO = "undo_enrolment"
MOST_WINDOWS, FEW = 200, 6


@require_http_methods(["GET", "POST"])
def pick_window(request: SignedIn) -> HttpResponse:
    """The windows on offer for the chosen servers, with the next starts of each, and what would move."""
    servers = chosen(request)
    if not servers.count and not servers.gone:
        return render(request, "patching/pick_nothing.html")
    check_owned(servers.rows, request.user)
    return _pick_page(request, servers)


def _pick_page(request: SignedIn, servers: Chosen, refusal: str = "", status: int = 200) -> HttpResponse:
    now, name = timezone.now(), request.GET.get("name", "").strip()
    on_offer = Window.objects.filter(active=True, name__icontains=name).order_by("name")
    offered = list(on_offer[:MOST_WINDOWS])
    moves, uncovered = moves_of(servers.rows), servers.rows.filter(coverage__in=BLOCKING)
    context = {
        "servers": servers,
        "offers": [_offer(window, moves, now) for window in offered],
        "name": name,
        "more": max(0, on_offer.count() - MOST_WINDOWS) if len(offered) == MOST_WINDOWS else 0,
        "moves": moves,
        "uncovered": uncovered.count(),
        "first_uncovered": list(uncovered[:FEW]),
        "chosen": request.POST.get("window", "") or request.GET.get("window", "") or _only(offered),
        "refusal": refusal,
    }
    return render(request, "patching/pick_window.html", context, status=status)


def _only(offered: list[Window]) -> str:
    """Where there is nothing to choose from, nobody has to choose."""
    return offered[0].slug if len(offered) == 1 else ""


def _offer(window: Window, moves: Iterable[Move], now: datetime) -> dict[str, Any]:
    return {
        "window": window,
        "rule": rule_words(window),
        "starts": window.recurrence.next(now, 3),
        "here": next((move.count for move in moves if move.window == window), 0),
    }


@require_POST
def enrol(request: SignedIn) -> HttpResponse:
    servers = chosen(request)
    window = Window.objects.filter(slug=request.POST.get("window", "")).first()
    if not servers.count:
        return redirect("patching:pick-window")
    if window is None:
        check_owned(servers.rows, request.user)
        return _pick_page(request, servers, "Choose a window for these servers.", 422)
    now = timezone.now()
    try:
        count = operations.enrol(assets=servers.rows, window=window, by=request.user, now=now)
    except Denied as refusal:
        return _pick_page(request, servers, str(refusal), status_of(refusal))
    _keep_undo(request, servers, now, window, joined=True)
    messages.success(request, f"{_servers(count)} enrolled in {window.name}.{_without(servers)}")
    return redirect("patching:window", window.slug)


@require_POST
def leave(request: SignedIn) -> HttpResponse:
    servers, now = chosen(request), timezone.now()
    left_from = next((move.window for move in moves_of(servers.rows) if move.window), None)
    count = operations.leave(assets=servers.rows, by=request.user, now=now)
    _keep_undo(request, servers, now, left_from, joined=False)
    said = f"{_servers(count)} in no window now: no further run takes {'it' if count == 1 else 'them'}."
    messages.success(request, said + _without(servers))
    return _back(left_from)


@require_POST
def undo_enrol(request: SignedIn) -> HttpResponse:
    """Takes back the last enrolment or leave of this session."""
    kept = request.session.pop(UNDO, None)
    if kept is None:
        messages.warning(request, "There is nothing to take back any more.")
        return redirect("patching:windows")
    try:
        count = _take_back(request, kept)
    except Denied as refusal:
        note(refusal)
        messages.error(request, str(refusal))
    else:
        messages.success(
            request, f"Taken back: {_servers(count)} where {'it was' if count == 1 else 'they were'}."
        )
    return _back(Window.objects.filter(pk=kept["window"]).first())


def _take_back(request: SignedIn, kept: dict[str, Any]) -> int:
    servers = selected(request.user, kept["selection"])
    if servers.gone:
        raise Denied("Some of these servers are no longer yours, so nothing was undone.")
    at, now = datetime.fromisoformat(kept["at"]), timezone.now()
    return undo.put_back(assets=servers.rows, at=at, now_in=kept["now_in"], by=request.user, now=now)


def undo_url(request: SignedIn) -> str:
    """Where the toast's undo goes, once: right after the enrolment, while its message is still to be shown."""
    kept = request.session.get(UNDO)
    if not kept or kept.get("offered"):
        return ""
    request.session[UNDO] = kept | {"offered": True}
    return reverse("patching:undo-enrol")


def _keep_undo(
    request: SignedIn, servers: Chosen, at: datetime, window: Window | None, *, joined: bool
) -> None:
    key = servers.key or select(servers.rows, by=request.user, now=at).key
    request.session[UNDO] = {
        "selection": str(key), "at": at.isoformat(), "window": window.pk if window else None,
        "now_in": window.pk if window and joined else None,
    }  # fmt: skip


def _without(servers: Chosen) -> str:
    """Of those that were chosen and are not there any more."""
    if not servers.gone:
        return ""
    few = f"{', '.join(servers.gone[:FEW])}{' and more' if len(servers.gone) > FEW else ''}"
    return f" {counted(len(servers.gone), 'server')} of your choice can no longer be seen: {few}."


def _back(window: Window | None) -> HttpResponse:
    return redirect("patching:window", window.slug) if window else redirect("patching:windows")


def _servers(count: int) -> str:
    return counted(count, "server is,servers are")
