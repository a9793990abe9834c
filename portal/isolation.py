"""One broken account, region, host or row never stops the others (invariant I12): what is caught and told."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from typing import Any, TypeVar

import structlog
from celery.exceptions import SoftTimeLimitExceeded

from aws.errors import CloudError
from aws.plain import plain

log = structlog.get_logger(__name__)
SENTENCE_LENGTH = 300
CANNOT_BE_SHOWN = "Cannot be shown"
Row = TypeVar("Row")
Shown = TypeVar("Shown")


class Told(Exception):
    """Its message is a sentence that a page may show."""


@contextmanager
def isolated(event: str, tell: Callable[[str], object] = str, **facts: Any) -> Iterator[None]:
    """Whatever goes wrong inside is logged as `event` and its sentence told; the caller goes on with the next one.

    Only the end of the task's own time passes: the rows say where the next one goes on.
    """
    try:
        yield
    except SoftTimeLimitExceeded:
        raise
    except (CloudError, Told) as error:  # their own sentence says all
        log.warning(event, error=plain(str(error)), **facts)
        tell(sentence(error))
    except Exception as error:
        log.exception(event, **facts)
        tell(sentence(error))


def each(rows: Iterable[Row], show: Callable[[Row], Shown], instead: Callable[[Row], Shown]) -> list[Shown]:
    """Every row as a page shows it; one that cannot be shown is logged and stands there as `instead`."""
    lines: list[Shown] = []
    for row in rows:
        failed: list[str] = []
        with isolated("row_not_shown", failed.append, row=getattr(row, "pk", None)):
            lines.append(show(row))
        if failed:
            lines.append(instead(row))
    return lines


def sentence(error: Exception) -> str:
    """A sentence as it is; of what nobody expected its kind and its first line, bounded."""
    if isinstance(error, CloudError | Told):
        return plain(str(error))
    first = plain(str(error)).strip().partition("\n")[0]
    return f"{type(error).__name__}: {first}"[:SENTENCE_LENGTH]
