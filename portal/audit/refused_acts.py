"""Acts that were refused, as audit events: the first of a kind at once, a flood of them only by its size."""

from __future__ import annotations

import hashlib

import structlog
from django.core.cache import cache
from django.db import transaction
from django.http import HttpRequest
from redis.exceptions import RedisError

from portal.access.models import User
from portal.audit.operations import Entry, record

DAY_S, HOUR_S = 86_400, 3_600
# New sentences are cheap to provoke, e.g. by another name each time, so they have a limit of their own.
MOST_AN_HOUR = 60
log = structlog.get_logger(__name__)


@transaction.atomic
def note(request: HttpRequest, sentence: str, *, by: User) -> None:
    """One event for the 1st, 10th, 100th … time on one day that the person is refused this with these words."""
    view = request.resolver_match.view_name if request.resolver_match else ""
    times = _count("refused", DAY_S, by.pk, request.method, view, sentence)
    if not _is_a_power_of_ten(times) or _count("refusals", HOUR_S, by.pk) > MOST_AN_HOUR:
        return
    often = "" if times == 1 else f" for the {times:,}th time today"
    summary = f"{by.display_name} tried {request.method} {request.path} and was refused{often}: {sentence}"
    detail = {"method": request.method, "path": request.path[:500], "view": view, "times": times}
    record(Entry("act.refused", "act", str(by.pk), _readable(summary), detail=detail), by=by)


def _count(name: str, seconds: int, *of: object) -> int:
    """How often this has happened since it first did, forgotten after `seconds`. Without the cache, each is a first."""
    key = f"{name}:{hashlib.sha256(repr(of).encode()).hexdigest()}"
    try:
        cache.add(key, 0, seconds)
        return cache.incr(key)
    except (RedisError, ValueError) as error:
        log.warning("refusals_not_counted", error=str(error))
        return 1


def _is_a_power_of_ten(number: int) -> bool:
    return str(number).rstrip("0") == "1"


def _readable(text: str) -> str:
    """Without what PostgreSQL does not take into a text, and no longer than a person reads."""
    return text.replace("\0", "�")[:2_000]
