"""Every line of a template is short enough that a reviewer sees in a diff what changed."""

from __future__ import annotations

import sys
from collections.abc import Iterable, Iterator
from pathlib import Path

LONGEST = 120


def too_long(files: Iterable[Path]) -> Iterator[str]:
    """`file:line: how long` for each line that is."""
    for file in files:
        for number, line in enumerate(file.read_text().splitlines(), start=1):
            if len(line) > LONGEST:
                yield f"{file}:{number}: {len(line)} characters, at most {LONGEST}"


def main() -> int:
    found = list(too_long(Path(name) for name in sys.argv[1:]))
    print("\n".join(found))
    return 1 if found else 0


if __name__ == "__main__":
    sys.exit(main())
