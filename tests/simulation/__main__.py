"""Plays seeds: `script/simulate --seeds 10000`, or one again: `--seed 7 --verbose`, or shrunk: `--seed 7 --shrink`."""

from __future__ import annotations

import argparse
import logging
import sys
import time
from collections import Counter
from typing import TYPE_CHECKING

from tests.benchmarks.database import database

if TYPE_CHECKING:
    from tests.simulation.world import World


def main() -> int:
    parser = argparse.ArgumentParser(prog="script/simulate", description=__doc__)
    parser.add_argument("--seeds", type=int, default=300, help="how many, beginning with --seed")
    parser.add_argument("--seed", type=int, help="play this one alone, unless --seeds is given too")
    parser.add_argument("--verbose", action="store_true", help="print the story also when nothing breaks")
    parser.add_argument("--shrink", action="store_true", help="leave out kinds of fault that do not matter")
    wanted = parser.parse_args()
    first = wanted.seed or 0
    alone = wanted.seed is not None and "--seeds" not in sys.argv
    logging.disable(logging.CRITICAL)
    with database():
        return 1 if play_all(range(first, first + (1 if alone else wanted.seeds)), wanted) else 0


def play_all(seeds: range, wanted: argparse.Namespace) -> int:
    """Plays them one after the other; the number of seeds that broke something."""
    import structlog

    structlog.configure(wrapper_class=structlog.make_filtering_bound_logger(logging.CRITICAL))
    began, steps, broken, injected = time.monotonic(), 0, 0, Counter[str]()
    for seed in seeds:
        world = play(seed)
        steps, injected = steps + world.steps, injected + world.injected
        broken += bool(world.broken)
        if world.broken and wanted.shrink:
            world = shrink(seed, world)
        if world.broken or wanted.verbose:
            print("\n".join([f"seed {seed}", *world.story, *world.broken]), flush=True)
    took = time.monotonic() - began
    print(f"{len(seeds)} seeds, {steps} steps, {took:.0f} s; seeds with violations: {broken}")
    print("faults: " + ", ".join(f"{kind} {count}" for kind, count in sorted(injected.items())))
    return broken


def play(seed: int, without: frozenset[str] = frozenset()) -> World:
    from django.core.management import call_command

    from tests.simulation.world import World

    call_command("flush", verbosity=0, interactive=False, inhibit_post_migrate=True)
    world = World(seed, without)
    world.play()
    return world


def shrink(seed: int, world: World) -> World:
    """Drops one kind of fault after the other while something still breaks."""
    from tests.simulation.world import FAULTS

    for fault in FAULTS:
        fewer = play(seed, world.without | {fault})
        world = fewer if fewer.broken else world
    return world


if __name__ == "__main__":
    sys.exit(main())
