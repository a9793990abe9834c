"""The golden facts of the agent once more, on hosts with real roots: the executor is the same for both kinds."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest

from lab.server import LabServer
from tests.contract.lab import (
    test_executor_agent,
    test_executor_flow,
    test_executor_output,
    test_executor_parameters,
    test_executor_time,
)
from tests.contract.lab.fleet import HOSTS, SCALE, Aws, scenario

pytestmark = pytest.mark.timeout(600)  # the first test may have to build the roots
GOLDEN = (
    test_executor_agent,
    test_executor_flow,
    test_executor_output,
    test_executor_parameters,
    test_executor_time,
)
ROOTED = ("web", "old", "oldest")


def rooted(host: dict[str, Any]) -> dict[str, Any]:
    return {**host, "kind": "root"} if host["name"] in ROOTED else host


@pytest.fixture(scope="module")
def server(roots: None, tmp_path_factory: pytest.TempPathFactory) -> Iterator[LabServer]:
    hosts = [rooted(host) for host in HOSTS]
    with LabServer(scenario(hosts), tmp_path_factory.mktemp("lab"), SCALE) as running:
        yield running


@pytest.fixture
def aws(server: LabServer) -> Iterator[Aws]:
    yield Aws(server)
    server.control("/lab/reset", {})
    server.control("/lab/time-scale", {"scale": SCALE})


# pytest runs what stands in the module: the very same functions, with this module's server.
globals().update(
    {name: test for module in GOLDEN for name, test in vars(module).items() if name.startswith("test_fact_")}
)


def test_these_hosts_have_real_roots(aws: Aws) -> None:
    found = aws.run("web-01", 'dpkg-query --version | head -n1; echo "root: $PATCH_PORTAL_ROOT"; id -u')
    assert found["StandardOutputContent"].splitlines()[1:] == ["root: ", "0"]
