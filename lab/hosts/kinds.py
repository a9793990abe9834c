"""Which machine stands behind a host: the kinds of `lab/scenario.py`."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from lab.hosts.machine import Machine
from lab.hosts.root import RootMachine
from lab.hosts.shim import ShimMachine
from lab.hosts.windows import WindowsMachine
from lab.scenario import HostSpec


def machine_for(root: Path, agent: Path, spec: HostSpec, instance_id: str) -> Machine:
    """The machine of a host: `root` is its file system, `agent` keeps what its agent writes."""
    kinds: dict[str, Callable[[Path, Path, HostSpec, str], Machine]] = {
        "root": RootMachine,
        "shim": ShimMachine,
        "scenario": WindowsMachine,
    }
    return kinds[spec.kind](root, agent, spec, instance_id)
