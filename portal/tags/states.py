"""How far a desired tag has come."""

from __future__ import annotations

from django.db.models import TextChoices


class TagState(TextChoices):
    WANTED = "wanted", "To be written"
    WRITING = "writing", "Being written"
    VERIFIED = "verified", "Written and read back"
    FAILED = "failed", "Could not be written"
    REPLACED = "replaced", "Replaced by a later change"


OPEN = (TagState.WANTED, TagState.WRITING)
