"""People, the roles they hold, and the part of the fleet that each role covers."""

from __future__ import annotations

from django.contrib.auth.models import AbstractUser
from django.db import models
from django.db.models.functions import Lower

from portal.access.states import Dimension, Role


class User(AbstractUser):
    """A person who signs in. What they may see and do comes from their grants alone."""

    time_zone = models.CharField(max_length=64, blank=True)
    # The password was chosen by an admin: until the person chooses one, every page leads to the one for that.
    must_change_password = models.BooleanField(default=False)
    # Where a program speaks for them: the one right that its token has, by column. Set by portal/tokens alone.
    limited_to: dict[str, str] | None = None

    class Meta(AbstractUser.Meta):
        # People sign in with either, however they write it: two that differ only in case would be one person's.
        constraints = [
            models.UniqueConstraint(Lower("username"), name="username_once"),
            models.UniqueConstraint(Lower("email"), name="email_once", condition=~models.Q(email="")),
        ]

    @property
    def display_name(self) -> str:
        return self.get_full_name() or self.username

    def grants_now(self, *roles: Role) -> models.QuerySet[Grant]:
        """Their grants of these roles as the database has them at this moment; through a token only its own."""
        return Grant.objects.filter(user=self, role__in=roles, **(self.limited_to or {}))


class Grant(models.Model):
    """`role` over the assets whose `dimension` equals `value` (everything: value is empty).

    `provider`: whose word it rests on, by the provider's id; it ends when that word does. '' where an admin gave it.
    """

    user = models.ForeignKey(User, on_delete=models.CASCADE, related_name="grants")
    role = models.CharField(max_length=16, choices=Role.choices)
    dimension = models.CharField(max_length=16, choices=Dimension.choices)
    value = models.CharField(max_length=256, blank=True)
    provider = models.CharField(max_length=40, blank=True, default="", db_default="")

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["user", "role", "dimension", "value"], name="grant_once"),
            models.CheckConstraint(
                condition=models.Q(dimension="everything", value="")
                | (~models.Q(dimension="everything") & ~models.Q(value="")),
                name="grant_value_fits_dimension",
            ),
        ]

    def __str__(self) -> str:
        return f"{self.user} is {self.role} of {self.dimension} {self.value}".rstrip()
