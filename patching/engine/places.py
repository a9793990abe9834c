"""One broken account, region or host never stops the others (invariant I12)."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import TypeVar

from aws.errors import CloudError

Item = TypeVar("Item")


def for_each(items: Iterable[Item], act: Callable[[Item], object]) -> None:
    """Acts on every item; only then raises the first refusal of AWS, so that the run's log can tell it."""
    first: CloudError | None = None
    for item in items:
        try:
            act(item)
        except CloudError as error:
            first = first or error
    if first:
        raise first
