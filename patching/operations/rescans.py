"""Servers that a document without a report patched: a look again, our pre-check, tells what came of it."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace
from datetime import datetime
from typing import TYPE_CHECKING, Any

from patching.documents import aws_windows
from patching.models import DispatchTarget, HostReport, Target
from patching.operations import targets
from patching.operations.targets import Step
from patching.states import Phase, TargetState

if TYPE_CHECKING:
    from patching.operations.results import Stored


def to_be_judged(stored: Iterable[Stored], now: datetime) -> list[Stored]:
    """The outcomes that can be judged now, re-scans among them; who still has to be looked at moves to verifying."""
    items = list(stored)
    waiting = [item for item in items if needs_a_look(item)]
    said = f"{aws_windows.NAME} has ended; the server is looked at again."
    targets.move_each({item.target: Step(TargetState.VERIFYING, "", said) for item in waiting}, now=now)
    judged = [item for item in items if item.row.phase == Phase.PATCH and item not in waiting]
    return judged + _with_looks([item for item in items if item.row.phase == Phase.VERIFY], now)


def needs_a_look(item: Stored) -> bool:
    """The agent told an end, and the document is one that reports nothing itself."""
    if item.row.phase != Phase.PATCH or item.outcome.status_details not in aws_windows.ANSWERED:
        return False
    return aws_windows.chosen(item.target.run.run_policy.windows_method, item.target.platform)


def last_checks(rows: Iterable[Target]) -> dict[int, dict[str, Any]]:
    """target pk → its last pre-check report."""
    reports = HostReport.objects.filter(target__in=list(rows), phase=Phase.PRECHECK).order_by("pk")
    return {report.target_id: report.content for report in reports}


def _with_looks(looks: list[Stored], now: datetime) -> list[Stored]:
    """Each re-scan as the outcome of the patch command that it judges."""
    if not looks:
        return []
    checks = last_checks(item.target for item in looks)
    patched = _patch_rows(item.target for item in looks)
    found = [_judged_by(item, patched[item.target.pk], checks.get(item.target.pk)) for item in looks]
    HostReport.objects.bulk_create(_as_report(item, now) for item in found if item.outcome.report is not None)
    return found


def _patch_rows(rows: Iterable[Target]) -> dict[int, DispatchTarget]:
    """target pk → the row of its last patch command."""
    found = DispatchTarget.objects.filter(target__in=list(rows), phase=Phase.PATCH).order_by("attempt")
    return {row.target_id: row for row in found}


def _judged_by(item: Stored, patch: DispatchTarget, check: dict[str, Any] | None) -> Stored:
    look = item.outcome.report
    mode = item.target.run.run_policy.mode
    report = None if look is None else aws_windows.report_of_looks(check, look, mode=mode)
    missing = "" if look is not None else f"The re-scan gave no report. {item.outcome.missing}"
    outcome = replace(
        item.outcome,
        status=patch.status,
        status_details=patch.status_details,
        report=report,
        missing=missing,
        line=None,
        note=aws_windows.NOTE,
    )
    return replace(item, row=patch, outcome=outcome)


def _as_report(item: Stored, now: datetime) -> HostReport:
    """What the two looks came to, beside the looks themselves: history and kernel card read it like any other."""
    report = item.outcome.report or {}
    return HostReport(
        row=item.row,
        target=item.target,
        phase=Phase.PATCH,
        status=report["status"],
        content=report,
        source="rescan",
        evidence_key=item.outcome.evidence_key,
        stored_at=now,
    )
