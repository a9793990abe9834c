"""What a worker logs can be followed to the task that it came from, and to the request that sent the task."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
import structlog
from celery import Celery
from celery.signals import before_task_publish

from portal.celery import app
from portal.logs import configure_structlog


@pytest.fixture
def elsewhere() -> Celery:
    """Tasks of its own, so that none of them is counted among the portal's; the signals are the same for all apps."""
    return Celery("elsewhere", broker="memory://", set_as_current=False)


@pytest.fixture
def worker() -> Iterator[list[Any]]:
    """What the portal's worker adds to Celery's at its start; its receivers go with it."""
    configure_structlog()
    yield [step(None) for step in app.steps["worker"]]
    structlog.contextvars.clear_contextvars()


def test_every_line_of_a_task_carries_its_id(
    elsewhere: Celery, worker: list[Any], capsys: pytest.CaptureFixture[str]
) -> None:
    @elsewhere.task(name="speak")
    def speak() -> None:
        structlog.get_logger("somewhere").info("spoken")

    speak.apply(task_id="task-7")
    lines = capsys.readouterr().out.splitlines()
    assert [("spoken" in line, "task_id='task-7'" in line) for line in lines] == [(True, True)]


def test_a_task_that_fails_says_which_it_was(
    elsewhere: Celery, worker: list[Any], capsys: pytest.CaptureFixture[str]
) -> None:
    @elsewhere.task(name="fall")
    def fall() -> None:
        raise RuntimeError("on purpose")

    fall.apply(task_id="task-8")
    told = next(line for line in capsys.readouterr().out.splitlines() if "task_failed" in line)
    assert "task_id='task-8'" in told


def test_a_task_carries_the_request_that_sent_it(elsewhere: Celery) -> None:
    sent: list[dict[str, Any]] = []

    def keep(headers: dict[str, Any], **_: Any) -> None:
        sent.append(headers["__django_structlog__"])

    before_task_publish.connect(keep)
    with structlog.contextvars.bound_contextvars(request_id="request-9"):
        elsewhere.send_task("speak")
    before_task_publish.disconnect(keep)
    assert [context["request_id"] for context in sent] == ["request-9"]
