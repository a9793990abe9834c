"""A worker that stalled between looking at its hosts and stopping them stops nobody: another may hold the run."""

from __future__ import annotations

from datetime import datetime

import pytest

from patching.engine.lease import LeaseLost
from patching.engine.power_down import power_down
from patching.engine.scope import Scope
from patching.models import PowerHold
from patching.states import HoldState
from tests.integration.patching.stage import Stage


@pytest.mark.django_db
def test_who_lost_the_run_after_the_look_stops_nobody() -> None:
    stage = Stage()
    stage.cloud.add(1, state="stopped")
    run = stage.set()
    stage.until(lambda: run.power_holds.filter(state=HoldState.HELD).exists())
    run.targets.update(state="done", verdict="patched")
    looked: list[str] = []

    def before(operation: str) -> None:
        looked.extend([operation] * (operation == "DescribeInstances"))

    def clock() -> datetime:
        if looked:
            raise LeaseLost("in other hands")
        return stage.clock()

    stage.cloud.before = before
    with pytest.raises(LeaseLost):
        power_down(Scope(run=run, cloud=stage.cloud, clock=clock))
    assert looked
    assert not stage.cloud.called("StopInstances")
    assert PowerHold.objects.get().state == HoldState.RELEASING  # the other worker goes on from here
