"""Servers whose patch command left no report that counts: a look again, our pre-check, tells what came of it."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace
from datetime import datetime

from aws.command_status import Proves, proves
from patching.documents import aws_windows
from patching.documents.host_report import Report, ReportStatus
from patching.models import DispatchTarget, HostReport, Target
from patching.operations import targets
from patching.operations.admission import last_look
from patching.operations.outcomes import Stored
from patching.operations.targets import Step
from patching.queries.looks import patch_rows
from patching.states import Phase, TargetState

NOTE = "Its own report never arrived; a look afterwards found this."


def to_be_judged(stored: Iterable[Stored], now: datetime) -> list[Stored]:
    """The outcomes that can be judged now, re-scans among them; who still has to be looked at moves to verifying."""
    items = list(stored)
    waiting = [item for item in items if needs_a_look(item, now)]
    targets.move_each({item.target: Step(TargetState.VERIFYING, "", _why(item)) for item in waiting}, now=now)
    judged = [item for item in items if item.row.phase == Phase.PATCH and item not in waiting]
    return judged + _with_looks([item for item in items if item.row.phase == Phase.VERIFY], now)


def needs_a_look(item: Stored, now: datetime) -> bool:
    """It may have run and told nothing, or told that package work still goes on; and there is time for a look."""
    if item.row.phase != Phase.PATCH or now >= last_look(item.target.run):
        return False
    report, outcome = item.outcome.report, item.outcome
    if report is not None:
        return _still_at_work(report)
    if outcome.line is not None:
        return False
    return proves(outcome.status, outcome.status_details) is not Proves.NEVER_RAN


def _still_at_work(report: Report) -> bool:
    """After an install only: before it, a held lock blocks, and nothing was done."""
    return report.after is not None and report.error is not None and report.error.code == "lock_held"


def _why(item: Stored) -> str:
    if item.outcome.report is not None and item.outcome.report.error is not None:
        return f"{item.outcome.report.error.detail} The server is looked at again."
    details = item.outcome.status_details or item.outcome.status
    if _by_aws_document(item.target) and proves(item.outcome.status, details) is Proves.ENDED:
        return f"{aws_windows.NAME} has ended; the server is looked at again."
    return f"{item.outcome.missing} It may have been patched, so it is looked at again."


def _by_aws_document(target: Target) -> bool:
    return aws_windows.chosen(target.run.run_policy.windows_method, target.platform)


def last_checks(rows: Iterable[Target]) -> dict[int, Report]:
    """target pk → its last pre-check report."""
    stored = HostReport.objects.filter(target__in=list(rows), phase=Phase.PRECHECK).order_by("pk")
    last = {row.target_id: row for row in stored}
    return {target: row.report for target, row in last.items()}


def _with_looks(looks: list[Stored], now: datetime) -> list[Stored]:
    """Each re-scan as the outcome of the patch command that it judges."""
    if not looks:
        return []
    checks = last_checks(item.target for item in looks)
    patched = patch_rows(item.target for item in looks)
    found = [_judged_by(item, patched[item.target.pk], checks.get(item.target.pk)) for item in looks]
    # beside the patch command's own report, where there is one: that said only that work went on
    HostReport.objects.bulk_create(
        _as_report(item, report, now) for item in found if (report := item.outcome.report) is not None
    )
    return found


def _judged_by(item: Stored, patch: DispatchTarget, check: Report | None) -> Stored:
    look = item.outcome.report
    missing = "" if look is not None else f"The re-scan gave no report. {item.outcome.missing}"
    outcome = replace(
        item.outcome,
        status=patch.status,
        status_details=patch.status_details,
        report=None if look is None else _of_the_patch(item.target, check, look),
        missing=missing,
        line=None,
        note=aws_windows.NOTE if _by_aws_document(item.target) else NOTE,
    )
    return replace(item, row=patch, outcome=outcome)


def _of_the_patch(target: Target, check: Report | None, look: Report) -> Report:
    """What the host made of it itself, as Linux does from the lists that it kept; else what two looks come to."""
    if look.after is not None or look.status == ReportStatus.DUPLICATE_RUNNING:
        return replace(look, phase="patch")
    return aws_windows.report_of_looks(check, look, mode=target.run.run_policy.mode)


def _as_report(item: Stored, report: Report, now: datetime) -> HostReport:
    """What the looks came to, beside the looks themselves: history and kernel card read it like any other."""
    return HostReport(
        row=item.row,
        target=item.target,
        phase=Phase.PATCH,
        status=report.status,
        content=report.to_json(),
        source="rescan",
        evidence_key=item.outcome.evidence_key,
        evidence_sha256=item.outcome.evidence_sha256,
        remark=item.outcome.remark,
        stored_at=now,
    )
