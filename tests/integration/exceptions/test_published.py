"""Programs are told of each step of an exception: the servers, the true count, and what a subscription filters by."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import jsonschema
import pytest

from exceptions import operations
from exceptions.models import ExceptionRequest
from portal.notify import events
from portal.notify.channels.sns import channel
from portal.notify.models import Message
from portal.notify.operations import send_due
from tests import cast
from tests.integration.exceptions.cases import NOW, asked, granted

pytestmark = pytest.mark.django_db
SCHEMA = json.loads(Path(events.__file__).with_name("event.schema.json").read_text())
TOPIC = "arn:aws:sns:eu-central-1:111122223333:patch-portal-notices"


@pytest.fixture
def topic(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(channel.CHANNEL, "topic", TOPIC)


def said(kind: str) -> dict[str, Any]:
    message = Message.objects.get(kind=kind)
    found: dict[str, Any] = json.loads(message.body)
    jsonschema.validate(found, SCHEMA, format_checker=jsonschema.FormatChecker())
    assert found["id"] == str(message.message_id)
    return found


def test_without_a_topic_nothing_is_kept() -> None:
    asked()
    assert not Message.objects.exists()


def test_not_approved_names_the_servers(topic: None) -> None:
    servers = [cast.an_asset(name=f"pay-{at}") for at in range(3)]
    request = asked(*servers)
    operations.reject(request=request, by=cast.bo(), reason="Not in December.", now=NOW)
    found = said("exception.rejected")
    assert found["servers"]["count"] == 3
    assert [row["instance_id"] for row in found["servers"]["first"]] == [row.instance_id for row in servers]
    assert "Not in December." in found["sentence"]
    assert found["link"].endswith(f"/exceptions/{request.pk}/")
    assert found["link"].startswith("http")
    message = Message.objects.get(kind="exception.rejected")
    assert message.title == f"Patch Portal: exception {request.pk} NOT approved (3 servers)"
    assert message.attributes["event"] == "exception.rejected"
    assert message.attributes["application"] == ["payments"]
    assert message.attributes["account"] == [servers[0].account.account_id]


def withdraw(request: ExceptionRequest) -> None:
    operations.withdraw(request=request, by=cast.ana(), now=NOW)


def give_back(request: ExceptionRequest) -> None:
    operations.return_for_rework(request=request, by=cast.bo(), reason="Say until when.", now=NOW)


def revoke(request: ExceptionRequest) -> None:
    operations.revoke(request=granted(request), by=cast.bo(), reason="Not needed any more.", now=NOW)


def expire(request: ExceptionRequest) -> None:
    operations.tick(now=granted(request).ends_at)


@pytest.mark.parametrize(
    ("kind", "act"),
    [
        ("exception.submitted", lambda request: None),
        ("exception.approved", granted),
        ("exception.withdrawn", withdraw),
        ("exception.returned", give_back),
        ("exception.revoked", revoke),
        ("exception.expired", expire),
    ],
)
def test_each_step_is_told_as_the_schema_says(
    topic: None, kind: str, act: Callable[[ExceptionRequest], object]
) -> None:
    request = asked()
    act(request)
    found = said(kind)
    assert found["event"] == kind
    assert found["about"] == f"exception/{request.pk}"
    assert found["exception"]["state"] == kind.partition(".")[2]


def test_the_steps_of_one_exception_arrive_in_order(topic: None, monkeypatch: pytest.MonkeyPatch) -> None:
    published: list[tuple[str, str]] = []

    class Topics:
        def publish(self, topic: str, *, title: str, order: str, attributes: Any, **_: Any) -> str:
            published.append((order, attributes["event"]))
            return "m-1"

    monkeypatch.setattr(channel, "topics", Topics)
    request = asked()
    granted(request)
    waiting = Message.objects.latest("created_at").created_at
    for _ in range(3):
        send_due(now=waiting)
    about = f"exception/{request.pk}"
    assert published == [(about, f"exception.{state}") for state in ("submitted", "approved")]
