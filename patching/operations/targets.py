"""Targets move in sets: one compare-and-swap update plus the audit rows of the same transaction."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime

from django.db import transaction
from django.db.models import F

from patching.models import Target
from patching.operations import locked_rows
from patching.planner import batches
from patching.states import TARGET_STATES, TargetState
from portal.access.models import User
from portal.audit.operations import Entry, record_all

AT_ONCE = 1_000  # rows in memory: a whole fleet may move in one transaction


def sources(to: TargetState) -> list[str]:
    return [state for state, facts in TARGET_STATES.items() if to in facts.moves]


@dataclass(frozen=True)
class Step:
    """Where one target goes, and why."""

    to: TargetState
    code: str = ""
    reason: str = ""


@transaction.atomic
def move(
    ids: Iterable[int],
    to: TargetState,
    *,
    now: datetime,
    code: str = "",
    reason: str = "",
    by: User | None = None,
) -> list[int]:
    """Moves those that may go there and returns their ids; the others were moved by somebody else and stay."""
    step, moved = Step(to, code, reason), list[int]()
    for some in batches(sorted(ids), AT_ONCE):
        moved += _move(some, step, now=now, by=by)
    return moved


def _move(ids: list[int], step: Step, *, now: datetime, by: User | None) -> list[int]:
    may_go = Target.objects.filter(pk__in=ids, state__in=sources(step.to)).select_related("asset")
    rows = list(may_go.select_for_update(of=("self",)).order_by("pk"))
    moved = [row.pk for row in rows]
    facts = {"state": step.to, "reason_code": step.code, "reason": step.reason, "since": now}
    Target.objects.filter(pk__in=moved).update(**facts)
    record_all((_entry(row, step.to, step.code, step.reason) for row in rows), by=by)
    return moved


def move_each(steps: Mapping[Target, Step], *, now: datetime) -> list[Target]:
    """Moves rows that the caller has locked, each with its own reason, in two queries. Returns those that may go there.

    Other fields that the caller has set on the rows are not written.
    """
    going = [row for row, step in steps.items() if row.state in sources(step.to)]
    entries = [_entry(row, steps[row].to, steps[row].code, steps[row].reason) for row in going]
    for row in going:
        step = steps[row]
        row.state, row.reason_code, row.reason, row.since = step.to, step.code, step.reason, now
    locked_rows.write(going, ["state", "reason_code", "reason", "since"])
    record_all(entries, by=None)
    return going


def _entry(row: Target, to: TargetState, code: str, reason: str) -> Entry:
    summary = f"{row.asset.label}: {to.label.lower()}" + (f". {reason}" if reason else "")
    detail = {"from": row.state, "to": to.value, "code": code}
    return Entry(f"target.{to.value}", "asset", str(row.asset_id), summary, run_id=row.run_id, detail=detail)


def try_again(ids: Iterable[int], to: TargetState, *, now: datetime, reason: str) -> None:
    """Back in the queue as a new attempt: AWS refused the last command for certain, so nothing ran."""
    with transaction.atomic():
        moved = move(ids, to, now=now, code="sent_again", reason=reason)
        Target.objects.filter(pk__in=moved).update(attempt=F("attempt") + 1)
