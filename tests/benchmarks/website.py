"""The site as `script/serve` starts it, and people who ask it."""

from __future__ import annotations

import http.client
import os
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

from embedded import site
from embedded.stack import HOST, free_port

PORT = free_port()
LONGEST_S = 120.0


@dataclass(frozen=True)
class Answer:
    """One answer, read to its end."""

    status: int
    seconds: float
    size: int
    text: str


@contextmanager
def running() -> Iterator[None]:
    """The web server while the context is open."""
    process = site.web(HOST, PORT, os.environ)
    usual = {name: value for name, value in os.environ.items() if name != "REQUEST_SECONDS"}
    with subprocess.Popen(
        process.argv,
        env=usual,
        cwd=process.cwd,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    ) as child:
        try:
            end = time.monotonic() + process.ready_within_s
            while not process.ready():
                assert time.monotonic() < end, "the site does not answer"
                time.sleep(0.2)
            yield
        finally:
            child.terminate()


def threads() -> tuple[int, int]:
    """(processes, threads of each) of the web server."""
    words = list(site.web(HOST, PORT, {}).argv)
    return int(words[words.index("--workers") + 1]), int(words[words.index("--threads") + 1])


WORKERS, THREADS = threads()


def cookie(person: int) -> str:
    """Signs somebody in, by their key."""
    from django.contrib.auth import BACKEND_SESSION_KEY, HASH_SESSION_KEY, SESSION_KEY
    from django.contrib.sessions.backends.db import SessionStore

    from portal.access.models import User

    session = SessionStore()
    session[SESSION_KEY], session[BACKEND_SESSION_KEY] = (
        str(person),
        "django.contrib.auth.backends.ModelBackend",
    )
    session[HASH_SESSION_KEY] = User.objects.get(pk=person).get_session_auth_hash()
    session.create()
    return f"sessionid={session.session_key}"


def ask(path: str, cookies: str) -> Answer:
    """One GET on a connection of its own."""
    began = time.perf_counter()
    connection = http.client.HTTPConnection(HOST, PORT, timeout=LONGEST_S)
    connection.request("GET", path, headers={"Cookie": cookies})
    answer = connection.getresponse()
    body = answer.read()
    connection.close()
    return Answer(answer.status, time.perf_counter() - began, len(body), body.decode(errors="replace"))
