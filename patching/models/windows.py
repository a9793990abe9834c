"""Maintenance windows on offer, and which assets their owners enrolled."""

from __future__ import annotations

from django.conf import settings
from django.db import models

from patching.policy.run_policy import RunPolicy
from portal.calendar.recurrence import Recurrence
from portal.inventory.models import Asset


class Window(models.Model):
    """A recurring maintenance window. Local times in `time_zone`; daylight saving is the calendar's business."""

    slug = models.SlugField(max_length=60, unique=True)  # the value of the PatchWindow tag
    name = models.CharField(max_length=100)
    description = models.TextField(blank=True)
    frequency = models.CharField(max_length=8)  # weekly | monthly
    weekday = models.PositiveSmallIntegerField()  # 0 Monday … 6 Sunday
    nth = models.SmallIntegerField(null=True)  # monthly: 1..4, or -1 for the last such weekday
    start_time = models.TimeField()
    time_zone = models.CharField(max_length=64)
    duration_minutes = models.PositiveIntegerField()
    cutoff_minutes = models.PositiveIntegerField()  # before the end: nothing is sent after it
    policy = models.JSONField(default=dict)  # differences from RunPolicy's defaults
    active = models.BooleanField(default=True)
    created_at = models.DateTimeField()

    class Meta:
        ordering = ["name"]
        constraints = [
            models.CheckConstraint(
                condition=models.Q(cutoff_minutes__lt=models.F("duration_minutes")),
                name="cutoff_inside_window",
            )
        ]

    def __str__(self) -> str:
        return self.name

    @property
    def recurrence(self) -> Recurrence:
        return Recurrence(self.frequency, self.weekday, self.nth, self.start_time, self.time_zone)

    @property
    def run_policy(self) -> RunPolicy:
        return RunPolicy.from_json(self.policy)


class Enrolment(models.Model):
    """One asset in one window, picked by its owner. At most one is active per asset."""

    asset = models.ForeignKey(Asset, on_delete=models.PROTECT, related_name="enrolments")
    window = models.ForeignKey(Window, on_delete=models.PROTECT, related_name="enrolments")
    by = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.PROTECT, related_name="+")
    since = models.DateTimeField()
    ended_at = models.DateTimeField(null=True)

    class Meta:
        constraints = [
            models.UniqueConstraint(
                fields=["asset"], condition=models.Q(ended_at=None), name="one_active_enrolment_per_asset"
            )
        ]
        indexes = [models.Index(fields=["window", "asset"], name="enrolment_window")]

    def __str__(self) -> str:
        return f"{self.asset} in {self.window}"
