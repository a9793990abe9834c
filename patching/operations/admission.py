"""What may be sent now, asked with every row locked that a person or another run could change meanwhile."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime, timedelta

from exceptions.queries import exclusions
from patching.models import DispatchTarget, Run, SendingPause, Target
from patching.operations import targets
from patching.planner import one_per_cluster
from patching.states import IN_FLIGHT, Phase, RunState, TargetState
from portal.inventory.models import Account, Asset

WAITS_AS = {
    Phase.PRECHECK: TargetState.CHECKING,
    Phase.PATCH: TargetState.READY,
    Phase.VERIFY: TargetState.VERIFYING,
}
CLOSED_TO_SENDING = {
    RunState.HALTING,
    RunState.HALTED,
    RunState.CANCELLED,
    RunState.FINISHED,
    RunState.MISSED,
}


def locked_pause() -> SendingPause:
    if found := SendingPause.objects.select_for_update().filter(pk=1).first():
        return found
    SendingPause.objects.get_or_create(pk=1)  # another worker may make it at the same time
    return SendingPause.objects.select_for_update().get(pk=1)


def closed(run: Run, pause: SendingPause, phase: Phase, now: datetime) -> str:
    """Why nothing may be sent for this run now; empty when it may."""
    if pause.paused:
        return f"All sending is paused by {pause.by}: {pause.reason}"
    if phase == Phase.VERIFY:  # only looks at what was patched before the cutoff or the halt
        return "The run is over." if now >= last_look(run) else ""
    if run.state in CLOSED_TO_SENDING:
        return f"The run is {RunState(run.state).label.lower()}."
    if now >= run.cutoff_at:
        return "The cutoff of the window has passed."
    if phase == Phase.PATCH and (now < run.starts_at or run.check_only):
        return "The window has not begun." if now < run.starts_at else "This run only checks."
    return ""


def locked_targets(ids: Iterable[int]) -> list[Target]:
    """Targets that still wait, with their assets locked: approve, revoke and this serialise on the asset rows."""
    waiting = Target.objects.filter(pk__in=list(ids))
    locked = Asset.objects.select_for_update().filter(pk__in=waiting.values("asset")).order_by("pk")
    by_pk = {asset.pk: asset for asset in locked}
    accounts = Account.objects.in_bulk({asset.account_id for asset in by_pk.values()})
    for asset in by_pk.values():
        asset.account = accounts[asset.account_id]
    rows = list(waiting.select_for_update(of=("self",)).order_by("pk"))
    for row in rows:
        row.asset = by_pk[row.asset_id]
    return rows


def admitted(run: Run, phase: Phase, rows: list[Target], now: datetime) -> list[Target]:
    """Those that may be sent: not exempt, not gone, not a second member of a busy cluster, within the concurrency."""
    expected = WAITS_AS[phase]
    out = _dispatched(rows, phase)
    rows = [row for row in rows if row.state == expected and (row.pk, row.attempt) not in out]
    rows = _without_exempt(run, phase, rows, now)
    if phase != Phase.PATCH:
        return rows
    rows = one_per_cluster(_in_no_other_run(run, rows), _busy_clusters(rows))
    free = run.run_policy.concurrency - run.targets.filter(state__in=IN_FLIGHT).count()
    return rows[: max(free, 0)]


def _in_no_other_run(run: Run, rows: list[Target]) -> list[Target]:
    """A host that another run is patching waits: the asset rows are locked, so no two runs send at once."""
    assets = [row.asset_id for row in rows]
    busy = set(
        Target.objects.filter(asset__in=assets, state__in=IN_FLIGHT)
        .exclude(run=run)
        .values_list("asset_id", flat=True)
    )
    return [row for row in rows if row.asset_id not in busy]


def _dispatched(rows: list[Target], phase: Phase) -> set[tuple[int, int]]:
    """(target, attempt) of those that have a command of this phase already."""
    found = DispatchTarget.objects.filter(target__in=[row.pk for row in rows], phase=phase)
    return set(found.values_list("target_id", "attempt"))


def _without_exempt(run: Run, phase: Phase, rows: list[Target], now: datetime) -> list[Target]:
    exempt = exclusions([row.asset for row in rows], now, max(run.ends_at, now + timedelta(seconds=1)))
    for row in rows:
        if reason := exempt.get(row.asset_id):
            leave_out(row, phase, reason.code, reason.sentence, now)
        elif row.asset.gone_at:
            leave_out(row, phase, "gone", "The instance no longer exists.", now)
    return [row for row in rows if row.asset_id not in exempt and not row.asset.gone_at]


def leave_out(row: Target, phase: Phase, code: str, reason: str, now: datetime) -> None:
    to = TargetState.SKIPPED
    if phase == Phase.VERIFY:
        to, reason = TargetState.LOST, f"It may have been patched, but was not looked at again. {reason}"
    targets.move([row.pk], to, now=now, code=code, reason=reason)


def _busy_clusters(rows: list[Target]) -> set[str]:
    names = {row.cluster for row in rows if row.cluster}
    return set(
        Target.objects.filter(cluster__in=names, state__in=IN_FLIGHT).values_list("cluster", flat=True)
    )


def last_look(run: Run) -> datetime:
    """A re-scan may go out until every target must be over."""
    return run.ends_at + timedelta(seconds=run.run_policy.end_bound_s)
