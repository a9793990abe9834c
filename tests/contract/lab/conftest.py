"""A lab per test module, its faults taken back after each test."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from lab.server import LabServer
from tests.contract.lab.fleet import SCALE, Aws, scenario


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[LabServer]:
    # Not per session: the overrides must be gone before other tests use stock moto.
    with LabServer(scenario(), tmp_path_factory.mktemp("lab"), SCALE) as running:
        yield running


@pytest.fixture
def aws(server: LabServer) -> Iterator[Aws]:
    yield Aws(server)
    server.control("/lab/reset", {})
    server.control("/lab/time-scale", {"scale": SCALE})


@pytest.fixture
def state(tmp_path: Path) -> Path:
    return tmp_path / "state"
