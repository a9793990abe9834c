"""Refusals that a view turned into an answer of its own, noted for what stands around the view."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar

from portal.access.rules import Denied

_of_this_request: ContextVar[list[Denied] | None] = ContextVar("refusals", default=None)


def note(refusal: Denied) -> None:
    """Whoever shows a refusal without letting it through notes it; outside of a request nobody listens."""
    found = _of_this_request.get()
    if found is not None:
        found.append(refusal)


@contextmanager
def noted() -> Iterator[list[Denied]]:
    """The refusals that are noted inside, in their order."""
    found: list[Denied] = []
    token = _of_this_request.set(found)
    try:
        yield found
    finally:
        _of_this_request.reset(token)
