"""Audits of runs: asked for by a person or the night, carried on by workers, told to the admins."""

from __future__ import annotations

import time
import uuid
from datetime import datetime, timedelta
from typing import Any

from django.db import IntegrityError, transaction
from django.db.models import F, Q, QuerySet

from patching.invariants import Violation, chunk_checks, of_the_portal
from patching.models import Run, RunAudit
from patching.states import AUDIT, AUDIT_OVER, AuditState
from portal.access.models import User
from portal.access.rules import check_role
from portal.access.states import Role
from portal.audit.operations import Entry
from portal.clock import Clock
from portal.limits.budget import ran_out
from portal.limits.tasks import sentence as statement_stopped
from portal.machine.mover import Mover, Step, each
from portal.sentences import counted

LOOK_BACK = timedelta(days=30)
MOST_KEPT = 500  # sentences of one audit
AT_ONCE = 20  # runs: so often the progress is told
LEASE = timedelta(minutes=3)  # renewed after each check; a dead worker's audit waits so long
MOST_TRIES = 3
LONGEST = timedelta(minutes=30)  # from asking to the end


class Taken(Exception):
    """Another worker has this audit now, or it is over."""


def ask(*, by: User | None, now: datetime) -> tuple[RunAudit, bool]:
    """The audit under way, or a new one that a worker begins within seconds; and whether it is new. None: the night."""
    if by is not None:
        check_role(by, Role.ADMIN)
    end_overdue(now=now)
    try:
        return _ask(by, now), True
    except IntegrityError:  # one at a time: whoever asks meanwhile gets that one
        return under_way().get(), False


@transaction.atomic
def _ask(by: User | None, now: datetime) -> RunAudit:
    audit = RunAudit.objects.create(checked_at=now, asked_by=by, runs=_runs(now).count())
    MOVER.made([audit], f"Audit of {counted(audit.runs, 'run')} asked for", by=by)
    return audit


def under_way() -> QuerySet[RunAudit]:
    return RunAudit.objects.exclude(state__in=AUDIT_OVER)


def _runs(asked_at: datetime) -> QuerySet[Run]:
    return Run.objects.filter(starts_at__gte=asked_at - LOOK_BACK).order_by("pk")


def work(*, clock: Clock, until: datetime) -> None:
    """Carries the audit that is asked for on, chunk by chunk; whoever comes next goes on where it stopped."""
    end_overdue(now=clock())
    audit = _take(clock())
    if audit is None:
        return
    try:
        while _carry_on(audit, clock):
            if clock() >= until:
                _ours(audit).update(lease_until=None)
                return
    except Taken:
        return
    except Exception as error:  # told on the row; the log has the trace
        _fail(audit, _why(error), now=clock())
        raise


def end_overdue(*, now: datetime) -> None:
    """No audit stays open for ever: not without workers, and not one that ends each of them."""
    for audit in under_way().filter(checked_at__lt=now - LONGEST):
        minutes = LONGEST // timedelta(minutes=1)
        _fail(audit, f"It was not done within {minutes} minutes. Is a worker running?", now=now)
    free = Q(lease_until=None) | Q(lease_until__lt=now)
    for audit in under_way().filter(free, tries__gte=MOST_TRIES):
        said = f"{MOST_TRIES} workers ended while they checked the {AT_ONCE} runs after run {audit.last_run}."
        _fail(audit, said, now=now)


@transaction.atomic
def _take(now: datetime) -> RunAudit | None:
    free = Q(lease_until=None) | Q(lease_until__lt=now)
    audit = under_way().filter(free, tries__lt=MOST_TRIES).select_for_update().first()
    if audit is None:
        return None
    MOVER.move_locked([audit], AuditState.RUNNING)
    audit.lease_until, audit.lease_token, audit.tries = now + LEASE, uuid.uuid4(), audit.tries + 1
    audit.save(update_fields=["lease_until", "lease_token", "tries"])
    return audit


def _ours(audit: RunAudit) -> QuerySet[RunAudit]:
    return RunAudit.objects.filter(pk=audit.pk, state=AuditState.RUNNING, lease_token=audit.lease_token)


def _renew(audit: RunAudit, now: datetime, **facts: Any) -> None:
    if not _ours(audit).update(lease_until=now + LEASE, **facts):
        raise Taken


def _carry_on(audit: RunAudit, clock: Clock) -> bool:
    """One chunk; False after the last one."""
    began = time.monotonic()
    chunk = list(_runs(audit.checked_at).filter(pk__gt=audit.last_run).values_list("pk", flat=True)[:AT_ONCE])
    found: list[Violation] = []
    for check in chunk_checks(now=clock()) if chunk else (lambda _: of_the_portal(),):
        found += check(chunk)
        _renew(audit, clock())
    audit.took_s += time.monotonic() - began
    audit.broken += len(found)
    audit.violations = [*audit.violations, *map(_row, found)][:MOST_KEPT]
    if not chunk:
        _finish(audit, now=clock())
        return False
    audit.checked, audit.last_run = audit.checked + len(chunk), chunk[-1]
    _keep(audit, clock())
    return True


def _keep(audit: RunAudit, now: datetime) -> None:
    names = ("took_s", "broken", "violations", "checked", "last_run")
    _renew(audit, now, tries=0, **{name: getattr(audit, name) for name in names})


@transaction.atomic
def _finish(audit: RunAudit, *, now: datetime) -> None:
    _keep(audit, now)
    said = f"{audit.broken} broken promises" if audit.broken else "all is well"
    ended = {"runs": F("checked"), "ended_at": now, "lease_until": None}
    done = f"Audit of {counted(audit.checked, 'run')}: {said}"
    MOVER.move([audit.pk], AuditState.DONE, among=_ours(audit), said=done, fields=ended)


def _fail(audit: RunAudit, reason: str, *, now: datetime) -> None:
    same = RunAudit.objects.filter(lease_token=audit.lease_token)
    ended = {"reason": reason, "ended_at": now, "lease_until": None}
    said = f"The audit of runs ended early: {reason}"
    MOVER.move([audit.pk], AuditState.FAILED, among=same, said=said, fields=ended)


def _entry(audit: RunAudit, step: Step[AuditState], kind: str) -> Entry:
    said = step.said or f"Audit of {counted(audit.runs, 'run')}: {step.to.label.lower()}"
    return Entry(kind, "audit", str(audit.pk), said)


MOVER = Mover(RunAudit, AUDIT, each(_entry), notice="runs.audit")


def _why(error: Exception) -> str:
    return statement_stopped() if ran_out(error) else f"A check ended with the error {type(error).__name__}."


def _row(item: Violation) -> dict[str, Any]:
    facts = {"invariant": item.invariant, "run": item.run_id, "sentence": item.sentence}
    return facts | ({"exception": item.request_id} if item.request_id else {})
