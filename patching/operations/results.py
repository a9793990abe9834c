"""Stores what a host reported and what follows from it, in one transaction per host."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Any

from django.db import transaction
from django.db.models import F

from patching.documents.report import ResultLine
from patching.models import AssetPatchState, DispatchTarget, HostReport, PackageChange, Target
from patching.operations import targets
from patching.states import Agreement, Phase, TargetState, Verdict
from patching.verdicts import Evidence, Judgement, judge
from portal.audit.operations import Entry, record

CERTAIN = {Verdict.PATCHED, Verdict.NOTHING_TO_DO}


@dataclass(frozen=True)
class Outcome:
    """What was found of one terminal invocation. `report` is None when there is none, and `missing` says why."""

    status: str
    status_details: str
    report: dict[str, Any] | None
    source: str = ""
    evidence_key: str = ""
    missing: str = ""
    line: ResultLine | None = None  # the short result line, where the whole report did not arrive


@transaction.atomic
def store(row: DispatchTarget, outcome: Outcome, *, now: datetime) -> None:
    """Idempotent: a row that was collected already stays as it is."""
    row = DispatchTarget.objects.select_for_update().get(pk=row.pk)
    if row.collected_at is not None:
        return
    row.status, row.status_details = outcome.status, outcome.status_details
    row.collected_at, row.no_report_reason = now, outcome.missing
    row.save()
    target = (
        Target.objects.select_for_update(of=("self",)).select_related("asset", "run").get(pk=row.target_id)
    )
    if outcome.report is not None:
        _keep_report(row, target, outcome, now)
    if row.phase == Phase.PRECHECK:
        _after_check(target, outcome, now)
    else:
        _after_patch(target, outcome, now)


def _keep_report(row: DispatchTarget, target: Target, outcome: Outcome, now: datetime) -> None:
    report = outcome.report or {}
    HostReport.objects.create(
        row=row,
        target=target,
        phase=row.phase,
        status=report.get("status", ""),
        content=report,
        source=outcome.source,
        evidence_key=outcome.evidence_key,
        stored_at=now,
    )


def _after_check(target: Target, outcome: Outcome, now: datetime) -> None:
    report = outcome.report
    if report is None:
        reason = f"The pre-check gave no report. {outcome.missing}"
        targets.move([target.pk], TargetState.BLOCKED, now=now, code="no_report", reason=reason)
        return
    _facts(target, report.get("before") or {}, report)
    if report["status"] in {"ready", "nothing_to_do"}:
        targets.move([target.pk], TargetState.READY, now=now)
        return
    code, reason = _why_blocked(report)
    if _checked_again_at_start(target, now):
        later = f"{reason} It is checked again at the start, when every fix is allowed."
        Target.objects.filter(pk=target.pk).update(attempt=F("attempt") + 1, reason=later, reason_code=code)
        return
    targets.move([target.pk], TargetState.BLOCKED, now=now, code=code, reason=reason)


def _checked_again_at_start(target: Target, now: datetime) -> bool:
    """Before the start only harmless fixes are allowed; what they could not mend gets one more check with all."""
    run = target.run
    return (
        now < run.starts_at and not run.check_only and target.attempt == 1 and run.run_policy.fixes == "all"
    )


def _why_blocked(report: dict[str, Any]) -> tuple[str, str]:
    """The host's own error first, then what its repairs came to."""
    error = report["error"] or {"code": "check_failed", "detail": "The pre-check did not end as ready."}
    tried = [
        check["fix"]["detail"] for check in report["checks"] if check["fix"]["tried"] and not check["ok"]
    ]
    return error["code"], " ".join([error["detail"], *tried])


def _facts(target: Target, side: dict[str, Any], report: dict[str, Any]) -> None:
    kernel, system = side.get("kernel") or {}, report.get("os") or {}
    target.kernel_before = target.kernel_before or kernel.get("running", "")
    target.kernel_newest = kernel.get("newest_available") or kernel.get("newest_installed") or ""
    target.os_label = (system.get("name") or target.os_label)[:200]
    target.available_count = (side.get("packages") or {}).get("upgradable", target.available_count)
    target.save(update_fields=["kernel_before", "kernel_newest", "os_label", "available_count"])


def _after_patch(target: Target, outcome: Outcome, now: datetime) -> None:
    judgement = judge(evidence(target, outcome))
    if outcome.report is not None:
        _patched_facts(target, outcome.report)
        _package_changes(target, outcome.report)
    Target.objects.filter(pk=target.pk).update(verdict=judgement.verdict, agreement=judgement.agreement)
    to = TargetState.LOST if judgement.agreement == Agreement.NO_REPORT else TargetState.DONE
    targets.move([target.pk], to, now=now, code=judgement.verdict, reason=judgement.reason)
    target.refresh_from_db()
    _current_state(target, judgement, outcome.report, now)
    if judgement.agreement in {Agreement.SSM_FAILED_HOST_PATCHED, Agreement.SSM_OK_HOST_UNPATCHED}:
        said = f"Systems Manager says {outcome.status_details}, the host says otherwise"
        summary = f"{target.asset.label}: {said}. {judgement.reason}"
        record(
            Entry("target.disagreement", "asset", str(target.asset_id), summary, run_id=target.run_id),
            by=None,
        )


def evidence(target: Target, outcome: Outcome) -> Evidence:
    check = target.reports.filter(phase=Phase.PRECHECK).order_by("-pk").first()
    return Evidence(
        before=check.content if check else None,
        patch=outcome.report,
        line=outcome.line,
        ssm_status=outcome.status,
        ssm_status_details=outcome.status_details,
        mode=target.run.run_policy.mode,
    )


def _patched_facts(target: Target, report: dict[str, Any]) -> None:
    before, after = report.get("before") or {}, report.get("after") or {}
    kernel = after.get("kernel") or {}
    reboot = report.get("reboot") or {}
    target.kernel_before = (before.get("kernel") or {}).get("running") or target.kernel_before
    target.kernel_after = kernel.get("running", "")
    target.kernel_newest = kernel.get("newest_installed", "")
    target.updated_count = (report.get("truncated") or {}).get("changes", len(report.get("changes", [])))
    target.available_count = (after.get("packages") or {}).get("upgradable")
    target.rebooted, target.reboot_needed = reboot.get("done"), reboot.get("needed")
    target.save()


def _package_changes(target: Target, report: dict[str, Any]) -> None:
    PackageChange.objects.bulk_create(
        PackageChange(
            target=target,
            asset_id=target.asset_id,
            name=change["name"],
            arch=change.get("arch") or "",
            old=change.get("from") or "",
            new=change.get("to") or "",
            kind=change["kind"],
            security=bool(change.get("security")),
        )
        for change in report.get("changes", [])
    )


def _current_state(
    target: Target, judgement: Judgement, report: dict[str, Any] | None, now: datetime
) -> None:
    state, _ = AssetPatchState.objects.get_or_create(asset_id=target.asset_id)
    remember(state, target)
    state.last_verdict = judgement.verdict
    state.last_patched_at = target.run.starts_at if judgement.verdict in CERTAIN else state.last_patched_at
    if report is not None:
        packages = (report.get("after") or {}).get("packages") or {}
        state.kernel_previous = target.kernel_before if target.kernel_before != target.kernel_after else ""
        state.kernel_running, state.kernel_newest = target.kernel_after, target.kernel_newest
        state.available_count, state.security_count = packages.get("upgradable"), packages.get("security")
        pending = judgement.verdict == Verdict.PATCHED_REBOOT_PENDING
        state.reboot_pending_since = (state.reboot_pending_since or now) if pending else None
    state.save()


def remember(state: AssetPatchState, target: Target) -> None:
    """The last thing that happened to the asset, whatever it was: also why it was not patched."""
    state.last_run, state.last_target, state.last_run_at = target.run, target, target.run.starts_at
    state.last_state, state.last_reason, state.last_verdict = target.state, target.reason, target.verdict


@transaction.atomic
def remember_unpatched(run_id: int) -> None:
    """At the end of a run: assets that were left out, blocked, lost or halted keep that as their latest fact."""
    unpatched = Target.objects.filter(run_id=run_id).exclude(state=TargetState.DONE).select_related("run")
    for target in unpatched:
        state, _ = AssetPatchState.objects.get_or_create(asset_id=target.asset_id)
        remember(state, target)
        state.save()
