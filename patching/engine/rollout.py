"""Who is sent next: pre-checks for those whose turn it is, then the tag, the snapshot and the patch command."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from datetime import datetime, timedelta
from itertools import groupby

from django.db.models import Exists, Max, OuterRef, QuerySet

from aws.ports import INSTANCES_PER_COMMAND, Instance
from aws.states import GONE, InstanceState
from patching.engine import gates, nodes, publish, run_tags, send, snapshots, waves
from patching.engine.places import for_each
from patching.engine.scope import Scope
from patching.engine.trouble import guarded, record_trouble
from patching.models import DispatchTarget, Run, Target, Wave
from patching.operations import dispatches, runs, targets
from patching.planner import batches, by_place
from patching.policy.waking import Place
from patching.standing import CHECKED
from patching.states import IN_FLIGHT, Phase, TargetState, WaveState
from portal.inventory.operations import refresh
from portal.tagging.writer import write_due

T = TargetState
MOST_AT_ONCE = 20 * INSTANCES_PER_COMMAND  # of one reconcile, so that it ends well within its lease
CLAIMED_AT_ONCE = (
    5  # batches of one transaction: seconds of sending, also where AWS lets few commands through
)
# Batches of one reconcile are full but for the last of each place.
IN_PLACES = ("account_id", "region", "platform", "pk")


def send_checks(scope: Scope) -> datetime | None:
    """Pre-checks for the targets whose turn it is. Due again at once when as many were sent as may be."""
    if scope.halting:
        return None
    run, since = scope.run, scope.now()
    waiting = undispatched(run, Phase.PRECHECK)
    if since < run.starts_at:  # a failed early check is repeated at the start, when every fix is allowed
        waiting = waiting.filter(attempt=1)
    ids = list(waiting.order_by(*IN_PLACES).values_list("pk", flat=True)[:MOST_AT_ONCE])
    if ids:
        more = len(ids) == MOST_AT_ONCE or _gathering(run, since)
        with guarded(scope, send_checks.__name__):  # a refusal of one account delays none of the others
            _publish_and_send(scope, Phase.PRECHECK, ids, more=more)
    return at_once_when_full(scope, Phase.PRECHECK, since)


def _gathering(run: Run, now: datetime) -> bool:
    """Whether others are still being started, and the last batch is not long ago: full batches are worth the wait."""
    last = run.dispatches.filter(phase=Phase.PRECHECK).aggregate(last=Max("claimed_at"))["last"]
    recent = last is not None and now < last + timedelta(seconds=run.run_policy.gather_s)
    return recent and run.targets.filter(state__in=[T.PLANNED, T.WAKING]).exists()


def at_once_when_full(scope: Scope, phase: Phase, since: datetime) -> datetime | None:
    """Now, when as much was sent since then as one reconcile may send: more is likely to wait."""
    sent = scope.run.dispatches.filter(phase=phase, claimed_at__gte=since).count()
    return scope.now() if sent * INSTANCES_PER_COMMAND >= MOST_AT_ONCE else None


def undispatched(run: Run, phase: Phase) -> QuerySet[Target]:
    """Targets that wait for a command of this phase and have none yet."""
    state = T.CHECKING if phase == Phase.PRECHECK else T.READY
    out = DispatchTarget.objects.filter(target=OuterRef("pk"), phase=phase, attempt=OuterRef("attempt"))
    return run.targets.filter(~Exists(out), state=state).order_by("pk")


def _publish_and_send(scope: Scope, phase: Phase, ids: list[int], *, more: bool) -> None:
    try:
        publish.publish(scope, scope.run.targets.filter(pk__in=ids))
    finally:  # where the documents stand, commands go out all the same
        _send(scope, phase, ids, more=more)


def _send(scope: Scope, phase: Phase, ids: list[int], *, more: bool) -> None:
    """Claims and sends a few batches at a time, so that little is claimed that a crash could strand.

    `more`: others follow soon, so a last batch that is not full waits for them.
    """
    waiting = list(scope.run.targets.filter(pk__in=ids))
    chunks = [chunk for _, group in by_place(waiting) for chunk in send.in_batches(group, phase)]
    if more and chunks and len(chunks[-1]) < INSTANCES_PER_COMMAND:
        del chunks[-1]
    for_each(_together(chunks), lambda rows: _claim_and_send(scope, phase, rows))


def _together(chunks: Iterable[list[Target]]) -> Iterator[list[Target]]:
    """Full batches of one place are claimed together; one that is not full, e.g. after a refusal, goes alone."""

    def kind(chunk: list[Target]) -> tuple[object, ...]:
        first = chunk[0]
        return first.account_id, first.region, first.platform, len(chunk) == INSTANCES_PER_COMMAND

    for (*_, full), alike in groupby(chunks, kind):
        for some in batches(alike, CLAIMED_AT_ONCE if full else 1):
            yield [row for chunk in some for row in chunk]


def _claim_and_send(scope: Scope, phase: Phase, rows: list[Target]) -> None:
    """One question before the others: a place that does not answer costs one call and no command."""
    connected = nodes.reachable(scope, phase, rows)
    if phase == Phase.PATCH and connected:
        reread(scope, connected)
    claim = dispatches.claim(scope.run, phase, [row.pk for row in connected], now=scope.now())
    for dispatch in claim.dispatches:
        send.send(scope, dispatch)


def reread(scope: Scope, chunk: list[Target]) -> None:
    """Foreign tags and power states are read again right before a batch is claimed; vanished hosts drop out."""
    now, place = scope.now(), (chunk[0].account_id, chunk[0].region)
    listed = scope.ec2(place).describe([row.instance_id for row in chunk])
    seen = {item.instance_id: item for item in listed}
    refresh(instances=seen.values(), now=now)
    for row in chunk:
        _drop_absent(row, seen.get(row.instance_id), now)


def _drop_absent(row: Target, seen: Instance | None, now: datetime) -> None:
    if seen is None or seen.state in GONE:
        targets.move([row.pk], T.SKIPPED, now=now, code="gone", reason="The instance no longer exists.")
    elif seen.state != InstanceState.RUNNING:
        reason = f"Somebody stopped it after its check: EC2 says {seen.state}."
        targets.move([row.pk], T.BLOCKED, now=now, code="stopped_meanwhile", reason=reason)


def send_patches(scope: Scope) -> datetime | None:
    """From the start on: tag what is ready, and send to what bears its tag."""
    run, since = scope.run, scope.now()
    if run.check_only:
        _end_checked(run, now=since)
        return None
    # the last two: servers that are tried again
    begun = [WaveState.RUNNING, WaveState.BAKING, WaveState.PASSED]
    wave = run.waves.filter(state__in=begun).last()
    if wave is None or not run.starts_at <= since < run.cutoff_at:
        return None
    if _to_be_tagged(run, wave, scope.now()) and not _more_than_fit(run):
        run_tags.put_run_tags(scope, wave)
        write_due(cloud=scope.cloud, now=scope.now(), run_id=scope.run.pk)
    run_tags.block_refused(scope)
    ready = _room(run, run_tags.tagged(run), scope.now())
    if ready and (admitted := _through_the_gates(scope, wave, ready)):
        with guarded(scope, send_patches.__name__):
            _secure_and_send(scope, admitted)
    return at_once_when_full(scope, Phase.PATCH, since)


def _secure_and_send(scope: Scope, ready: list[int]) -> None:
    run = scope.run
    try:
        if snapshots.required(run):
            rows = run.targets.filter(pk__in=ready).select_related("asset").order_by("pk")
            snapshots.take_snapshots(scope, rows)
    finally:  # an account that refuses snapshots keeps nobody else waiting
        if secured := snapshots.ready(run, ready):
            _publish_and_send(scope, Phase.PATCH, secured, more=len(ready) == MOST_AT_ONCE)


def _end_checked(run: Run, *, now: datetime) -> None:
    checked = run.targets.filter(state=T.READY).values_list("pk", flat=True)
    reason = "It passed the pre-check; this run only checks."
    targets.move(checked, T.DONE, now=now, code=CHECKED, reason=reason)


def _to_be_tagged(run: Run, wave: Wave, now: datetime) -> bool:
    """A wave is tagged in one go; whoever is still being checked then is tagged with the next few."""
    if not run.targets.filter(state=T.CHECKING).exists():
        return True
    since = max(run.starts_at, wave.marked_at or wave.begun_at or run.starts_at)
    return now >= since + timedelta(seconds=run.run_policy.gather_s)


def _more_than_fit(run: Run) -> bool:
    """Whether enough servers bear their tag already: then no search for those that do not is needed."""
    free = _free(run)
    return len(run_tags.tagged(run).order_by(*IN_PLACES).values_list("pk")[: free + 1]) > free


def _free(run: Run) -> int:
    in_flight = run.targets.filter(state__in=IN_FLIGHT).count()
    return min(max(run.run_policy.concurrency - in_flight, 0), MOST_AT_ONCE)


def _room(run: Run, ready: QuerySet[Target], now: datetime) -> list[int]:
    """As many as may be in flight; batches are filled, unless the last one went out a while ago."""
    policy = run.run_policy
    free = _free(run)
    ids = list(ready.order_by(*IN_PLACES).values_list("pk", flat=True)[: free + 1])
    if len(ids) <= free or policy.concurrency < INSTANCES_PER_COMMAND:
        return ids[:free]
    last = run.dispatches.filter(phase=Phase.PATCH).aggregate(last=Max("claimed_at"))["last"]
    waited = last is None or now >= last + timedelta(seconds=policy.gather_s)
    return ids[:free] if waited else ids[: free // INSTANCES_PER_COMMAND * INSTANCES_PER_COMMAND]


def _through_the_gates(scope: Scope, wave: Wave, ready: list[int]) -> list[int]:
    """Nobody while a target group is unhealthy. An alarm, or too many that failed, halt a run that has begun."""
    run, now = scope.run, scope.now()
    if why := waves.too_many_errors(run, wave, at_least=run.run_policy.stop_at_least):
        runs.halt(run=run, by=None, reason=why, now=now)
        return []
    gate = gates.check_gates(scope)
    if gate.blocked:
        if not gate.transient and run.dispatches.filter(phase=Phase.PATCH).exists():
            runs.halt(run=run, by=None, reason=gate.blocked, now=now)
        else:
            record_trouble(run, "gate", f"Nothing more is sent yet. {gate.blocked}")
        return []
    for place, why in gate.unreadable.items():
        record_trouble(run, f"gate {' '.join(place)}", f"Nothing is sent there. {why}")
    return _outside(gate.unreadable, ready)


def _outside(unreadable: Mapping[Place, str], ready: list[int]) -> list[int]:
    rows = Target.objects.filter(pk__in=ready).values_list("pk", "account_id", "region") if unreadable else ()
    inside = {pk for pk, account_id, region in rows if (account_id, region) in unreadable}
    return [pk for pk in ready if pk not in inside]
