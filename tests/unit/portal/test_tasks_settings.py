"""How tasks travel: queues, limits, and which brokers are understood."""

from __future__ import annotations

import os
import subprocess
import sys

import pytest
from django.conf import settings
from django.core.exceptions import ImproperlyConfigured

from portal.celery import app
from portal.environment import Environment

HINTS = "patching.tasks.consume_events"


def test_runs_and_hints_have_queues_of_their_own_and_a_plain_worker_takes_all() -> None:
    tasks = {entry["task"] for entry in settings.CELERY_BEAT_SCHEDULE.values()} | {HINTS}
    routed = {task: app.amqp.router.route({}, task)["queue"].name for task in tasks}
    engine = {name for name, queue in routed.items() if queue == "engine"}
    assert engine == {"patching.tasks.plan_runs", "patching.tasks.reconcile_runs"}
    assert [name for name, queue in routed.items() if queue == "hints"] == [HINTS]
    assert {name: queue.routing_key for name, queue in app.amqp.queues.consume_from.items()} == {
        "portal": "portal", "engine": "engine", "hints": "hints",
    }  # fmt: skip


@pytest.mark.parametrize(("url", "ticks"), [("", False), ("https://sqs.example.com/1/events", True)])
def test_hints_tick_only_where_there_is_a_queue_to_read(url: str, *, ticks: bool) -> None:
    """Or their messages would gather where no worker takes them."""
    ask = "from portal import settings; print('consume-events' in settings.CELERY_BEAT_SCHEDULE)"
    done = subprocess.run(
        [sys.executable, "-c", ask],
        env=os.environ | {"EVENTS_QUEUE_URL": url},
        capture_output=True,
        text=True,
        check=True,
    )
    assert done.stdout.strip() == str(ticks)


def test_every_tick_finds_its_task() -> None:
    app.loader.import_default_modules()
    assert {entry["task"] for entry in settings.CELERY_BEAT_SCHEDULE.values()} <= set(app.tasks)


def test_a_message_is_handed_on_only_after_its_task_must_have_ended() -> None:
    assert settings.CELERY_TASK_SOFT_TIME_LIMIT < settings.CELERY_TASK_TIME_LIMIT
    assert settings.CELERY_BROKER_TRANSPORT_OPTIONS["visibility_timeout"] > settings.CELERY_TASK_TIME_LIMIT
    assert settings.CELERY_TASK_ACKS_LATE
    assert settings.CELERY_TASK_REJECT_ON_WORKER_LOST
    assert settings.CELERY_WORKER_PREFETCH_MULTIPLIER == 1


def test_a_tick_outlives_clocks_that_differ_by_minutes_but_no_long_outage() -> None:
    ticks = [row for row in settings.CELERY_BEAT_SCHEDULE.values() if isinstance(row["schedule"], float)]
    assert ticks
    for row in ticks:
        assert 600 <= row["options"]["expires"] <= 900 + 2 * row["schedule"]


@pytest.mark.parametrize(
    ("value", "understood"),
    [
        ("", "redis://here:6379/0"),
        ("amqp://u:p@mq:5672//", "amqp://u:p@mq:5672//"),
        ("unix:///run/v.sock", "redis+socket:///run/v.sock"),
    ],
)
def test_the_broker_is_redis_unless_another_is_named(
    value: str, understood: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("BROKER_URL", value)
    assert Environment().broker("BROKER_URL", default="redis://here:6379/0") == understood


def test_another_kind_of_broker_stops_the_start(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("BROKER_URL", "kafka://mq")
    with pytest.raises(ImproperlyConfigured, match="BROKER_URL must name a Redis or RabbitMQ"):
        Environment().broker("BROKER_URL", default="redis://here")
