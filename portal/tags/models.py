"""The desired tags of instances: one row per change, carried out by the tag writer."""

from __future__ import annotations

from dataclasses import dataclass

from django.db import models

from portal.tags.states import TagState


@dataclass(frozen=True)
class InstanceRef:
    """Where an instance lives; tags know no assets."""

    account_id: str
    region: str
    instance_id: str


class TagChange(models.Model):
    """`key` shall be `value` on one instance (value None: the key shall be gone). At most one row is open a key."""

    account_id = models.CharField(max_length=12)
    region = models.CharField(max_length=32)
    instance_id = models.CharField(max_length=32)
    key = models.CharField(max_length=128)
    value = models.CharField(max_length=256, null=True)
    state = models.CharField(max_length=16, choices=TagState.choices, default=TagState.WANTED)
    reason = models.CharField(max_length=200)  # why the tag is desired
    run_id = models.BigIntegerField(null=True)
    requested_by = models.CharField(max_length=200)
    created_at = models.DateTimeField()
    due_at = models.DateTimeField()  # next attempt
    attempts = models.PositiveIntegerField(default=0)
    lease_until = models.DateTimeField(null=True)
    # A writer that never reported back may still write this row's value until then.
    stray_until = models.DateTimeField(null=True)
    # Not before then is it over: a stray writer of the row that this one replaced may undo it.
    confirm_at = models.DateTimeField(null=True)
    error = models.TextField(blank=True)
    finished_at = models.DateTimeField(null=True)

    class Meta:
        constraints = [
            models.UniqueConstraint(
                fields=["account_id", "region", "instance_id", "key"],
                condition=models.Q(state__in=["wanted", "writing"]),
                name="one_open_change_per_tag",
            )
        ]
        indexes = [
            models.Index(
                fields=["due_at"], name="tagchange_due", condition=models.Q(state__in=["wanted", "writing"])
            ),
            models.Index(fields=["run_id", "state"], name="tagchange_run_state"),
            models.Index(fields=["account_id", "instance_id", "key", "-id"], name="tagchange_instance"),
        ]

    def __str__(self) -> str:
        return f"{self.instance_id} {self.key}={self.value} ({self.state})"
