"""The product's own Celery app with short leases, so that a killed worker's work is taken over in seconds.

CRASH_MUTANT names a deliberate bug; a crash test that does not find it proves nothing.
"""

from __future__ import annotations

import os
from collections.abc import Callable
from datetime import timedelta

import django
from celery.signals import worker_init

from portal.celery import app

__all__ = ["app"]
LEASE = timedelta(seconds=5)


def shorten_leases() -> None:
    from patching.engine import lease
    from portal.tagging import writer

    lease.LEASE, lease.RENEW_AFTER, writer.LEASE = LEASE, LEASE / 4, LEASE


def adopts_nothing() -> None:
    """A command whose answer was lost is never found again."""
    from patching.engine import send

    send.find = lambda scope, dispatch: []


def leaves_tags() -> None:
    """The run's own tag is not taken away."""
    from patching.engine import run_tags

    run_tags.still_requested = lambda run: run.targets.none()


MUTANTS: dict[str, Callable[[], None]] = {"adopts_nothing": adopts_nothing, "leaves_tags": leaves_tags}


@worker_init.connect
def prepare(**_: object) -> None:
    """Once, before the worker forks."""
    django.setup()
    shorten_leases()
    if mutant := os.environ.get("CRASH_MUTANT"):
        MUTANTS[mutant]()
