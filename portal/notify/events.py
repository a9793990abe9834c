"""What programs are told: one JSON document per event, of the schema in event.schema.json, within AWS's bounds."""

from __future__ import annotations

import json
import re
import unicodedata
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

SCHEMA = 1
# SNS and SQS take 262,144 bytes of body and attributes together; each attribute's list is bounded as well.
MOST_BYTES, MOST_ATTRIBUTE_BYTES, MOST_VALUES = 200_000, 10_000, 100
MOST_SERVERS = 1000
TITLE_LENGTH = 99  # SNS: fewer than 100 plain characters
NOT_PLAIN = re.compile(r"[^\x20-\x7e]+")


@dataclass(frozen=True)
class Servers:
    """Those an event is about: how many there truly are, and the first of them, which are named."""

    count: int
    first: Sequence[Mapping[str, str]] = ()


@dataclass(frozen=True)
class Event:
    """`about`: the row it is about, e.g. exception/12; events about one row reach a target in order.

    `title`: a subject line. `facts`: names and JSON values that join the document. `attributes`: what a subscription
    may filter by.
    """

    about: str
    title: str
    servers: Servers
    facts: Mapping[str, Any] = field(default_factory=dict)
    attributes: Mapping[str, Sequence[str]] = field(default_factory=dict)


def title_of(event: Event) -> str:
    """In ASCII, without control characters: what else there is becomes the nearest letter or goes."""
    letters = unicodedata.normalize("NFKD", event.title)
    return " ".join(NOT_PLAIN.sub(" ", letters).split())[:TITLE_LENGTH].strip()


def document(event: Event, *, kind: str, message_id: str, sentence: str, link: str, at: datetime) -> str:
    """The JSON text; where it would be too long, fewer servers are named and the count stays true."""
    head = {
        "schema": SCHEMA, "id": message_id, "event": kind, "about": event.about, "link": link, "sentence": sentence,
        "occurred_at": at.astimezone(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z"), **event.facts,
    }  # fmt: skip
    room = MOST_BYTES - len(json.dumps(head))
    named = _fitting(event.servers.first[:MOST_SERVERS], room)
    return json.dumps({**head, "servers": {"count": event.servers.count, "first": named}})


def attributes_of(event: Event, kind: str) -> dict[str, str | list[str]]:
    """Name → value or values; `cut` names the lists that are not whole."""
    whole = {name: [value for value in values if value] for name, values in event.attributes.items()}
    fitting = {name: _fitting(values[:MOST_VALUES], MOST_ATTRIBUTE_BYTES) for name, values in whole.items()}
    cut = sorted(name for name, values in whole.items() if len(values) > len(fitting[name]))
    found: dict[str, str | list[str]] = {name: values for name, values in fitting.items() if values}
    return found | {"event": kind} | ({"cut": cut} if cut else {})


def _fitting(values: Sequence[Any], room: int) -> list[Any]:
    """The first ones whose JSON is no longer than `room` bytes."""
    found = []
    for value in values:
        room -= len(json.dumps(value)) + 2
        if room < 0:
            break
        found.append(value)
    return found
