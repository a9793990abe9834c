"""Clients that are slow on purpose: each holds one connection and gives or takes a little at a time."""

from __future__ import annotations

import socket
import threading
from contextlib import suppress

HOST = "127.0.0.1"
PAUSE_S = 2.0


class Slow:
    """A connection that says `first` and then a `bit` every two seconds; opened anew when it is closed."""

    first, bit = b"", b""

    def __init__(self, port: int, cookies: str) -> None:
        self.port, self.cookies = port, cookies
        self.socket = self.opened()

    def opened(self) -> socket.socket:
        found = socket.socket()
        found.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
        found.settimeout(20)
        found.connect((HOST, self.port))
        found.sendall(self.first.replace(b"COOKIES", self.cookies.encode()))
        return found

    def go_on(self, stop: threading.Event) -> None:
        while not stop.wait(PAUSE_S):
            try:
                self.step()
            except OSError:
                self.close()
                with suppress(OSError):
                    self.socket = self.opened()

    def step(self) -> None:
        self.socket.sendall(self.bit)
        self.socket.setblocking(False)
        with suppress(BlockingIOError):
            if not self.socket.recv(1, socket.MSG_PEEK):
                raise ConnectionResetError
        self.socket.settimeout(20)

    def close(self) -> None:
        self.socket.close()


class Headers(Slow):
    """Never comes to the end of its headers."""

    first, bit = b"GET /accounts/login/ HTTP/1.1\r\nHost: 127.0.0.1\r\n", b"X-Slow: 1\r\n"


class Body(Slow):
    """Announces a form and sends it by the byte; signed in, so that the portal reads it before it answers."""

    first = (
        b"POST /accounts/login/ HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Length: 2000\r\n"
        b"Cookie: COOKIES\r\nContent-Type: application/x-www-form-urlencoded\r\n\r\nlogin="
    )
    bit = b"a"


class Reader(Slow):
    """Asks for 8 MB and takes 4 kB a second: half an hour, if nothing cuts it off."""

    first = b"GET /audit/events.csv HTTP/1.1\r\nHost: 127.0.0.1\r\nCookie: COOKIES\r\n\r\n"

    def step(self) -> None:
        if not self.socket.recv(8000):
            raise ConnectionResetError


KINDS: dict[str, type[Slow]] = {"headers": Headers, "bodies": Body, "readers of an export": Reader}
