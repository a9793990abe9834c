"""`script/crash`: kills the live stack at the boundaries of its AWS calls. Ends with 1 if a promise broke."""

from __future__ import annotations

import argparse
import os
import random
import shutil
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

from embedded import EmbeddedError, stop_on_signals
from tests.crash import points, scenario
from tests.crash.points import KillPoint
from tests.crash.stack import LiveStack

if TYPE_CHECKING:
    from tests.crash.rounds import Round


def arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="script/crash", description=__doc__)
    add = parser.add_argument
    add("--some", type=int, metavar="N", help="only a sample of N kill points")
    add("--seed", type=int, default=0, help="which sample")
    add(
        "--fresh",
        type=int,
        default=0,
        metavar="N",
        help="so many of the sample by a seed of this run, printed",
    )
    add("--fresh-seed", type=int, help="the seed of those, as an earlier run printed it")
    add("--only", metavar="TEXT", help="only kill points whose line contains this, e.g. SendCommand")
    add("--point", action="append", default=[], type=KillPoint.parse, help="just this one, as it was printed")
    add("--undisturbed", action="store_true", help="kill nobody, only look at the runs")
    add("--workers", type=int, default=2)
    add("--beats", type=int, default=1)
    add("--lanes", type=int, default=6, help="runs side by side, each with its own kill point")
    add(
        "--then-one-beat", action="store_true", help="after the undisturbed round only the first beat goes on"
    )
    add("--mutant", default="", help="put a deliberate bug into the workers (tests/crash/app.py)")
    add(
        "--then-mutant",
        default="",
        metavar="NAME",
        help="at the end, with this bug, the --mutant-point must break",
    )
    add("--mutant-point", type=KillPoint.parse, help="the one that finds the bug")
    add("--keep", action="store_true", help="keep logs and database, and say where")
    return parser.parse_args()


def main() -> int:
    stop_on_signals()
    options = arguments()
    memory = Path("/dev/shm")
    place = str(memory) if os.access(memory, os.W_OK) else None
    state = Path(tempfile.mkdtemp(prefix="patch-portal-crash-", dir=place))
    try:
        fleet = scenario.scenario(options.lanes)
        with LiveStack(state, fleet, workers=options.workers, beats=options.beats) as stack:
            return crash(stack, options)
    except EmbeddedError as error:
        print(f"script/crash: {error}", file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        return 1
    finally:
        if options.keep:
            print(f"kept: {state}")
        else:
            shutil.rmtree(state, ignore_errors=True)


def crash(stack: LiveStack, options: argparse.Namespace) -> int:
    os.environ.update(stack.children(DJANGO_SETTINGS_MODULE="portal.settings"))
    import django

    django.setup()
    from portal.clock import database_now
    from tests.crash import fleet
    from tests.crash.rounds import Round

    play = Round(stack, fleet.found(options.lanes, database_now()))
    stack.start_workers(options.mutant)
    broken = told(play.play([None] * options.lanes), "no kill")
    print(who(stack, play), flush=True)
    if options.then_one_beat:
        stack.stop_workers(*(f"beat-{number}" for number in range(2, options.beats + 1)))
    chosen = choose(play, options)
    began = time.monotonic()
    broken += struck(play, chosen, options.lanes)
    broken += struck(play, play.once_more(), options.lanes)
    print(
        f"{len(play.reached)} kill points reached, {len(play.missed)} not reached, {len(broken)} violations,"
        f" {time.monotonic() - began:.0f} s"
    )
    for operation, missed in play.missed_by_operation().items():
        print(f"not reached, since no run made that call so often again: {operation} {missed}")
    print(stack.run_manage("audit_runs").strip(), flush=True)
    seen = not options.then_mutant or finds(play, options)
    return 1 if broken or not seen else 0


def finds(play: Round, options: argparse.Namespace) -> bool:
    """The same stack again with a deliberate bug in its workers: what is not seen there proves nothing."""
    play.stack.stop_workers("worker", "beat")
    play.stack.start_workers(options.then_mutant, beats=1)
    broken = play.play([options.mutant_point])
    print(
        f"with {options.then_mutant}: {'found' if broken else 'NOT FOUND'}", *broken, sep="\n    ", flush=True
    )
    return bool(broken)


def struck(play: Round, chosen: list[KillPoint], lanes: int) -> list[str]:
    """What broke, of all rounds that these points take."""
    return [
        sentence
        for some in side_by_side(chosen, lanes)
        for sentence in told(play.play(some), "; ".join(map(str, some)))
    ]


def who(stack: LiveStack, play: Round) -> str:
    """Which worker made how many calls, which beat sent how many ticks."""
    calls = Counter(call["client"] for call in play.calls if call["client"])
    beats = [name for name in stack.supervisor.pids() if name.startswith("beat")]
    ticks = {name: stack.log_of(name).count("Sending due task") for name in beats}
    return ", ".join(f"{name} {count}" for name, count in sorted((calls | ticks).items()))


def choose(play: Round, options: argparse.Namespace) -> list[KillPoint]:
    """From the calls that the first lane made undisturbed."""
    made = [call for call in play.calls if call["client"]]
    calls = points.counted(made, scenario.account_of(0), options.lanes)
    print("calls of a run: " + ", ".join(f"{name} {count}" for name, count in calls.items()), flush=True)
    if options.undisturbed or options.point:
        return list(options.point)
    chosen = sample(calls, options) if options.some else list(points.every(calls))
    return [point for point in chosen if not options.only or options.only in str(point)]


def sample(calls: dict[str, int], options: argparse.Namespace) -> list[KillPoint]:
    fresh_seed = options.fresh_seed if options.fresh_seed is not None else random.randrange(1, 10**6)
    if options.fresh:
        print(
            f"the last {options.fresh} kill points again: --fresh {options.fresh} --fresh-seed {fresh_seed}",
            flush=True,
        )
    return points.partly_fresh(calls, options.some, options.fresh, (options.seed, fresh_seed))


def side_by_side(chosen: list[KillPoint], lanes: int) -> Iterator[list[KillPoint]]:
    """A round at a time; neighbours in the list are alike, so they are dealt out over the rounds."""
    rounds = -(-len(chosen) // lanes)
    for number in range(rounds):
        yield chosen[number::rounds]


def told(broken: list[str], what: str) -> list[str]:
    print(f"{'FAILED' if broken else 'ok'}: {what}", flush=True)
    for sentence in broken:
        print(f"    {sentence}", flush=True)
    return broken


if __name__ == "__main__":
    sys.exit(main())
