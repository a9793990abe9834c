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


class SecurityNotice(models.Model):
    """One e-mail about a person's sign-in or grants, to be handed to the mail server by a task.

    `address` is kept as it was: a person is also told at the address that was just taken from them.
    """

    user = models.ForeignKey(
        settings.AUTH_USER_MODEL, on_delete=models.CASCADE, related_name="security_notices"
    )
    address = models.EmailField(max_length=254)
    sentence = models.TextField()
    created_at = models.DateTimeField()
    tries = models.PositiveSmallIntegerField(default=0)
    next_try_at = models.DateTimeField(null=True)  # null: sent, or given up
    sent_at = models.DateTimeField(null=True)

    class Meta:
        db_table = "access_securitynotice"  # as it was called before it stood here
        indexes = [
            models.Index(
                fields=["next_try_at"],
                name="security_notice_due",
                condition=models.Q(next_try_at__isnull=False),
            )
        ]

    def __str__(self) -> str:
        return f"{self.address}: {self.sentence}"
