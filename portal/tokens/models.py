"""Tokens: how a program speaks for a person, with no more rights than the person has."""

from __future__ import annotations

from datetime import datetime

from django.conf import settings
from django.contrib.postgres.fields import ArrayField
from django.db import models

from portal.access.states import Dimension, Role


class Token(models.Model):
    """Speaks for `person` until `ends_at`; the token itself is stored nowhere, only its hash and its first signs.

    `role`, `dimension` and `value` name the one right of the person that it has; empty: all that they have at the time.
    `networks`: where it may come from, in CIDR notation; empty: anywhere. `follows`: the one that it replaces.
    """

    person = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.CASCADE, related_name="tokens")
    name = models.CharField(max_length=100)
    secret_sha256 = models.CharField(max_length=64, unique=True)
    shown = models.CharField(max_length=16)
    may_act = models.BooleanField()
    role = models.CharField(max_length=16, choices=Role.choices, blank=True)
    dimension = models.CharField(max_length=16, choices=Dimension.choices, blank=True)
    value = models.CharField(max_length=256, blank=True)
    networks = ArrayField(models.CharField(max_length=43), default=list, blank=True)
    made_at = models.DateTimeField()
    ends_at = models.DateTimeField()
    used_at = models.DateTimeField(null=True)
    used_from = models.CharField(max_length=64, blank=True)
    follows = models.OneToOneField("self", null=True, on_delete=models.SET_NULL, related_name="followed_by")

    class Meta:
        indexes = [models.Index(fields=["person", "ends_at"], name="tokens_of_a_person")]

    def __str__(self) -> str:
        return f"{self.name} ({self.shown}…)"

    def is_over(self, now: datetime) -> bool:
        return self.ends_at <= now
