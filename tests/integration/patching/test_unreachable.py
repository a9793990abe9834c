"""Whom no command would reach is left out before the send, with its reason; a silent place holds nobody else."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta

import pytest

from aws.errors import AccessRefused, CloudError, Missing, Silent, Unasked
from patching.engine import gates
from patching.engine.scope import Scope
from patching.engine.send import in_batches
from patching.models import Target
from patching.states import RUN_OVER, DispatchState, Phase, Verdict
from patching.states import TargetState as T
from portal.audit.models import AuditEvent
from tests import cast, fakes
from tests.integration.patching.stage import Stage

pytestmark = pytest.mark.django_db
FAR = "eu-west-1"
BAD = f"i-{1:017x}"


def far_away(stage: Stage) -> None:
    """The first host, in a region of its own."""
    cast.an_account(fakes.ACCOUNT, regions=[fakes.REGION, FAR])
    stage.cloud.add(1, region=FAR)


def sends(stage: Stage, kind: str) -> list[tuple[str, ...]]:
    return [
        request.instance_ids
        for command, request in stage.cloud.commands.values()
        if f"-{kind}-" in command.document_name
    ]


def silent_in(
    stage: Stage, place: str, *operations: str, error: Callable[[], CloudError] | None = None
) -> None:
    """From now on these calls have no answer there; the doors of `FakeCloud` know no region, so `region` tells it."""
    made = error or (lambda: Silent("No answer."))
    ssm, ec2 = stage.cloud.ssm, stage.cloud.ec2

    def door(port: object, region: str) -> object:
        class Door:
            def __getattr__(self, name: str) -> object:
                if region == place and name in operations:
                    raise made()
                return getattr(port, name)

        return Door()

    stage.cloud.ssm = lambda account, region: door(ssm(account, region), region)  # type: ignore[method-assign,assignment,return-value]
    stage.cloud.ec2 = lambda account, region: door(ec2(account, region), region)  # type: ignore[method-assign,assignment,return-value]


# --- agents that are gone ---------------------------------------------------------------------------


def test_a_lost_connection_is_left_out_before_the_patch_and_its_batch_goes(stage: Stage) -> None:
    hosts = [stage.cloud.add(number) for number in (1, 2, 3)]
    run = stage.set()
    stage.until(lambda: run.targets.filter(state=T.READY).count() == 3)
    hosts[0].online = False
    stage.to_the_end()
    bad = run.targets.get(asset__name="web-1")
    assert (bad.state, bad.reason_code) == (T.BLOCKED, "connection_lost")
    assert "PingStatus ConnectionLost, last heard of at 2026-12-05 20:0" in bad.reason
    assert sends(stage, "Patch") == [(f"i-{2:017x}", f"i-{3:017x}")]
    assert run.targets.filter(verdict=Verdict.PATCHED).count() == 2


def test_an_agent_that_is_lost_early_is_asked_again_at_the_start(stage: Stage) -> None:
    host = stage.cloud.add(1)
    stage.cloud.add(2)
    run = stage.set()
    host.online = False
    stage.until(lambda: run.targets.filter(state=T.READY).count() == 1)
    stage.until(lambda: run.targets.get(asset__name="web-1").attempt == 2)
    assert AuditEvent.objects.filter(run_id=run.pk, summary__contains="asked again at the start").exists()
    assert BAD not in {item for ids in sends(stage, "Precheck") for item in ids}
    host.online = True
    stage.to_the_end()
    assert run.targets.filter(verdict=Verdict.PATCHED).count() == 2


def test_one_that_stays_lost_is_blocked_at_the_start(stage: Stage) -> None:
    stage.cloud.add(1)
    run = stage.set()
    stage.cloud.hosts[BAD].online = False
    stage.to_the_end()
    row = run.targets.get()
    assert (row.state, row.reason_code) == (T.BLOCKED, "connection_lost")
    assert stage.cloud.called("SendCommand") == []


def test_one_that_systems_manager_has_forgotten_is_left_out_too(
    stage: Stage, monkeypatch: pytest.MonkeyPatch
) -> None:
    stage.cloud.add(1)
    stage.cloud.add(2)
    run = stage.set()
    stage.until(lambda: run.targets.filter(state=T.READY).count() == 2)
    known = fakes.FakeSsm.managed_nodes
    monkeypatch.setattr(
        fakes.FakeSsm,
        "managed_nodes",
        lambda self, ids=None: (node for node in known(self, ids) if node.instance_id != BAD),
    )
    stage.to_the_end()
    assert run.targets.get(asset__name="web-1").reason_code == "not_managed"
    assert run.targets.get(asset__name="web-2").verdict == Verdict.PATCHED


# --- refusals that name nobody ----------------------------------------------------------------------


def refuse_batches_with(stage: Stage, bad: str, error: CloudError) -> list[int]:
    """AWS refuses each patch command that holds this host; the sizes of what was sent."""
    sizes: list[int] = []
    send = fakes.FakeSsm.send_command

    def refusing(self: fakes.FakeSsm, request: object) -> object:
        if "-Patch-" in request.document_name:  # type: ignore[attr-defined]
            sizes.append(len(request.instance_ids))  # type: ignore[attr-defined]
            if bad in request.instance_ids:  # type: ignore[attr-defined]
                raise error
        return send(self, request)  # type: ignore[arg-type]

    stage.cloud.ssm = lambda account, region: _Refusing(stage.cloud, account, region, refusing)  # type: ignore[method-assign,assignment,return-value]
    return sizes


class _Refusing(fakes.FakeSsm):
    def __init__(self, cloud: object, account: str, region: str, send: Callable[..., object]) -> None:
        super().__init__(cloud, account, region)  # type: ignore[arg-type]
        self._send = send

    def send_command(self, request: object) -> object:  # type: ignore[override]
        return self._send(self, request)


@pytest.mark.parametrize("ids", [(), ("i-0fffffffffffffff0",)])
def test_a_refused_batch_of_which_nobody_is_named_is_split_until_one_is_left(
    stage: Stage, ids: tuple[str, ...]
) -> None:
    for number in range(1, 21):
        stage.cloud.add(number)
    run = stage.set()
    stage.until(lambda: run.targets.filter(state=T.READY).count() == 20)
    sizes = refuse_batches_with(stage, BAD, Missing("InvalidInstanceId", code="InvalidInstanceId", ids=ids))
    stage.to_the_end()
    bad = run.targets.get(asset__name="web-1")
    assert (bad.state, bad.reason_code) == (T.BLOCKED, "refused")
    assert run.targets.filter(verdict=Verdict.PATCHED).count() == 19
    assert sizes == [20, 7, 7, 6, *[1] * 7]


def test_a_retry_by_a_person_goes_out_in_full_batches(stage: Stage) -> None:
    """Only refusals make batches small, not attempts."""
    for number in range(1, 13):
        stage.cloud.add(number)
    rows = stage.set().targets
    rows.update(attempt=3)
    assert [len(chunk) for chunk in in_batches(list(rows.all()), Phase.PATCH)] == [12]


def test_a_look_back_that_names_one_goes_on_with_the_others(stage: Stage) -> None:
    for number in (1, 2):
        stage.cloud.add(number, silent=True)
    run = stage.set()
    left = [1]

    def before(name: str) -> None:
        if (
            name == "SendCommand"
            and left[0]
            and run.dispatches.filter(phase=Phase.VERIFY, state="sending").exists()
        ):
            left[0] = 0
            raise Missing("Invalid instance", code="InvalidInstanceId", ids=(BAD,))

    stage.cloud.before = before
    stage.to_the_end()
    assert left == [0]
    bad, good = run.targets.get(asset__name="web-1"), run.targets.get(asset__name="web-2")
    assert (bad.state, bad.reason_code) == (T.LOST, "refused")
    assert bad.reason.startswith("It may have been patched, but AWS refused the re-scan")
    assert good.state == T.DONE
    [look] = run.dispatches.filter(phase=Phase.VERIFY)
    assert (look.state, look.instance_ids) == (DispatchState.COLLECTED, [f"i-{2:017x}"])


# --- silent places ----------------------------------------------------------------------------------


@pytest.mark.parametrize("error", [Silent("No answer."), Unasked("Silent since 20:00.")])
def test_nothing_is_risked_where_the_question_has_no_answer(stage: Stage, error: CloudError) -> None:
    far_away(stage)
    stage.cloud.add(2)
    run = stage.set()
    stage.until(lambda: run.targets.filter(state=T.READY).count() == 2)
    silent_in(stage, FAR, "managed_nodes", error=lambda: error)
    stage.until(lambda: run.targets.filter(state=T.DONE).count() == 1)
    waiting = run.targets.get(asset__name="web-1")
    assert waiting.state == T.READY
    assert not run.dispatches.filter(region=FAR, phase=Phase.PATCH).exists()
    stage.until(lambda: run.state in RUN_OVER, seconds=120)
    waiting.refresh_from_db()
    assert (waiting.state, waiting.reason_code) == (T.SKIPPED, "cutoff")


def test_a_send_that_waits_for_a_silent_place_leaves_no_trail(stage: Stage) -> None:
    """It is asked for with a question at each look, and claimed again only with its answer."""
    stage.cloud.add(1)
    run = stage.set()
    stage.until(lambda: run.targets.filter(state=T.READY).exists())
    answers = [Unasked("Silent.")]
    fakes.raising(stage.cloud, "SendCommand", answers[0])
    stage.until(lambda: run.dispatches.filter(phase=Phase.PATCH, state=DispatchState.CLAIMED).exists())
    silent_in(stage, fakes.REGION, "managed_nodes")
    claimed = run.dispatches.get(phase=Phase.PATCH).claimed_at
    for _ in range(5):
        stage.look()
    assert run.dispatches.get(phase=Phase.PATCH).claimed_at == claimed


def test_an_answer_lost_in_one_place_keeps_no_others_command(stage: Stage) -> None:
    """The search for a lost command fails; what waits elsewhere is sent all the same."""
    far_away(stage)
    stage.cloud.add(2)
    run = stage.set()
    stage.until(lambda: run.targets.filter(state=T.READY).count() == 2)
    run.dispatches.filter(region=FAR).update(state=DispatchState.UNKNOWN)
    run.dispatches.filter(region=fakes.REGION).update(state=DispatchState.CLAIMED, tries=0)
    silent_in(stage, FAR, "managed_nodes", "list_commands")
    stage.look()
    assert run.dispatches.get(region=fakes.REGION, phase=Phase.PRECHECK).state != DispatchState.CLAIMED


@pytest.mark.parametrize("error", [Silent("No answer."), Unasked("Silent."), AccessRefused("No.")])
def test_a_silent_gate_closes_its_own_place_alone(stage: Stage, error: CloudError) -> None:
    far_away(stage)
    stage.cloud.add(2)
    run = stage.set(policy={"alarms": ["too-many-errors"]})
    stage.cloud.alarm_states["too-many-errors"] = "OK"
    alarms = stage.cloud.alarms

    def where(account: str, region: str) -> fakes.FakeAlarms:
        if region == FAR:
            raise error
        return alarms(account, region)

    stage.cloud.alarms = where  # type: ignore[method-assign]
    gate = gates.check_gates(Scope(run=run, cloud=stage.cloud, clock=stage.clock))  # type: ignore[arg-type]
    assert not gate.blocked
    assert list(gate.unreadable) == [(fakes.ACCOUNT, FAR)]


# --- waves ------------------------------------------------------------------------------------------

WAVES = {"waves": [{"name": "Canary", "count": 1}], "wake_timeout_s": 120, "stop_at_error_percent": 100}


def canary_of(stage: Stage) -> Target:
    """The one server of the first wave; it and two others stand in a region each."""
    regions = [fakes.REGION, FAR, "eu-north-1"]
    cast.an_account(fakes.ACCOUNT, regions=regions)
    for number, region in enumerate(regions, start=1):
        stage.cloud.add(number, region=region)
    run = stage.set(policy=WAVES)
    stage.until(lambda: run.targets.filter(wave=1, state=T.READY).exists())
    return run.targets.get(wave=1)


def test_a_silent_place_holds_the_next_wave_for_a_while_only(stage: Stage) -> None:
    canary = canary_of(stage)
    silent_in(stage, canary.region, "managed_nodes")
    stage.until(lambda: stage.run.targets.filter(wave=1, state=T.BLOCKED).exists())
    canary.refresh_from_db()
    assert canary.reason_code == "place_silent"
    assert stage.clock() < stage.run.cutoff_at - timedelta(hours=1)


def test_results_that_cannot_be_read_hold_the_next_wave_until_they_are_overdue(stage: Stage) -> None:
    canary = canary_of(stage)
    stage.until(lambda: stage.run.targets.filter(wave=1, state=T.IN_DISPATCH).exists())
    silent_in(stage, canary.region, "managed_nodes", "list_commands")
    stage.until(lambda: stage.run.targets.filter(wave=1, state=T.LOST).exists())
    canary.refresh_from_db()
    assert canary.reason.startswith("It may have been patched, but could not be looked at again.")
    assert stage.clock() < stage.run.cutoff_at - timedelta(hours=1)
