"""One fresh seed for each run, beside the fixed ones: what no run has played yet. `FRESH_SEED=…` plays it again."""

from __future__ import annotations

import os
import random

VARIABLE = "FRESH_SEED"


def draw() -> None:
    """In the first process; its workers and all that they start inherit it. One that is given stays."""
    os.environ.setdefault(VARIABLE, str(random.randrange(1, 10**6)))


def seed() -> int:
    return int(os.environ[VARIABLE])
