"""The table of the workflow: who is told, and that only an approval leads into force."""

from __future__ import annotations

import pytest

from exceptions.states import EXCEPTION, IN_FORCE, STATES, ExceptionState

OWNERS = {"requester", "approver", "clock", "nobody"}


@pytest.mark.parametrize("state", list(ExceptionState))
def test_a_state_has_an_owner_exactly_while_somebody_must_move_it(state: ExceptionState) -> None:
    assert STATES[state].owner in OWNERS
    assert (STATES[state].owner == "nobody") == (state in EXCEPTION.over)


@pytest.mark.parametrize("state", [state for state in ExceptionState if state != ExceptionState.DRAFT])
def test_entering_a_state_tells_somebody(state: ExceptionState) -> None:
    assert STATES[state].notifies
    assert set(STATES[state].notifies) <= {"requester", "approvers", "deciders"}


def test_only_approval_leads_into_force() -> None:
    leading = {state for state, facts in STATES.items() if set(facts.moves) & set(IN_FORCE)}
    assert leading == {ExceptionState.SUBMITTED, ExceptionState.APPROVED}
