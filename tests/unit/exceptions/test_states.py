"""The table of moves: nothing without an owner, no dead end that is not an end, and people who are told."""

from __future__ import annotations

import pytest

from exceptions.states import IN_FORCE, STATES, ExceptionState

OWNERS = {"requester", "approver", "clock", "nobody"}
ENDS = {ExceptionState.EXPIRED, ExceptionState.REVOKED, ExceptionState.REJECTED, ExceptionState.WITHDRAWN}


def test_every_state_has_its_row() -> None:
    assert set(STATES) == set(ExceptionState)


@pytest.mark.parametrize("state", list(ExceptionState))
def test_a_state_has_an_owner_exactly_while_somebody_must_move_it(state: ExceptionState) -> None:
    facts = STATES[state]
    assert facts.owner in OWNERS
    assert (facts.owner == "nobody") == (state in ENDS) == (not facts.moves)


@pytest.mark.parametrize("state", [state for state in ExceptionState if state != ExceptionState.DRAFT])
def test_entering_a_state_tells_somebody_and_can_be_reached(state: ExceptionState) -> None:
    assert STATES[state].tells
    assert set(STATES[state].tells) <= {"requester", "approvers", "deciders"}
    assert any(state in facts.moves for facts in STATES.values())


def test_only_approval_leads_into_force() -> None:
    leading = {state for state, facts in STATES.items() if set(facts.moves) & set(IN_FORCE)}
    assert leading == {ExceptionState.SUBMITTED, ExceptionState.APPROVED}
