"""What one statement of a task may take: less than the task, so that it ends with a reason instead of being killed."""

from __future__ import annotations

from typing import Any

import structlog
from django.conf import settings
from django.db.backends.signals import connection_created

from portal.limits.budget import ran_out

log = structlog.get_logger(__name__)
TOO_SLOW = (
    "One question to the database took longer than {seconds:g} seconds, the most of a task, and was stopped. "
    "Nothing is lost: the next tick starts from the rows again."
)


def limit_statements() -> None:
    """For the processes of a worker: called once, before they connect."""
    connection_created.connect(_limit, dispatch_uid="portal.limits.tasks")


def _limit(connection: Any, **_: Any) -> None:
    with connection.cursor() as cursor:
        cursor.execute("SET statement_timeout = %s", [int(settings.TASK_STATEMENT_SECONDS * 1000)])


def sentence() -> str:
    """Why a task's statement was stopped."""
    return TOO_SLOW.format(seconds=settings.TASK_STATEMENT_SECONDS)


def tell_cancelled(task: str, error: BaseException | None) -> bool:
    """Logs the sentence when the error is a statement that was stopped; says whether it was."""
    if not ran_out(error):
        return False
    log.error("task_statement_stopped", task=task, said=sentence())
    return True
