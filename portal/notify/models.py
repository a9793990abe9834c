"""What people are told, in the portal."""

from __future__ import annotations

from django.conf import settings
from django.db import models

from portal.notify.kinds import tone_of
from portal.tones import Tone


class Notification(models.Model):
    """One sentence for one person, with the page to open."""

    user = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.CASCADE, related_name="notifications")
    kind = models.CharField(max_length=64)
    sentence = models.TextField()
    url = models.CharField(max_length=300, blank=True)
    created_at = models.DateTimeField(auto_now_add=True)
    read_at = models.DateTimeField(null=True)

    class Meta:
        indexes = [models.Index(fields=["user", "-id"], name="notification_user")]

    def __str__(self) -> str:
        return self.sentence

    @property
    def tone(self) -> Tone:
        return tone_of(self.kind)
