"""The documented front (deploy/nginx) before a site on this machine."""

from __future__ import annotations

import shutil
import socket
import subprocess
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

DEPLOY = Path(__file__).resolve().parents[2] / "deploy" / "nginx"
HOST, START_WITHIN_S = "127.0.0.1", 10


class NoNginx(Exception):
    """`str()` says what to do."""


@contextmanager
def front(port: int, site_port: int) -> Iterator[Path]:
    """nginx with the very nginx.conf of deploy/, listening on the port; yields its log. Raises NoNginx."""
    program = shutil.which("nginx", path="/usr/sbin:/usr/local/sbin:/usr/bin:/usr/local/bin")
    if not program:
        raise NoNginx("There is no nginx here: `apt-get install nginx-light` as root.")
    with tempfile.TemporaryDirectory(prefix="patch-portal-front-") as name:
        folder = Path(name)
        folder.chmod(0o755)  # started by root, its workers are somebody else
        command = [program, "-c", str(settled(folder, port, site_port)), "-p", f"{folder}/"]
        command += ["-g", f"daemon off; pid {folder}/nginx.pid;"]
        with (
            (folder / "log").open("wb") as log,
            ended(subprocess.Popen(command, stdout=log, stderr=log)) as process,
        ):
            answers(process, port, folder / "log")
            yield folder / "log"


def settled(folder: Path, port: int, site_port: int) -> Path:
    """The files as an operator lays them: only where it listens and where the portal is are written here."""
    shutil.copy(DEPLOY / "nginx.conf", folder)
    plain = (DEPLOY / "plain.conf").read_text().replace("listen 8080", f"listen {HOST}:{port}")
    (folder / "listen.conf").write_text(plain)
    portal = (DEPLOY / "portal.conf").read_text().replace("web:8000", f"{HOST}:{site_port}")
    (folder / "portal.conf").write_text(portal)
    return folder / "nginx.conf"


def answers(process: subprocess.Popen[bytes], port: int, log: Path) -> None:
    deadline = time.monotonic() + START_WITHIN_S
    while process.poll() is None and time.monotonic() < deadline:
        with suppress(OSError), socket.create_connection((HOST, port), timeout=1):
            return
        time.sleep(0.05)
    raise RuntimeError(f"nginx did not start: {log.read_text()}")


@contextmanager
def ended(process: subprocess.Popen[bytes]) -> Iterator[subprocess.Popen[bytes]]:
    try:
        yield process
    finally:
        process.terminate()
        process.wait(timeout=30)
