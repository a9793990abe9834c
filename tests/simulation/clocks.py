"""Hosts whose clock is wrong, or is set forward or back while the document runs: told, and changing nothing else."""

from __future__ import annotations

import random
from collections.abc import Iterator
from typing import TYPE_CHECKING

from patching.models import AssetPatchState
from patching.standing import standing_of
from tests import fakes

if TYPE_CHECKING:
    from tests.simulation.world import World

# Seconds: two hours, a minute and a half, a battery that is empty; forward and back.
STEPS = (7_200, -7_200, 90, -90, 40 * 86_400, -20 * 365 * 86_400)
# What makes another verdict right, whatever the clock said.
SPOILING = ("command_cancelled", "report_torn", "report_empty", "report_doubled")


def step_some(seed: int, cloud: fakes.FakeCloud, without: frozenset[str]) -> list[str]:
    """Sets the clocks of some hosts, in half of the seeds; returns a kind of fault for each. A stream of its own."""
    draw = random.Random(f"clocks {seed}")
    if draw.random() < 0.5:
        return []
    for host in cloud.hosts.values():
        if draw.random() < 0.3:
            host.clock_stepped_s = draw.choice(STEPS)
    kinds = {item: _kind(host) for item, host in cloud.hosts.items() if host.clock_stepped_s}
    for item, kind in kinds.items():
        if kind in without:
            cloud.hosts[item].clock_stepped_s = 0
    return [kind for kind in kinds.values() if kind not in without]


def _kind(host: fakes.FakeHost) -> str:
    return "host_clock_forward" if host.clock_stepped_s > 0 else "host_clock_back"


def afterwards(world: World) -> Iterator[str]:
    """Their verdict is what they say of their packages, and their last patching is when the window began."""
    run = world.stage.run
    for row in run.targets.filter(state="done").select_related("asset__patch_state"):
        host = world.stage.cloud.hosts[row.instance_id]
        if not host.clock_stepped_s or row.instance_id in world.hostile:
            continue
        told = bool(host.executed) and not any(world.injected[fault] for fault in SPOILING)
        if told and row.verdict and standing_of(row.state, row.verdict).proven != (host.patch != "failed"):
            yield f"I13 the clock of {row.instance_id} was set, and it is {row.verdict}: {row.reason}"
        kept = AssetPatchState.objects.filter(asset=row.asset_id, last_patched_at__isnull=False)
        yield from [
            f"I7 {row.instance_id} was patched at {state.last_patched_at} by its own clock"
            for state in kept.exclude(last_patched_at=run.starts_at)
        ]
