"""Time as a budget: what a request or an export may take, handed on to each of its statements."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

from django.db import connection
from psycopg import Connection
from psycopg.errors import QueryCanceled
from psycopg.pq import TransactionStatus

# A statement may take what is left, rounded down to these steps: a quick request sets its limit once.
STEP_S = 0.25
# So many statements of a process may take longer than CROWDED_S at a time: the other threads stay free for quick pages.
LONG_AT_ONCE, CROWDED_S = 2, 1.0
_long = threading.BoundedSemaphore(LONG_AT_ONCE)
# Ends of what has failed already: refusing them would leave a transaction open.
ENDS = ("ROLLBACK", "RELEASE")


class Unavailable(Exception):
    """The portal cannot answer now. `str()` is the sentence that the reader gets."""


class OutOfTime(Unavailable):
    """The budget is spent."""


class Budget:
    """So many seconds from now on.

    `shared`: a statement gets no more than CROWDED_S while LONG_AT_ONCE others of this process are under way; `crowded`
    says that the last one did.
    """

    def __init__(
        self, seconds: float, *, shared: bool = True, clock: Callable[[], float] = time.monotonic
    ) -> None:
        self._clock, self._began = clock, clock()
        self.crowded = False
        self.allow(seconds, shared=shared)

    def allow(self, seconds: float, *, shared: bool) -> None:
        """Another length, counted from the same beginning."""
        self.seconds, self.shared = seconds, shared
        self._ends_at = self._began + seconds

    def check(self) -> None:
        """Raises OutOfTime when the time is over. For loops that ask the database nothing."""
        self.milliseconds()

    def milliseconds(self) -> int:
        """What the next statement may take. Raises OutOfTime when that is nothing."""
        steps = int((self._ends_at - self._clock()) / STEP_S)
        if steps < 1:
            raise OutOfTime(f"This took longer than {self.seconds:g} seconds and was stopped.")
        return int(steps * STEP_S * 1000)


@contextmanager
def spending(budget: Budget) -> Iterator[None]:
    """No statement of this thread takes longer than the budget has left; nothing of it stays on the connection."""
    guard = _Guard(budget)
    with connection.execute_wrapper(guard):
        try:
            yield
        finally:
            guard.leave()


def ran_out(error: BaseException | None) -> bool:
    """Whether the error says that a budget is spent, or comes from a statement that was cancelled for it."""
    while error is not None:
        if isinstance(error, OutOfTime | QueryCanceled):
            return True
        error = error.__cause__
    return False


class _Guard:
    """Stands in front of each statement, and sets PostgreSQL's limit where the one in force is another."""

    def __init__(self, budget: Budget) -> None:
        self.budget = budget
        self._raw: Connection[Any] | None = None
        self._session: int | None = None  # ms, on the connection
        self._local: int | None = None  # ms, until the transaction ends; 0: whatever a savepoint left

    def __call__(self, execute: Callable[..., Any], sql: str, params: Any, many: bool, context: Any) -> Any:
        if isinstance(sql, str) and sql.startswith(ENDS):
            self._local = 0
            return execute(sql, params, many, context)
        shared = self.budget.shared
        roomy = not shared or _long.acquire(blocking=False)
        try:
            self._limit(self._allowed(roomy))
            return execute(sql, params, many, context)
        finally:
            if roomy and shared:
                _long.release()

    def _allowed(self, roomy: bool) -> int:
        left, crowded = self.budget.milliseconds(), int(CROWDED_S * 1000)
        self.budget.crowded = not roomy and left > crowded
        return crowded if self.budget.crowded else left

    def _limit(self, allowed: int) -> None:
        raw: Connection[Any] = connection.connection
        if raw is not self._raw:  # the first statement, or a new connection in place of a broken one
            self._raw, self._session, self._local = raw, None, None
        if raw.info.transaction_status == TransactionStatus.INERROR:
            return  # it refuses whatever is sent, at once
        if raw.info.transaction_status == TransactionStatus.IDLE:
            self._local = None
        if allowed == (self._session if self._local is None else self._local):
            return
        if connection.in_atomic_block:
            raw.execute(f"SET LOCAL statement_timeout = {allowed}")
            self._local = allowed
        else:
            raw.execute(f"SET statement_timeout = {allowed}")
            self._session = allowed

    def leave(self) -> None:
        """The connection as it was. A transaction that goes on (only in tests) gets its limit back too."""
        raw = self._raw
        if raw is None or raw.closed or raw is not connection.connection:
            return
        if raw.info.transaction_status == TransactionStatus.INTRANS and self._local is not None:
            raw.execute("SET LOCAL statement_timeout TO DEFAULT")
        if self._session is not None and raw.info.transaction_status == TransactionStatus.IDLE:
            raw.execute("RESET statement_timeout")
