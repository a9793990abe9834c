"""Programs are told of every state that anybody is told of."""

from __future__ import annotations

from exceptions.published import HAPPENED
from exceptions.states import EXCEPTION


def test_each_state_that_notifies_has_its_words() -> None:
    assert set(HAPPENED) == {str(state) for state, facts in EXCEPTION.states.items() if facts.notifies}
