"""The whole site on one machine: first page, restarts, a second start on the same data, a clean end."""

from __future__ import annotations

import http.client
import os
import signal
import subprocess
import sys
import time
import urllib.request
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
    assert set(stack.pids()) == {"postgres", "valkey", "web", "worker", "worker-portal", "beat"}


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


def test_the_serve_command_reads_env_shows_the_way_in_and_stops_cleanly(tmp_path: Path) -> None:
    """One start for all that it promises: `.env`, the link, `script/manage` beside it, and nothing left behind."""
    settings = tmp_path / "settings.env"
    settings.write_text(
        "# ours\nRESULTS_BUCKET=from-the-file\nAWS_REGION='eu-west-1' # Ireland\nSECRET_KEY=\n"
    )
    state = tmp_path / "state"
    command = [sys.executable, "-m", "embedded", "--port", str(free_port()), "--state", str(state)]
    environment = {
        key: value
        for key, value in os.environ.items()
        if key not in {"DATABASE_URL", "REDIS_URL", "RESULTS_BUCKET"}
    }
    beside = {"PATH": os.environ["PATH"], "PATCH_PORTAL_STATE": str(state)}
    ask = "from django.conf import settings as s; print(s.RESULTS_BUCKET, s.AWS_PORTAL_REGION)"
    with subprocess.Popen(
        [*command, "--env-file", str(settings)], cwd=ROOT, env=environment, stdout=subprocess.PIPE, text=True
    ) as serving:
        assert serving.stdout
        told: list[str] = []
        while not told or not told[-1].startswith("Patch Portal: "):
            told.append(serving.stdout.readline())
            assert told[-1], told
        said = "".join(told)
        assert f"Settings of {settings}: AWS_REGION, RESULTS_BUCKET." in said
        link = next(word for word in said.split() if "/people/first-admin/" in word)
        assert urllib.request.urlopen(link, timeout=10).status == 200
        assert f"PATCH_PORTAL_STATE={state}" in said
        shown = manage(beside, "shell", "-c", ask)
        assert shown.stdout.split()[-2:] == ["from-the-file", "eu-west-1"], shown.stderr
        assert (state / "environment").stat().st_mode & 0o777 == 0o600
        below = descendants(serving.pid)
        serving.send_signal(signal.SIGTERM)
        assert serving.wait(timeout=30) == 0
    assert not any(read(pid, "cmdline") for pid in below)
    refused = manage(beside, "check")
    assert refused.returncode == 1
    assert "start script/serve first" in refused.stderr


def manage(environment: dict[str, str], *words: str) -> subprocess.CompletedProcess[str]:
    command = [str(ROOT / "script/manage"), *words]
    return subprocess.run(command, env=environment, capture_output=True, text=True, check=False, timeout=60)
