"""Hosts that a run started: they are stopped again by their last hold."""

from __future__ import annotations

from django.db import models

from patching.models.runs import Run
from patching.states import HoldState
from portal.inventory.models import Asset


class PowerHold(models.Model):
    """A run needs this asset running. Written before the Wake tag and before StartInstances."""

    asset = models.ForeignKey(Asset, on_delete=models.PROTECT, related_name="power_holds")
    run = models.ForeignKey(Run, on_delete=models.CASCADE, related_name="power_holds")
    state = models.CharField(max_length=16, choices=HoldState.choices, default=HoldState.WANTED)
    launch_time = models.DateTimeField(
        null=True
    )  # as seen after our start; another one later is somebody else's
    attempts = models.PositiveSmallIntegerField(default=0)
    wanted_at = models.DateTimeField()
    started_at = models.DateTimeField(null=True)
    released_at = models.DateTimeField(null=True)
    reason = models.TextField(blank=True)

    class Meta:
        constraints = [models.UniqueConstraint(fields=["asset", "run"], name="one_hold_per_run")]

    def __str__(self) -> str:
        return f"{self.asset} held for {self.run}"
