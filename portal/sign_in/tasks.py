"""Beat's tick of the e-mails about people's sign-in. Two at once are harmless: each row is claimed."""

from __future__ import annotations

from celery import shared_task
from django.utils import timezone

from portal.sign_in.notices import send_due


@shared_task(name="portal.sign_in.tasks.send_notices")
def send_notices() -> None:
    send_due(now=timezone.now())
