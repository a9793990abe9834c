"""What AWS refuses a run, for as long as it does."""

from __future__ import annotations

from django.db import models

from patching.models.runs import Run

BUCKET = "bucket"  # the subject that stops a whole run: without a place for reports nothing is sent
PLACE = "place"  # subjects of accounts and regions begin with it; all others are phases of the engine


class Hindrance(models.Model):
    """One refusal: what a trial found, or what a phase of the engine met. Open until it is seen to be over."""

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
