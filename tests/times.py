"""Where a test run's time goes: by kind of test, and by file for the dearest; `script/test --times` keeps it."""

from __future__ import annotations

import os
import platform
import re
import time
from collections import Counter
from datetime import UTC, datetime
from pathlib import Path

import pytest

PAGE = Path(__file__).resolve().parents[1] / "docs" / "testing.md"
BEGIN, END = "<!-- times -->", "<!-- end times -->"
DEAREST = 30


class Times:
    """Adds up set-up, call and teardown of each test as its report arrives, whichever process ran it."""

    def __init__(self) -> None:
        self.began = time.monotonic()
        self.seconds: Counter[str] = Counter()
        self.tests: Counter[str] = Counter()

    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        file = report.nodeid.partition("::")[0]
        self.seconds[file] += report.duration
        self.tests[file] += report.when == "call"

    def pytest_terminal_summary(self, terminalreporter: pytest.TerminalReporter) -> None:
        text = table(self.seconds, self.tests, wall=time.monotonic() - self.began)
        terminalreporter.write_line(f"\n{text}")
        keep(text)


def table(seconds: Counter[str], tests: Counter[str], *, wall: float) -> str:
    """Two tables in Markdown. Two processes spend two seconds of tests in one of the clock (`wall`)."""
    kinds, count = Counter[str](), Counter[str]()
    for file in seconds:
        kinds[kind_of(file)] += seconds[file]
        count[kind_of(file)] += tests[file]
    total = sum(seconds.values()) or 1.0
    rows = [
        f"| {kind} | {count[kind]:,} | {s:.0f} | {100 * s / total:.0f} % |" for kind, s in kinds.most_common()
    ]
    dearest = [f"| {file} | {tests[file]} | {s:.0f} |" for file, s in seconds.most_common(DEAREST)]
    told = f"{sum(tests.values()):,} tests, {total:.0f} s of tests in {wall:.0f} s of the clock, {where()}."
    by_kind = "| kind | tests | seconds | share |\n|---|---:|---:|---:|"
    by_file = "The dearest files:\n\n| file | tests | seconds |\n|---|---:|---:|"
    return "\n".join([told, "", by_kind, *rows, "", by_file, *dearest])


def where() -> str:
    machine = f"{os.cpu_count()} cores, {platform.machine()}, Python {platform.python_version()}"
    return f"{machine}, {datetime.now(UTC):%Y-%m-%d}"


def kind_of(file: str) -> str:
    """`tests/contract/lab/test_agent.py` → `contract/lab`; a file right below a kind belongs to the kind."""
    parts = Path(file).parts[1:-1]
    return "/".join(parts[:2]) or "tests"


def keep(text: str) -> None:
    """Replaces what docs/testing.md said of the last run."""
    page = PAGE.read_text()
    block = f"{BEGIN}\n{text}\n{END}"
    PAGE.write_text(re.sub(f"{BEGIN}.*?{END}", lambda _: block, page, flags=re.S))
