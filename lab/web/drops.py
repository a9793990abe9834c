"""Answers that get lost: the call is carried out, the client never hears of it."""

from __future__ import annotations

import contextlib
import socket
import threading
from typing import Any


class Drops:
    """How many answers of which operation will be lost."""

    def __init__(self) -> None:
        self._left: dict[str, int] = {}
        self._lock = threading.Lock()

    def set(self, operation: str, times: int) -> None:
        with self._lock:
            self._left[operation] = times

    def take(self, operation: str) -> bool:
        """Whether the answer that stands ready now is to be lost."""
        with self._lock:
            left = self._left.get(operation, 0)
            self._left[operation] = max(0, left - 1)
            return left > 0

    def clear(self) -> None:
        with self._lock:
            self._left.clear()


def hang_up(environ: dict[str, Any]) -> None:
    """Close the connection without a byte of an answer."""
    connection: socket.socket = environ["werkzeug.socket"]
    with contextlib.suppress(OSError):
        connection.shutdown(socket.SHUT_RDWR)
