"""Beat's tick of the channels that reach people outside the portal."""

from __future__ import annotations

from celery import shared_task
from django.utils import timezone

from portal.notify.operations import send_due


@shared_task(name="portal.notify.tasks.send_due")
def send() -> None:
    send_due(now=timezone.now())
