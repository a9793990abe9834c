"""Whether a value is valid by a JSON Schema: the schema is made into plain functions once, since thousands are asked.

It knows the keywords that our schema uses and refuses any other when it is built. Why a value is not valid is told by
the library that knows all of them (patching/documents/output.py).
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from typing import Any

Test = Callable[[Any], bool]
Schema = Mapping[str, Any]
SAYS_NOTHING = {"$schema", "$id", "$defs", "title", "description"}


def test_of(schema: Schema, root: Schema) -> Test:
    """Raises ValueError for a keyword or a type that is not known here."""
    return _Reader(root).test(schema)


class _Reader:
    """Each definition is read once. One that refers to itself cannot be read."""

    def __init__(self, root: Schema) -> None:
        self._definitions: Schema = root.get("$defs", {})
        self._read: dict[str, Test] = {}

    def test(self, schema: Schema) -> Test:
        """Of one level: all of its keywords."""
        tests = [self._keyword(schema, word) for word in schema if word not in SAYS_NOTHING | {"required"}]
        if "required" in schema and "properties" not in schema:
            tests.append(_required(schema["required"]))
        if len(tests) == 1:
            return tests[0]
        return lambda value: all(test(value) for test in tests)

    def _keyword(self, schema: Schema, word: str) -> Test:
        wanted = schema[word]
        if word == "properties":
            return self._properties(schema)
        if word == "additionalProperties":
            return self._additional(schema)
        if word in {"oneOf", "anyOf"}:
            return _some([self.test(one) for one in wanted], exactly_one=word == "oneOf")
        inside: dict[str, Callable[[Any], Test]] = {
            "items": self._items,
            "propertyNames": self._names,
            "$ref": self._reference,
        }
        if word in inside:
            return inside[word](wanted)
        return _plain(word, wanted)

    def _properties(self, schema: Schema) -> Test:
        tests = {name: self.test(part) for name, part in schema["properties"].items()}
        required = _required(schema.get("required", ()))

        def test(value: Any) -> bool:
            if not isinstance(value, dict):
                return True
            found = ((tests.get(name), item) for name, item in value.items())
            return required(value) and all(test is None or test(item) for test, item in found)

        return test

    def _additional(self, schema: Schema) -> Test:
        known, wanted = frozenset(schema.get("properties", ())), schema["additionalProperties"]
        if wanted is False:
            return lambda value: not isinstance(value, dict) or value.keys() <= known
        others = self.test(wanted)
        return lambda value: (
            not isinstance(value, dict)
            or all(others(item) for name, item in value.items() if name not in known)
        )

    def _items(self, wanted: Schema) -> Test:
        test = self.test(wanted)
        return lambda value: not isinstance(value, list) or all(test(item) for item in value)

    def _names(self, wanted: Schema) -> Test:
        test = self.test(wanted)
        return lambda value: not isinstance(value, dict) or all(test(name) for name in value)

    def _reference(self, wanted: str) -> Test:
        name = wanted.removeprefix("#/$defs/")
        if name not in self._definitions:
            raise ValueError(f"The schema has no definition {wanted}.")
        if name not in self._read:
            self._read[name] = self.test(self._definitions[name])
        return self._read[name]


def _some(tests: list[Test], *, exactly_one: bool) -> Test:
    if exactly_one:
        return lambda value: sum(test(value) for test in tests) == 1
    return lambda value: any(test(value) for test in tests)


def _required(names: Any) -> Test:
    wanted = frozenset(names)
    return lambda value: not isinstance(value, dict) or wanted <= value.keys()


def _plain(word: str, wanted: Any) -> Test:
    """Keywords without a schema inside. Of other types than their own they say nothing."""
    if word == "type":
        tests = [_TYPES[name] for name in ([wanted] if isinstance(wanted, str) else wanted)]
        return tests[0] if len(tests) == 1 else lambda value: any(test(value) for test in tests)
    if word == "pattern":
        search = re.compile(wanted).search
        return lambda value: not isinstance(value, str) or search(value) is not None
    if word in {"const", "enum"}:
        allowed = [wanted] if word == "const" else wanted
        return lambda value: any(_same(value, one) for one in allowed)
    if word not in _LIMITS:
        raise ValueError(f"The keyword {word} is not known.")
    return _LIMITS[word](wanted)


def _same(value: Any, other: Any) -> bool:
    """1 is no true."""
    return isinstance(value, bool) == isinstance(other, bool) and bool(value == other)


def _number(value: Any) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)


def _integer(value: Any) -> bool:
    whole = isinstance(value, int) or (isinstance(value, float) and value.is_integer())
    return whole and not isinstance(value, bool)


_TYPES: dict[str, Test] = {
    "object": lambda value: isinstance(value, dict),
    "array": lambda value: isinstance(value, list),
    "string": lambda value: isinstance(value, str),
    "boolean": lambda value: isinstance(value, bool),
    "null": lambda value: value is None,
    "number": _number,
    "integer": _integer,
}
_LIMITS: dict[str, Callable[[Any], Test]] = {
    "minimum": lambda least: lambda value: not _number(value) or value >= least,
    "maximum": lambda most: lambda value: not _number(value) or value <= most,
    "maxLength": lambda most: lambda value: not isinstance(value, str) or len(value) <= most,
    "minLength": lambda least: lambda value: not isinstance(value, str) or len(value) >= least,
    "maxItems": lambda most: lambda value: not isinstance(value, list) or len(value) <= most,
    "minItems": lambda least: lambda value: not isinstance(value, list) or len(value) >= least,
}
