"""Targets move in sets: one compare-and-swap update plus the audit rows of the same transaction."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from django.db.models import F

from patching.models import Target
from patching.states import TARGET, TargetState
from portal.access.models import User
from portal.audit.operations import Entry
from portal.machine import mover
from portal.machine.mover import Mover


@dataclass(frozen=True)
class Step:
    """Where one target goes, and why."""

    to: TargetState
    code: str = ""
    reason: str = ""

    def at(self, now: datetime) -> mover.Step[TargetState]:
        fields = {"reason_code": self.code, "reason": self.reason, "since": now}
        return mover.Step(self.to, self.reason, fields)


def _entry(row: Target, step: mover.Step[TargetState], kind: str) -> Entry:
    detail: dict[str, Any] = {"from": row.state, "to": step.to.value}
    if step.back:
        summary, detail["attempt"] = f"{row.asset.label}: tried again. {step.said}", row.attempt + 1
    else:
        summary = f"{row.asset.label}: {step.to.label.lower()}" + (f". {step.said}" if step.said else "")
        detail["code"] = row.reason_code
    return Entry(kind, "asset", str(row.asset_id), summary, run_id=row.run_id, detail=detail)


READS = ("state", "reason_code", "attempt", "run", "asset", "asset__name", "asset__instance_id")
MOVER = Mover(Target, TARGET, mover.each(_entry), related=("asset",), reads=READS)


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
    fields = {"reason_code": code, "reason": reason, "since": now}
    return MOVER.move(ids, to, said=reason, by=by, fields=fields)


def move_locked(rows: Iterable[Target], to: TargetState, *, now: datetime) -> list[Target]:
    """Moves rows that the caller has locked, with their assets at hand. Returns those that may go there."""
    fields = {"reason_code": "", "reason": "", "since": now}
    return MOVER.move_locked(rows, to, fields=fields)


def move_each(steps: Mapping[Target, Step], *, now: datetime, also: Sequence[str] = ()) -> list[Target]:
    """Moves rows that the caller has locked, each with its own reason, in two queries. Returns those that may go there.

    Of what the caller has set on the rows the fields of `also` are written, of every row.
    """
    return MOVER.move_each({row: step.at(now) for row, step in steps.items()}, also=also)


def try_again(ids: Iterable[int], to: TargetState, *, now: datetime, reason: str) -> None:
    """Back in the queue as a new attempt: AWS refused the last command for certain, so nothing ran."""
    fields = {"reason_code": "sent_again", "reason": reason, "since": now, "attempt": F("attempt") + 1}
    MOVER.move(ids, to, said=reason, fields=fields)
