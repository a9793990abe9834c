"""Audits of runs: asked for, carried on chunk by chunk, and what they found."""

from __future__ import annotations

from django.conf import settings
from django.db import models
from django.db.models import Q, Value

from patching.states import AUDIT_OVER, AuditState


class RunAudit(models.Model):
    """One audit: how many runs were looked at, and every invariant that was broken, as sentences."""

    state = models.CharField(max_length=12, choices=AuditState.choices, default=AuditState.QUEUED)
    checked_at = models.DateTimeField()  # asked for; what is checked is what began in the 30 days before
    asked_by = models.ForeignKey(  # None: every night
        settings.AUTH_USER_MODEL, on_delete=models.SET_NULL, null=True, related_name="+"
    )
    runs = models.PositiveIntegerField()  # to be checked
    checked = models.PositiveIntegerField(default=0)
    last_run = models.BigIntegerField(
        default=0
    )  # the key up to which they are checked: where the next worker goes on
    took_s = models.FloatField(default=0)  # of work
    broken = models.PositiveIntegerField(default=0)
    violations = models.JSONField(default=list)  # [{invariant, run, sentence}], the first of them
    ended_at = models.DateTimeField(null=True)
    reason = models.TextField(blank=True)  # why it ended early
    lease_until = models.DateTimeField(null=True)  # a worker is at it until then
    lease_token = models.UUIDField(null=True)
    tries = models.PositiveSmallIntegerField(default=0)  # workers that took it since it last came on

    class Meta:
        ordering = ["-checked_at"]
        constraints = [
            models.UniqueConstraint(
                Value(1), condition=~Q(state__in=sorted(AUDIT_OVER)), name="one_audit_at_a_time"
            )
        ]

    def __str__(self) -> str:
        return f"{self.broken} violations in {self.runs} runs"

    @property
    def over(self) -> bool:
        return self.state in AUDIT_OVER

    @property
    def label(self) -> str:
        return str(AuditState(self.state).label)
