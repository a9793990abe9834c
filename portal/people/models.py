"""The way in while nobody rules the portal."""

from __future__ import annotations

from django.db import models


class FirstAdminLink(models.Model):
    """A link that makes whoever opens it the first patch admin, once. The token itself is stored nowhere."""

    token_sha256 = models.CharField(max_length=64, unique=True)
    made_at = models.DateTimeField()
    ends_at = models.DateTimeField()
    used_at = models.DateTimeField(null=True)

    def __str__(self) -> str:
        return f"made {self.made_at:%Y-%m-%d %H:%M}"
