"""Load balancers' target groups between the servers: the next ones wait until the group is healthy again."""

from __future__ import annotations

from typing import Any

import pytest

from aws.ports import TargetGroupHealth
from patching.models import Run
from patching.states import RUN_OVER, RunState, TargetState, WaveState
from portal.audit.models import AuditEvent
from tests.integration.patching.stage import Stage
from tests.integration.patching.test_waves import patched_ids

WELL, ILL = TargetGroupHealth(healthy=4, total=4), TargetGroupHealth(healthy=3, total=4)


def fleet(stage: Stage, count: int, **policy: Any) -> Run:
    for number in range(1, count + 1):
        stage.cloud.add(number, tags={"Name": f"db-{number}", "Owner": "payments-team", "PatchCluster": "db"})
    return stage.set(policy={"target_groups": ["shop"], **policy})


def told() -> list[str]:
    return list(AuditEvent.objects.filter(kind="run.trouble").values_list("summary", flat=True))


def test_the_next_member_of_a_cluster_waits_until_the_group_is_healthy_again(stage: Stage) -> None:
    run = fleet(stage, 2)
    stage.cloud.target_groups_here["shop"] = WELL
    stage.until(lambda: len(patched_ids(stage)) == 1)
    stage.cloud.target_groups_here["shop"] = ILL  # the first one reboots
    stage.until(lambda: bool(told()))
    stage.look(60)
    assert len(patched_ids(stage)) == 1
    assert "Target group shop: 3 of 4 targets are healthy, 100 % are required." in told()[0]
    stage.cloud.target_groups_here["shop"] = WELL
    stage.to_the_end()
    assert run.state == RunState.FINISHED
    assert len(set(patched_ids(stage))) == 2


def test_the_share_that_the_window_asks_for_is_enough(stage: Stage) -> None:
    run = fleet(stage, 2, healthy_percent=75)
    stage.cloud.target_groups_here["shop"] = ILL
    stage.to_the_end()
    assert (run.state, len(patched_ids(stage))) == (RunState.FINISHED, 2)


def test_a_canary_is_watched_until_its_group_is_healthy(stage: Stage) -> None:
    run = fleet(stage, 2, waves=[{"name": "Canary", "count": 1, "bake_s": 60}])
    stage.cloud.target_groups_here["shop"] = WELL
    stage.until(lambda: run.waves.get(number=1).state == WaveState.BAKING)
    stage.cloud.target_groups_here["shop"] = ILL
    stage.look(120)
    stage.look(120)
    assert run.waves.get(number=1).state == WaveState.BAKING
    assert "is still watched" in told()[0]
    stage.cloud.target_groups_here["shop"] = WELL
    stage.to_the_end()
    assert len(set(patched_ids(stage))) == 2


@pytest.mark.parametrize(
    ("here", "said"),
    [
        ({}, "No account of this run has the target group shop."),
        ({"shop": TargetGroupHealth(healthy=0, total=0)}, "0 of 0 targets are healthy"),
    ],
)
def test_a_group_that_nobody_knows_or_that_is_empty_blocks(
    stage: Stage, here: dict[str, TargetGroupHealth], said: str
) -> None:
    run = fleet(stage, 1)
    stage.cloud.target_groups_here |= here
    stage.until(lambda: bool(told()))
    assert said in told()[0]
    stage.until(lambda: run.state in RUN_OVER, seconds=120)
    assert not patched_ids(stage)
    assert run.targets.get().state == TargetState.SKIPPED
    assert run.targets.get().reason_code == "cutoff"
