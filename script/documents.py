"""The documents against what AWS and its agent let through: the patterns by RE2, the room below the limit of 64 KB."""

from __future__ import annotations

import sys
from collections.abc import Iterator

from lab.ssm.patterns import Uncompilable, compiled
from patching.documents.assemble import (
    KINDS,
    LEAST_FREE_PERCENT,
    LIMIT_BYTES,
    PARAMETERS,
    document,
    free_bytes,
)


def main() -> int:
    wrong = list(refused_patterns())
    for kind in KINDS:
        made = document(*kind)
        free = free_bytes(made)
        percent = 100 * free / LIMIT_BYTES
        print(f"{made.name}: {len(made.content_yaml):,} bytes, {free:,} free ({percent:.1f} %)")
        if percent < LEAST_FREE_PERCENT:
            wrong.append(f"{made.name} has less than {LEAST_FREE_PERCENT} % of room left.")
    print("\n".join(wrong), end="\n" if wrong else "")
    return 1 if wrong else 0


def refused_patterns() -> Iterator[str]:
    for name, about in PARAMETERS.items():
        try:
            compiled(about["allowedPattern"])
        except Uncompilable as refusal:
            yield f"{name}: {refusal}"


if __name__ == "__main__":
    sys.exit(main())
