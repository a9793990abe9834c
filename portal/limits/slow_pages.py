"""Pages that were slow take turns, so that quick ones never wait behind them."""

from __future__ import annotations

import threading
import time
from collections import OrderedDict, deque
from collections.abc import Callable, Hashable, Iterator
from contextlib import contextmanager

from portal.limits.budget import Unavailable

SLOW_S = 0.25
VISITS = 4  # a page is slow when none of its last visits was quick: one that others held up is not
REMEMBERED = 10_000  # pages of a process, each as one person sees it
AT_ONCE, WAITING = 1, 2  # of a process
LONGEST_WAIT_S = 3.0
CROWDED = (
    "Others wait for long answers too, and this page takes long. "
    "Try again in a minute, or narrow it down with a filter, fewer days or a longer search word."
)


class Turns:
    """Who asks for a page that is slow for them waits until the one before has its answer; too many are refused."""

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock, self._lock = clock, threading.Lock()
        self._seconds: OrderedDict[Hashable, deque[float]] = OrderedDict()
        self._free = threading.BoundedSemaphore(AT_ONCE)
        self._waiting = 0

    @contextmanager
    def turn(self, page: Hashable) -> Iterator[None]:
        """Around the making of the answer. Raises Unavailable where the turn would come too late."""
        if not self.is_slow(page):
            with self._timed(page):
                yield
            return
        self._wait()
        try:
            with self._timed(page):
                yield
        finally:
            self._free.release()

    def is_slow(self, page: Hashable) -> bool:
        """Judged by the page's own last visits; nothing is known of a page that nobody has asked for."""
        with self._lock:
            seconds = self._seconds.get(page, ())
            return min(seconds, default=0.0) > SLOW_S

    def _wait(self) -> None:
        with self._lock:
            if self._waiting >= WAITING:
                raise Unavailable(CROWDED)
            self._waiting += 1
        try:
            if not self._free.acquire(timeout=LONGEST_WAIT_S):
                raise Unavailable(CROWDED)
        finally:
            with self._lock:
                self._waiting -= 1

    @contextmanager
    def _timed(self, page: Hashable) -> Iterator[None]:
        began = self._clock()
        try:
            yield
        finally:
            self._note(page, self._clock() - began)

    def _note(self, page: Hashable, seconds: float) -> None:
        with self._lock:
            self._seconds.setdefault(page, deque(maxlen=VISITS)).append(seconds)
            self._seconds.move_to_end(page)
            while len(self._seconds) > REMEMBERED:
                self._seconds.popitem(last=False)
