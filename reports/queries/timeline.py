"""What happened to one server, as its own page tells it: what each event means, and who did it if a person did."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from exceptions.states import EXCEPTION
from patching.standing import CHECKED, standing_of
from patching.states import HOLD, PROPOSAL, RESTORE, SNAPSHOT, TARGET, TargetState
from portal.audit.models import AuditEvent
from portal.inventory.models import Asset
from portal.machine.table import Machine
from portal.tones import Tone

MACHINES: tuple[Machine[Any], ...] = (TARGET, HOLD, SNAPSHOT, RESTORE, PROPOSAL, EXCEPTION)
# Of events that no state has: they tell that something is not as it should be.
NOTABLE = {"target.disagreement": Tone.ATTENTION, "report.unkept": Tone.ATTENTION}


@dataclass(frozen=True)
class Event:
    """One line. `tone` is empty where the event tells of no state; `actor` where the portal itself did it."""

    at: datetime
    said: str
    actor: str
    tone: str


def timeline_of(asset: Asset, most: int) -> list[Event]:
    """The newest first."""
    rows = AuditEvent.objects.filter(subject_type="asset", subject_id=str(asset.pk)).order_by("-pk")
    return [event_of(row, asset) for row in rows[:most]]


def event_of(row: AuditEvent, asset: Asset) -> Event:
    said, tone = row.summary.removeprefix(f"{asset.label}: "), _TONES.get(row.kind, "")
    if row.kind == _DONE:  # what a server ended with is its verdict, which the event keeps as its code
        code = row.detail.get("code", "")
        standing = standing_of(TargetState.DONE, "" if code == CHECKED else code)
        said, tone = said.replace(TargetState.DONE.label.lower(), standing.word, 1), standing.tone
    return Event(row.at, said[:1].upper() + said[1:], row.actor if row.actor_id else "", tone)


def _tones() -> Iterator[tuple[str, Tone]]:
    """(kind, tone) of each state that a row is made in or moves to; a way back may have a kind of its own."""
    for machine in MACHINES:
        entered = {(state, False) for state in machine.born}
        entered |= {(machine.enum(move.to), move.back) for move in machine.moves()}
        yield from ((machine.kind(to, back=back), machine.states[to].tone) for to, back in entered)


_DONE = TARGET.kind(TargetState.DONE)
_TONES: dict[str, Tone] = {kind: tone for kind, tone in _tones() if kind} | NOTABLE
