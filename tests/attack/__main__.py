"""Attacks the portal: `script/attack [--requests 25000] [--seed N]`. Ends with 1 when anything gave way."""

from __future__ import annotations

import argparse
import os
import random
import sys

from tests.benchmarks.database import database


def main() -> int:
    wanted = arguments()
    # Nothing listens there: a page that asks AWS gets a refusal at once.
    os.environ["AWS_ENDPOINT_URL"] = "http://127.0.0.1:9"
    with database():
        from tests.attack.play import attack  # models can be imported once Django is set up

        return attack(requests=wanted.requests, seed=wanted.seed)


def arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="script/attack", description=__doc__)
    parser.add_argument("--requests", type=int, default=25_000, help="how many in all, the matrix among them")
    parser.add_argument(
        "--seed", type=int, default=random.randrange(10**6), help="to play the same again (drawn and printed)"
    )
    return parser.parse_args()


if __name__ == "__main__":
    sys.exit(main())
