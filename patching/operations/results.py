"""Stores what hosts reported and what follows from it, in one transaction for a handful of hosts."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime

from django.db import transaction
from django.db.models import Q

from patching import offers
from patching.checks import REPAIRED_FROM_THE_START
from patching.documents.host_report import Error, Report
from patching.models import AssetPatchState, DispatchTarget, HostReport, PackageChange, Target
from patching.operations import proposals, rescans, result_events, targets
from patching.operations.outcomes import Outcome, Stored, locked
from patching.operations.package_changes import rows_of
from patching.operations.targets import Step
from patching.planner import batches
from patching.standing import CHECKED, standing_of
from patching.states import Agreement, Phase, TargetState, Verdict
from patching.verdicts import FIT, Evidence, Judgement, judge
from portal.audit.operations import record_all
from portal.machine import locked_rows

CHECKED_FIELDS = ["kernel_before", "kernel_newest", "os_label", "available_count", "withheld_count", "release",
                  "newest_release"]  # fmt: skip
PATCHED_FIELDS = ["verdict", "agreement", "kernel_before", "kernel_after", "kernel_newest", "updated_count",
                  "available_count", "withheld_count", "behind", "rebooted", "reboot_needed"]  # fmt: skip
HOSTS_OWN = ("withheld_count", "release", "newest_release")  # what it withholds, and its release
LAST_FIELDS = ["last_run", "last_target", "last_run_at", "last_state", "last_reason", "last_verdict",
               "last_behind"]  # fmt: skip
STATE_FIELDS = [*LAST_FIELDS, "last_patched_at", "kernel_previous", "kernel_running", "kernel_newest",
                "kernel_boot_default", "available_count", "security_count", *HOSTS_OWN, "updates_open_since",
                "security_open_since", "reboot_pending_since", "restored_at", "restored_to"]  # fmt: skip
CHECKED_STATE_FIELDS = ["kernel_running", "available_count", *HOSTS_OWN, "updates_open_since"]
DISAGREE = {Agreement.SSM_FAILED_HOST_PATCHED, Agreement.SSM_OK_HOST_UNPATCHED}


def store(row: DispatchTarget, outcome: Outcome, *, now: datetime) -> None:
    """One outcome; see `store_all`."""
    store_all([(row, outcome)], now=now)


@transaction.atomic
def store_all(found: Iterable[tuple[DispatchTarget, Outcome]], *, now: datetime) -> None:
    """Outcomes of some dispatches, in a handful of queries. Idempotent: rows that were collected already stay."""
    stored = locked({row.pk: outcome for row, outcome in found})
    if not stored:
        return
    for item in stored:
        item.close(now)
    locked_rows.write(
        [item.row for item in stored], ["status", "status_details", "collected_at", "no_report_reason"]
    )
    HostReport.objects.bulk_create(
        _host_report(item, report, now) for item in stored if (report := item.outcome.report) is not None
    )
    record_all([result_events.unkept(item) for item in stored if item.outcome.unkept], by=None)
    _after_checks([item for item in stored if item.row.phase == Phase.PRECHECK], now)
    patched = [item for item in stored if item.row.phase != Phase.PRECHECK]
    _after_patches(rescans.to_be_judged(patched, now), now)


def _host_report(item: Stored, report: Report, now: datetime) -> HostReport:
    return HostReport(
        row=item.row,
        target=item.target,
        phase=item.row.phase,
        status=report.status,
        content=report.to_json(),
        source=item.outcome.source,
        evidence_key=item.outcome.evidence_key,
        evidence_sha256=item.outcome.evidence_sha256,
        remark=item.outcome.remark,
        stored_at=now,
    )


def _after_checks(stored: list[Stored], now: datetime) -> None:
    steps, again = {}, []
    for item in stored:
        target, report = item.target, item.outcome.report
        if report is None:
            reason = f"The pre-check gave no report. {item.outcome.missing}"
            steps[target] = Step(TargetState.BLOCKED, "no_report", reason)
            continue
        _facts(target, report)
        fit = report.status in FIT
        if _checked_again(item) and (not fit or _waiting_repairs(report)):
            again.append(target)
            _set_again(target, report)
        elif fit:
            steps[target] = Step(TargetState.READY)
        else:
            steps[target] = Step(TargetState.BLOCKED, *_why_blocked(report))
    locked_rows.write(again, ["attempt", "reason", "reason_code", *CHECKED_FIELDS])
    targets.move_each(steps, now=now, also=CHECKED_FIELDS)
    proposals.note({item.target: item.outcome.report for item in stored if item.outcome.report}, now=now)


def _waiting_repairs(report: Report) -> list[str]:
    """What was found that blocks nobody and that only a repair from the window's start on can mend."""
    found = (check for check in report.checks if check.name in REPAIRED_FROM_THE_START)
    return [check.detail for check in found if not check.ok]


def _set_again(target: Target, report: Report) -> None:
    if report.status in FIT:
        target.reason_code, reason = "repair_waits", " ".join(_waiting_repairs(report))
    else:
        target.reason_code, reason = _why_blocked(report)
    target.reason = f"{reason} It is checked again: from the start on every fix is allowed."
    target.attempt += 1


def _checked_again(item: Stored) -> bool:
    """Before the start only harmless fixes are allowed; what they could not mend gets one more check with all.

    What was allowed is told by when the command was claimed: its answer may come after the start.
    """
    run, claimed_at = item.target.run, item.row.dispatch.claimed_at
    early = claimed_at < run.starts_at and not run.check_only
    return early and item.target.attempt == 1 and run.run_policy.fixes == "all"


def _why_blocked(report: Report) -> tuple[str, str]:
    """The host's own error first, then what its repairs came to."""
    error = report.error or Error("check_failed", "The pre-check did not end as ready.")
    tried = [check.fix.detail for check in report.checks if check.fix.tried and not check.ok]
    return error.code, " ".join([error.detail, *tried])


def _facts(target: Target, report: Report) -> None:
    target.os_label = (report.os.name or target.os_label)[:200]
    release = report.os.release if report.os.release and report.os.release.pinned else None
    target.release, target.newest_release = (release.in_use, release.newest) if release else ("", "")
    side = report.before
    if side is None:
        target.kernel_newest = ""
        return
    target.kernel_before = target.kernel_before or side.kernel.running
    target.kernel_newest = side.kernel.newest_available or side.kernel.newest_installed
    target.available_count = side.packages.upgradable
    target.withheld_count = side.packages.withheld.total if side.packages.withheld else None


def _after_patches(stored: list[Stored], now: datetime) -> None:
    if not stored:
        return
    checks = rescans.last_checks([item.target for item in stored])
    judged = {item.target: judge(_evidence(item, checks.get(item.target.pk))) for item in stored}
    for item in stored:
        found = judged[item.target]
        item.target.verdict, item.target.agreement, item.target.behind = (
            found.verdict,
            found.agreement,
            found.behind,
        )
        if item.outcome.report is not None:
            _patched_facts(item.target, item.outcome.report)
    PackageChange.objects.bulk_create(
        change for item in stored for change in rows_of(item.target, item.changes[0])
    )
    ends = {item.target: _end(judged[item.target], item.notes) for item in stored}
    targets.move_each(ends, now=now, also=PATCHED_FIELDS)
    _current_states(stored, judged, now)
    differ = [item for item in stored if judged[item.target].agreement in DISAGREE]
    record_all([result_events.disagreement(item, judged[item.target]) for item in differ], by=None)


def _end(judgement: Judgement, note: str) -> Step:
    lost = judgement.agreement == Agreement.NO_REPORT
    return Step(
        TargetState.LOST if lost else TargetState.DONE,
        judgement.verdict,
        f"{judgement.reason} {note}".strip(),
    )


def _evidence(item: Stored, check: Report | None) -> Evidence:
    return Evidence(
        before=check,
        patch=item.outcome.report,
        line=item.outcome.line,
        ssm_status=item.outcome.status,
        ssm_status_details=item.outcome.status_details,
        mode=item.target.run.run_policy.mode,
        newest_release=item.target.run.run_policy.newest_release,
    )


def _patched_facts(target: Target, report: Report) -> None:
    before, after = report.before, report.after
    target.kernel_before = (before.kernel.running if before else "") or target.kernel_before
    target.kernel_after = after.kernel.running if after else ""
    target.kernel_newest = after.kernel.newest_installed if after else ""
    target.updated_count = report.changed
    target.available_count = after.packages.upgradable if after else None
    withheld = offers.withheld_after(report, None)
    target.withheld_count = withheld.total if withheld else None
    target.rebooted, target.reboot_needed = report.reboot.done, report.reboot.needed


def states_of(rows: Iterable[Target]) -> dict[int, AssetPatchState]:
    """asset pk → its current row, made where there is none yet, and locked."""
    ids = sorted({row.asset_id for row in rows})
    AssetPatchState.objects.bulk_create((AssetPatchState(asset_id=pk) for pk in ids), ignore_conflicts=True)
    locked = AssetPatchState.objects.select_for_update().filter(pk__in=ids).order_by("pk")
    return {state.asset_id: state for state in locked}


def _current_states(stored: list[Stored], judged: dict[Target, Judgement], now: datetime) -> None:
    states = states_of(item.target for item in stored)
    for item in stored:
        _current_state(states[item.target.asset_id], item, judged[item.target], now)
    locked_rows.write(states.values(), STATE_FIELDS)


def _current_state(state: AssetPatchState, item: Stored, judgement: Judgement, now: datetime) -> None:
    target, report = item.target, item.outcome.report
    remember(state, target)
    state.last_verdict = judgement.verdict
    if standing_of(target.state, judgement.verdict).proven:
        state.last_patched_at = target.run.starts_at
    if report is None:
        return
    state.restored_at = state.restored_to = None  # from here on the report tells what the host has
    packages = report.after.packages if report.after else None
    state.kernel_boot_default = (report.after.kernel.boot_default if report.after else None) or ""
    state.kernel_previous = target.kernel_before if target.kernel_before != target.kernel_after else ""
    state.kernel_running, state.kernel_newest = target.kernel_after, target.kernel_newest
    state.available_count = packages.upgradable if packages else None
    state.security_count = packages.security if packages else None
    state.updates_open_since = _open_since(state.updates_open_since, state.available_count, now)
    state.security_open_since = _open_since(state.security_open_since, state.security_count, now)
    _hosts_own(state, target)
    pending = judgement.verdict == Verdict.PATCHED_REBOOT_PENDING
    state.reboot_pending_since = (state.reboot_pending_since or now) if pending else None


def _open_since(before: datetime | None, count: int | None, now: datetime) -> datetime | None:
    """A look that finds none open, or cannot tell, ends the age of what was open."""
    return (before or now) if count else None


def remember(state: AssetPatchState, target: Target) -> None:
    """The last thing that happened to the asset, whatever it was: also why it was not patched."""
    state.last_run, state.last_target, state.last_run_at = target.run, target, target.run.starts_at
    state.last_state, state.last_reason, state.last_verdict = target.state, target.reason, target.verdict
    state.last_behind = target.behind


def _hosts_own(state: AssetPatchState, target: Target) -> None:
    for name in HOSTS_OWN:
        setattr(state, name, getattr(target, name))


@transaction.atomic
def remember_unpatched(run_id: int) -> None:
    """At the end of a run: assets that were left out, blocked, lost or halted keep that as their latest fact.

    What a pre-check told of them is known, too: nothing was installed since. One that passed ends a failed one.
    """
    mended = Q(reason_code=CHECKED, asset__patch_state__last_state=TargetState.BLOCKED)
    targets_of = Target.objects.filter(~Q(state=TargetState.DONE) | mended, run_id=run_id)
    unpatched = targets_of.select_related("run")
    for chunk in batches(unpatched.order_by("asset_id").iterator(chunk_size=500), 500):
        states = states_of(chunk)
        for target in chunk:
            remember(states[target.asset_id], target)
            _remember_check(states[target.asset_id], target)
        locked_rows.write(states.values(), [*LAST_FIELDS, *CHECKED_STATE_FIELDS])


def _remember_check(state: AssetPatchState, target: Target) -> None:
    if target.kernel_before and target.state != TargetState.LOST:  # a lost one may run anything by now
        state.kernel_running, state.available_count = target.kernel_before, target.available_count
        state.updates_open_since = _open_since(
            state.updates_open_since, target.available_count, target.run.starts_at
        )
        _hosts_own(state, target)
