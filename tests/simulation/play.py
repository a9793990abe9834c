"""Plays seeds in this process, and shrinks one that broke something."""

from __future__ import annotations

import atexit
import gc
import logging
import multiprocessing
import os
import threading
import time
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from tests.simulation.world import World

CLOCKS_AND_EVENTS = ("host_clock_forward", "host_clock_back", "queue_silent")


@dataclass
class Tally:
    """What some seeds came to. `stories` has one text for each seed that broke something."""

    seeds: int = 0
    steps: int = 0
    injected: Counter[str] = field(default_factory=Counter)
    stories: list[str] = field(default_factory=list)

    def add(self, world: World) -> None:
        self.seeds, self.steps = self.seeds + 1, self.steps + world.steps
        self.injected += world.injected

    def merge(self, other: Tally) -> None:
        self.seeds, self.steps = self.seeds + other.seeds, self.steps + other.steps
        self.injected += other.injected
        self.stories += other.stories


def quietly() -> None:
    """The story tells what matters; collecting garbage after each seed is cheaper than in the middle."""
    import structlog

    logging.disable(logging.CRITICAL)
    structlog.configure(wrapper_class=structlog.make_filtering_bound_logger(logging.CRITICAL))
    gc.freeze()
    gc.set_threshold(50_000, 20, 100)


def play(seed: int, without: frozenset[str] = frozenset()) -> World:
    """One seed from an empty database to its end."""
    from django.core.management import call_command

    from tests.simulation.world import World
    from tests.unguarded import let_flushes_pass

    let_flushes_pass()
    call_command("flush", verbosity=0, interactive=False, inhibit_post_migrate=True)
    world = World(seed, without)
    world.play()
    return world


def play_all(seeds: Iterable[int], *, verbose: bool = False, smaller: bool = False) -> Tally:
    """Plays them one after the other."""
    tally = Tally()
    for seed in seeds:
        world = play(seed)
        tally.add(world)
        if world.broken and smaller:
            world = shrink(world)
        if world.broken:
            tally.stories.append(story(world))
        if verbose or world.broken:
            print(story(world), flush=True)
    return tally


def play_for(seconds: float, seeds: Sequence[int], *, least: int) -> Tally:
    """As many of them as begin within the time, and `least` in any case."""
    began, tally = time.monotonic(), Tally()
    for count, seed in enumerate(seeds):
        if count >= least and time.monotonic() > began + seconds:
            break
        tally.merge(play_all([seed]))
    return tally


def shrink(world: World) -> World:
    """Drops one kind of fault after the other while something still breaks."""
    from tests.simulation import hostile, stubborn
    from tests.simulation.faults import FAULTS

    kinds = (*FAULTS, *hostile.KINDS, *stubborn.KINDS, *CLOCKS_AND_EVENTS)
    for fault in kinds:
        fewer = play(world.seed, world.without | {fault})
        world = fewer if fewer.broken else world
    return world


def story(world: World) -> str:
    left = f" without {', '.join(sorted(world.without))}" if world.without else ""
    return "\n".join([f"seed {world.seed}{left}", *world.story, *world.broken])


def prepare() -> None:
    """A database that lives as long as this process."""
    from tests.benchmarks.database import database

    opened = database()
    opened.__enter__()
    atexit.register(opened.__exit__, None, None, None)
    quietly()


def prepare_beside() -> None:
    """`prepare` for a process of a pool: it ends when the pool's owner is killed, and PostgreSQL with it."""

    def follow() -> None:
        if parent := multiprocessing.parent_process():
            parent.join()
            os._exit(1)

    threading.Thread(target=follow, daemon=True).start()
    prepare()


def work(task: tuple[range, bool, bool]) -> Tally:
    seeds, verbose, smaller = task
    return play_all(seeds, verbose=verbose, smaller=smaller)
