"""Which groups give which roles, and which SAML assertions were taken already."""

from __future__ import annotations

from django.db import models

from portal.access.models import User
from portal.access.states import Dimension, Role


class RoleRule(models.Model):
    """Whoever a provider says this of gets this role. Rules are read in the order of their positions.

    `value` may hold one `*`, which stands for any text; a `*` in `scope` is that text. Without a role the rule ends
    the reading: nobody it fits gets a role from a later one.
    """

    position = models.PositiveIntegerField()
    provider = models.CharField(max_length=40, blank=True)  # the provider's id; '' is any
    claim = models.CharField(max_length=200)  # e.g. groups, cognito:groups, realm_access.roles
    value = models.CharField(max_length=500)
    role = models.CharField(max_length=16, choices=Role.choices, blank=True)
    dimension = models.CharField(max_length=16, choices=Dimension.choices, blank=True)
    scope = models.CharField(max_length=256, blank=True)
    # An admin who wrote it, until a second one has agreed: meanwhile it gives nobody anything.
    asked_by = models.ForeignKey(User, on_delete=models.PROTECT, null=True, related_name="+")

    class Meta:
        ordering = ["position", "pk"]

    def __str__(self) -> str:
        return f"{self.claim} {self.value} gives {self.role or 'no role'}"


def rules_in_force() -> models.QuerySet[RoleRule]:
    """In the order of their positions, without those that wait for a second admin."""
    return RoleRule.objects.filter(asked_by=None).order_by("position", "pk")


class SeenAssertion(models.Model):
    """A SAML assertion that was taken once, remembered until it ends by itself: it is never taken again."""

    fingerprint = models.CharField(max_length=64, unique=True)  # SHA-256 of issuer and assertion id
    ends_at = models.DateTimeField(db_index=True)

    def __str__(self) -> str:
        return f"until {self.ends_at:%Y-%m-%d %H:%M}"
