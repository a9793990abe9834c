"""What the nightly audit of runs found."""

from __future__ import annotations

from django.db import models


class RunAudit(models.Model):
    """One audit: how many runs were looked at, and every invariant that was broken, as sentences."""

    checked_at = models.DateTimeField()
    runs = models.PositiveIntegerField()
    took_s = models.FloatField()
    violations = models.JSONField(default=list)  # [{invariant, run, sentence}]

    class Meta:
        ordering = ["-checked_at"]

    def __str__(self) -> str:
        return f"{len(self.violations)} violations in {self.runs} runs"
