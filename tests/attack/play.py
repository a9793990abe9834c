"""All parts of the attack, one after the other, and what they came to. Django must be set up."""

from __future__ import annotations

import logging
import time

import structlog

from tests.attack import forgeries, fuzz, matrix
from tests.attack.judge import Judge, Verdicts
from tests.attack.rules import gaps
from tests.attack.world import World

FORGED_RUNS = 100
SHOWN = 60


def attack(*, requests: int, seed: int) -> int:
    """Plays all parts and prints what they came to."""
    structlog.configure(wrapper_class=structlog.make_filtering_bound_logger(logging.ERROR))
    logging.disable(logging.CRITICAL)  # errors of ours are written by structlog
    began, forged = time.monotonic(), Verdicts()
    tried = forgeries.play(forged, range(seed, seed + FORGED_RUNS))
    print(f"{FORGED_RUNS} runs with a liar: {tried} forgeries, {len(forged.wrong)} believed", flush=True)
    judge = Judge(World())
    judge.verdicts.wrong += [*gaps(), *forged.wrong]
    matrix.play(judge)
    print(f"matrix: {judge.verdicts.requests} requests", flush=True)
    fuzz.Fuzzer(judge, seed).play(max(0, requests - judge.verdicts.requests))
    return told(judge.verdicts, seed, time.monotonic() - began)


def told(verdicts: Verdicts, seed: int, seconds: float) -> int:
    for sentence in sorted(set(verdicts.wrong))[:SHOWN]:
        print(sentence)
    print(
        f"{verdicts.requests} requests, seed {seed}, {seconds:.0f} s: {len(verdicts.wrong)} wrong "
        f"({', '.join(f'{kind} {count}' for kind, count in verdicts.kinds.items()) or 'nothing'})"
    )
    return 1 if verdicts.wrong else 0
