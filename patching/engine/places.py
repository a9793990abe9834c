"""One broken account, region or host never stops the others (invariant I12)."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from functools import partial
from typing import TypeVar

import structlog
from celery.exceptions import SoftTimeLimitExceeded
from django.db import InterfaceError, OperationalError

from aws.errors import CloudError
from patching.engine.lease import LeaseLost
from portal.side_by_side import visit

log = structlog.get_logger(__name__)
# The task's time is over, the lease is another's, or the database is away: nothing more may or can be done.
ENDS_RECONCILE = (SoftTimeLimitExceeded, LeaseLost, OperationalError, InterfaceError)
Item = TypeVar("Item")


def for_each(items: Iterable[Item], act: Callable[[Item], object]) -> None:
    """Acts on every item; only then raises the first failure, so that the run's log can tell it.

    Items of different places side by side where the look has a crew, those of one place in their order. A place that
    still waits for AWS is passed over: the others never wait for it (docs/adr/0084).
    """
    groups: dict[object, list[Item]] = {}
    for item in items:
        groups.setdefault(_place_of(item), []).append(item)
    visited = visit({place: partial(_act_on_all, group, act) for place, group in groups.items()})
    if first := next(filter(None, visited.results), None):
        raise first


def _act_on_all(items: Iterable[Item], act: Callable[[Item], object]) -> Exception | None:
    """The first failure. Raises what ends the work."""
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
    return first


def _place_of(item: object) -> object:
    """Account and region of a row, of the first row of a batch, or of a tuple that begins with them."""
    first = item[0] if isinstance(item, list) and item else item
    if isinstance(first, tuple):
        return first[:2]
    return (getattr(first, "account_id", ""), getattr(first, "region", ""))
