"""Stops that EC2 refuses: tried ever more seldom, ended with a reason, told to the admins, in no other run's way."""

from __future__ import annotations

from datetime import timedelta
from itertools import pairwise
from unittest import mock

import pytest

from aws.errors import AccessRefused, CloudError, Refused, Throttled
from patching.engine import power, power_down
from patching.engine.reconcile import reconcile_run
from patching.invariants.audit import late, violations
from patching.models import Hindrance, PowerHold, Run
from patching.policy.patience import LASTING, STOPPED_WITHIN, STOPS
from patching.states import RUN_OVER, TARGET_OVER, HoldState, RunState, TargetState, Verdict
from portal.audit.models import AuditEvent
from portal.inventory.models import Asset
from portal.notify.models import Notification
from portal.tagging.writer import MAX_ATTEMPTS
from tests import cast
from tests.ad_hoc import start_unguarded
from tests.fakes import ACCOUNT, REGION, FakeHost
from tests.integration.patching.sleepers import asleep
from tests.integration.patching.stage import Stage

H, T = HoldState, TargetState


def stops_of(stage: Stage, host: FakeHost) -> int:
    return sum(host.instance.instance_id in ids for ids in stage.cloud.called("StopInstances"))


def test_a_stop_protected_server_is_left_running_and_keeps_nobody_else_so(stage: Stage) -> None:
    admin = cast.ada()
    hosts = asleep(stage, 3)
    hosts[0].stop_protected = True
    run = stage.set()
    stage.to_the_end()
    assert [host.instance.state for host in hosts] == ["running", "stopped", "stopped"]
    assert stops_of(stage, hosts[0]) == LASTING.most_tries + 1  # the first one with the others
    hold = PowerHold.objects.get(state=H.NOT_STOPPED)
    assert "may not be stopped" in hold.reason
    assert "Turn its stop protection off" in hold.reason
    assert run.state == RunState.FINISHED
    assert run.finished_at is not None
    assert run.finished_at < run.ends_at
    assert stage.tag(1, "PatchPortal:Wake") is None
    told = Notification.objects.filter(kind="power.not_stopped", user=admin)
    assert [note.sentence for note in told] == [
        f"{hold.asset.label} was started for {run.name} and is left running. {hold.reason}"
    ]
    assert not violations([run.pk])
    assert not Hindrance.objects.filter(run=run, over_at=None).exists()


def test_a_stop_that_is_refused_hinders_its_run_until_it_ends(stage: Stage) -> None:
    """Not each time anew: between two tries nothing is better."""
    host = asleep(stage, 1)[0]
    host.stop_refused = AccessRefused("The role may not.", code="AccessDenied")
    run = stage.set()
    stage.to_the_end()
    kinds = AuditEvent.objects.filter(run_id=run.pk, kind__startswith="run.trouble").order_by("pk")
    assert list(kinds.values_list("kind", flat=True)) == ["run.trouble", "run.trouble_over"]
    assert not Hindrance.objects.filter(run=run, over_at=None).exists()


def test_a_protection_that_is_turned_off_in_time_ends_in_a_stop(stage: Stage) -> None:
    host = asleep(stage, 1)[0]
    host.stop_protected = True
    stage.set()
    stage.until(lambda: bool(stops_of(stage, host)))
    host.stop_protected = False
    stage.to_the_end()
    assert host.instance.state == "stopped"
    assert not Notification.objects.filter(kind="power.not_stopped").exists()


@pytest.mark.parametrize(
    ("error", "most"),
    [
        (Refused("Not allowed.", code="OperationNotPermitted"), LASTING.most_tries),
        (Refused("You can't stop it: a one-time Spot Instance request.", code="UnsupportedOperation"),
         LASTING.most_tries),
        (Refused("Nobody has seen this code.", code="Brand.New"), LASTING.most_tries),
        (Refused("It is not in a state.", code="IncorrectInstanceState"), STOPS.most_tries),
        (AccessRefused("The role may not.", code="AccessDenied"), STOPS.most_tries),
        (Throttled("Rate exceeded", code="RequestLimitExceeded"), STOPS.most_tries),
    ],
)  # fmt: skip
def test_each_refusal_that_never_passes_has_an_end(stage: Stage, error: CloudError, most: int) -> None:
    host = asleep(stage, 1)[0]
    host.stop_refused = error
    run = stage.set()
    stage.to_the_end()
    assert 1 < stops_of(stage, host) <= most
    assert stage.clock() <= run.ends_at + STOPPED_WITHIN + timedelta(minutes=2)
    hold = PowerHold.objects.get()
    assert hold.state == H.NOT_STOPPED
    assert error.message in hold.reason


def test_the_waits_between_tries_grow(stage: Stage) -> None:
    host = asleep(stage, 1)[0]
    host.stop_refused = Throttled("Rate exceeded")
    stage.set()
    stage.until(lambda: bool(stops_of(stage, host)))
    at = [stage.clock()]
    while stage.run.state not in RUN_OVER:
        before = stops_of(stage, host)
        stage.look(10)
        at += [stage.clock()] * (stops_of(stage, host) - before)
    waits = [second - first for first, second in pairwise(at)]
    assert waits == sorted(waits)
    assert waits[-1] >= 8 * waits[0]


def test_an_account_that_refuses_every_look_ends_too(stage: Stage) -> None:
    """Neither its power nor its schedule can be read after the run: both end, and are told."""
    host = asleep(stage, 1)[0]
    host.instance = stage.cloud.add(1, state="stopped", tags={"Schedule": "office"}).instance
    run = stage.set()
    looked: list[str] = []

    def before(operation: str) -> None:
        over = run.targets.filter(state=T.DONE).exists()
        if over and operation in {"DescribeInstances", "StopInstances"}:
            looked.append(operation)
            raise AccessRefused("The role is gone.", code="AccessDenied")

    stage.cloud.before = before
    stage.until(lambda: stage.run.state in RUN_OVER, seconds=10)
    assert (
        len(looked) <= 2 * STOPS.most_tries + 4 * MAX_ATTEMPTS
    )  # and each of four tags, by their own writer
    assert PowerHold.objects.get().state == H.NOT_STOPPED
    row = run.scheduler_holds.get()
    assert "could not be read" in row.reason
    assert (
        stage.tag(1, "Schedule") == "office"
    )  # wanted all the same: the tags' own writer has an end as well


def test_a_step_that_breaks_each_time_ends_too(stage: Stage) -> None:
    asleep(stage, 1)
    run = stage.set()
    with mock.patch.object(power_down, "_stop", side_effect=RuntimeError("nobody foresaw it")) as broken:
        stage.to_the_end()
    assert broken.call_count == STOPS.most_tries
    assert PowerHold.objects.get(run=run).state == H.NOT_STOPPED


def test_a_server_that_is_gone_meanwhile_is_not_asked_again(stage: Stage) -> None:
    host = asleep(stage, 1)[0]
    host.stop_protected = True
    stage.set()
    stage.until(lambda: bool(stops_of(stage, host)))
    stage.cloud.hosts.clear()
    stage.to_the_end()
    assert PowerHold.objects.get().state == H.RELEASED


def test_a_look_that_comes_late_still_tries_once(stage: Stage) -> None:
    """No worker ran from the end of the work until long after the window."""
    host = asleep(stage, 1)[0]
    run = stage.set()
    stage.until(lambda: run.targets.filter(state=T.READY).exists())
    stage.clock.forward(6 * 3600)
    stage.to_the_end()
    assert host.instance.state == "stopped"


def both(stage: Stage, first: Run, second: Run, seconds: float = 5) -> None:
    stage.clock.forward(seconds)
    for run in (first, second):
        reconcile_run(run.pk, cloud=stage.cloud, clock=stage.clock)
        run.refresh_from_db()


def test_the_next_run_takes_over_what_another_run_could_not_stop(stage: Stage) -> None:
    """It sees a running server as running, patches it, and it is its own to stop from then on."""
    host = asleep(stage, 1)[0]
    host.stop_refused = Throttled("Rate exceeded")
    first = stage.set()
    stage.until(lambda: bool(stops_of(stage, host)))
    second = start_unguarded(window=stage.window, by=cast.ada(), now=stage.clock())
    for _ in range(200):
        both(stage, first, second)
        if second.targets.get().state == T.DONE:
            host.stop_refused = None
        if {first.state, second.state} <= RUN_OVER:
            break
    assert second.targets.get().verdict in {Verdict.PATCHED, Verdict.NOTHING_TO_DO}
    assert first.power_holds.get().state == H.KEPT
    assert second.power_holds.get().state == H.RELEASED
    assert host.instance.state == "stopped"
    assert len(stage.cloud.called("StartInstances")) == 1
    assert not violations([first.pk, second.pk])
    assert not late([first.pk, second.pk], now=stage.clock())


def test_a_run_that_waits_for_what_another_cannot_stop_is_a_violation(stage: Stage) -> None:
    """As it was: the audit says so of the rows (I14)."""
    host = asleep(stage, 1)[0]
    host.stop_refused = Throttled("Rate exceeded")
    first = stage.set()
    stage.until(lambda: bool(stops_of(stage, host)))
    second = start_unguarded(window=stage.window, by=cast.ada(), now=stage.clock())
    with mock.patch.object(power, "being_stopped", return_value=PowerHold.objects.filter(run=first)):
        for _ in range(100):
            both(stage, first, second, seconds=8)
            if second.targets.get().state in TARGET_OVER:
                break
    assert second.targets.get().reason_code == "not_started"
    found = violations([first.pk, second.pk])
    assert {(item.invariant, item.run_id) for item in found} == {("I14", second.pk)}


def test_the_run_after_one_that_left_a_server_running_sees_it_as_running(stage: Stage) -> None:
    host = asleep(stage, 1)[0]
    host.stop_protected = True
    stage.set()
    stage.to_the_end()
    assert Asset.objects.get().state == "running"
    stage.run = start_unguarded(window=stage.window, by=cast.ada(), now=stage.clock())
    stage.to_the_end()
    assert stage.run.targets.get().verdict in {Verdict.PATCHED, Verdict.NOTHING_TO_DO}
    assert not stage.run.power_holds.exists()  # it did not start it, so it is not its own to stop
    assert host.instance.state == "running"


def test_a_server_that_is_just_being_stopped_is_started_anew(stage: Stage) -> None:
    """The other run has let go of it already, and this one has not looked at it yet."""
    host = asleep(stage, 1)[0]
    first = stage.set()
    stage.until(lambda: first.targets.filter(state=T.READY).exists())
    second = start_unguarded(window=stage.window, by=cast.ada(), now=stage.clock())
    PowerHold.objects.filter(run=second).update(due_at=stage.clock() + timedelta(minutes=5))
    for _ in range(200):
        both(stage, first, second)
        if {first.state, second.state} <= RUN_OVER:
            break
    assert second.targets.get().verdict in {Verdict.PATCHED, Verdict.NOTHING_TO_DO}
    assert host.instance.state == "stopped"
    assert stage.cloud.ec2(ACCOUNT, REGION).describe([host.instance.instance_id])[0].state == "stopped"
