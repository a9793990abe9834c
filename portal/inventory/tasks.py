"""Beat's ticks of the inventory: read the accounts, write the desired tags. Two at once are harmless."""

from __future__ import annotations

from celery import shared_task
from django.core.cache import cache
from django.utils import timezone

from portal.cloud import cloud
from portal.inventory.operations import sync_all as sync_every_account
from portal.side_by_side import crew
from portal.tagging.writer import write_due

SYNC_LOCK_S = 600


@shared_task(name="portal.inventory.tasks.sync_all")
def sync_all() -> None:
    """The lock only saves AWS calls: a second sync at the same time would find the same facts."""
    if cache.add("inventory-sync", "1", timeout=SYNC_LOCK_S):
        try:
            sync_every_account(cloud=cloud(), now=timezone.now())
        finally:
            cache.delete("inventory-sync")


@shared_task(name="portal.inventory.tasks.write_tags")
def write_tags() -> None:
    with crew():
        write_due(cloud=cloud(), now=timezone.now())
