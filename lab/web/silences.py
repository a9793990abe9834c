"""Services that answer late in a place: the call is carried out at once, and its answer comes after so many seconds."""

from __future__ import annotations

import threading
from dataclasses import dataclass

from lab.web.calls import Call

ANY = "*"


@dataclass(frozen=True)
class Silence:
    """Real seconds, whatever the time scale: who asks waits by a clock of their own. `*` stands for all."""

    service: str
    account: str
    region: str
    operation: str
    seconds: float

    def meets(self, call: Call) -> bool:
        pairs = (
            (self.service, call.service),
            (self.account, call.account),
            (self.region, call.region),
            (self.operation, call.operation),
        )
        return all(wanted in (ANY, found) for wanted, found in pairs)


class Silences:
    """Those that are set; who waits in one is let go when they end."""

    def __init__(self) -> None:
        self._all: list[Silence] = []
        self._over = threading.Event()
        self._lock = threading.Lock()

    def set(self, silence: Silence) -> None:
        """Raises ValueError for a time that is none."""
        if not silence.seconds > 0:
            raise ValueError(f"a silence lasts more than 0 seconds, not {silence.seconds}")
        with self._lock:
            self._all.append(silence)

    def wait(self, call: Call) -> None:
        """As long as the longest that this call meets."""
        with self._lock:
            seconds, over = (
                max((item.seconds for item in self._all if item.meets(call)), default=0.0),
                self._over,
            )
        if seconds:
            over.wait(seconds)

    def clear(self) -> None:
        with self._lock:
            self._all.clear()
            self._over.set()
            self._over = threading.Event()
