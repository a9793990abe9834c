"""Beat's tick of the exception clock."""

from __future__ import annotations

from celery import shared_task

from exceptions.operations import tick as move_by_clock
from portal.clock import database_now


@shared_task(name="exceptions.tasks.tick")
def tick() -> None:
    move_by_clock(now=database_now())
