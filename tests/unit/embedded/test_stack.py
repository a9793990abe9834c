"""What the stack decides before it starts anything."""

from __future__ import annotations

import os
import socket
from pathlib import Path

import pytest

from embedded import EmbeddedError, Stack
from embedded.preparation import collect_static_if_needed, fingerprint
from embedded.stack import free_port, refuse_taken_port, secret_key


def test_the_secret_key_is_made_once_and_only_its_owner_reads_it(tmp_path: Path) -> None:
    first = secret_key(tmp_path)
    assert secret_key(tmp_path) == first
    assert len(first) >= 50
    assert (tmp_path / "secret-key").stat().st_mode & 0o777 == 0o600


def test_a_taken_port_is_named_with_the_way_out() -> None:
    with socket.socket() as other:
        other.bind(("127.0.0.1", 0))
        other.listen()
        with pytest.raises(EmbeddedError, match=rf"Port {other.getsockname()[1]} cannot be used .* --port"):
            refuse_taken_port(other.getsockname()[1])


def test_two_stacks_never_share_a_state_folder(tmp_path: Path) -> None:
    from embedded.stack import _only_one

    with _only_one(tmp_path), pytest.raises(EmbeddedError, match="Another Patch Portal runs on"):
        Stack(state=tmp_path, port=free_port()).__enter__()


def test_children_write_bytecode_and_get_what_the_stack_knows(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PYTHONDONTWRITEBYTECODE", "1")
    stack = Stack(state=tmp_path, environment={"TICK_SECONDS": "1"})
    environment = stack.environment_of_children()
    assert "PYTHONDONTWRITEBYTECODE" not in environment
    assert environment["TICK_SECONDS"] == "1"
    assert environment["PATH"] == os.environ["PATH"]


def test_static_files_are_collected_only_when_something_changed(tmp_path: Path) -> None:
    calls: list[tuple[str, ...]] = []

    def manage(*arguments: str) -> str:
        calls.append(arguments)
        return ""

    collect_static_if_needed(tmp_path / "static", manage)
    collect_static_if_needed(tmp_path / "static", manage)
    assert len(calls) == 1


def test_a_fingerprint_changes_with_its_files(tmp_path: Path) -> None:
    before = fingerprint(["*/migrations/*.py"], root=tmp_path)
    (tmp_path / "app" / "migrations").mkdir(parents=True)
    (tmp_path / "app" / "migrations" / "0001_initial.py").write_text("")
    assert fingerprint(["*/migrations/*.py"], root=tmp_path) != before
