"""Many seeds of the simulation: no invariant breaks, whatever fails. `script/simulate` plays more."""

from __future__ import annotations

import pytest

from tests import fresh
from tests.simulation.play import play_all, play_for

SEEDS, CHUNK = 120, 10
# Beside them so many that nobody has played yet: for so long, and the fewest on a machine that is busy.
FRESH, FRESH_S, FEWEST = 80, 45.0, 10

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.mark.parametrize("first", range(0, SEEDS, CHUNK))
def test_seeds_from(first: int) -> None:
    tally = play_all(range(first, first + CHUNK))
    assert not tally.stories, "\n\n".join(tally.stories)


def test_fresh_seeds() -> None:
    first = fresh.seed() * 1_000
    tally = play_for(FRESH_S, range(first, first + FRESH), least=FEWEST)
    print(f"again: script/simulate --seed {first} --seeds {tally.seeds}")
    assert not tally.stories, "\n\n".join(tally.stories)
