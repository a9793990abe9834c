"""Our reading of the schema says of every value what the library says that knows all of JSON Schema."""

from __future__ import annotations

import copy
import json
import random
from collections.abc import Iterator
from typing import Any

import pytest
from jsonschema import Draft202012Validator

from patching.documents.output import SCHEMA_PATH, _schema
from patching.documents.schema import test_of as reading_of
from tests.fake_reports import report, side, withholding

ODD = (None, True, False, 0, 1, -1, 1.0, 1.5, 10**400, "", "x" * 40_000, "ready", "patch", "[", [], [None], {},
       {"code": "disk_full", "detail": "No room."})  # fmt: skip
CHECK = {
    "name": "disk_space",
    "ok": False,
    "detail": "12 MB are free.",
    "fix": {"tried": False, "detail": ""},
}
CHANGE = {
    "name": "openssl",
    "arch": "amd64",
    "from": "3.0.11",
    "to": "3.0.14",
    "kind": "upgrade",
    "security": True,
}


def valid() -> list[dict[str, Any]]:
    sides = withholding(side("6.1.96", 3), 2, 1)
    full = report(before=sides, after=side("6.1.112", 0), changes=[CHANGE], truncated={"changes": 7})
    return [report(), full, report(status="failed", error={"code": "disk_full", "detail": "No room."}),
            full | {"clock": {"stepped_s": -90}}]  # fmt: skip


def places(value: Any) -> Iterator[tuple[Any, Any]]:
    """Every container in it, and the key of each of its items."""
    if isinstance(value, dict | list):
        for key in value if isinstance(value, dict) else range(len(value)):
            yield value, key
            yield from places(value[key])


def spoilt(draw: random.Random, value: Any) -> Any:
    made = copy.deepcopy(value)
    for _ in range(draw.choice([1, 1, 1, 2])):
        found = list(places(made))
        holder, key = draw.choice(found)
        act = draw.randrange(4)
        if act == 0:
            del holder[key]
        elif act == 1 and isinstance(holder, dict):
            holder[draw.choice(["more", "", "status", "withheld"])] = draw.choice(ODD)
        elif act == 2 and isinstance(holder[key], list) and holder[key]:
            holder[key] = holder[key] * draw.choice([2, 1_000])
        else:
            holder[key] = draw.choice(ODD)
    return made


@pytest.mark.parametrize("seed", range(6))
def test_both_say_the_same_of_spoilt_reports(seed: int) -> None:
    draw, schema = random.Random(seed), json.loads(SCHEMA_PATH.read_text())
    reads, library = reading_of(schema, schema), Draft202012Validator(schema)
    wrong = 0
    for _ in range(80):
        value = spoilt(draw, draw.choice(valid()))
        assert reads(value) == library.is_valid(value), value
        wrong += not reads(value)
    assert 20 < wrong < 80, "some stay valid"


def test_what_is_valid_is_valid() -> None:
    schema = _schema("")
    assert all(map(reading_of(schema, schema), valid()))


@pytest.mark.parametrize("part", ["result_line", "side", "error_code"])
def test_parts_are_read_as_the_library_reads_them(part: str) -> None:
    schema = _schema(part)
    reads, library = reading_of(schema, schema), Draft202012Validator(schema)
    for value in (*ODD, side("6.1.96", 3), "disk_full"):
        assert reads(value) == library.is_valid(value), value


@pytest.mark.parametrize(
    "schema", [{"format": "date"}, {"properties": {"a": {"uniqueItems": True}}}, {"$ref": "#/$defs/no"}]
)
def test_a_keyword_that_it_does_not_know_is_refused(schema: dict[str, Any]) -> None:
    with pytest.raises(ValueError, match=r"not known|no definition"):
        reading_of(schema, schema)
