"""Sending exactly once: AWS is called after the commit, from the row, and every answer has a next step."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence
from datetime import datetime, timedelta

from django.db import transaction

from aws.errors import Ambiguous, CloudError, Missing, Refused, Throttled
from aws.ports import INSTANCES_PER_COMMAND
from patching.documents import aws_windows
from patching.engine.places import for_each
from patching.engine.publish import forget
from patching.engine.request import request
from patching.engine.scope import Scope
from patching.models import Dispatch, DispatchTarget, Run, Target
from patching.operations import admission, dispatches, targets
from patching.planner import batches
from patching.states import DispatchState, Phase, TargetState
from portal.limits.buckets import SOON

LOOK_BACK = timedelta(seconds=60)  # AWS's clock and ours may differ a little
REFUSED = "AWS refused the command"
NOT_LOOKED_AT = "It may have been patched, but AWS refused the re-scan"
BATCHES = (INSTANCES_PER_COMMAND, 7, 1)  # after no refusal, one and two
MAX_REFUSALS = len(BATCHES)
# The shared rate limit may hold the call this long; it must leave before `send_before` all the same.
TOKEN_WAIT = timedelta(seconds=SOON)
DOCUMENT_GONE = {"InvalidDocument", "InvalidDocumentVersion"}


def send(scope: Scope, dispatch: Dispatch) -> None:
    """One SendCommand for a dispatch in `sending`; a caller that is too late does nothing."""
    if not dispatches.count_try(dispatch, now=scope.now() + TOKEN_WAIT):
        return
    ssm = scope.ssm((dispatch.account_id, dispatch.region))
    try:
        command = ssm.send_command(request(dispatch))
    except Throttled as error:
        dispatches.mark_unsent(dispatch, reason=f"AWS is throttling us: {error}")
    except Ambiguous as error:
        dispatches.mark_unknown(dispatch, now=scope.now(), reason=f"the answer was lost: {error}")
    except CloudError as error:
        refused(scope, dispatch, error)
    else:
        dispatches.mark_sent(dispatch, [command.command_id], now=scope.now())


def refused(scope: Scope, dispatch: Dispatch, error: CloudError) -> None:
    """AWS said no to the whole batch: the hosts that caused it are blocked, the others go into a new one."""
    if error.code in DOCUMENT_GONE:
        forget(dispatch)
    rejected = {} if error.code in DOCUMENT_GONE else _rejected(scope, dispatch, error)
    _settle_refused(dispatch, error, rejected, now=scope.now())


@transaction.atomic
def _settle_refused(
    dispatch: Dispatch, error: CloudError, rejected: dict[str, str], *, now: datetime
) -> None:
    """The command is closed and each of its hosts goes its way, or nothing has happened yet."""
    rows = list(Target.objects.filter(dispatched__dispatch=dispatch, dispatched__collected_at=None))
    named = [row for row in rows if row.instance_id in rejected]
    if dispatch.phase == Phase.VERIFY and named and len(named) < len(rows):
        _look_at_the_others(dispatch, named, error, now=now)
        return
    if dispatch.phase == Phase.VERIFY:
        rejected = {row.instance_id: f"{NOT_LOOKED_AT}: {error}" for row in rows}
    before = _refusals(rows, Phase(dispatch.phase))
    blocked = [row for row in rows if row.instance_id in rejected or before[row.pk] + 1 >= MAX_REFUSALS]
    others = [row.pk for row in rows if row not in blocked]
    dispatches.close(dispatch, DispatchState.GIVEN_UP, now=now, reason=f"AWS refused it: {error}")
    dispatch.rows.filter(collected_at=None).update(no_report_reason=f"{REFUSED}: {error}", collected_at=now)
    for row in blocked:
        _reject(row, Phase(dispatch.phase), rejected.get(row.instance_id) or f"{REFUSED}: {error}", now=now)
    back = TargetState.READY if dispatch.phase == Phase.PATCH else TargetState.WAITING
    targets.try_again(others, back, now=now, reason=f"AWS refused its batch: {error}")


def _look_at_the_others(dispatch: Dispatch, named: list[Target], error: CloudError, *, now: datetime) -> None:
    """A look has one attempt only, so the same dispatch goes out again, without those that AWS named."""
    out = dispatch.rows.filter(target__in=named)
    out.update(no_report_reason=f"{REFUSED}: {error}", collected_at=now)
    for row in named:
        _reject(row, Phase.VERIFY, f"{NOT_LOOKED_AT}: {error}", now=now)
    dispatches.narrow(dispatch, without=[row.instance_id for row in named])
    dispatches.mark_unsent(dispatch, reason=f"AWS refused {len(named)} of its servers")


def _reject(row: Target, phase: Phase, reason: str, *, now: datetime) -> None:
    to = TargetState.LOST if phase == Phase.VERIFY else TargetState.BLOCKED
    targets.move([row.pk], to, now=now, code="refused", reason=reason)


def _refusals(rows: Iterable[Target], phase: Phase) -> Counter[int]:
    """Target pk → how many commands of this phase AWS has refused with it."""
    found = DispatchTarget.objects.filter(target__in=rows, phase=phase, no_report_reason__startswith=REFUSED)
    return Counter(found.values_list("target_id", flat=True))


def in_batches(group: Sequence[Target], phase: Phase) -> list[list[Target]]:
    """Batches of one place. Whose batch AWS has refused without naming anybody goes into smaller ones, then alone."""
    tried = [row for row in group if row.attempt > 1]
    before = _refusals(tried, phase) if tried else Counter[int]()
    sizes: dict[int, list[Target]] = {}
    for row in group:
        sizes.setdefault(BATCHES[min(before[row.pk], len(BATCHES) - 1)], []).append(row)
    return [chunk for size in sorted(sizes, reverse=True) for chunk in batches(sizes[size], size)]


def _rejected(scope: Scope, dispatch: Dispatch, error: CloudError) -> dict[str, str]:
    """instance id → sentence, for the hosts that Systems Manager does not know as online."""
    if isinstance(error, Missing) and set(error.ids) & set(dispatch.instance_ids):
        return dict.fromkeys(error.ids, f"Systems Manager does not know this instance: {error}")
    if not isinstance(error, Refused):
        return {}
    try:
        nodes = scope.ssm((dispatch.account_id, dispatch.region)).managed_nodes(dispatch.instance_ids)
        known = {node.instance_id for node in nodes}
    except CloudError:
        return {}
    absent = [item for item in dispatch.instance_ids if item not in known]
    return dict.fromkeys(
        absent, "Systems Manager no longer knows this instance: stopped, or its agent is gone."
    )


def recover_dispatches(scope: Scope) -> None:
    """Brings dispatches on that a crash, a time-out or throttling left half-way."""
    run = scope.run
    for dispatch in run.dispatches.filter(state=DispatchState.SENDING, send_before__lte=scope.now()):
        if dispatch.tries == 0:
            dispatches.mark_unsent(dispatch, reason="no worker called AWS in time")
        else:
            dispatches.mark_unknown(
                dispatch, now=scope.now(), reason="the worker stopped while it waited for AWS"
            )
    try:
        look_up(scope, run.dispatches.filter(state=DispatchState.UNKNOWN))
    finally:  # a place where nobody can be asked keeps no other's commands
        waiting = list(run.dispatches.filter(state=DispatchState.CLAIMED))
        for_each(waiting, lambda dispatch: resend(scope, dispatch))


def look_up(scope: Scope, unknown: Iterable[Dispatch]) -> None:
    """Adopts what AWS accepted; what it does not show after the settle time is sent again."""

    def look_up_one(dispatch: Dispatch) -> None:
        found = find(scope, dispatch)
        if found:
            dispatches.mark_sent(dispatch, found, now=scope.now(), adopted=True)
        elif settled(dispatch, scope.now()):
            _again_or_never(scope, dispatch)

    for_each(list(unknown), look_up_one)


def _again_or_never(scope: Scope, dispatch: Dispatch) -> None:
    """Without a guard on the host nothing is sent twice, not even when AWS shows no trace of the first."""
    if dispatch.document_name == aws_windows.NAME:
        give_up(
            dispatch, f"It is not sent again: {aws_windows.NAME} has no guard on the host.", now=scope.now()
        )
    else:
        resend(scope, dispatch)


def settled(dispatch: Dispatch, now: datetime) -> bool:
    since = dispatch.unknown_since or dispatch.claimed_at
    return now >= since + timedelta(seconds=dispatch.run.run_policy.settle_s)


def find(scope: Scope, dispatch: Dispatch) -> list[str]:
    """Ids of every command that bears this dispatch's comment."""
    ssm = scope.ssm((dispatch.account_id, dispatch.region))
    after = dispatch.run.created_at - LOOK_BACK
    commands = ssm.list_commands(document_name=dispatch.document_name, invoked_after=after)
    return [command.command_id for command in commands if command.comment == dispatch.comment]


def resend(scope: Scope, dispatch: Dispatch) -> None:
    """Asks a question first: a place that does not answer is told by it, and no command is risked there."""
    if not _final(dispatch, scope.now()):
        list(scope.ssm((dispatch.account_id, dispatch.region)).managed_nodes(dispatch.instance_ids))
    fresh, why_not = dispatches.reclaim(dispatch, now=scope.now())
    if not why_not:
        send(scope, fresh)
    elif fresh.state in {DispatchState.CLAIMED, DispatchState.UNKNOWN} and _final(fresh, scope.now()):
        give_up(fresh, why_not, now=scope.now())


def _final(dispatch: Dispatch, now: datetime) -> bool:
    """A pause may end; a cutoff, a halt or an empty batch does not."""
    run = Run.objects.get(pk=dispatch.run_id)
    if dispatch.phase == Phase.VERIFY:
        return now >= admission.last_look(run) or not dispatch.instance_ids
    return now >= run.cutoff_at or run.state in admission.CLOSED_TO_SENDING or not dispatch.instance_ids


@transaction.atomic
def give_up(dispatch: Dispatch, why: str, *, now: datetime) -> None:
    """Never proven to have been sent: the hosts say so, and are not called unpatched when AWS may have taken it."""
    doubtful = dispatch.state == DispatchState.UNKNOWN
    dispatches.close(dispatch, DispatchState.GIVEN_UP, now=now, reason=why)
    ids = list(dispatch.rows.values_list("target_id", flat=True))
    dispatch.rows.filter(collected_at=None).update(no_report_reason=why, collected_at=now)
    if doubtful and dispatch.phase == Phase.PATCH:
        reason = f"AWS never said whether it took the command, and it does not show it. {why}"
        to = TargetState.VERIFYING if now < admission.last_look(dispatch.run) else TargetState.LOST
        targets.move(ids, to, now=now, code="answer_lost", reason=reason)
    elif dispatch.phase == Phase.VERIFY:
        reason = f"It may have been patched, but was not looked at again. {why}"
        targets.move(ids, TargetState.LOST, now=now, code="not_looked_at", reason=reason)
    else:
        targets.move(ids, TargetState.SKIPPED, now=now, code="not_sent", reason=f"It was not sent. {why}")
