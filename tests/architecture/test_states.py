"""Every machine is closed, and no row's state is written past its mover."""

from __future__ import annotations

from typing import Any

import pytest
from django.db.models import TextChoices

from exceptions.states import EXCEPTION
from patching.standing import TABLE, Group, standing_of
from patching.states import (
    AUDIT,
    BEFORE_SENDING,
    DISPATCH,
    DISPATCH_IN_FLIGHT,
    DISPATCH_UNSENT,
    HOLD,
    HOLD_OPEN,
    IN_FLIGHT,
    PROPOSAL,
    RESTORE,
    RUN,
    SNAPSHOT,
    TARGET,
    TARGET_OVER,
    WAVE,
    DispatchState,
    TargetState,
    Verdict,
)
from portal.machine.table import Facts, Machine, TableError
from portal.tags.states import OPEN, TAG
from portal.tones import Tone
from script.states import APPS, NOT_LOOKED_AT, ROOT, faults, machines

MACHINES: dict[str, tuple[Machine[Any], set[str]]] = {
    "exception": (EXCEPTION, {"expired", "revoked", "rejected", "withdrawn"}),
    "run": (RUN, {"finished", "missed", "halted", "cancelled"}),
    "wave": (WAVE, {"passed", "stopped"}),
    "dispatch": (DISPATCH, {"collected", "given_up"}),
    "target": (TARGET, {"done", "skipped", "blocked", "lost", "halted"}),
    "power hold": (HOLD, {"released", "kept", "not_stopped", "failed"}),
    "snapshot": (SNAPSHOT, {"deleted", "left"}),
    "restore": (RESTORE, {"done", "failed"}),
    "proposal": (PROPOSAL, {"accepted", "dismissed"}),
    "run audit": (AUDIT, {"done", "failed"}),
    "tag": (TAG, {"verified", "failed", "replaced"}),
}


@pytest.mark.parametrize("name", MACHINES)
def test_a_machine_knows_its_ends_and_its_first_state(name: str) -> None:
    machine, over = MACHINES[name]
    assert machine.over == over
    assert machine.open == frozenset(machine.enum) - machine.over
    assert machine.initial in machine.born
    assert all(facts.owner for facts in machine.states.values())


def test_the_check_knows_every_machine() -> None:
    assert set(machines().values()) == {machine for machine, _ in MACHINES.values()}


def test_derived_sets_follow_from_the_tables() -> None:
    assert not IN_FLIGHT & TARGET_OVER
    assert DISPATCH.open == DISPATCH_IN_FLIGHT
    assert {DispatchState.CLAIMED, DispatchState.UNKNOWN} == DISPATCH_UNSENT
    assert set(BEFORE_SENDING) == {"planned", "waking", "waiting", "checking", "ready"}
    assert HOLD_OPEN == ("wanted", "starting", "held", "releasing")
    assert OPEN == ("wanted", "writing")


def test_a_way_back_is_taken_only_when_it_is_asked_for() -> None:
    assert TargetState.DONE not in TARGET.sources(TargetState.WAITING)
    assert TARGET.sources(TargetState.WAITING, back=True) == ("done", "blocked", "lost")
    assert not TARGET.goes("checking", TargetState.WAITING, back=True)
    assert (TARGET.kind(TargetState.WAITING), TARGET.kind(TargetState.WAITING, back=True)) == (
        "target.waiting",
        "target.retried",
    )


class Light(TextChoices):
    RED = "red", "Stop"
    GREEN = "green", "Go"
    OFF = "off", "Dark"


GOOD = {
    Light.RED: Facts("engine", Tone.DANGER, (Light.GREEN,)),
    Light.GREEN: Facts("engine", Tone.SUCCESS, (Light.RED, Light.OFF)),
    Light.OFF: Facts("nobody", Tone.UNKNOWN),
}


@pytest.mark.parametrize(
    ("wrong", "said"),
    [
        ({Light.RED: None}, "red has no row"),
        ({Light.GREEN: Facts("engine", Tone.SUCCESS, (Light.RED,))}, "nothing leads to off"),
        ({Light.GREEN: Facts("engine", Tone.SUCCESS, (Light.GREEN, Light.OFF))}, "green leads to itself"),
        ({Light.GREEN: Facts("engine", Tone.SUCCESS, (TargetState.LOST,))}, "green leads to lost, which is none"),
        ({Light.GREEN: Facts("nobody", Tone.SUCCESS, (Light.OFF,))}, "green is not over, and it is nobody's"),
        (
            {Light.OFF: Facts("engine", Tone.UNKNOWN, (Light.RED,))},
            r"(red|green|off) never comes to an end",
        ),
        ({TargetState.LOST: Facts("nobody", Tone.DANGER)}, "lost is none of its states"),
    ],
)  # fmt: skip
def test_a_table_that_is_not_closed_is_refused(wrong: dict[Any, Any], said: str) -> None:
    states = {state: facts for state, facts in (GOOD | wrong).items() if facts}
    with pytest.raises(TableError, match=f"Light: {said}"):
        Machine(states, Light.RED, audit="light")
    Machine(GOOD, Light.RED, audit="light")


def test_no_state_is_written_past_a_mover() -> None:
    known = machines()
    for app in APPS:
        for path in sorted((ROOT / app).rglob("*.py")):
            name = path.relative_to(ROOT).as_posix()
            if not any(part in name for part in NOT_LOOKED_AT):
                assert not list(faults(path.read_text(), known)), name


@pytest.mark.parametrize(
    "planted",
    [
        "row.state = RunState.HALTED",
        "row.state, row.reason = RunState.HALTED, ''",
        "setattr(row, 'state', 'halted')",
        "Run.objects.filter(pk=1).update(state='halted')",
        "Run.objects.filter(pk=1).update(**{'state': 'halted'})",
        "facts = {'state': 'halted'}\nRun.objects.update(**facts)",
        "facts = {}\nfacts['state'] = 'halted'\nRun.objects.update(**facts)",
        "Run.objects.bulk_update(rows, ['state'])",
        "FIELDS = ['state', 'since']\nlocked_rows.write(rows, FIELDS)",
        "run.save(update_fields=['state'])",
        "Run.objects.create(state=RunState.HALTED)",
        "Run(state='halted')",
        "connection.execute('UPDATE patching_run SET reason = 1, state = 2')",
        "MOVER.move([1], RunState.PLANNED)",
        "R = RunState\nruns.enter(run, R.PLANNED, now=now)",
    ],
)
def test_a_planted_second_mover_and_a_move_without_a_table_are_found(planted: str) -> None:
    assert list(faults(planted, machines())), planted


@pytest.mark.parametrize(
    "allowed",
    [
        "Run.objects.filter(state=RunState.HALTED).update(next_look_at=now)",
        "Run.objects.create(state=RunState.PLANNED)",
        "context = {'state': row.state}",
        "MOVER.move([1], RunState.HALTED)",
        "targets.MOVER.begin(row, TargetState.SKIPPED)",
        "'UPDATE patching_run SET reason = 1'",
    ],
)
def test_what_writes_no_state_is_let_through(allowed: str) -> None:
    assert not list(faults(allowed, machines())), allowed


def test_every_state_and_verdict_has_one_standing() -> None:
    judged = {(TargetState.DONE, verdict, behind) for verdict in Verdict for behind in (False, True)}
    assert set(TABLE) == {(state, "", False) for state in TargetState} | judged


def test_a_standing_looks_as_its_state_does() -> None:
    for state, facts in TARGET.states.items():
        if state != TargetState.DONE:
            assert standing_of(state, "").tone == facts.tone


def test_whatever_may_be_retried_has_a_way_back() -> None:
    assert {state for (state, _, _), standing in TABLE.items() if standing.retryable} == set(
        TARGET.sources(TargetState.WAITING, back=True)
    )


def test_what_is_proven_is_updated_and_what_failed_is_neither() -> None:
    for (_, _, behind), standing in TABLE.items():
        assert standing.updated or not standing.proven
        assert not (standing.failed and standing.updated)
        assert behind or not (standing.proven and standing.group is Group.NEEDS_YOU)
        assert not behind or standing.group is Group.NEEDS_YOU


def test_what_a_later_version_stored_is_never_good() -> None:
    for state, verdict in ((TargetState.DONE, "of_a_later_one"), ("of_a_later_one", "")):
        found = standing_of(state, verdict)
        assert found.group is Group.NEEDS_YOU
        assert not found.proven
        assert not found.updated
