"""No process outlives the supervisor, however it ends."""

from __future__ import annotations

import os
import signal
from pathlib import Path

import pytest

from tests.integration.embedded.conftest import Tree, eventually


@pytest.mark.parametrize("kind", ["fake", "services"])
def test_killing_the_supervisor_leaves_no_process(tree: Tree, kind: str) -> None:
    tree.start(kind)
    assert len(tree.alive()) >= 6, "supervisor, guardian, two leaders and their children"

    tree.end(signal.SIGKILL)

    assert eventually(lambda: not tree.alive()), tree.alive()


def test_an_interrupted_supervisor_stops_even_stubborn_children(tree: Tree) -> None:
    tree.start("fake")

    tree.end(signal.SIGINT)

    assert tree.alive() == {}


def test_an_interrupted_supervisor_shuts_the_servers_down_cleanly(tree: Tree) -> None:
    tree.start("services")

    tree.end(signal.SIGINT)

    assert tree.alive() == {}
    assert "database system is shut down" in (tree.folder / "logs" / "postgres.log").read_text()
    assert not Path(tree.sockets).exists()


def test_killing_guardian_and_supervisor_leaves_no_process(tree: Tree) -> None:
    tree.start("fake")
    guardian = _guardian(tree)
    os.kill(guardian, signal.SIGKILL)
    assert eventually(lambda: _guardian(tree) not in (0, guardian)), "no new guardian"

    tree.end(signal.SIGKILL)

    assert eventually(lambda: not tree.alive()), tree.alive()


def _guardian(tree: Tree) -> int:
    return next((pid for pid, command in tree.alive().items() if "guardian.py" in command), 0)
