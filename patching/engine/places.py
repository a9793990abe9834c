"""One broken account, region or host never stops the others (invariant I12)."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import TypeVar

import structlog
from celery.exceptions import SoftTimeLimitExceeded
from django.db import InterfaceError, OperationalError

from aws.errors import CloudError
from patching.engine.lease import LeaseLost

log = structlog.get_logger(__name__)
# The task's time is over, the lease is another's, or the database is away: nothing more may or can be done.
ENDS_RECONCILE = (SoftTimeLimitExceeded, LeaseLost, OperationalError, InterfaceError)
Item = TypeVar("Item")


def for_each(items: Iterable[Item], act: Callable[[Item], object]) -> None:
    """Acts on every item; only then raises the first failure, so that the run's log can tell it."""
    first: Exception | None = None
    for item in items:
        try:
            act(item)
        except ENDS_RECONCILE:
            raise
        except CloudError as error:
            first = first or error
        except Exception as error:  # nobody foresaw it: the log keeps the trace of each
            log.exception("item_failed", act=getattr(act, "__qualname__", ""))
            first = first or error
    if first:
        raise first
