"""The portal's own processes: web, workers and beat."""

from __future__ import annotations

import http.client
import sys
from collections.abc import Mapping
from pathlib import Path

from embedded.errors import EmbeddedError
from embedded.supervisor import Process, dies_with_parent

ROOT = Path(__file__).resolve().parent.parent
PYTHON = sys.executable


def web(host: str, port: int, environment: Mapping[str, str]) -> Process:
    """The site; ready when its first page answers without an error of ours."""
    command = [PYTHON, "-m", "gunicorn", "portal.wsgi", "--bind", f"{host}:{port}", "--preload"]
    command += ["--workers", "2", "--worker-class", "gthread", "--threads", "8", "--graceful-timeout", "5"]
    # Requests end by their own budget; this ends a worker that cannot even say that it lives (a loop outside Python).
    command += ["--timeout", "20"]
    # The control socket would be one file shared by every gunicorn of this user.
    command += ["--no-control-socket"]
    return _ours("web", command, environment, ready=lambda: answers(host, port))


def workers(environment: Mapping[str, str]) -> tuple[Process, ...]:
    """Runs never wait for other work, and neither waits for events: each queue has processes of its own."""
    made = (_worker("worker", "engine", environment), _worker("worker-portal", "portal", environment))
    if not environment.get("EVENTS_QUEUE_URL"):
        return made
    return (*made, _worker("worker-hints", "hints", environment, "--pool", "solo"))


def _worker(name: str, queue: str, environment: Mapping[str, str], *more: str) -> Process:
    command = [
        PYTHON,
        "-m",
        "celery",
        "-A",
        "portal.celery:app",
        "worker",
        "-Q",
        queue,
        "--hostname",
        f"{name}@%h",
    ]
    command += [
        *(more or ("--concurrency", "2")),
        "--without-gossip",
        "--without-mingle",
        "--loglevel",
        "INFO",
    ]
    return _ours(name, command, environment, stop_within_s=20)


def beat(state: Path, environment: Mapping[str, str]) -> Process:
    command = [PYTHON, "-m", "celery", "-A", "portal.celery:app", "beat", "--loglevel", "INFO"]
    command += ["--schedule", str(state / "beat-schedule"), "--pidfile="]
    return _ours("beat", command, environment)


def answers(host: str, port: int, path: str = "/") -> bool:
    """True once a GET is answered. Raises EmbeddedError when the answer is a server error: waiting mends none."""
    connection = http.client.HTTPConnection(host, port, timeout=10)
    try:
        connection.request("GET", path)
        status = connection.getresponse().status
    except (OSError, http.client.HTTPException):
        return False
    finally:
        connection.close()
    if status >= 500:
        raise EmbeddedError(f"http://{host}:{port}{path} answers with the error {status}.")
    return True


def _ours(name: str, command: list[str], environment: Mapping[str, str], **how: object) -> Process:
    argv = (*dies_with_parent(), *command)
    return Process(name=name, argv=argv, environment=environment, cwd=ROOT, **how)  # type: ignore[arg-type]
