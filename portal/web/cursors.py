"""Where a page begins, as a text that an address carries: signed, so that only what this portal made is read back."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import date, datetime
from decimal import Decimal
from typing import Any
from uuid import UUID

from django.core.signing import BadSignature, Signer

# A name of 256 characters, each written as four bytes of base64 and twice, stays far below.
LONGEST = 4_000
# A subclass before its base: the first that fits is taken.
_WRITERS: dict[type, Callable[[Any], Any]] = {
    bool: bool, int: int, float: float, str: str, Decimal: str, UUID: str,
    datetime: datetime.isoformat, date: date.isoformat,
}  # fmt: skip
_READERS: dict[str, Callable[[Any], Any]] = {
    "bool": bool, "int": int, "float": float, "str": str, "Decimal": Decimal, "UUID": UUID,
    "datetime": datetime.fromisoformat, "date": date.fromisoformat,
}  # fmt: skip


class BadCursor(ValueError):
    """This list did not make the cursor: it was cut, changed, or belongs to another list or order."""


def write_cursor(values: Sequence[Any], *, of: str) -> str:
    """`values`, each with its type, signed for the list that `of` names. Raises TypeError for a type unknown here."""
    return Signer(salt=f"cursor {of}").sign_object([_packed(value) for value in values])


def read_cursor(text: str, *, of: str) -> list[Any]:
    """The values as they were written. Raises BadCursor."""
    if len(text) > LONGEST:
        raise BadCursor("The cursor is longer than any that the portal makes.")
    try:
        packed = Signer(salt=f"cursor {of}").unsign_object(text)
    except (BadSignature, ValueError) as error:
        raise BadCursor("The cursor bears no signature of this list.") from error
    return [_unpacked(pair) for pair in packed]


def _packed(value: Any) -> list[Any] | None:
    if value is None:
        return None
    kind = next((kind for kind in _WRITERS if isinstance(value, kind)), None)
    if kind is None:
        raise TypeError(f"Rows cannot be paged by a column of type {type(value).__name__}.")
    return [kind.__name__, _WRITERS[kind](value)]


def _unpacked(pair: list[Any] | None) -> Any:
    return None if pair is None else _READERS[pair[0]](pair[1])
