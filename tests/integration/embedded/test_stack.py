"""The whole site on one machine: first page, restarts, a second start on the same data, a clean end."""

from __future__ import annotations

import http.client
import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from embedded import Stack
from embedded.stack import free_port
from tests.integration.embedded.conftest import ROOT, descendants, eventually, read


@pytest.fixture(scope="module")
def state(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("state")


@pytest.fixture(scope="module")
def stack(state: Path) -> Iterator[Stack]:
    with Stack(state=state, port=free_port()) as running:
        yield running


def status(stack: Stack, path: str) -> int:
    connection = http.client.HTTPConnection("127.0.0.1", stack.port, timeout=10)
    try:
        connection.request("GET", path)
        return connection.getresponse().status
    finally:
        connection.close()


def test_the_first_page_answers_and_everything_runs(stack: Stack) -> None:
    assert status(stack, "/accounts/login/") == 200
    assert set(stack.pids()) == {"postgres", "valkey", "web", "worker", "beat"}


def test_a_killed_worker_comes_back_with_another_id(stack: Stack) -> None:
    killed = stack.pids()["worker"]
    children = descendants(killed)
    os.kill(killed, signal.SIGKILL)
    assert eventually(lambda: stack.pids().get("worker", killed) != killed)
    assert eventually(lambda: not any(read(pid, "cmdline") for pid in children)), "its children stayed"


def test_management_commands_use_the_same_database(stack: Stack) -> None:
    question = "from portal.access.models import User; print('users:', User.objects.count())"
    assert "users: 0" in stack.run_manage("shell", "-c", question)


def test_a_second_start_is_quick_and_migrates_nothing(stack: Stack, state: Path) -> None:
    stack.__exit__()
    began = time.monotonic()
    with Stack(state=state, port=free_port(), workers=False) as again:
        assert time.monotonic() - began < 10
        assert status(again, "/accounts/login/") == 200
        assert set(again.pids()) == {"postgres", "valkey", "web"}


def test_the_serve_command_stops_cleanly_when_asked_to(tmp_path: Path) -> None:
    command = [sys.executable, "-m", "embedded", "--port", str(free_port()), "--state", str(tmp_path)]
    environment = {
        key: value for key, value in os.environ.items() if key not in {"DATABASE_URL", "REDIS_URL"}
    }
    with subprocess.Popen(command, cwd=ROOT, env=environment, stdout=subprocess.PIPE, text=True) as serving:
        assert serving.stdout
        assert "Patch Portal: http://127.0.0.1:" in serving.stdout.readline()
        below = descendants(serving.pid)
        serving.send_signal(signal.SIGTERM)
        assert serving.wait(timeout=30) == 0
    assert not any(read(pid, "cmdline") for pid in below)
