"""Hosts that a run started, and tags of other schedulers that it holds: stopped and restored at the end."""

from __future__ import annotations

from django.conf import settings
from django.db import models
from django.db.models import Q

from patching.models.runs import Run
from patching.states import HoldState
from portal.inventory.models import Asset


class PowerHold(models.Model):
    """A run needs this asset running. Written before the Wake tag and before StartInstances."""

    asset = models.ForeignKey(Asset, on_delete=models.PROTECT, related_name="power_holds")
    run = models.ForeignKey(Run, on_delete=models.CASCADE, related_name="power_holds")
    state = models.CharField(max_length=16, choices=HoldState.choices, default=HoldState.WANTED)
    # as seen after our start; another one later is somebody else's
    launch_time = models.DateTimeField(null=True)
    attempts = models.PositiveSmallIntegerField(default=0)
    wanted_at = models.DateTimeField()
    due_at = models.DateTimeField(null=True)  # its turn within EC2's limits; the next try, also of a stop
    started_at = models.DateTimeField(null=True)
    hibernated = models.BooleanField(default=False)  # before our start, so it is hibernated again
    online_at = models.DateTimeField(null=True)  # Systems Manager saw it; minus started_at: what is learned
    releasing_at = models.DateTimeField(null=True)  # its run let it go: it is to be stopped from now on
    stop_attempts = models.PositiveSmallIntegerField(default=0)  # counted before each
    released_at = models.DateTimeField(null=True)
    reason = models.TextField(blank=True)  # of a stop that is tried again: what EC2 answered last
    # who pressed "Keep running"
    kept_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, on_delete=models.SET_NULL, null=True, related_name="+"
    )
    keep_reason = models.TextField(blank=True)

    class Meta:
        constraints = [models.UniqueConstraint(fields=["asset", "run"], name="one_hold_per_run")]
        indexes = [
            models.Index(fields=["run", "state"], name="hold_run_state"),
            models.Index(fields=["asset", "-id"], name="hold_learned", condition=Q(online_at__isnull=False)),
        ]

    def __str__(self) -> str:
        return f"{self.asset} held for {self.run}"


class SchedulerHold(models.Model):
    """A tag by which another scheduler starts and stops the host, set aside for one run."""

    asset = models.ForeignKey(Asset, on_delete=models.PROTECT, related_name="scheduler_holds")
    run = models.ForeignKey(Run, on_delete=models.CASCADE, related_name="scheduler_holds")
    key = models.CharField(max_length=128)
    value = models.CharField(max_length=256)  # as it was before the first hold; restored by the last one
    override = models.CharField(max_length=256, null=True)  # what it says meanwhile; None: it is away
    held_at = models.DateTimeField()
    attempts = models.PositiveSmallIntegerField(default=0)  # to give it back
    due_at = models.DateTimeField(null=True)  # the next one
    released_at = models.DateTimeField(null=True)
    reason = models.TextField(blank=True)  # how it ended

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["run", "asset", "key"], name="one_scheduler_hold_per_run")
        ]
        indexes = [
            models.Index(
                fields=["asset", "key"], name="scheduler_held", condition=Q(released_at__isnull=True)
            )
        ]

    def __str__(self) -> str:
        return f"{self.key} of {self.asset} held for {self.run}"
