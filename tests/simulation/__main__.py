"""Plays seeds: `script/simulate --seeds 10000`, or one again: `--seed 7 --verbose`, or shrunk: `--seed 7 --shrink`."""

from __future__ import annotations

import argparse
import multiprocessing
import os
import sys
import time
from collections.abc import Iterator
from concurrent.futures import ProcessPoolExecutor

from embedded import stop_on_signals
from tests.simulation.play import Tally, prepare_beside, work

CHUNK = 50


def main() -> int:
    wanted = arguments()
    first = wanted.seed or 0
    count = wanted.seeds or (1 if wanted.seed is not None else 300)
    began, total = time.monotonic(), Tally()
    chunks = [range(start, min(start + CHUNK, first + count)) for start in range(first, first + count, CHUNK)]
    stop_on_signals()
    try:
        for tally in played(chunks, wanted):
            total.merge(tally)
            if len(chunks) > 4:
                print(told(total), file=sys.stderr, flush=True)
    except KeyboardInterrupt:
        print("Stopped. So far, from the first seed on without a gap:")
        report(total, time.monotonic() - began)
        sys.stdout.flush()
        os._exit(130)  # the processes beside end with this one, in the middle of their seeds
    report(total, time.monotonic() - began)
    return 1 if total.stories else 0


def played(chunks: list[range], wanted: argparse.Namespace) -> Iterator[Tally]:
    """In the order of the chunks, as soon as each is done."""
    fresh = multiprocessing.get_context("spawn")  # each process has a PostgreSQL and a Django of its own
    jobs = min(wanted.jobs, len(chunks))
    pool = ProcessPoolExecutor(jobs, mp_context=fresh, initializer=prepare_beside)
    yield from pool.map(work, [(chunk, wanted.verbose, wanted.shrink) for chunk in chunks])
    pool.shutdown()


def told(total: Tally) -> str:
    return f"… {total.seeds} seeds, {len(total.stories)} with violations"


def arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="script/simulate", description=__doc__)
    parser.add_argument("--seeds", type=int, help="how many, beginning with --seed (300)")
    parser.add_argument("--seed", type=int, help="play this one alone, unless --seeds is given too")
    parser.add_argument("--jobs", type=int, default=os.cpu_count() or 1, help="processes side by side")
    parser.add_argument("--verbose", action="store_true", help="print the story also when nothing breaks")
    parser.add_argument("--shrink", action="store_true", help="leave out kinds of fault that do not matter")
    return parser.parse_args()


def report(total: Tally, seconds: float) -> None:
    print(
        f"{total.seeds} seeds, {total.steps} steps, {seconds:.0f} s; seeds with violations: {len(total.stories)}"
    )
    print("faults: " + ", ".join(f"{kind} {count}" for kind, count in sorted(total.injected.items())))


if __name__ == "__main__":
    sys.exit(main())
