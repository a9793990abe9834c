"""Servers join and leave windows: the consequences first, and an undo after."""

from __future__ import annotations

from collections import Counter
from typing import Any

from django.contrib import messages
from django.http import HttpResponse
from django.shortcuts import redirect, render
from django.urls import reverse
from django.utils import timezone
from django.views.decorators.http import require_http_methods, require_POST

from patching.models import Enrolment, Window
from patching.operations import undo
from patching.operations import windows as operations
from patching.rules import check_enrol
from patching.words import rule_words
from portal.access.rules import Denied
from portal.inventory.choosing import chosen_assets
from portal.inventory.models import Asset
from portal.inventory.states import BLOCKING
from portal.sentences import counted
from portal.web.forms import status_of
from portal.web.refusals import note
from portal.web.requests import SignedIn

UNDO = "undo_enrolment"
MOST_WINDOWS = 200


@require_http_methods(["GET", "POST"])
def pick_window(request: SignedIn) -> HttpResponse:
    """The windows on offer for the chosen servers, with the next starts of each, and what would move."""
    assets = chosen_assets(request)
    if not assets:
        return render(request, "patching/pick_nothing.html")
    check_enrol(assets, request.user)
    return _pick_page(request, assets)


def _pick_page(request: SignedIn, assets: list[Asset], refusal: str = "", status: int = 200) -> HttpResponse:
    now = timezone.now()
    offered = list(Window.objects.filter(active=True).order_by("name")[:MOST_WINDOWS])
    moves = _moves(assets)
    context = {
        "assets": assets,
        "ids": ",".join(str(asset.pk) for asset in assets),
        "offers": [_offer(window, moves, now) for window in offered],
        "moves": moves,
        "uncovered": [asset for asset in assets if asset.coverage in BLOCKING],
        "chosen": request.POST.get("window", "") or request.GET.get("window", "") or _only(offered),
        "refusal": refusal,
    }
    return render(request, "patching/pick_window.html", context, status=status)


def _only(offered: list[Window]) -> str:
    """Where there is nothing to choose from, nobody has to choose."""
    return offered[0].slug if len(offered) == 1 else ""


def _moves(assets: list[Asset]) -> list[dict[str, Any]]:
    """Where the servers are now: [{window or None, assets}], the largest group first."""
    rows = Enrolment.objects.filter(asset__in=assets, ended_at=None).select_related("window")
    window_of = {row.asset_id: row.window for row in rows}
    groups: dict[int | None, dict[str, Any]] = {}
    for asset in assets:
        window = window_of.get(asset.pk)
        group = groups.setdefault(window.pk if window else None, {"window": window, "assets": []})
        group["assets"].append(asset)
    return sorted(groups.values(), key=lambda group: -len(group["assets"]))


def _offer(window: Window, moves: list[dict[str, Any]], now: Any) -> dict[str, Any]:
    here = next((len(move["assets"]) for move in moves if move["window"] == window), 0)
    return {
        "window": window,
        "rule": rule_words(window),
        "starts": window.recurrence.next(now, 3),
        "here": here,
    }


@require_POST
def enrol(request: SignedIn) -> HttpResponse:
    assets = chosen_assets(request)
    window = Window.objects.filter(slug=request.POST.get("window", "")).first()
    if not assets:
        return redirect("patching:pick-window")
    if window is None:
        check_enrol(assets, request.user)
        return _pick_page(request, assets, "Choose a window for these servers.", 422)
    try:
        before = operations.enrol(assets=assets, window=window, by=request.user, now=timezone.now())
    except Denied as refusal:
        return _pick_page(request, assets, str(refusal), status_of(refusal))
    _keep_undo(request, {pk: former.pk if former else None for pk, former in before.items()}, window.pk)
    messages.success(request, f"{_servers(len(before))} enrolled in {window.name}.")
    return redirect("patching:window", window.slug)


@require_POST
def leave(request: SignedIn) -> HttpResponse:
    assets = chosen_assets(request)
    before = dict(
        Enrolment.objects.filter(asset__in=assets, ended_at=None).values_list("asset_id", "window_id")
    )
    operations.leave(assets=assets, by=request.user, now=timezone.now())
    _keep_undo(request, dict(before), None)
    said = f"{_servers(len(before))} in no window now: no further run takes {'it' if len(before) == 1 else 'them'}."
    messages.success(request, said)
    return _back(request, next(iter(Counter(before.values())), None))


@require_POST
def undo_enrol(request: SignedIn) -> HttpResponse:
    """Takes back the last enrolment or leave of this session."""
    kept = request.session.pop(UNDO, None)
    if kept is None:
        messages.warning(request, "There is nothing to take back any more.")
        return redirect("patching:windows")
    before = {int(pk): former for pk, former in kept["before"].items()}
    assets = list(Asset.objects.visible_to(request.user).filter(pk__in=before))
    try:
        if len(assets) != len(before):
            raise Denied("Some of these servers are no longer yours, so nothing was undone.")
        count = undo.put_back(
            assets=assets, before=before, now_in=kept["now_in"], by=request.user, now=timezone.now()
        )
    except Denied as refusal:
        note(refusal)
        messages.error(request, str(refusal))
    else:
        messages.success(
            request, f"Taken back: {_servers(count)} where {'it was' if count == 1 else 'they were'}."
        )
    return _back(request, kept["now_in"] or next(iter(before.values()), None))


def undo_url(request: SignedIn) -> str:
    """Where the toast's undo goes, once: right after the enrolment, while its message is still to be shown."""
    kept = request.session.get(UNDO)
    if not kept or kept.get("offered"):
        return ""
    request.session[UNDO] = kept | {"offered": True}
    return reverse("patching:undo-enrol")


def _keep_undo(request: SignedIn, before: dict[int, int | None], now_in: int | None) -> None:
    request.session[UNDO] = {"before": before, "now_in": now_in}


def _back(request: SignedIn, window_pk: int | None) -> HttpResponse:
    window = Window.objects.filter(pk=window_pk).first() if window_pk else None
    return redirect("patching:window", window.slug) if window else redirect("patching:windows")


def _servers(count: int) -> str:
    return counted(count, "server is,servers are")
