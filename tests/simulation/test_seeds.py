"""Many seeds of the simulation: no invariant breaks, whatever fails. `script/simulate` plays more."""

from __future__ import annotations

import pytest

from tests.simulation.play import play_all

SEEDS, CHUNK = 200, 10


@pytest.mark.django_db(transaction=True)
@pytest.mark.parametrize("first", range(0, SEEDS, CHUNK))
def test_seeds_from(first: int) -> None:
    tally = play_all(range(first, first + CHUNK))
    assert not tally.stories, "\n\n".join(tally.stories)
