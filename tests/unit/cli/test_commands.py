"""Every command × every failure: what it exits with, and that standard output holds only data."""

from __future__ import annotations

import csv
import io
import json
import stat
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.unit.cli.stub import PROBLEM, RUN, TARGET, Stub, portal

COMMANDS = ["me", "doctor", "assets list", "servers list", "assets show 1", "windows list", "exceptions list",
            "runs list", "runs show 7", "runs watch 7", "report post-patching 7"]  # fmt: skip
FAILURES = {400: 2, 401: 3, 403: 3, 404: 1, 409: 1, 422: 2, 429: 4, 500: 4, 503: 4}


@pytest.fixture
def stub() -> Iterator[Stub]:
    with portal() as made:
        yield made


@pytest.mark.parametrize("command", COMMANDS)
def test_each_command_tells_each_failure_by_its_code(stub: Stub, command: str) -> None:
    assert stub.cli(*command.split()).returncode == 0
    for stub.status, code in FAILURES.items():
        done = stub.cli(*command.split(), "--json")
        assert (done.returncode, done.stdout) == (code, ""), stub.status
        assert PROBLEM in done.stderr


@pytest.mark.parametrize("command", [one for one in COMMANDS if one != "doctor"])
def test_what_a_program_reads_is_json_alone(stub: Stub, command: str) -> None:
    assert json.loads(stub.cli(*command.split(), "--json").stdout)


@pytest.mark.parametrize(
    "command", ["", "runs", "runs show", "runs show x", "nonsense", "report post-patching 7 --xlsx"]
)
def test_wrong_use_is_told_apart(stub: Stub, command: str) -> None:
    done = stub.cli(*command.split())
    assert (done.returncode, done.stdout) == (2, "")


def test_a_portal_that_is_not_there(stub: Stub) -> None:
    assert stub.cli("me", PATCHPORTAL_URL="http://127.0.0.1:9").returncode == 4


def test_a_token_is_never_sent_in_the_clear_nor_elsewhere(stub: Stub) -> None:
    assert stub.cli("me", PATCHPORTAL_URL="http://patch.example.com").returncode == 2
    stub.status, stub.location = 302, f"{stub.url}/elsewhere"
    assert stub.cli("me").returncode == 1
    assert [path for path, _ in stub.seen] == ["/api/v1/me"]


def test_all_pages_are_read_from_the_portal_that_was_asked(stub: Stub) -> None:
    assert len(json.loads(stub.cli("assets", "list", "--json").stdout)) == 2
    assert all(token == "Bearer pp_x" for _, token in stub.seen)


def test_bad_news_of_a_run_is_one(stub: Stub) -> None:
    stub.run = RUN | {"counts": {**RUN["counts"], "needs_you": 1}}  # type: ignore[dict-item]
    for command in ("runs watch 7", "report post-patching 7", "report post-patching 7 --csv"):
        assert stub.cli(*command.split()).returncode == 1, command
    stub.run = RUN | {"state": "halted"}
    assert stub.cli("runs", "watch", "7").returncode == 1


def test_the_report_as_csv_holds_every_line_and_no_formula(stub: Stub) -> None:
    rows = list(csv.DictReader(io.StringIO(stub.cli("report", "post-patching", "7", "--csv").stdout)))
    assert [row["name"] for row in rows] == [TARGET["name"]] * 2
    assert rows[0]["application"] == "'=cmd"


def test_no_name_moves_the_terminal(stub: Stub) -> None:
    assert "\x1b" not in stub.cli("report", "post-patching", "7").stdout


def test_a_login_keeps_the_token_for_its_owner_alone(stub: Stub, tmp_path: Path) -> None:
    own = {"XDG_CONFIG_HOME": str(tmp_path), "PATCHPORTAL_TOKEN": "", "PATCHPORTAL_URL": ""}
    assert stub.cli("me", **own).returncode == 3
    assert stub.cli("login", stub.url, given="pp_y\n", **own).returncode == 0
    file = tmp_path / "patchportal" / "profiles.json"
    assert stat.S_IMODE(file.stat().st_mode) == 0o600
    assert stub.cli("me", **own).returncode == 0
    assert stub.seen[-1][1] == "Bearer pp_y"
    moved = stub.cli("me", **own | {"PATCHPORTAL_URL": "http://localhost:9"})
    assert moved.returncode == 2, "a kept token goes to its own portal alone"


def test_a_refused_token_is_not_kept(stub: Stub, tmp_path: Path) -> None:
    stub.status = 401
    own = {"XDG_CONFIG_HOME": str(tmp_path), "PATCHPORTAL_TOKEN": "", "PATCHPORTAL_URL": ""}
    assert stub.cli("login", stub.url, given="pp_y\n", **own).returncode == 3
    assert not list(tmp_path.rglob("*.json"))
