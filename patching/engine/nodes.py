"""Whom a command can reach: asked of Systems Manager right before a batch is claimed.

One instance that Systems Manager does not know or has lost makes AWS refuse the whole command, and the question tells
a place that does not answer before a command is risked there.
"""

from __future__ import annotations

from datetime import datetime, timedelta

from django.db.models import Exists, OuterRef, QuerySet

from aws.errors import AccessRefused, CloudError, Silent, Unasked
from aws.ports import ManagedNode
from aws.states import PingStatus
from patching.engine.scope import Scope
from patching.models import Target, Wave
from patching.operations import targets
from patching.states import Phase, TargetState
from portal.isolation import sentence

NO_ANSWER = (AccessRefused, Silent, Unasked)  # that another minute may cure, or another hour
NOT_MANAGED = "Systems Manager does not know this instance: its agent never reported, or not for a long time."


def reachable(scope: Scope, phase: Phase, chunk: list[Target]) -> list[Target]:
    """Those of one place's batch whose agent is connected; the others are left out, each with its reason.

    Raises CloudError: nothing is sent to a place that does not answer.
    """
    place = (chunk[0].account_id, chunk[0].region)
    try:
        listed = scope.ssm(place).managed_nodes([row.instance_id for row in chunk])
        nodes = {node.instance_id: node for node in listed}
    except NO_ANSWER as error:
        give_up_early_waves(Target.objects.filter(pk__in=[row.pk for row in chunk]), error, now=scope.now())
        raise
    now = scope.now()
    missing = {row: why for row in chunk if (why := _why_not(nodes.get(row.instance_id)))}
    for row, (code, said) in missing.items():
        _leave_out(scope, phase, row, code, said, now)
    return [row for row in chunk if row not in missing]


def _why_not(node: ManagedNode | None) -> tuple[str, str] | None:
    """Code and sentence; None for one that is connected."""
    if node is None:
        return "not_managed", NOT_MANAGED
    if node.ping_status == PingStatus.ONLINE:
        return None
    last = f", last heard of at {node.last_ping_at:%Y-%m-%d %H:%M} UTC" if node.last_ping_at else ""
    return "connection_lost", (
        f"Systems Manager has lost the connection to its agent (PingStatus {node.ping_status or 'missing'}{last}); "
        "a command would not reach it."
    )


def _leave_out(scope: Scope, phase: Phase, row: Target, code: str, why: str, now: datetime) -> None:
    if phase == Phase.VERIFY:  # it may be on its way back from its restart
        if now >= row.since + timedelta(seconds=scope.run.run_policy.delivery_timeout_s):
            _lose([row.pk], why, now=now)
    elif phase == Phase.PRECHECK and now < scope.run.starts_at and row.attempt == 1:
        targets.try_again(
            [row.pk], TargetState.WAITING, now=now, reason=f"{why} It is asked again at the start."
        )
    else:
        targets.move([row.pk], TargetState.BLOCKED, now=now, code=code, reason=why)


def give_up_early_waves(rows: QuerySet[Target], error: CloudError, *, now: datetime) -> None:
    """Whom later waves wait for is not waited for until the cutoff: one account never stops the others (I12)."""
    later = Wave.objects.filter(run=OuterRef("run"), number__gt=OuterRef("wave"))
    waiting = rows.filter(Exists(later)).select_related("run")
    long = [row for row in waiting if now >= _longest(row)]
    patched = [row.pk for row in long if row.state == TargetState.VERIFYING]
    _lose(patched, f"Its account still gave no answer while the next wave waited: {sentence(error)}", now=now)
    code, why = _blocked_by(error)
    unsent = [row.pk for row in long if row.state != TargetState.VERIFYING]
    targets.move(unsent, TargetState.BLOCKED, now=now, code=code, reason=why)


def _blocked_by(error: CloudError) -> tuple[str, str]:
    if isinstance(error, AccessRefused):
        return (
            "account_refused",
            f"Its account still refused the portal while the next wave waited: {sentence(error)}",
        )
    return "place_silent", f"AWS still did not answer there while the next wave waited: {sentence(error)}"


def _longest(row: Target) -> datetime:
    return max(row.since, row.run.starts_at) + timedelta(seconds=row.run.run_policy.wake_timeout_s)


def _lose(ids: list[int], why: str, *, now: datetime) -> None:
    reason = f"It may have been patched, but could not be looked at again. {why}"
    targets.move(ids, TargetState.LOST, now=now, code="not_looked_at", reason=reason)
