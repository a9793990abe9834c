"""A document of an event stays within what SNS takes, says the true count, and keeps to the published schema."""

from __future__ import annotations

import json
import uuid
from pathlib import Path

import jsonschema
import pytest

from portal.notify import events
from portal.notify.events import Event, Servers, attributes_of, document, title_of
from tests import cast

SCHEMA = json.loads(Path(events.__file__).with_name("event.schema.json").read_text())
MOST_OF_SNS = 262_144
SERVER = {
    "account": "111122223333", "region": "eu-central-1", "instance_id": "i-0123456789abcdef0",
    "name": "server", "application": "payments", "environment": "prod",
}  # fmt: skip


def told(event: Event) -> str:
    own = str(uuid.uuid4())
    return document(
        event,
        kind="exception.rejected",
        message_id=own,
        sentence="Bo said no.",
        link="https://x/1/",
        at=cast.NOW,
    )


@pytest.mark.parametrize("name", ["server", "ü" * 256, "\N{PILE OF POO}" * 256, "\x00" * 256])
def test_five_thousand_servers_fit_and_are_counted(name: str) -> None:
    servers = [{**SERVER, "name": name, "application": f"{at}{name}"[:256]} for at in range(5000)]
    apps = [row["application"] for row in servers]
    event = Event(
        "exception/1", "x", Servers(5000, servers), attributes={"application": apps, "account": apps}
    )
    body, attributes = told(event), attributes_of(event, "exception.rejected")
    assert len(body.encode()) + len(json.dumps(attributes).encode()) < MOST_OF_SNS - 10_000
    said = json.loads(body)
    jsonschema.validate(said, SCHEMA)
    assert said["servers"]["count"] == 5000
    assert 0 < len(said["servers"]["first"]) <= 1000
    assert said["servers"]["first"][0] == servers[0]
    assert attributes["cut"] == ["account", "application"]
    assert 0 < len(attributes["application"]) <= 100


def test_a_few_servers_are_all_named_and_nothing_is_cut() -> None:
    event = Event(
        "exception/1", "x", Servers(1, [SERVER]), attributes={"account": ["1"], "environment": [""]}
    )
    assert json.loads(told(event))["servers"] == {"count": 1, "first": [SERVER]}
    assert attributes_of(event, "exception.rejected") == {"account": ["1"], "event": "exception.rejected"}


@pytest.mark.parametrize(
    ("written", "plain"),
    [("Exception 1 of Zoë", "Exception 1 of Zoe"), ("two\r\nlines\x00", "two lines"), ("x" * 300, "x" * 99)],
)
def test_a_title_is_plain_and_short(written: str, plain: str) -> None:
    assert title_of(Event("exception/1", written, Servers(0))) == plain
