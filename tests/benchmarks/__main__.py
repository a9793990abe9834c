"""Runs benchmarks by name, or NAME:SIZE,SIZE for other sizes, and writes each one's section of docs/benchmarks.md."""

from __future__ import annotations

import os
import platform
import re
import subprocess
import sys
from datetime import UTC, datetime
from pathlib import Path

NAMES = (
    *("documents", "engine", "calls", "baseline", "start_to_last_send", "pages", "slow_clients", "silence"),
    "start",
)
SKIPPED = 77  # a benchmark that lacks what it needs says so on standard error and ends with this
PAGE = Path(__file__).resolve().parents[2] / "docs" / "benchmarks.md"
HEAD = """# Benchmarks

Figures of `script/benchmark [NAME]`: ratios of things measured side by side in one run. Absolute times belong to the
machine that is named with them.
"""


def main() -> int:
    wanted = sys.argv[1:] or list(NAMES)
    if unknown := [name for name in wanted if name.partition(":")[0] not in NAMES]:
        print(
            f"script/benchmark: {unknown[0]!r} is no benchmark; there are {', '.join(NAMES)}.",
            file=sys.stderr,
        )
        return 2
    failed = 0
    for asked in wanted:
        name, _, sizes = asked.partition(":")
        # A process of its own each: one lab and one Django a process, and honest memory figures.
        done = subprocess.run(
            [sys.executable, "-m", f"tests.benchmarks.{name}", *filter(None, sizes.split(","))],
            stdout=subprocess.PIPE,
            text=True,
            check=False,
        )
        print(done.stdout, flush=True)
        failed += done.returncode not in {0, SKIPPED}
        if done.returncode == 0:
            keep(name, done.stdout)
    return 1 if failed else 0


def keep(name: str, text: str) -> None:
    """Replaces the section of this benchmark."""
    page = PAGE.read_text() if PAGE.exists() else HEAD
    section = f"<!-- {name} -->\n{text.strip()}\n\n{where()}\n<!-- end {name} -->\n"
    pattern = re.compile(rf"<!-- {name} -->.*?<!-- end {name} -->\n", re.S)
    PAGE.write_text(pattern.sub(lambda _: section, page) if pattern.search(page) else f"{page}\n{section}")


def where() -> str:
    """The machine, in one line."""
    text = Path("/proc/cpuinfo").read_text()
    model = re.search(r"model name\s*:\s*(.+)", text)
    name = model[1] if model else platform.machine()
    today = datetime.now(UTC).date()
    versions = f"Python {platform.python_version()}, Linux {platform.release()}"
    return f"*Measured {today} on {os.cpu_count()} cores of {name}, {versions}.*"


if __name__ == "__main__":
    sys.exit(main())
