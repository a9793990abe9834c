"""Brings one run forward by one look. Re-entrant: it may be called twice, late, or after a crash, from any worker."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime, timedelta

import structlog
from django.db import transaction
from django.db.models import Exists, Max, OuterRef, Q, QuerySet

from aws.errors import CloudError
from aws.ports import INSTANCES_PER_COMMAND, STATES_GONE, Cloud, Instance
from patching.engine import collect, gates, marks, power, publish, release, rescan, send, snapshots, waves
from patching.engine.places import for_each
from patching.models import DispatchTarget, Run, Target, Wave
from patching.operations import dispatches, results, runs, targets
from patching.planner import batches, by_place
from patching.queries.waking import wakes_at
from patching.states import (
    DISPATCH_IN_FLIGHT,
    IN_FLIGHT,
    TARGET_OVER,
    Phase,
    RunState,
    TargetState,
    WaveState,
)
from portal.audit.models import AuditEvent
from portal.audit.operations import Entry, record
from portal.inventory.operations import refresh
from portal.tagging.writer import write_due
from portal.tags.queries import open_for_run

log = structlog.get_logger(__name__)
Clock = Callable[[], datetime]
T = TargetState


def advance(run: Run, *, cloud: Cloud, clock: Clock) -> None:
    """One look at one run. Each step commits by itself and leaves rows that the next look continues from."""
    run.refresh_from_db()
    if run.state == RunState.PLANNED:
        begin(run, clock())
        return
    steps = [look, wake, waves.turn, check, patch, rescan.rescan, expire, clean_up, move_on]
    for step in steps:
        run.refresh_from_db()
        if run.state in {RunState.FINISHED, RunState.HALTED, RunState.CANCELLED, RunState.MISSED}:
            return
        _guarded(step, run, cloud=cloud, clock=clock)


def _guarded(step: Callable[..., None], run: Run, *, cloud: Cloud, clock: Clock) -> None:
    """An AWS refusal in one step is told in the run's log and never stops the other steps."""
    try:
        step(run, cloud=cloud, clock=clock)
    except CloudError as error:
        log.warning("step_refused", run=run.pk, step=step.__name__, error=str(error))
        _tell_once(run, f"AWS: {error}")


@transaction.atomic
def _tell_once(run: Run, sentence: str) -> None:
    """The same sentence is not repeated while it is the last one of the log."""
    last = AuditEvent.objects.filter(run_id=run.pk, kind="run.trouble").order_by("-pk").first()
    if last is None or last.summary != sentence:
        record(Entry("run.trouble", "run", str(run.pk), sentence, run_id=run.pk), by=None)


def begin(run: Run, now: datetime) -> None:
    """Plans anew and enters waking at the lead time; after the cutoff nobody can begin any more."""
    with transaction.atomic():
        run = runs.lock(run)
        if run.state != RunState.PLANNED:
            return
        if now >= run.cutoff_at:
            reason = "Nobody looked at this run before its cutoff: the workers or beat were down."
            runs.enter(run, RunState.MISSED, now=now, reason=reason, summary=f"Missed: {reason}")
            waiting = run.targets.filter(state=T.PLANNED).values_list("pk", flat=True)
            targets.move(waiting, T.SKIPPED, now=now, code="missed", reason=reason)
            run.targets.update(cleaned_at=now)
        elif now >= wakes_at(run):
            plan = runs.replan(run, now=now)
            said = f"{plan.included} servers are prepared, {plan.left_out} are left out"
            runs.enter(run, RunState.WAKING, now=now, summary=said)


def look(run: Run, *, cloud: Cloud, clock: Clock) -> None:
    """First what is already out: lost answers, results, hosts that are starting."""
    if run.dispatches.filter(state__in=DISPATCH_IN_FLIGHT).exists():
        send.recover(run, cloud=cloud, clock=clock)
    sweep_every = timedelta(seconds=run.run_policy.sweep_s)
    if run.swept_at is None or clock() >= run.swept_at + sweep_every:
        collect.sweep(run, cloud=cloud, clock=clock)


def wake(run: Run, *, cloud: Cloud, clock: Clock) -> None:
    if run.state == RunState.HALTING:
        power.expire_wanted(run, now=clock())
        return
    power.wake(run, cloud=cloud, clock=clock)
    if power.waiting(run):
        write_due(cloud=cloud, now=clock())
        power.start(run, cloud=cloud, clock=clock)
        power.watch(run, cloud=cloud, clock=clock)
        power.expire_wanted(run, now=clock())


def check(run: Run, *, cloud: Cloud, clock: Clock) -> None:
    """Pre-checks for the targets whose turn it is."""
    if run.state == RunState.HALTING:
        return
    waiting = _undispatched(run, Phase.PRECHECK)
    if (
        clock() < run.starts_at
    ):  # whoever failed the early check waits for the start, when every fix is allowed
        waiting = waiting.filter(attempt=1)
    coming = run.targets.filter(state__in=[T.PLANNED, T.WAKING]).exists()
    ids = _gathered(run, Phase.PRECHECK, list(waiting.values_list("pk", flat=True)), coming, clock())
    if ids:
        _publish_and_send(run, Phase.PRECHECK, ids, cloud=cloud, clock=clock)


def _undispatched(run: Run, phase: Phase) -> QuerySet[Target]:
    """Targets that wait for a command of this phase and have none yet."""
    state = T.CHECKING if phase == Phase.PRECHECK else T.READY
    out = DispatchTarget.objects.filter(target=OuterRef("pk"), phase=phase, attempt=OuterRef("attempt"))
    return run.targets.filter(~Exists(out), state=state).order_by("pk")


def _gathered(run: Run, phase: Phase, ids: list[int], coming: bool, now: datetime) -> list[int]:
    """All of them when nobody else is coming or the last batch is long enough ago; else only full batches."""
    last = run.dispatches.filter(phase=phase).aggregate(last=Max("claimed_at"))["last"]
    if not coming or last is None or now >= last + timedelta(seconds=run.run_policy.gather_s):
        return ids
    return ids[: len(ids) // INSTANCES_PER_COMMAND * INSTANCES_PER_COMMAND]


def _publish_and_send(run: Run, phase: Phase, ids: list[int], *, cloud: Cloud, clock: Clock) -> None:
    try:
        publish.publish(run, cloud=cloud, now=clock())
    finally:  # where the documents stand, commands go out all the same
        _send(run, phase, ids, cloud=cloud, clock=clock)


def _send(run: Run, phase: Phase, ids: list[int], *, cloud: Cloud, clock: Clock) -> None:
    """Claims and sends batch by batch, so that little is claimed that a crash could strand."""
    waiting = list(run.targets.filter(pk__in=ids))
    chunks = [chunk for _, group in by_place(waiting) for chunk in batches(group, INSTANCES_PER_COMMAND)]
    for_each(chunks, lambda chunk: _send_batch(run, phase, chunk, cloud=cloud, clock=clock))


def _send_batch(run: Run, phase: Phase, chunk: list[Target], *, cloud: Cloud, clock: Clock) -> None:
    if phase == Phase.PATCH:
        reread(chunk, cloud=cloud, now=clock())
    claim = dispatches.claim(run, phase, [row.pk for row in chunk], now=clock())
    for dispatch in claim.dispatches:
        send.send(dispatch, cloud=cloud, clock=clock)


def reread(chunk: list[Target], *, cloud: Cloud, now: datetime) -> None:
    """Foreign tags and power states are read again right before a batch is claimed; vanished hosts drop out."""
    place = chunk[0]
    listed = cloud.ec2(place.account_id, place.region).describe([row.instance_id for row in chunk])
    seen = {item.instance_id: item for item in listed}
    refresh(instances=seen.values(), now=now)
    for row in chunk:
        _drop_absent(row, seen.get(row.instance_id), now)


def _drop_absent(row: Target, seen: Instance | None, now: datetime) -> None:
    if seen is None or seen.state in STATES_GONE:
        targets.move([row.pk], T.SKIPPED, now=now, code="gone", reason="The instance no longer exists.")
    elif seen.state != "running":
        reason = f"Somebody stopped it after its check: EC2 says {seen.state}."
        targets.move([row.pk], T.BLOCKED, now=now, code="stopped_meanwhile", reason=reason)


def patch(run: Run, *, cloud: Cloud, clock: Clock) -> None:
    """From the start on: tag what is ready, and send to what bears its tag."""
    if run.check_only:
        _end_checked(run, now=clock())
        return
    begun = [WaveState.RUNNING, WaveState.BAKING, WaveState.PASSED]  # the last two: servers that are tried again
    wave = run.waves.filter(state__in=begun).last()
    if wave is None or not run.starts_at <= clock() < run.cutoff_at:
        return
    if _to_be_marked(run, wave, clock()):
        marks.mark(run, wave, now=clock())
        write_due(cloud=cloud, now=clock())
    marks.drop_refused(run, now=clock())
    ready = _room(run, marks.marked(run), clock())
    if ready and _door_open(run, wave, cloud=cloud, now=clock()):
        _secure_and_send(run, ready, cloud=cloud, clock=clock)


def _secure_and_send(run: Run, ready: list[int], *, cloud: Cloud, clock: Clock) -> None:
    try:
        if snapshots.wanted(run):
            rows = run.targets.filter(pk__in=ready).select_related("asset").order_by("pk")
            snapshots.take(run, rows, cloud=cloud, clock=clock)
    finally:  # an account that refuses snapshots keeps nobody else waiting
        if secured := snapshots.ready(run, ready):
            _publish_and_send(run, Phase.PATCH, secured, cloud=cloud, clock=clock)


def _end_checked(run: Run, *, now: datetime) -> None:
    checked = run.targets.filter(state=T.READY).values_list("pk", flat=True)
    reason = "It passed the pre-check; this run only checks."
    targets.move(checked, T.DONE, now=now, code="checked", reason=reason)


def _to_be_marked(run: Run, wave: Wave, now: datetime) -> bool:
    """A wave is tagged in one go; whoever is still being checked then is tagged with the next few."""
    if not run.targets.filter(state=T.CHECKING).exists():
        return True
    since = max(run.starts_at, wave.marked_at or wave.begun_at or run.starts_at)
    return now >= since + timedelta(seconds=run.run_policy.gather_s)


def _room(run: Run, ready: QuerySet[Target], now: datetime) -> list[int]:
    """As many as may be in flight; batches are filled, unless the last one went out a while ago."""
    policy = run.run_policy
    free = max(policy.concurrency - run.targets.filter(state__in=IN_FLIGHT).count(), 0)
    ids = list(ready.values_list("pk", flat=True)[: free + 1])
    if len(ids) <= free:
        return ids
    full = free // INSTANCES_PER_COMMAND * INSTANCES_PER_COMMAND
    last = run.dispatches.filter(phase=Phase.PATCH).aggregate(last=Max("claimed_at"))["last"]
    waited = last is None or now >= last + timedelta(seconds=policy.gather_s)
    return ids[:free] if waited or policy.concurrency < INSTANCES_PER_COMMAND else ids[:full]


def _door_open(run: Run, wave: Wave, *, cloud: Cloud, now: datetime) -> bool:
    """False while an alarm rings, and when too many have failed: then the run halts by itself."""
    if why := waves.too_many_errors(run, wave, at_least=run.run_policy.stop_at_least):
        runs.halt(run=run, by=None, reason=why, now=now)
        return False
    if why := gates.closed(run, cloud=cloud):
        if run.dispatches.filter(phase=Phase.PATCH).exists():
            runs.halt(run=run, by=None, reason=why, now=now)
        else:
            _tell_once(run, f"Nothing is sent yet. {why}")
        return False
    return True


def expire(run: Run, *, cloud: Cloud, clock: Clock) -> None:
    """After the cutoff nothing waits any longer; after the end bound everything is closed with a reason."""
    now = clock()
    if now >= run.cutoff_at:
        waiting = run.targets.filter(
            Q(state__in=[T.PLANNED, T.WAKING, T.WAITING, T.READY])
            | Q(pk__in=_undispatched(run, Phase.PRECHECK))
        )
        reason = "The window's cutoff came before its turn."
        targets.move(waiting.values_list("pk", flat=True), T.SKIPPED, now=now, code="cutoff", reason=reason)
    if now >= run.ends_at + timedelta(seconds=run.run_policy.end_bound_s):
        collect.write_off_all(run, now=now)
        for dispatch in run.dispatches.filter(state__in=DISPATCH_IN_FLIGHT):
            send.give_up(dispatch, "The window is over.", now=now)
        left = run.targets.exclude(state__in=TARGET_OVER).values_list("pk", flat=True)
        targets.move(
            left, T.LOST, now=now, code="end_bound", reason="No answer came until long after the window."
        )


def clean_up(run: Run, *, cloud: Cloud, clock: Clock) -> None:
    """Once every target is over: tags away, LastPatched, hosts that we started stopped again."""
    if run.targets.exclude(state__in=TARGET_OVER).exists():
        return
    marks.unmark(run, now=clock())
    release.release(run, cloud=cloud, clock=clock)
    write_due(cloud=cloud, now=clock())
    if not open_for_run(run.pk).exists() and not power.waiting(run):
        run.targets.filter(cleaned_at=None).update(cleaned_at=clock())


def move_on(run: Run, *, cloud: Cloud, clock: Clock) -> None:
    """The run's own state follows from its targets."""
    while to := next_state(run, clock()):
        with transaction.atomic():
            locked = runs.lock(run)
            if locked.state != run.state:
                return
            if to in {RunState.FINISHED, RunState.HALTED}:
                results.remember_unpatched(run.pk)
            runs.enter(locked, to, now=clock(), summary=f"{to.label}")
        run.refresh_from_db()


def next_state(run: Run, now: datetime) -> RunState | None:
    states = set(run.targets.values_list("state", flat=True).distinct())
    over = states <= TARGET_OVER
    cleaned = over and not run.targets.filter(cleaned_at=None).exists()
    if run.state == RunState.WAKING:
        return RunState.CHECKING if not states & {T.PLANNED, T.WAKING} else None
    if run.state == RunState.CHECKING:
        return RunState.VERIFYING if over else _begin_patching(run, states, now)
    if run.state == RunState.PATCHING:
        return RunState.VERIFYING if over else None
    if run.state == RunState.VERIFYING:
        return RunState.FINISHED if cleaned else None
    return RunState.HALTED if run.state == RunState.HALTING and cleaned else None


def _begin_patching(run: Run, states: set[str], now: datetime) -> RunState | None:
    begun = now >= run.starts_at and not run.check_only and states & {T.READY, T.IN_DISPATCH, T.DONE}
    return RunState.PATCHING if begun else None
