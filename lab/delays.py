"""How long things take in the simulated AWS, the scale that shortens them, and timers that run by it."""

from __future__ import annotations

import heapq
import itertools
import sys
import threading
import time
import traceback
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime


@dataclass(frozen=True)
class Delays:
    """Seconds in the simulated world; a time scale of 6 makes them six times shorter for the watcher."""

    start_s: float = 15.0  # pending → running
    stop_s: float = 20.0  # stopping → stopped
    terminate_s: float = 20.0  # shutting-down → terminated
    agent_boot_s: float = 10.0  # running → the agent answers
    delivery_s: float = 0.2  # SendCommand → the agent has it
    delivery_retry_s: float = 2.0  # how often an unreachable agent is tried again
    reboot_wait_s: float = 60.0  # the agent calls `shutdown -r +1`
    reboot_s: float = 20.0  # down → the agent answers again
    upload_give_up_s: float = 30.0  # so long the agent tries a bucket that does not answer
    agent_dies_s: float = 65.0  # a full disk where the agent itself lives → the service says Failed
    cancel_s: float = 0.2  # Cancelling → Cancelled
    snapshot_s: float = 30.0  # CreateSnapshot → completed
    visibility_s: float = 0.0  # SendCommand → list calls show it


class Clock:
    """Instants are real; durations are divided by `scale`."""

    def __init__(self, scale: float = 1.0) -> None:
        self.scale = 1.0
        self.set_scale(scale)

    def set_scale(self, scale: float) -> None:
        """Raises ValueError for anything but a positive number."""
        if not scale > 0:
            raise ValueError(f"the time scale must be a positive number, not {scale}")
        self.scale = float(scale)

    def real(self, seconds: float) -> float:
        """How long the watcher waits for `seconds` of the simulated world."""
        return seconds / self.scale

    @staticmethod
    def now() -> datetime:
        return datetime.now(UTC)


class Timers:
    """One thread that calls functions later; each must be short."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._due: list[tuple[float, int, Callable[[], None]]] = []
        self._number = itertools.count()
        self._changed = threading.Condition()
        self._ended = False
        self._thread = threading.Thread(target=self._loop, name="lab-timers", daemon=True)
        self._thread.start()

    def after(self, seconds: float, call: Callable[[], None]) -> None:
        """Call once after `seconds` of the simulated world."""
        at = time.monotonic() + self._clock.real(seconds)
        with self._changed:
            heapq.heappush(self._due, (at, next(self._number), call))
            self._changed.notify()

    def close(self) -> None:
        """Forget what is due and end the thread."""
        with self._changed:
            self._ended = True
            self._changed.notify()
        self._thread.join(timeout=10)

    def _loop(self) -> None:
        while call := self._next():
            try:
                call()
            except Exception:  # noqa: BLE001 - one broken timer must not stop the world; it is told
                traceback.print_exc(file=sys.stderr)

    def _next(self) -> Callable[[], None] | None:
        with self._changed:
            while not self._ended:
                wait = self._due[0][0] - time.monotonic() if self._due else None
                if wait is not None and wait <= 0:
                    return heapq.heappop(self._due)[2]
                self._changed.wait(wait)
        return None
