"""A statement of a task ends with a sentence, long before its task has to."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
from celery.signals import worker_init
from django.conf import settings as ours
from django.db import OperationalError, connection
from django.db.backends.signals import connection_created

from portal.celery import limit_statements
from portal.limits import tasks


@pytest.fixture
def worker(transactional_db: None, settings: Any) -> Iterator[None]:
    """This process as a worker's: its next connection is limited."""
    settings.TASK_STATEMENT_SECONDS = 0.3
    connection.close()
    limit_statements()
    yield
    connection_created.disconnect(dispatch_uid="portal.limits.tasks")
    connection.close()


def test_a_worker_limits_each_of_its_connections(worker: None, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(OperationalError) as error, connection.cursor() as cursor:
        cursor.execute("SELECT pg_sleep(60)")
    assert tasks.tell_cancelled("patching.tasks.plan_runs", error.value)
    assert "took longer than 0.3 seconds, the most of a task" in capsys.readouterr().out
    assert not tasks.tell_cancelled("patching.tasks.plan_runs", ValueError("something else"))


def test_celery_asks_for_it_when_a_worker_starts() -> None:
    assert limit_statements in [receiver() for _, receiver in worker_init.receivers]


def test_the_limit_lies_below_that_of_the_task() -> None:
    assert ours.TASK_STATEMENT_SECONDS < ours.CELERY_TASK_SOFT_TIME_LIMIT
