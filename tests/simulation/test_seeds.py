"""Many seeds of the simulation: no invariant breaks, whatever fails. `script/simulate` plays more."""

from __future__ import annotations

import pytest

from tests.simulation.world import World

# Seed 16: a tag writer hangs longer than its lease, and its late call reopens what another worker had written.


@pytest.mark.django_db(transaction=True)
@pytest.mark.parametrize("seed", [0, 1, 2, 3, 4, 16, 17, 18])
def test_a_seed(seed: int) -> None:
    world = World(seed)
    broken = world.play()
    assert not broken, "\n".join([*world.story, *broken])
