"""The live stack as real processes, each of them to be killed: PostgreSQL, Valkey, workers, beats; and the lab."""

from __future__ import annotations

import json
import os
import signal
import sys
import time
import urllib.request
from collections.abc import Mapping
from contextlib import ExitStack, suppress
from pathlib import Path
from typing import Any

import redis
import yaml

from embedded import preparation, site, supervisor
from embedded.postgres import Postgres
from embedded.sockets import new_socket_folder, remove_socket_folder
from embedded.stack import HOST, NOT_FOR_CHILDREN, ROLE, free_port
from embedded.supervisor import Process, Supervisor, dies_with_parent
from embedded.valkey import Valkey
from lab.scenario import RESULTS_BUCKET
from tests.crash.scenario import PORTAL, REGION

DATABASE = "portal"
# Ticks come often, so that a run ends in seconds; nothing but the tests' own runs is to be seen in AWS's log.
PACE = {"TICK_SECONDS": "1", "PLAN_SECONDS": "5", "SYNC_SECONDS": "3600", "STRAY_WRITE_SECONDS": "1"}


class LiveStack:
    """Everything running while the context is open. Each process dies and comes back by itself, under its name."""

    def __init__(self, state: Path, scenario: Mapping[str, Any], *, workers: int = 2, beats: int = 1) -> None:
        self.state, self._scenario, self._workers, self._beats = state, scenario, workers, beats
        self.supervisor = Supervisor(state / "logs")
        self.environment: dict[str, str] = {}
        self._open = ExitStack()

    def __enter__(self) -> LiveStack:
        # Who is killed on purpose again and again is not to wait longer each time.
        supervisor.LONGEST_PAUSE_S = supervisor.FIRST_PAUSE_S
        try:
            self._start()
        except BaseException:
            self._open.close()
            raise
        return self

    def __exit__(self, *_: object) -> None:
        self._open.close()

    def _start(self) -> None:
        (self.state / "static").mkdir(parents=True)
        sockets = new_socket_folder()
        self._open.callback(remove_socket_folder, sockets)
        self._open.enter_context(self.supervisor)
        self.postgres, self.valkey = (
            Postgres(self.state / "postgres", sockets),
            Valkey(self.state / "valkey", sockets),
        )
        self.postgres.prepare()
        self._settle_environment()
        self.supervisor.start(self.postgres.process(), self.valkey.process(), self._lab())
        self.postgres.ensure_database(DATABASE)
        owner = self.children(DATABASE_OWNER_URL=self.postgres.url(DATABASE))
        for command in (("migrate", "--no-input", "--verbosity", "0"), ("database_roles",)):
            preparation.run_manage(command, owner)

    def _settle_environment(self) -> None:
        self.port = free_port()
        self.environment = PACE | {
            "DATABASE_URL": self.postgres.url(DATABASE, role=ROLE),
            "REDIS_URL": self.valkey.url,
            "SECRET_KEY": "only-for-tests-only-for-tests-only-for-tests",
            "RESULTS_BUCKET": RESULTS_BUCKET,
            "PLAIN_STATIC": "true",
            "STATIC_ROOT": str(self.state / "static"),
            "AWS_ENDPOINT_URL": f"http://{HOST}:{self.port}",
            "AWS_ACCESS_KEY_ID": PORTAL,
            "AWS_SECRET_ACCESS_KEY": "of-the-simulated-account",
            "AWS_REGION": REGION,
            "AWS_EC2_METADATA_DISABLED": "true",
            "DJANGO_SETTINGS_MODULE": "portal.settings",
        }

    def children(self, **more: str) -> dict[str, str]:
        """The environment of a process; bytecode files halve the time that a killed one needs to come back."""
        inherited = {key: value for key, value in os.environ.items() if key not in NOT_FOR_CHILDREN}
        return inherited | self.environment | more

    def _lab(self) -> Process:
        path = self.state / "scenario.yaml"
        path.write_text(yaml.safe_dump(dict(self._scenario)))
        command = [sys.executable, "-m", "lab", "--scenario", str(path), "--port", str(self.port)]
        command += ["--state", str(self.state / "lab"), "--time-scale", "20"]
        ready = "/lab/hosts"
        return Process(
            name="lab",
            argv=(*dies_with_parent(), *command),
            environment=self.children(),
            cwd=site.ROOT,
            ready=lambda: site.answers(HOST, self.port, ready),
        )

    def start_workers(self, mutant: str = "", beats: int = 0) -> None:
        """Workers and beats; the broker and the rows wait for them."""
        names = [f"worker-{number}" for number in range(1, self._workers + 1)]
        clocks = [f"beat-{number}" for number in range(1, (beats or self._beats) + 1)]
        self.supervisor.start(
            *(self._celery(name, ("worker", "--concurrency", "1", "--without-gossip", "--without-mingle",
                                  "--hostname", name), mutant) for name in names),
            *(self._celery(name, ("beat", "--schedule", str(self.state / name), "--pidfile="), mutant)
              for name in clocks),
        )  # fmt: skip

    def stop_workers(self, *kinds: str) -> None:
        """These leave in order and do not come back, e.g. `worker` and `beat`, or `beat-2` alone."""
        self.supervisor.dismiss(*(name for name in self.supervisor.pids() if name.startswith(kinds)))

    def _celery(self, name: str, arguments: tuple[str, ...], mutant: str) -> Process:
        command = [
            sys.executable,
            "-m",
            "celery",
            "-A",
            "tests.crash.app:app",
            *arguments,
            "--loglevel",
            "INFO",
        ]
        # The SDK tells this name with each call, so that the lab's log knows whom to kill.
        environment = self.children(AWS_SDK_UA_APP_ID=name, CRASH_MUTANT=mutant)
        return Process(
            name=name, argv=(*dies_with_parent(), *command), environment=environment, cwd=site.ROOT
        )

    def control(self, path: str, body: Mapping[str, Any] | None = None) -> Any:
        """One call of the lab's control API: POST with a body, else GET."""
        data = None if body is None else json.dumps(body).encode()
        with urllib.request.urlopen(f"http://{HOST}:{self.port}{path}", data, timeout=30) as answer:
            return json.load(answer)

    def kill(self, name: str) -> None:
        """kill -9 of the process and of all that it forked; the supervisor starts it again."""
        pid = self.supervisor.pids().get(name)
        if pid is None:
            return  # dead already, and not back yet
        with suppress(ProcessLookupError):
            os.killpg(pid, signal.SIGKILL)
        while self.supervisor.pids().get(name) == pid:
            time.sleep(0.005)

    def kill_all(self, *kinds: str) -> None:
        """kill -9 of every process whose name begins so, e.g. `worker`."""
        for name in self.supervisor.pids():
            if name.startswith(kinds):
                self.kill(name)

    def empty_valkey(self) -> None:
        """Queues, rates and cache are gone, as after the loss of its disk."""
        with redis.Redis.from_url(self.valkey.url) as client:
            client.flushall()
        self.kill("valkey")

    def run_manage(self, *arguments: str) -> str:
        """Runs `manage.py` and returns what it printed. Raises EmbeddedError with its last words."""
        return preparation.run_manage(arguments, self.children())

    def log_of(self, name: str) -> str:
        return self.supervisor.log_of(name).read_text(errors="replace")
