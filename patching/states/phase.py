"""What a command does on its hosts."""

from __future__ import annotations

from django.db.models import TextChoices


class Phase(TextChoices):
    PRECHECK = "precheck", "Pre-check"
    PATCH = "patch", "Patch"
    VERIFY = "verify", "Re-scan"  # our pre-check again, after a document that prints no report
