"""Every table of states is closed: each state has its row, can be reached, and has an owner until it is over."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from enum import Enum
from typing import Any

import pytest

from exceptions.states import STATES, ExceptionState
from patching.standing import TABLE, TROUBLE, standing_of
from patching.states import (
    AUDIT_OVER,
    AUDIT_STATES,
    DISPATCH_IN_FLIGHT,
    DISPATCH_STATES,
    HOLD_OVER,
    HOLD_STATES,
    IN_FLIGHT,
    RESTORE_OVER,
    RESTORE_STATES,
    RUN_OVER,
    RUN_STATES,
    SNAPSHOT_STATES,
    TARGET_OVER,
    TARGET_STATES,
    WAVE_OVER,
    WAVE_STATES,
    AuditState,
    DispatchState,
    HoldState,
    RestoreState,
    RunState,
    SnapshotState,
    TargetState,
    Verdict,
    WaveState,
)
from portal.tones import Tone

OWNERS = {"nobody", "clock", "engine", "host", "owner", "admin", "requester", "approver"}
TABLES: dict[str, tuple[Mapping[Any, Any], type[Enum], Any, Collection[Any]]] = {
    "exception": (
        STATES,
        ExceptionState,
        ExceptionState.DRAFT,
        {"expired", "revoked", "rejected", "withdrawn"},
    ),
    "run": (RUN_STATES, RunState, RunState.PLANNED, RUN_OVER),
    "wave": (WAVE_STATES, WaveState, WaveState.WAITING, WAVE_OVER),
    "dispatch": (DISPATCH_STATES, DispatchState, DispatchState.CLAIMED, {"collected", "given_up"}),
    "target": (TARGET_STATES, TargetState, TargetState.PLANNED, TARGET_OVER),
    "power hold": (HOLD_STATES, HoldState, HoldState.WANTED, HOLD_OVER),
    "snapshot": (SNAPSHOT_STATES, SnapshotState, SnapshotState.WANTED, {"deleted"}),
    "restore": (RESTORE_STATES, RestoreState, RestoreState.WANTED, RESTORE_OVER),
    "run audit": (AUDIT_STATES, AuditState, AuditState.QUEUED, AUDIT_OVER),
}


@pytest.fixture(params=TABLES)
def table(request: pytest.FixtureRequest) -> tuple[Mapping[Any, Any], type[Enum], Any, Collection[Any]]:
    return TABLES[request.param]


def test_every_state_has_its_row_and_every_move_ends_in_a_state(table: Any) -> None:
    states, every, _, _ = table
    assert set(states) == set(every)
    assert {to for facts in states.values() for to in facts.moves} <= set(every)
    assert not any(state in facts.moves for state, facts in states.items())


def test_every_row_says_whose_move_it_is_and_how_it_looks(table: Any) -> None:
    for state, facts in table[0].items():
        assert facts.owner in OWNERS, state
        assert facts.tone in Tone, state
        assert state.label, state


def test_only_what_is_over_has_no_way_out_and_only_that_may_have_no_owner(table: Any) -> None:
    states, _, _, over = table
    assert {state for state, facts in states.items() if not facts.moves} == set(over)
    assert {state for state, facts in states.items() if facts.owner == "nobody"} <= set(over)


def test_every_state_is_reached_from_the_first_and_reaches_an_end(table: Any) -> None:
    states, every, first, over = table
    assert reached(states, first) == set(every)
    for state in every:
        assert reached(states, state) & set(over), state


def reached(states: Mapping[Any, Any], first: Any) -> set[Any]:
    found, new = {first}, [first]
    while new:
        after = set(states[new.pop()].moves) - found
        found |= after
        new += after
    return found


def test_in_flight_is_never_over() -> None:
    assert not IN_FLIGHT & TARGET_OVER
    assert {D for D, facts in DISPATCH_STATES.items() if facts.moves} == DISPATCH_IN_FLIGHT


def test_every_state_and_verdict_has_one_standing() -> None:
    judged = {(TargetState.DONE, verdict) for verdict in ["", *Verdict]}
    assert set(TABLE) == {(state, "") for state in TargetState} | judged


def test_a_standing_looks_as_its_state_does() -> None:
    for state, facts in TARGET_STATES.items():
        if state != TargetState.DONE:
            assert standing_of(state, "").tone == facts.tone


def test_what_is_proven_is_updated_and_what_failed_is_neither() -> None:
    for standing in TABLE.values():
        assert standing.updated or not standing.proven
        assert not (standing.failed and standing.updated)
        assert not (standing.proven and standing.group in TROUBLE)
