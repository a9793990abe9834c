"""Root volumes as they were before a run, and restores from them."""

from __future__ import annotations

import uuid

from django.conf import settings
from django.db import models
from django.db.models import Q

from patching.models.runs import Run, Target
from patching.states import RESTORE_OVER, RestoreState, SnapshotState
from portal.inventory.models import Asset


class RootSnapshot(models.Model):
    """One target's root volume right before its first patch command. The id is also a tag of the snapshot."""

    id = models.UUIDField(primary_key=True, default=uuid.uuid4)
    target = models.OneToOneField(Target, on_delete=models.PROTECT, related_name="snapshot")
    run = models.ForeignKey(Run, on_delete=models.PROTECT, related_name="snapshots")
    asset = models.ForeignKey(Asset, on_delete=models.PROTECT, related_name="snapshots")
    account_id = models.CharField(max_length=12)
    region = models.CharField(max_length=32)
    instance_id = models.CharField(max_length=32)
    volume_id = models.CharField(max_length=32, blank=True)
    snapshot_id = models.CharField(max_length=32, blank=True)  # empty until AWS named it
    state = models.CharField(max_length=12, choices=SnapshotState.choices, default=SnapshotState.WANTED)
    tries = models.PositiveSmallIntegerField(default=0)  # counted before each call
    wanted_at = models.DateTimeField()
    due_at = models.DateTimeField()  # the next look or try
    unknown_since = models.DateTimeField(null=True)
    taken_at = models.DateTimeField(null=True)  # AWS accepted it: what it holds is the volume at this instant
    completed_at = models.DateTimeField(null=True)
    expires_at = models.DateTimeField()
    deleted_at = models.DateTimeField(null=True)
    reason = models.TextField(blank=True)

    class Meta:
        indexes = [
            models.Index(fields=["run", "state"], name="snapshot_run_state"),
            models.Index(fields=["state", "due_at"], name="snapshot_due"),
            models.Index(fields=["asset", "-wanted_at"], name="snapshot_asset"),
        ]

    def __str__(self) -> str:
        return f"root volume of {self.instance_id} before run {self.run_id}"


class Restore(models.Model):
    """Somebody asked for a root volume to become what it was. The id is AWS's client token, so a repeat is safe."""

    id = models.UUIDField(primary_key=True, default=uuid.uuid4)
    snapshot = models.ForeignKey(RootSnapshot, on_delete=models.PROTECT, related_name="restores")
    asset = models.ForeignKey(Asset, on_delete=models.PROTECT, related_name="restores")
    state = models.CharField(max_length=12, choices=RestoreState.choices, default=RestoreState.WANTED)
    task_id = models.CharField(max_length=64, blank=True)
    progress = models.CharField(max_length=32, blank=True)  # AWS's word for the task, as last seen
    reason = models.TextField()  # why the person asked
    error = models.TextField(blank=True)
    requested_by = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.PROTECT, related_name="+")
    requested_at = models.DateTimeField()
    due_at = models.DateTimeField()
    tries = models.PositiveSmallIntegerField(default=0)
    running_at = models.DateTimeField(null=True)  # AWS named the task
    finished_at = models.DateTimeField(null=True)

    class Meta:
        constraints = [
            models.UniqueConstraint(
                fields=["asset"],
                condition=~Q(state__in=sorted(RESTORE_OVER)),
                name="one_open_restore_per_asset",
            )
        ]
        indexes = [models.Index(fields=["state", "due_at"], name="restore_due")]

    def __str__(self) -> str:
        return f"restore of {self.asset} from {self.snapshot_id}"
