"""Work on several places at once, so that nobody waits for one that does not answer.

A crew belongs to one piece of work, e.g. a look at one run. Each of its hands is a thread with a database connection of
its own, and works on one place at a time. Whoever asks for a visit of all places has it back after PATIENCE_S at the
latest: a hand that is still at work goes on, and its place is passed over until it has ended. Without a crew places
are visited one after the other.
"""

from __future__ import annotations

import queue
import threading
import time
from collections import Counter, deque
from collections.abc import Callable, Hashable, Iterator, Mapping
from concurrent.futures import Future
from contextlib import contextmanager
from contextvars import ContextVar, copy_context
from dataclasses import dataclass
from typing import Any, Generic, TypeVar

import structlog
from django.conf import settings
from django.db import connections

from aws.plain import plain

log = structlog.get_logger(__name__)

PATIENCE_S = 1.0
BEGIN_WITHIN_S = 0.3  # where all hands are at work, or too many at this place
SHARE = 2  # hands of one process that may be at the same place, whatever they wait for there
ENDS_WITHIN_S = 40.0  # of a crew's end; the longest call to AWS ends before

Key = TypeVar("Key", bound=Hashable)
Result = TypeVar("Result")


@dataclass(frozen=True)
class Visit(Generic[Key, Result]):
    """`results` of the places whose work has ended; `left_out`: those where it did not even begin."""

    results: list[Result]
    left_out: list[Key]


class Room:
    """How many hands of this process are at work, in all and at each place. All crews of a kind share one."""

    def __init__(self) -> None:
        self.changed = threading.Condition(threading.RLock())
        self._at: Counter[Hashable] = Counter()

    def take(self, place: Hashable, most: int) -> bool:
        """Expects the lock of `changed`."""
        if self._at.total() >= most or self._at[place] >= SHARE:
            return False
        self._at[place] += 1
        return True

    def leave(self, place: Hashable) -> None:
        with self.changed:
            self._at[place] -= 1
            self._at += Counter()  # forgets the places where nobody is
            self.changed.notify_all()


class Crew:
    """The hands of one piece of work."""

    def __init__(self, room: Room, most: int, patience_s: float) -> None:
        self._room, self._most, self._patience_s = room, most, patience_s
        self._hands: list[_Hand] = []
        self._idle: list[_Hand] = []
        self._busy: set[Hashable] = set()
        self._late: set[Hashable] = set()  # busy, and no visit waits for them
        self._news = False  # one of those has ended

    @property
    def busy(self) -> frozenset[Hashable]:
        """The places where a hand is still at work."""
        with self._room.changed:
            return frozenset(self._busy)

    @property
    def unfinished(self) -> bool:
        """Whether a hand is still at work, or one has ended its work since the last visit or wait."""
        with self._room.changed:
            return bool(self._busy) or self._news

    def wait(self, seconds: float) -> None:
        """Until a hand that was left at work has ended it, or so long."""
        with self._room.changed:
            self._room.changed.wait_for(lambda: self._news, timeout=seconds)
            self._news = False

    def visit(self, jobs: Mapping[Key, Callable[[], Result]]) -> Visit[Key, Result]:
        """Raises what a job raised that has ended by then; of one that ends later only the log tells."""
        began, begun = time.monotonic(), dict[Key, Future[Result]]()
        with self._room.changed:
            waiting = deque(key for key in jobs if key not in self._busy)
            while True:
                self._begin(waiting, jobs, begun)
                at_work = [key for key, future in begun.items() if not future.done()]
                patience = self._patience_s if at_work else BEGIN_WITHIN_S if waiting else 0.0
                if (left := began + patience - time.monotonic()) <= 0:
                    break
                self._room.changed.wait(left)
            self._late.update(at_work)
        done = [future for future in begun.values() if future.done()]
        return Visit([future.result() for future in done], [key for key in jobs if key not in begun])

    def _begin(
        self, waiting: deque[Key], jobs: Mapping[Key, Callable[[], Result]], begun: dict[Key, Future[Result]]
    ) -> None:
        for _ in range(len(waiting)):
            key = waiting.popleft()
            if not self._room.take(key, self._most):
                waiting.append(key)
                continue
            self._busy.add(key)
            begun[key] = self._hand().give(key, jobs[key])

    def _hand(self) -> _Hand:
        if self._idle:
            return self._idle.pop()
        hand = _Hand(self)
        self._hands.append(hand)
        hand.start()
        return hand

    def ended(self, hand: _Hand, key: Hashable) -> None:
        with self._room.changed:
            self._news |= key in self._late
            self._busy.discard(key)
            self._late.discard(key)
            self._idle.append(hand)
            self._room.leave(key)

    def close(self) -> None:
        """Waits for the hands: none is at work any more, or something hangs that has no end."""
        for hand in self._hands:
            hand.jobs.put(None)
        until = time.monotonic() + ENDS_WITHIN_S
        for hand in self._hands:
            hand.join(max(0.0, until - time.monotonic()))


class _Hand(threading.Thread):
    """One thread of a crew; its connection to the database ends with it."""

    def __init__(self, crew: Crew) -> None:
        super().__init__(name="side-by-side", daemon=True)
        self.crew = crew
        self.jobs: queue.SimpleQueue[tuple[Hashable, Callable[[], Any], Future[Any]] | None] = (
            queue.SimpleQueue()
        )

    def give(self, key: Hashable, job: Callable[[], Result]) -> Future[Result]:
        future: Future[Result] = Future()
        context = copy_context()
        context.run(CREW.set, None)  # within a place things go one after the other
        self.jobs.put((key, lambda: context.run(job), future))
        return future

    def run(self) -> None:
        while work := self.jobs.get():
            key, job, future = work
            try:
                future.set_result(job())
            except BaseException as error:  # noqa: BLE001 - whoever asked for it raises it
                log.warning("place_failed", place=key, error=plain(str(error)))
                future.set_exception(error)
            finally:
                self.crew.ended(self, key)
        connections.close_all()


CREW: ContextVar[Crew | None] = ContextVar("crew", default=None)
PLACES = Room()


@contextmanager
def crew(
    room: Room = PLACES,
    *,
    most: int = 0,
    patience_s: float = PATIENCE_S,
    stop: Callable[[], None] = lambda: None,
) -> Iterator[Crew | None]:
    """Within this block places are visited side by side. `stop` is called when it fails: it tells the hands to end.

    None where settings allow one place at a time.
    """
    if settings.PLACES_AT_ONCE <= 1:
        yield None
        return
    made = Crew(room, most or settings.PLACES_AT_ONCE, patience_s)
    token = CREW.set(made)
    try:
        yield made
    except BaseException:
        stop()
        raise
    finally:
        CREW.reset(token)
        made.close()


def visit(jobs: Mapping[Key, Callable[[], Result]]) -> Visit[Key, Result]:
    """Each place's job: side by side where a crew is at work, else one after the other."""
    at_work = CREW.get()
    if at_work is not None:
        return at_work.visit(jobs)
    return Visit([job() for job in jobs.values()], [])
