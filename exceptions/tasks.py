"""Beat's tick of the exception clock."""

from __future__ import annotations

from celery import shared_task
from django.utils import timezone

from exceptions.operations import tick as move_by_clock


@shared_task(name="exceptions.tasks.tick")
def tick() -> None:
    move_by_clock(now=timezone.now())
