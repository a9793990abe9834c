"""The only place that starts hosts: hold row, then Wake tag, then start.

engine/power_watch.py waits until they are awake, engine/power_down.py stops them again.
"""

from __future__ import annotations

from collections import defaultdict, deque
from collections.abc import Iterable
from datetime import datetime, timedelta

from django.conf import settings
from django.db.models import Q, QuerySet

from aws.errors import AccessRefused, Ambiguous, CloudError, Missing, Refused, Throttled
from aws.ports import Instance
from aws.power_refusals import START, Lasts, Refusal, refusal_of
from aws.states import ASLEEP, GONE, HIBERNATED, UP
from patching.engine.places import for_each
from patching.engine.scope import Scope
from patching.engine.trouble import guarded
from patching.models import PowerHold, Run, Target
from patching.operations import power, schedulers, stops, targets
from patching.operations.power import place_of
from patching.planner import AUTO_SCALING_TAG, IN_A_GROUP, against_a_start, batches
from patching.policy.waking import BATCH, Place
from patching.states import HoldState, TargetState
from portal.inventory.operations import refresh
from portal.tagging.writer import write_due
from portal.tags.models import InstanceRef
from portal.tags.queries import latest
from portal.tags.states import TagState

Holds = list[PowerHold]
# A refused batch is halved until the host is found that EC2 means; what is left then waits for the next reconcile.
MOST_CALLS = 24
NOT_THIS_ONE = "UnauthorizedOperation"  # an instance of the call lacks the tag that the policy asks for
FIRST_WAIT_S, LONGEST_WAIT_S = 5, 60
SORTED_AT_ONCE = 1_000  # rows in memory
NOT_OURS = "It was running by then although no run had started it, so it is patched and left running."


def hold_hosts(scope: Scope) -> None:
    """Holds for stopped hosts and for those that another run has started; the others await their wave."""
    if scope.halting:
        return
    run = scope.run
    ids = list(run.targets.filter(state=TargetState.PLANNED).order_by("pk").values_list("pk", flat=True))
    to_wake: list[Target] = []
    for some in batches(ids, SORTED_AT_ONCE):
        planned = list(run.targets.filter(pk__in=some).select_related("asset__account").order_by("pk"))
        to_wake += _sort_out(scope, planned)
    if to_wake:  # together, since each one's turn depends on all of them
        power.hold(run, to_wake, now=scope.now())


def _sort_out(scope: Scope, planned: list[Target]) -> list[Target]:
    """Those that must be started; the others wait for their turn from now on."""
    planned = _with_fresh_schedule(scope, planned)
    schedulers.hold(scope.run, planned, now=scope.now())
    held = PowerHold.objects.filter(asset__in=[t.asset_id for t in planned], state__in=power.OPEN)
    elsewhere = set(held.exclude(run=scope.run).values_list("asset_id", flat=True))
    to_wake = [t for t in planned if t.asset.state in ASLEEP or t.asset_id in elsewhere]
    ids = {t.pk for t in to_wake}
    targets.move([t.pk for t in planned if t.pk not in ids], TargetState.WAITING, now=scope.now())
    return to_wake


def _with_fresh_schedule(scope: Scope, planned: list[Target]) -> list[Target]:
    """Other schedulers' tags are read again before they are held: what is restored later must be what stood there.

    Those of a place that did not answer stay as they are, and are sorted out at a later look.
    """
    places: dict[Place, list[str]] = defaultdict(list)
    for target in planned:
        if schedulers.scheduled(target.asset):
            places[target.account_id, target.region].append(target.instance_id)
    if not places:
        return planned
    read: set[Place] = set()

    def read_again(place: Place) -> None:
        refresh(instances=scope.ec2(place).describe(places[place]), now=scope.now())
        read.add(place)

    with guarded(scope, hold_hosts.__name__):
        for_each(places, read_again)
    known = [t.pk for t in planned if (t.account_id, t.region) in read or not schedulers.scheduled(t.asset)]
    return list(Target.objects.filter(pk__in=known).select_related("asset__account").order_by("pk"))


def start_hosts(scope: Scope) -> None:
    """Starts what is due and bears its Wake tag; a crash in between leaves rows that say how far it came."""
    if scope.halting:
        return
    write_due(cloud=scope.cloud, now=scope.now(), run_id=scope.run.pk)
    run = scope.run
    due = holds_in(run, HoldState.WANTED).filter(Q(due_at=None) | Q(due_at__lte=scope.now()))
    ready = by_place(_tagged(run, list(due.exclude(asset__in=being_stopped(run).values("asset")))))
    for_each(ready, lambda place: _start_at(scope, place, ready[place]))


def being_stopped(run: Run) -> QuerySet[PowerHold]:
    """Of other runs, while EC2 is asked; one that was refused stands in nobody's way."""
    return PowerHold.objects.filter(state=HoldState.RELEASING, reason="").exclude(run=run)


def holds_in(run: Run, *states: HoldState) -> QuerySet[PowerHold]:
    return run.power_holds.filter(state__in=states).select_related("asset__account", "run").order_by("pk")


def by_place(holds: Iterable[PowerHold]) -> dict[Place, Holds]:
    places: dict[Place, Holds] = defaultdict(list)
    for hold in holds:
        places[place_of(hold)].append(hold)
    return places


def _tagged(run: Run, holds: Holds) -> Holds:
    changes = latest(
        settings.TAG_KEYS["wake"], [InstanceRef(*place_of(h), h.asset.instance_id) for h in holds]
    )
    return [h for h in holds if _verified(changes.get(h.asset.instance_id), str(run.pk))]


def _verified(change: object, value: str) -> bool:
    return getattr(change, "state", "") == TagState.VERIFIED and getattr(change, "value", "") == value


def _start_at(scope: Scope, place: Place, holds: Holds) -> None:
    """Batches of one zone and type, because EC2 starts all of a call or none."""
    kinds: dict[tuple[str, str], Holds] = defaultdict(list)
    for hold in _to_be_started(scope, place, holds):
        kinds[hold.asset.availability_zone, hold.asset.instance_type].append(hold)
    waiting = deque(batch for kind in kinds.values() for batch in batches(kind, BATCH))
    for _ in range(MOST_CALLS):
        if waiting:
            waiting.extend(_start_batch(scope, place, waiting.popleft()))


def _to_be_started(scope: Scope, place: Place, holds: Holds) -> Holds:
    """Asks EC2 right before: what runs is shared or somebody else's, what may not be started stays as it is."""
    seen = seen_by_id(scope, place, holds)
    found = [(hold, item) for hold in holds if (item := seen.get(hold.asset.instance_id))]
    up = [hold for hold, item in found if item.state in UP]
    power.not_ours(power.share(up, now=scope.now()), NOT_OURS, now=scope.now())
    gone = [hold for hold, item in found if item.state in GONE]
    power.failed(gone, stops.GONE, started=False, now=scope.now())
    asleep = [(hold, item) for hold, item in found if item.state in ASLEEP]
    out = {hold for hold, item in asleep if _left_asleep(hold, item, now=scope.now())}
    power.note_hibernated(holds, {h.asset_id for h, item in asleep if item.state_reason == HIBERNATED})
    return [hold for hold in holds if hold not in out and hold not in up and hold not in gone]


def _left_asleep(hold: PowerHold, item: Instance, *, now: datetime) -> bool:
    """What the plan could not know yet: it was hibernated or interrupted since, or joined an Auto Scaling group."""
    group = item.tags.get(AUTO_SCALING_TAG, "")
    why = ("auto_scaling", IN_A_GROUP.format(group)) if group else None
    wakes = hold.run.run_policy.hibernated == "wake"
    if why := why or against_a_start(item.state_reason, wake_hibernated=wakes):
        power.left_asleep([hold], *why, now=now)
    return bool(why)


def seen_by_id(scope: Scope, place: Place, holds: Holds) -> dict[str, Instance]:
    listed = scope.ec2(place).describe([hold.asset.instance_id for hold in holds])
    return {item.instance_id: item for item in listed}


def _start_batch(scope: Scope, place: Place, holds: Holds) -> list[Holds]:
    """One call. Returns the smaller batches to try instead, when EC2 refused this one.

    Raises AccessRefused: nobody but the admins can mend it, so the run tells it.
    """
    counted = power.count_start(holds, now=scope.now())
    try:
        if counted:
            scope.ec2(place).start_instances([hold.asset.instance_id for hold in counted])
    except Ambiguous:
        return []  # idempotent: `watch_hosts` finds out what became of it
    except (Throttled, AccessRefused) as error:
        if error.code == NOT_THIS_ONE and len(counted) > 1:
            return _halves(counted, scope.now())
        untagged = _untagged(counted, error)
        again(counted, f"{error}{untagged}", now=scope.now())
        if isinstance(error, AccessRefused) and not untagged:
            raise
    except Refused as error:
        return _refused(counted, error, now=scope.now())
    return []


def _refused(holds: Holds, error: Refused, *, now: datetime) -> list[Holds]:
    """Splits a refused batch; a host that is alone with its refusal waits for another try, or is given up."""
    named = set(error.ids) if isinstance(error, Missing) else set()
    if gone := [h for h in holds if h.asset.instance_id in named]:
        power.failed(gone, "EC2 does not know it any more.", started=False, now=now)
        rest = [h for h in holds if h.asset.instance_id not in named]
        return [_back(rest, now)] if rest else []
    if len(holds) > 1:
        return _halves(holds, now)
    refusal = refusal_of(error, START)
    if refusal.lasts == Lasts.PASSING:
        again(holds, f"EC2 cannot start it now: {told(error, refusal)}", now=now)
    else:
        power.failed(holds, f"EC2 did not start it: {told(error, refusal)}", started=False, now=now)
    return []


def told(error: object, refusal: Refusal | None) -> str:
    """AWS's words, and what mends it."""
    return f"{error} {refusal.mends if refusal else ''}".strip()


def _untagged(holds: Holds, error: CloudError) -> str:
    """What the owner can do about it, where the tag that the role's policy asks for is missing."""
    key = settings.MANAGED_TAG
    if error.code != NOT_THIS_ONE or all(hold.asset.tags.get(key) == "true" for hold in holds):
        return ""
    return f" Its tag {key} is not true: only its owner can allow the portal to start and stop it."


def _halves(holds: Holds, now: datetime) -> list[Holds]:
    holds, middle = _back(holds, now), len(holds) // 2
    return [holds[:middle], holds[middle:]]


def _back(holds: Holds, now: datetime) -> Holds:
    power.postpone(holds, "EC2 refused its batch, so it is tried in a smaller one.", due_at=now)
    return holds


def again(holds: Holds, reason: str, *, now: datetime, certain: bool = True) -> None:
    waits: dict[int, Holds] = defaultdict(list)
    for hold in holds:
        waits[_wait(hold)].append(hold)
    for seconds, group in waits.items():
        power.postpone(group, reason, due_at=now + timedelta(seconds=seconds), certain=certain)


def _wait(hold: PowerHold) -> int:
    """Seconds until the next try, longer each time."""
    return int(min(FIRST_WAIT_S * 2 ** min(hold.attempts, 8), LONGEST_WAIT_S))


def is_held(run: Run) -> bool:
    """Whether any host of this run is still to be started, watched or stopped, or a scheduler's tag restored."""
    return (
        run.power_holds.filter(state__in=power.OPEN).exists()
        or run.scheduler_holds.filter(released_at=None).exists()
    )
