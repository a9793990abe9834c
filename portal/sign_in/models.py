"""Where each person is signed in."""

from __future__ import annotations

from django.db import models

from portal.access.models import User


class OpenSession(models.Model):
    """A session of a person: Django's own rows do not say whose they are. It may outlive its session for a while."""

    person = models.ForeignKey(User, on_delete=models.CASCADE, related_name="open_sessions")
    session_key = models.CharField(max_length=40, unique=True)
    began_at = models.DateTimeField()
    seen_at = models.DateTimeField()  # to the minute
    source = models.CharField(max_length=45)  # the address it was last seen at
    browser = models.CharField(max_length=200, blank=True)  # as it calls itself

    class Meta:
        indexes = [models.Index(fields=["person", "-seen_at"], name="open_session_person")]

    def __str__(self) -> str:
        return f"{self.person} since {self.began_at:%Y-%m-%d %H:%M}"
