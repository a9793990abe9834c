"""What happened, who did it, and why: rows that nobody can change or remove."""

from __future__ import annotations

from django.db import models
from django.db.models.functions import Now

from portal.audit.append_only import append_only
from portal.audit.changes import sentences


class AuditEvent(models.Model):
    """One change, written in the transaction of that change. No foreign keys: it outlives what it tells of."""

    at = models.DateTimeField(db_default=Now(), db_index=True)
    actor = models.CharField(max_length=200)  # the person's name, or "Patch Portal"
    actor_id = models.BigIntegerField(null=True)
    kind = models.CharField(max_length=64)  # e.g. run.halted, exception.approved
    subject_type = models.CharField(max_length=32)  # e.g. run, asset, exception
    subject_id = models.CharField(max_length=64)
    run_id = models.BigIntegerField(null=True)  # the run whose log shows this event
    summary = models.TextField()  # the sentence that people read
    detail = models.JSONField(default=dict)

    class Meta:
        indexes = [
            models.Index(fields=["subject_type", "subject_id", "-id"], name="audit_subject"),
            models.Index(
                fields=["run_id", "-id"], name="audit_run", condition=models.Q(run_id__isnull=False)
            ),
        ]
        triggers = append_only("at")

    @property
    def changes(self) -> list[str]:
        """What each setting was and became, where the event is of settings."""
        return list(sentences(self.detail))

    def __str__(self) -> str:
        return f"{self.at:%Y-%m-%d %H:%M} {self.actor}: {self.summary}"
