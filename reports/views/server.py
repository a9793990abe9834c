"""The server page: everything that is known of one server, and why it was or was not patched."""

from __future__ import annotations

import json
from datetime import datetime, timedelta
from typing import Any

from django.contrib.postgres.expressions import ArraySubquery
from django.db.models import Exists, OuterRef
from django.db.models.functions import JSONObject
from django.http import HttpResponse
from django.shortcuts import get_object_or_404, render
from django.utils import timezone
from django.views.decorators.http import require_GET

from exceptions.models import ExceptionRequest
from exceptions.queries import Exclusion, exclusions_at, granted_of
from patching.documents import aws_windows, windows_codes
from patching.documents.host_facts import Failure
from patching.models import AssetPatchState, Enrolment, FixProposal, HostReport, PackageChange, Target, Window
from patching.next_steps import next_step
from patching.operations.control import worth_a_retry
from patching.queries.next_patch import next_patch
from patching.standing import CHECKED, standing_of
from patching.states import RUN_OVER, ProposalState, RunState
from patching.views.recurring import shown
from portal.access.queries import has_role, read_grants_once
from portal.access.states import Role
from portal.inventory.models import Asset
from portal.inventory.states import BLOCKING, Coverage
from portal.web.requests import SignedIn
from reports.queries.servers import state_of
from reports.queries.timeline import timeline_of

EVENTS, CHANGES, RUNS, STARTS = 60, 12, 30, 3
NOTHING_NEXT: dict[str, Any] = {"step": None, "passed": False}
LOOKED_AHEAD = 53  # starts: a year of weeks


@require_GET
def server(request: SignedIn, pk: int) -> HttpResponse:
    read_grants_once(request.user)
    asset, now = _asset(request, pk), timezone.now()
    patch, runs = getattr(asset, "patch_state", None), _targets(asset)
    context = {
        "asset": asset,
        "patch": patch,
        "coverage": [Coverage(reason).label for reason in asset.coverage_reasons],
        "blocked": Coverage(asset.coverage).label if asset.coverage in BLOCKING else "",
        "faults": [shown(row) for row in _recurring(asset)] if asset.recurs else [],  # type: ignore[attr-defined]
        "events": timeline_of(asset, EVENTS),
        "changes": _changes(asset),
        "runs": [_past(row) for row in runs],
        "can_act": has_role(request.user, Role.OWNER, Role.ADMIN),
        "admin": has_role(request.user, Role.ADMIN),
        "now": now,
    }
    return render(request, "reports/server.html", context | _standing(asset, now) | _what_next(patch, runs))


def _asset(request: SignedIn, pk: int) -> Asset:
    """With what was last patched; `recurs`: whether a fix is proposed for a fault that comes again."""
    faults = FixProposal.objects.filter(asset=OuterRef("pk"), state=ProposalState.OPEN)
    rows: Any = Asset.objects.visible_to(request.user).select_related(
        "account", "patch_state__last_run", "patch_state__last_target"
    )
    found: Asset = get_object_or_404(rows.annotate(recurs=Exists(faults)), pk=pk)
    return found


def _standing(asset: Asset, now: datetime) -> dict[str, Any]:
    """Where it stands today, in which window it is, and when it is patched next."""
    enrolment = Enrolment.objects.filter(asset=asset, ended_at=None).select_related("window").first()
    window, granted = enrolment.window if enrolment else None, granted_of(asset, now)
    exception = granted[0] if granted else None
    label, tone, why = state_of(asset, exception, window is not None, now)
    starts = _starts(asset, window, granted, now) if window and window.active else []
    return {
        "label": label,
        "tone": tone,
        "why": why,
        "enrolment": enrolment,
        "exception": exception,
        "starts": starts,
        "next_patch": next_patch(window, *starts[0]) if window and starts else None,
    }


def _changes(asset: Asset) -> list[PackageChange]:
    rows = PackageChange.objects.filter(asset=asset).select_related("target__run")
    return list(rows.order_by("-target_id", "name")[:CHANGES])


def _what_next(patch: AssetPatchState | None, runs: list[Target]) -> dict[str, Any]:
    """What to do about a check that failed, or has passed after that; nothing where neither is so."""
    last = patch.last_target if patch else None
    if patch is None or last is None:
        return NOTHING_NEXT
    step, passed = next_step(patch.last_state, last.reason_code), last.reason_code == CHECKED
    if not step and not passed:
        return NOTHING_NEXT
    patching = [row for row in runs if not row.run.check_only and row.run.state != RunState.PLANNED]
    return {
        "step": step,
        "passed": passed,
        "retried": next((row for row in patching[:1] if worth_a_retry(row)), None),
        "checking": next(
            (row.run for row in runs if row.run.check_only and row.run.state not in RUN_OVER), None
        ),
    }


def _starts(
    asset: Asset, window: Window, granted: list[ExceptionRequest], now: datetime
) -> list[tuple[datetime, Exclusion | None]]:
    """The next starts of its window and why it is left out of each; and the first one that takes it, if far off."""
    length = timedelta(minutes=window.duration_minutes)
    starts = window.recurrence.next(now, LOOKED_AHEAD)
    times = [(start, start + length) for start in starts]
    told = list(zip(starts, exclusions_at(asset, granted, times), strict=True))
    first = next((place for place, (_, excluded) in enumerate(told) if excluded is None), LOOKED_AHEAD)
    return told[:STARTS] + told[max(first, STARTS) : first + 1]


def _recurring(asset: Asset) -> list[FixProposal]:
    return list(FixProposal.objects.filter(asset=asset, state=ProposalState.OPEN).order_by("-last_seen_at"))


def _targets(asset: Asset) -> list[Target]:
    kept = HostReport.objects.filter(target=OuterRef("pk")).order_by("pk")
    reports = ArraySubquery(kept.values(link=JSONObject(pk="pk", phase="phase")))  # not their contents
    rows = Target.objects.filter(asset=asset).select_related("run").annotate(kept=reports)
    return list(rows.order_by("-run__starts_at", "-pk")[:RUNS])


def _past(row: Target) -> dict[str, object]:
    standing = standing_of(row.state, row.verdict, row.behind)
    return {
        "target": row,
        "word": standing.word,
        "tone": standing.tone,
        "reports": row.kept,  # type: ignore[attr-defined]  # an annotation
    }


@require_GET
def host_report(request: SignedIn, pk: int, report: int) -> HttpResponse:
    """The report as the host printed it, for people who want to read it raw."""
    asset = get_object_or_404(Asset.objects.visible_to(request.user), pk=pk)
    found = get_object_or_404(
        HostReport.objects.select_related("target__run", "row__dispatch"), pk=report, target__asset=asset
    )
    context = {
        "asset": asset,
        "report": found,
        "aws_document": aws_windows.NAME,
        "failures": [
            {
                "update": one,
                "name": windows_codes.name_of(one.code),
                "advice": windows_codes.sentence_of(one.code),
            }
            for one in Failure.all_of(found.content)
        ],
        "text": json.dumps(found.content, indent=2, ensure_ascii=False),
    }
    return render(request, "reports/host_report.html", context)
