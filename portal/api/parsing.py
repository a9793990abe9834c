"""Bodies: one JSON object in UTF-8 that PostgreSQL can store, or a sentence."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

from rest_framework.exceptions import ParseError
from rest_framework.parsers import JSONParser

NOT_JSON = "The body cannot be read as JSON in UTF-8: {error}. Send one object, e.g. {{}}."
NOT_AN_OBJECT = "The body is {kind}, not an object. Send one, e.g. {{}}."
NUL = "The body holds a NUL character. Delete it and send the request again."


class StrictJson(JSONParser):
    def parse(self, stream: Any, media_type: Any = None, parser_context: Any = None) -> dict[str, Any]:
        try:
            found = json.loads(stream.read().decode("utf-8"), parse_constant=_refused)
        except (ValueError, RecursionError) as error:
            raise ParseError(NOT_JSON.format(error=str(error)[:200] or "it is nested too deep")) from error
        if not isinstance(found, dict):
            raise ParseError(NOT_AN_OBJECT.format(kind=json.dumps(found)[:60]))
        if any("\x00" in text for text in _texts(found)):
            raise ParseError(NUL)
        return found


def _refused(name: str) -> None:
    raise ValueError(f"{name} is no number of JSON")


def _texts(value: Any) -> Iterator[str]:
    """Every text in it; without recursion, for a body may be nested as deep as its reader allows."""
    waiting = [value]
    while waiting:
        one = waiting.pop()
        if isinstance(one, str):
            yield one
        elif isinstance(one, dict):
            waiting += [*one.keys(), *one.values()]
        elif isinstance(one, list):
            waiting += one
