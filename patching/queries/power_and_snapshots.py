"""What runs hold of a server beside its packages: its power, other schedulers' tags, snapshots to go back to."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime

from django.db.models import Count, QuerySet

from aws.states import UP, InstanceState
from patching.models import PowerHold, Restore, RootSnapshot, Run, SchedulerHold, Target
from patching.queries.waking import learned
from patching.states import (
    HOLD_OPEN,
    HOLD_STATES,
    IN_FLIGHT,
    RESTORE_OVER,
    RESTORE_STATES,
    SNAPSHOT_STATES,
    SNAPSHOT_USABLE,
    HoldState,
    RestoreState,
    SnapshotState,
)
from portal.inventory.models import Asset
from portal.tones import Tone

HELD_SHOWN, SNAPSHOTS_SHOWN, RESTORES_SHOWN = 12, 20, 10
UNDER_WAY = {SnapshotState.CREATING, SnapshotState.UNKNOWN, SnapshotState.TAKEN, SnapshotState.DELETING}


@dataclass(frozen=True)
class ShownSnapshot:
    row: RootSnapshot
    label: str
    tone: Tone
    why_not: str  # why it cannot be restored now


@dataclass(frozen=True)
class ShownRestore:
    row: Restore
    label: str
    tone: Tone


@dataclass(frozen=True)
class PowerAndSnapshots:
    """One server's holds, snapshots and restores, newest first."""

    holds: list[PowerHold]
    schedules: list[SchedulerHold]
    snapshots: list[ShownSnapshot]
    restores: list[ShownRestore]
    wakes_in: float | None
    left: PowerHold | None  # the last one, where EC2 did not stop the server for it and it runs on
    hibernated: bool

    @property
    def power(self) -> bool:
        """Whether there is anything to say of its power."""
        return bool(self.holds or self.schedules or self.left or self.hibernated)

    @property
    def moving(self) -> bool:
        """Whether the next look may show something else."""
        open_restore = any(item.row.state not in RESTORE_OVER for item in self.restores)
        return open_restore or bool(self.holds) or any(item.row.state in UNDER_WAY for item in self.snapshots)

    @property
    def kept(self) -> int:
        """Snapshots that somebody may go back to, now or when their copy is complete."""
        return sum(item.row.state in SNAPSHOT_USABLE for item in self.snapshots)

    @property
    def keepable(self) -> bool:
        """Whether somebody may still say that it shall not be stopped."""
        return any(hold.state != HoldState.RELEASING and not hold.kept_by_id for hold in self.holds)


def of_asset(asset: Asset) -> PowerAndSnapshots:
    holds = PowerHold.objects.filter(asset=asset, state__in=HOLD_OPEN).select_related("run", "kept_by")
    snapshots = RootSnapshot.objects.filter(asset=asset).select_related("run").order_by("-wanted_at")
    restores = Restore.objects.filter(asset=asset).select_related("snapshot__run", "requested_by")
    return PowerAndSnapshots(
        holds=list(holds.order_by("pk")),
        schedules=list(SchedulerHold.objects.filter(asset=asset, released_at=None).select_related("run")),
        snapshots=[_snapshot(row, asset) for row in snapshots[:SNAPSHOTS_SHOWN]],
        restores=[_restore(row) for row in restores.order_by("-requested_at")[:RESTORES_SHOWN]],
        wakes_in=learned([asset.pk]).get(asset.pk),
        left=_left_running(asset),
        hibernated=asset.hibernated,
    )


def _left_running(asset: Asset) -> PowerHold | None:
    if asset.state not in UP:
        return None
    last = PowerHold.objects.filter(asset=asset).select_related("run").order_by("-pk").first()
    return last if last and last.state == HoldState.NOT_STOPPED else None


def _snapshot(row: RootSnapshot, asset: Asset) -> ShownSnapshot:
    state = SnapshotState(row.state)
    return ShownSnapshot(row, state.label, SNAPSHOT_STATES[state].tone, why_not(row, asset))


def _restore(row: Restore) -> ShownRestore:
    state = RestoreState(row.state)
    return ShownRestore(row, state.label, RESTORE_STATES[state].tone)


def why_not(row: RootSnapshot, asset: Asset) -> str:
    """Why this snapshot cannot be restored now; empty when it can."""
    if row.state == SnapshotState.TAKEN:
        return "AWS is still copying this snapshot. Try again in a few minutes."
    if row.state != SnapshotState.COMPLETED:
        return f"This snapshot is {SnapshotState(row.state).label.lower()}; there is nothing to go back to."
    if asset.gone_at:
        return f"{asset.label} no longer exists."
    if asset.state != InstanceState.RUNNING:
        return f"{asset.label} is {asset.state}: EC2 restores running instances only. Start it first."
    if Restore.objects.filter(asset=asset).exclude(state__in=RESTORE_OVER).exists():
        return f"{asset.label} is being restored already."
    if busy := Target.objects.filter(asset=asset, state__in=IN_FLIGHT).select_related("run").first():
        return f"{asset.label} is being patched by {busy.run.name} at this moment. Wait until that is over."
    return ""


@dataclass
class RunPowerAndSnapshots:
    """(label, tone, count) of a run's holds and snapshots, and the hosts that it has running."""

    holds: list[tuple[str, str, int]] = field(default_factory=list)
    snapshots: list[tuple[str, str, int]] = field(default_factory=list)
    running: list[PowerHold] = field(default_factory=list)
    running_count: int = 0
    left: list[PowerHold] = field(default_factory=list)  # EC2 did not stop them
    left_count: int = 0
    kept_until: datetime | None = None

    def __bool__(self) -> bool:
        return bool(self.holds or self.snapshots)


def of_run(run: Run, targets: QuerySet[Target]) -> RunPowerAndSnapshots:
    """Narrowed to `targets`, which the reader may see."""
    seen = targets.order_by().values("asset_id")
    holds = run.power_holds.filter(asset__in=seen)
    counts = dict(holds.order_by().values_list("state").annotate(n=Count("pk")))
    found = RunPowerAndSnapshots(
        holds=[(s.label, f.tone, counts[s]) for s, f in HOLD_STATES.items() if counts.get(s)]
    )
    found.running_count = sum(counts.get(state, 0) for state in (HoldState.STARTING, HoldState.HELD))
    if found.running_count:
        up = holds.filter(state__in=[HoldState.STARTING, HoldState.HELD]).select_related("asset", "kept_by")
        found.running = list(up.order_by("asset__name", "pk")[:HELD_SHOWN])
    found.left_count = counts.get(HoldState.NOT_STOPPED, 0)
    if found.left_count:
        left = holds.filter(state=HoldState.NOT_STOPPED).select_related("asset")
        found.left = list(left.order_by("asset__name", "pk")[:HELD_SHOWN])
    if run.run_policy.snapshot == "root":
        rows = RootSnapshot.objects.filter(run=run, asset__in=seen).order_by()
        states = dict(rows.values_list("state").annotate(n=Count("pk")))
        found.snapshots = [(s.label, f.tone, states[s]) for s, f in SNAPSHOT_STATES.items() if states.get(s)]
        last = rows.order_by("-expires_at").values_list("expires_at", flat=True).first()
        found.kept_until = last if states else None
    return found
