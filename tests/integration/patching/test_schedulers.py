"""Other schedulers' tags on the AWS in memory: held for a run, restored by the last one, requested again."""

from __future__ import annotations

from datetime import timedelta

from aws.errors import Refused
from patching.engine.reconcile import reconcile_run
from patching.models import SchedulerHold
from patching.operations import schedulers
from patching.operations.runs import halt
from patching.states import RUN_OVER, TargetState
from portal.audit.models import AuditEvent
from portal.tagging.writer import write_due
from tests import cast
from tests.ad_hoc import start_unguarded
from tests.integration.patching.stage import Stage

T = TargetState


def test_schedulers_are_held_and_get_their_tags_back(stage: Stage) -> None:
    tags = {
        "Application": "payments",
        "Owner": "payments-team",
        "Schedule": "office-hours",
        "maid_offhours": "tz=et",
    }
    host = stage.cloud.add(1, tags=tags)
    plain = stage.cloud.add(2)
    run = stage.set()
    stage.until(lambda: run.targets.filter(state=T.READY).count() == 2)
    assert "Schedule" not in host.instance.tags
    assert host.instance.tags["maid_offhours"] == "off"
    stage.to_the_end()
    assert host.instance.tags["Schedule"] == "office-hours"
    assert host.instance.tags["maid_offhours"] == "tz=et"
    assert "Schedule" not in plain.instance.tags
    assert not SchedulerHold.objects.filter(released_at=None).exists()
    kinds = AuditEvent.objects.filter(kind__startswith="scheduler.").values_list("kind", flat=True)
    assert sorted(kinds) == ["scheduler.held"] * 2 + ["scheduler.released"] * 2


def test_the_last_of_two_runs_gives_the_schedule_back(stage: Stage) -> None:
    tags = {"Application": "payments", "Owner": "payments-team", "maid_offhours": "tz=et"}
    host = stage.cloud.add(1, tags=tags)
    first = stage.set()
    stage.until(lambda: first.targets.filter(state=T.READY).exists())
    second = start_unguarded(window=stage.window, by=cast.ada(), now=stage.clock())
    seen = set()
    for _ in range(200):
        stage.look()
        reconcile_run(second.pk, cloud=stage.cloud, clock=stage.clock)
        second.refresh_from_db()
        over = {run.state in RUN_OVER for run in (first, second)}
        if over == {True, False}:
            seen.add(host.instance.tags["maid_offhours"])
        if over == {True}:
            break
    assert seen <= {"off"}
    assert host.instance.tags["maid_offhours"] == "tz=et"
    assert list(SchedulerHold.objects.values_list("value", flat=True)) == ["tz=et", "tz=et"]


def test_a_schedule_that_somebody_changed_during_the_run_stays(stage: Stage) -> None:
    tags = {"Application": "payments", "Owner": "payments-team", "Schedule": "office-hours"}
    host = stage.cloud.add(1, tags=tags)
    run = stage.set()
    stage.until(lambda: run.targets.filter(state=T.READY).exists())
    host.instance.tags["Schedule"] = "weekend"
    stage.to_the_end()
    assert host.instance.tags["Schedule"] == "weekend"
    assert "changed by somebody" in SchedulerHold.objects.get().reason


def test_what_the_tag_said_right_before_is_given_back(stage: Stage) -> None:
    tags = {"Application": "payments", "Owner": "payments-team", "Schedule": "office-hours"}
    host = stage.cloud.add(1, tags=tags)
    stage.set()
    host.instance.tags["Schedule"] = "changed-since-the-sync"
    stage.to_the_end()
    assert host.instance.tags["Schedule"] == "changed-since-the-sync"


def test_a_halt_gives_the_schedule_back(stage: Stage) -> None:
    tags = {"Application": "payments", "Owner": "payments-team", "Schedule": "office-hours"}
    host = stage.cloud.add(1, state="stopped", tags=tags)
    run = stage.set()
    stage.until(lambda: run.targets.filter(state=T.READY).exists())
    halt(run=run, by=cast.ada(), reason="Stop.", now=stage.clock())
    stage.to_the_end()
    assert host.instance.tags["Schedule"] == "office-hours"
    assert host.instance.state == "stopped"


def test_a_schedule_that_could_not_be_given_back_is_wanted_again(stage: Stage) -> None:
    tags = {"Application": "payments", "Owner": "payments-team", "Schedule": "office-hours"}
    host = stage.cloud.add(1, tags=tags)
    run = stage.set()
    stage.until(lambda: run.targets.filter(state=T.READY).exists())
    refused = [True]

    def before(name: str) -> None:
        back = SchedulerHold.objects.filter(released_at__isnull=False).exists()
        if name == "CreateTags" and back and refused[0]:
            raise Refused("More than 50 tags.", code="TagLimitExceeded")

    stage.cloud.before = before
    stage.to_the_end()
    assert "Schedule" not in host.instance.tags
    assert schedulers.remind(now=stage.clock()) == 0  # not before an hour has passed
    refused[0] = False
    stage.clock.forward(3700)
    assert schedulers.remind(now=stage.clock()) == 1
    write_due(cloud=stage.cloud, now=stage.clock())
    assert host.instance.tags["Schedule"] == "office-hours"
    assert schedulers.remind(now=stage.clock() + timedelta(hours=2)) == 0
