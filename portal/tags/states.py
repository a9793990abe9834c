"""How far a desired tag has come."""

from __future__ import annotations

from django.db.models import TextChoices

from portal.machine.table import Facts, Machine
from portal.tones import Tone


class TagState(TextChoices):
    WANTED = "wanted", "To be written"
    WRITING = "writing", "Being written"
    VERIFIED = "verified", "Written and read back"
    FAILED = "failed", "Could not be written"
    REPLACED = "replaced", "Replaced by a later change"


_T = TagState
# A change is one of thousands of its kind and its row is never removed: audited is what came of a whole batch.
TAG_STATES: dict[TagState, Facts[TagState]] = {
    _T.WANTED: Facts("clock", Tone.UNKNOWN, (_T.WRITING, _T.REPLACED), recorded=False),
    # Wanted: an older change that was under way meanwhile may have undone it.
    _T.WRITING: Facts("clock", Tone.ACTIVE, (_T.VERIFIED, _T.FAILED, _T.REPLACED, _T.WANTED), recorded=False),
    _T.VERIFIED: Facts("nobody", Tone.SUCCESS, back=(_T.WANTED,)),
    _T.FAILED: Facts("admin", Tone.DANGER),
    _T.REPLACED: Facts("nobody", Tone.UNKNOWN, recorded=False),
}
TAG = Machine(TAG_STATES, TagState.WANTED, audit="tag")
OPEN = tuple(state for state in TagState if state in TAG.open)
