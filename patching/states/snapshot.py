"""A snapshot of a root volume: wanted before the patch command, deleted when its time is over."""

from __future__ import annotations

from django.db.models import TextChoices

from portal.machine.table import Facts, Machine
from portal.tones import Tone


class SnapshotState(TextChoices):
    WANTED = "wanted", "To be taken"
    CREATING = "creating", "Being asked for"
    UNKNOWN = "unknown", "Answer lost, looking for it"
    TAKEN = "taken", "Taken, still being copied"
    COMPLETED = "completed", "Complete"
    FAILED = "failed", "Failed"
    DELETING = "deleting", "Being deleted"
    DELETED = "deleted", "Deleted"
    LEFT = "left", "Left in the account"


_S = SnapshotState
SNAPSHOT_STATES: dict[SnapshotState, Facts[SnapshotState]] = {
    _S.WANTED: Facts("engine", Tone.UNKNOWN, (_S.CREATING, _S.FAILED, _S.DELETING)),
    _S.CREATING: Facts("engine", Tone.ACTIVE, (_S.TAKEN, _S.WANTED, _S.UNKNOWN, _S.FAILED)),
    _S.UNKNOWN: Facts("engine", Tone.ATTENTION, (_S.TAKEN, _S.WANTED, _S.FAILED)),
    _S.TAKEN: Facts("engine", Tone.ACTIVE, (_S.COMPLETED, _S.FAILED, _S.DELETING)),
    _S.COMPLETED: Facts("clock", Tone.SUCCESS, (_S.DELETING,)),
    # Back: its server is tried again.
    _S.FAILED: Facts("clock", Tone.DANGER, (_S.DELETING,), back=(_S.WANTED,)),
    _S.DELETING: Facts("engine", Tone.ACTIVE, (_S.DELETED, _S.LEFT)),
    _S.DELETED: Facts("nobody", Tone.UNKNOWN),
    # AWS did not delete it for a month; operations/snapshots.py tells the admins, once for many.
    _S.LEFT: Facts("nobody", Tone.DANGER),
}
SNAPSHOT = Machine(SNAPSHOT_STATES, SnapshotState.WANTED, audit="snapshot")
SNAPSHOT_USABLE = frozenset({SnapshotState.TAKEN, SnapshotState.COMPLETED})
