"""The way in while nobody rules the portal."""

from __future__ import annotations

from django.conf import settings
from django.db import models

from portal.access.models import User
from portal.access.states import Dimension, Role


class FirstAdminLink(models.Model):
    """A link that makes whoever opens it the first patch admin, once. The token itself is stored nowhere."""

    token_sha256 = models.CharField(max_length=64, unique=True)
    made_at = models.DateTimeField()
    ends_at = models.DateTimeField()
    used_at = models.DateTimeField(null=True)

    def __str__(self) -> str:
        return f"made {self.made_at:%Y-%m-%d %H:%M}"


class WaitingGrant(models.Model):
    """A right that counts only once a second admin has agreed; nobody's after `ends_at`."""

    person = models.ForeignKey(User, on_delete=models.CASCADE, related_name="waiting_grants")
    role = models.CharField(max_length=16, choices=Role.choices)
    dimension = models.CharField(max_length=16, choices=Dimension.choices)
    value = models.CharField(max_length=256, blank=True)
    asked_by = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.CASCADE, related_name="+")
    asked_at = models.DateTimeField()
    ends_at = models.DateTimeField()

    class Meta:
        constraints = [
            models.UniqueConstraint(
                fields=["person", "role", "dimension", "value"], name="waiting_grant_once"
            )
        ]

    def __str__(self) -> str:
        return f"{self.person} as {self.role} of {self.dimension} {self.value}".rstrip()
