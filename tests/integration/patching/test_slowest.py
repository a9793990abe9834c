"""Servers that are done do not wait for the slowest of their run: their tags are written before it ends."""

from __future__ import annotations

import pytest

from patching.engine import collect, rollout, send
from patching.engine.reconcile import reconcile_run
from patching.operations import dispatches
from patching.states import RUN_OVER, TargetState
from portal.tags.models import TagChange
from tests.integration.patching.stage import Stage

pytestmark = pytest.mark.django_db


def test_tags_of_finished_servers_do_not_wait_for_the_slowest(stage: Stage) -> None:
    for number in (1, 2):
        stage.cloud.add(number)
    stage.cloud.add(3, silent=True)
    run = stage.set(policy={"execution_timeout_s": 900})
    stage.until(lambda: run.targets.filter(state=TargetState.DONE).count() == 2)
    assert stage.tag(1, "ssm-patch-now") == str(run.pk)
    stage.until(
        lambda: stage.tag(1, "ssm-patch-now") is None and stage.tag(2, "ssm-patch-now") is None, limit=60
    )
    assert run.state not in RUN_OVER
    assert stage.tag(1, "LastPatched") == f"{run.starts_at:%Y-%m-%dT%H:%M:%SZ}"
    assert stage.tag(3, "ssm-patch-now") == str(run.pk), "the slowest keeps its own"
    written = TagChange.objects.count()
    stage.look(30)
    stage.look(30)
    assert TagChange.objects.count() == written, "each once"
    stage.to_the_end()
    assert stage.tag(3, "ssm-patch-now") is None
    assert stage.tag(3, "LastPatched") is None


def test_one_call_takes_the_tags_of_all_that_have_finished(stage: Stage) -> None:
    for number in range(1, 6):
        stage.cloud.add(number)
    stage.cloud.add(6, silent=True)
    run = stage.set(policy={"execution_timeout_s": 900})
    stage.until(
        lambda: stage.tag(1, "ssm-patch-now") is None and run.targets.filter(state="done").exists(), limit=80
    )
    assert [len(ids) for ids in stage.cloud.called("DeleteTags")] == [5]


def test_reading_thousands_of_results_leaves_time_for_sending(
    stage: Stage, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Each command takes ten seconds to read here: after two of them the others are left to the next look, at once."""
    monkeypatch.setattr(collect, "AT_ONCE", 1)
    monkeypatch.setattr(rollout, "INSTANCES_PER_COMMAND", 1)
    monkeypatch.setattr(dispatches, "INSTANCES_PER_COMMAND", 1)
    monkeypatch.setattr(send, "BATCHES", (1, 1, 1))
    for number in range(1, 6):
        stage.cloud.add(number)
    run = stage.set()
    stage.until(lambda: run.dispatches.count() == 5)
    begun = len(stage.cloud.called("ListCommandInvocations"))

    def slow(operation: str) -> None:
        if operation == "ListCommandInvocations":
            stage.clock.forward(10)

    stage.cloud.before = slow
    stage.clock.forward(2)
    again = reconcile_run(run.pk, cloud=stage.cloud, clock=stage.clock)
    assert again is not None
    assert again <= stage.clock(), "due at once"
    assert len(stage.cloud.called("ListCommandInvocations")) - begun == 2
    stage.cloud.before = lambda operation: None
    stage.to_the_end()
    assert {row.verdict for row in run.targets.all()} == {"patched"}
