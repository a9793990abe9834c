"""What a channel is given, and what each folder of `channels` has to offer."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from typing import Protocol

from portal.access.models import User
from portal.notify.events import Event
from portal.notify.kinds import Kind


@dataclass(frozen=True)
class Delivery:
    """One sentence for some people. `also_at`: an address that was just taken from the person it is about.

    `event` makes what programs are told; None: nothing of this kind is published.
    """

    kind: Kind
    people: tuple[User, ...]
    sentence: str
    url: str = ""
    also_at: str = ""
    event: Callable[[], Event] | None = None


class Channel(Protocol):
    """One way to reach people."""

    def keep(self, delivery: Delivery) -> None:
        """Inside the transaction of what it tells of: stores rows, and calls nobody outside."""
        ...

    def send_due(self, *, now: datetime) -> None:
        """By a task, outside of a transaction: hands on what is kept. Two at once must be harmless."""
        ...
