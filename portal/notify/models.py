"""What people are told, in the portal."""

from __future__ import annotations

import uuid

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


class Message(models.Model):
    """One event for one target of one channel: the outbox. Waiting, sent, or given up; never lost."""

    message_id = models.UUIDField(
        unique=True, default=uuid.uuid4
    )  # the same in every repeat: receivers may rely on it
    channel = models.CharField(max_length=16)
    target = models.CharField(max_length=2048)
    kind = models.CharField(max_length=64)
    about = models.CharField(max_length=64)
    title = models.CharField(max_length=99)
    body = models.TextField()
    attributes = models.JSONField(default=dict)
    created_at = models.DateTimeField()
    tries = models.PositiveSmallIntegerField(default=0)
    unanswered = models.PositiveSmallIntegerField(
        default=0
    )  # tries that may have arrived: a repeat may be one too many
    next_try_at = models.DateTimeField(null=True)  # null: sent, or given up
    sent_at = models.DateTimeField(null=True)
    receipt = models.CharField(max_length=200, blank=True)  # what the target calls it
    error = models.TextField(blank=True)  # why the last try failed

    class Meta:
        indexes = [
            models.Index(
                fields=["channel", "next_try_at"],
                name="message_due",
                condition=models.Q(next_try_at__isnull=False),
            ),
            # Its turn comes when none before it about the same row waits.
            models.Index(
                fields=["about", "channel", "id"],
                name="message_turn",
                condition=models.Q(next_try_at__isnull=False),
            ),
            models.Index(
                fields=["-id"],
                name="message_given_up",
                condition=models.Q(next_try_at__isnull=True, sent_at__isnull=True),
            ),
            models.Index(fields=["created_at"], name="message_age"),
        ]

    def __str__(self) -> str:
        return f"{self.channel}: {self.title}"
