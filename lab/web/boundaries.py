"""Calls that stop at their boundary until the control API lets them go on: where a crash test kills."""

from __future__ import annotations

import threading
from dataclasses import dataclass, field
from typing import Any

from lab.web.calls import Call

MOMENTS = ("before", "after")
ACTIONS = ("hold", "drop")
LONGEST_HOLD_S = 60.0  # whoever forgot to release does not keep a thread for ever


@dataclass
class Boundary:
    """The `nth` call of an operation from now on, `before` or `after` it is carried out.

    `hold` waits for the release; `drop` never answers, and before means never carried out either.
    """

    id: int
    operation: str
    nth: int
    moment: str
    action: str
    account: str  # only calls in this account; empty: in any
    seen: int = 0
    state: str = "waiting"  # waiting | holding | over
    client: str = ""  # who made the call, by the application name of its SDK
    dropped: bool = False
    go_on: threading.Event = field(default_factory=threading.Event)

    def view(self) -> dict[str, Any]:
        shown = ("id", "operation", "nth", "moment", "action", "account", "seen", "state", "client")
        return {name: getattr(self, name) for name in shown}

    def matches(self, call: Call) -> bool:
        return call.operation == self.operation and self.account in ("", call.account)


class Boundaries:
    """The boundaries that are set, and the calls that stand at them."""

    def __init__(self) -> None:
        self._all: list[Boundary] = []
        self._lock = threading.Lock()

    def set(self, operation: str, nth: int, moment: str, action: str, account: str) -> Boundary:
        """Raises ValueError for an unknown moment or action, or a number below 1."""
        if moment not in MOMENTS or action not in ACTIONS or nth < 1:
            raise ValueError(f"a boundary has nth ≥ 1, a moment of {MOMENTS} and an action of {ACTIONS}")
        with self._lock:
            made = Boundary(len(self._all) + 1, operation, nth, moment, action, account)
            self._all.append(made)
            return made

    def views(self) -> list[dict[str, Any]]:
        with self._lock:
            return [item.view() for item in self._all]

    def reached(self, call: Call) -> Boundary | None:
        """Counts the call; the boundary that it is the nth of."""
        with self._lock:
            hit = [item for item in self._all if item.state == "waiting" and item.matches(call)]
            for item in hit:
                item.seen += 1
            found = next((item for item in hit if item.seen == item.nth), None)
            if found:
                found.state, found.client = "holding", call.client
            return found

    def pass_over(self, boundary: Boundary | None, moment: str) -> bool:
        """Waits here if this is the moment. True when the connection is to be dropped now."""
        if boundary is None or boundary.moment != moment:
            return False
        if boundary.action == "hold":
            boundary.go_on.wait(LONGEST_HOLD_S)
        boundary.state = "over"
        return boundary.dropped or boundary.action == "drop"

    def release(self, number: int, *, drop: bool) -> Boundary:
        """Lets the call go on, or drops its connection. Raises LookupError for a number that nobody set."""
        with self._lock:
            found = next((item for item in self._all if item.id == number), None)
        if found is None:
            raise LookupError(f"there is no boundary {number}")
        found.dropped = drop
        found.go_on.set()
        return found

    def clear(self) -> None:
        """Forgets all of them; calls that stand at one go on."""
        with self._lock:
            for item in self._all:
                item.state = "over"
                item.go_on.set()
