"""Brings one run forward by one look. Re-entrant: it may be called twice, late, or after a crash, from any worker."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime, timedelta

import structlog
from django.db import transaction

from aws.errors import CloudError
from aws.ports import INSTANCES_PER_COMMAND, STATES_GONE, Cloud, Instance
from patching.engine import collect, marks, power, publish, send
from patching.engine.places import for_each
from patching.models import DispatchTarget, Run, Target
from patching.operations import dispatches, results, runs, targets
from patching.planner import batches, by_place
from patching.states import (
    DISPATCH_IN_FLIGHT,
    IN_FLIGHT,
    TARGET_OVER,
    Phase,
    RunState,
    TargetState,
    Verdict,
)
from portal.audit.models import AuditEvent
from portal.audit.operations import Entry, record
from portal.inventory.operations import refresh
from portal.tagging.writer import write_due
from portal.tags.queries import open_for_run

log = structlog.get_logger(__name__)
Clock = Callable[[], datetime]
T = TargetState
BAD = (Verdict.FAILED, Verdict.PARTLY, Verdict.UNKNOWN)


def advance(run: Run, *, cloud: Cloud, clock: Clock) -> None:
    """One look at one run. Each step commits by itself and leaves rows that the next look continues from."""
    run.refresh_from_db()
    if run.state == RunState.PLANNED:
        begin(run, clock())
        return
    steps = [look, wake, check, patch, expire, clean_up, move_on]
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
        elif now >= run.starts_at - timedelta(seconds=run.run_policy.lead_s):
            plan = runs.replan(run, now=now)
            said = f"{len(plan.included)} servers are prepared, {len(plan.left_out)} are left out"
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
    power.wake(run, now=clock())
    if power.waiting(run):
        write_due(cloud=cloud, now=clock())
        power.start(run, cloud=cloud, clock=clock)
        power.watch(run, cloud=cloud, clock=clock)
        power.expire_wanted(run, now=clock())


def check(run: Run, *, cloud: Cloud, clock: Clock) -> None:
    """Pre-checks for every target that waits for one."""
    waiting = _undispatched(run, T.CHECKING, Phase.PRECHECK)
    if clock() < run.starts_at:
        first = _first_attempts(run)
        waiting = [pk for pk in waiting if pk in first]
    if waiting and run.state != RunState.HALTING:
        _publish_and_send(run, Phase.PRECHECK, waiting, cloud=cloud, clock=clock)


def _first_attempts(run: Run) -> set[int]:
    """Whoever failed the early check waits for the start, when every fix is allowed."""
    return set(run.targets.filter(attempt=1).values_list("pk", flat=True))


def _undispatched(run: Run, state: TargetState, phase: Phase) -> list[int]:
    rows = run.targets.filter(state=state).prefetch_related("dispatched")
    return [row.pk for row in rows if not any(_same(d, row, phase) for d in row.dispatched.all())]


def _same(dispatched: DispatchTarget, row: Target, phase: Phase) -> bool:
    return dispatched.phase == phase and dispatched.attempt == row.attempt


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
        checked = list(run.targets.filter(state=T.READY).values_list("pk", flat=True))
        targets.move(
            checked,
            T.DONE,
            now=clock(),
            code="checked",
            reason="It passed the pre-check; this run only checks.",
        )
        return
    if run.state == RunState.HALTING or not run.starts_at <= clock() < run.cutoff_at:
        return
    marks.mark(run, now=clock())
    write_due(cloud=cloud, now=clock())
    ready = marks.marked(run, now=clock())
    if ready and not _too_many_errors(run, clock()):
        _publish_and_send(run, Phase.PATCH, _room(run, ready), cloud=cloud, clock=clock)


def _room(run: Run, ids: list[int]) -> list[int]:
    free = run.run_policy.concurrency - run.targets.filter(state__in=IN_FLIGHT).count()
    return ids[: max(free, 0)]


def _too_many_errors(run: Run, now: datetime) -> bool:
    """Halts the run by itself when too large a share of the judged hosts failed."""
    judged = run.targets.filter(state__in=[T.DONE, T.LOST]).exclude(verdict="")
    bad, total = judged.filter(verdict__in=BAD).count(), judged.count()
    policy = run.run_policy
    if bad < policy.stop_at_least or bad * 100 <= total * policy.stop_at_error_percent:
        return False
    reason = (
        f"{bad} of {total} servers failed, more than the {policy.stop_at_error_percent} % that are allowed."
    )
    runs.halt(run=run, by=None, reason=reason, now=now)
    return True


def expire(run: Run, *, cloud: Cloud, clock: Clock) -> None:
    """After the cutoff nothing waits any longer; after the end bound everything is closed with a reason."""
    now = clock()
    if now >= run.cutoff_at:
        waiting = run.targets.filter(state__in=[T.PLANNED, T.WAKING, T.READY]) | run.targets.filter(
            pk__in=_undispatched(run, T.CHECKING, Phase.PRECHECK)
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
    power.release(run, cloud=cloud, clock=clock)
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
