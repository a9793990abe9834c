"""What must be true after the demo's run: the invariants that can be seen from outside, and each fault's outcome."""

from __future__ import annotations

from collections.abc import Iterator

from django.conf import settings

from patching.models import DispatchTarget, PowerHold, Run, Target
from patching.states import DISPATCH_IN_FLIGHT, TARGET_OVER, HoldState, RunState, TargetState, Verdict
from portal.cloud import cloud
from portal.inventory.models import Account

T, V = TargetState, Verdict
# By the beginning of the server's name, first match counts: the state and the verdict that must come out.
OUTCOMES: list[tuple[str, TargetState, str]] = [
    ("pay-audit", T.SKIPPED, ""),
    ("pay-archive", T.BLOCKED, ""),
    ("pay-tiny", T.BLOCKED, ""),
    ("pay-us-legacy", T.BLOCKED, ""),
    ("pay-us-edge", T.SKIPPED, ""),
    ("pay-us-uptodate", T.DONE, V.NOTHING_TO_DO),
    ("log-noprofile", T.SKIPPED, ""),
    ("log-us-silent", T.SKIPPED, ""),
    ("log-dock", T.LOST, ""),  # its agent never came back, so no second look was sent
    ("log-scan", T.DONE, V.PARTLY),
    ("log-held", T.DONE, V.PARTLY),  # its own settings keep a security update back
    ("log-asleep", T.SKIPPED, ""),  # a start would lose what its memory holds
    ("", T.DONE, V.PATCHED),
]


def failures(run: Run) -> list[str]:
    run.refresh_from_db()
    return [*_run(run), *_outcomes(run), *_evidence(run), *_tags(run), *_power(run)]


def _run(run: Run) -> Iterator[str]:
    if run.state != RunState.FINISHED:
        yield f"The run is {run.state}, not finished."
    for row in run.targets.exclude(state__in=TARGET_OVER):
        yield f"{row.asset.label} is still {row.state} (I5)."
    for row in run.targets.exclude(state=T.DONE).filter(reason=""):
        yield f"{row.asset.label} is {row.state} without a reason (I5)."
    for dispatch in run.dispatches.filter(state__in=DISPATCH_IN_FLIGHT):
        yield f"Dispatch {dispatch.pk} is still {dispatch.state} (I4)."


def _outcomes(run: Run) -> Iterator[str]:
    for row in run.targets.select_related("asset"):
        state, verdict = next((s, v) for prefix, s, v in OUTCOMES if row.asset.name.startswith(prefix))
        if (row.state, row.verdict) != (state, verdict) and not _also_fine(row):
            came = f"{row.state}/{row.verdict or '-'}"
            yield f"{row.asset.label} ended {came}, expected {state}/{verdict or '-'}: {row.reason}"


def _also_fine(row: Target) -> bool:
    """What a fleet that an earlier start has patched already shows instead; and the two truths of a failing package."""
    if row.asset.name.startswith("log-scan"):
        return row.verdict in {V.FAILED, V.PARTLY}
    before = Target.objects.filter(asset=row.asset, run__lt=row.run_id)
    if row.verdict == V.NOTHING_TO_DO:
        return before.filter(verdict=V.PATCHED).exists()
    lost = before.filter(state=T.LOST).exists()
    return lost and row.state == T.SKIPPED and row.reason_code == "offline"


def _evidence(run: Run) -> Iterator[str]:
    for row in DispatchTarget.objects.filter(dispatch__run=run, collected_at=None):
        yield f"{row.target.asset.label}: no result and no reason for its {row.phase} (I4)."
    for row in DispatchTarget.objects.filter(dispatch__run=run, reports=None, no_report_reason=""):
        yield f"{row.target.asset.label}: neither a report nor a reason for its {row.phase} (I4)."


def _tags(run: Run) -> Iterator[str]:
    key, last = settings.TAG_KEYS["patch_now"], settings.TAG_KEYS["last_patched"]
    proven = {t.instance_id for t in run.targets.filter(verdict__in=[V.PATCHED, V.NOTHING_TO_DO])}
    for account in Account.objects.filter(active=True):
        for region in account.regions:
            for instance in cloud().ec2(account.account_id, region).describe_instances():
                if key in instance.tags:
                    yield f"{instance.instance_id} still bears {key} (I7)."
                if instance.instance_id in proven and last not in instance.tags:
                    yield f"{instance.instance_id} was patched but has no {last}."


def _power(run: Run) -> Iterator[str]:
    for hold in PowerHold.objects.filter(run=run).exclude(state__in=[HoldState.RELEASED, HoldState.KEPT]):
        if hold.state != HoldState.FAILED:
            yield f"{hold.asset.label} is still held: {hold.state} (I6)."
