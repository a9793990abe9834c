"""Faults that come back: what would mend them for good is proposed to the admins."""

from __future__ import annotations

from django.db import models

from patching.states import ProposalState
from portal.inventory.models import Asset


class FixProposal(models.Model):
    """One check that had trouble on one server in `count` of its last `of` runs."""

    asset = models.ForeignKey(Asset, on_delete=models.CASCADE, related_name="fix_proposals")
    check_name = models.CharField(max_length=48)  # as the report's schema names it
    count = models.PositiveSmallIntegerField()
    of = models.PositiveSmallIntegerField()
    detail = models.TextField(blank=True)  # what the check said last
    repaired = models.BooleanField(default=False)  # the pre-check could mend it each time, for a while
    state = models.CharField(max_length=12, choices=ProposalState.choices, default=ProposalState.OPEN)
    first_seen_at = models.DateTimeField()
    last_seen_at = models.DateTimeField()
    decided_at = models.DateTimeField(null=True)
    decided_by = models.CharField(max_length=200, blank=True)
    reason = models.TextField(blank=True)  # what was done about it, or why nothing is

    class Meta:
        constraints = [
            models.UniqueConstraint(
                fields=["asset", "check_name"], condition=models.Q(state="open"), name="one_open_proposal"
            )
        ]
        indexes = [models.Index(fields=["state", "-last_seen_at"], name="proposal_state")]

    def __str__(self) -> str:
        return f"{self.check_name} on {self.asset}"
