"""What AWS refuses a run, for as long as it does."""

from __future__ import annotations

from django.db import models

from patching.models.runs import Run

BUCKET = "bucket"  # the subject that stops a whole run: without a place for reports nothing is sent
PLACE = "place"  # subjects of accounts and regions begin with it; all others are phases of the engine
# Phases that concern only the servers that a run starts and stops.
POWER = frozenset({"start_hosts", "power_down"})


class Hindrance(models.Model):
    """One refusal: what a trial found, what a phase of the engine met, or a right that is missing in a place.

    Open until it is seen to be over.
    """

    run = models.ForeignKey(Run, on_delete=models.CASCADE, related_name="hindrances")
    subject = models.CharField(max_length=80)
    # What cannot be done, as the heading says it, without a full stop.
    title = models.CharField(max_length=200)
    sentence = models.TextField()  # with AWS's own words
    first_seen_at = models.DateTimeField()
    seen_at = models.DateTimeField()
    over_at = models.DateTimeField(null=True)
    told = models.BooleanField(default=False)  # the admins were notified, once

    class Meta:
        constraints = [models.UniqueConstraint(fields=["run", "subject"], name="one_hindrance_per_subject")]

    def __str__(self) -> str:
        return self.title

    @property
    def place(self) -> str:
        """Account and region, where the subject names them."""
        return " ".join(self.subject.split()[1:3]) if self.subject.startswith(PLACE) else ""

    @property
    def right(self) -> str:
        """The kind of call that AWS refuses in this place; empty where it is the place as a whole."""
        return " ".join(self.subject.split()[3:]) if self.place else ""
