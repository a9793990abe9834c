"""docs/faults.md names eighteen faults, tests that are there, and codes of the schema."""

from __future__ import annotations

import json
import re

from patching.documents.assemble import HERE
from patching.documents.output import SCHEMA_PATH

ROOT = HERE.parents[1]
ROWS = [line for line in (ROOT / "docs/faults.md").read_text().splitlines() if re.match(r"\| \d+ \|", line)]
CODES = set(json.loads(SCHEMA_PATH.read_text())["$defs"]["error_code"]["enum"])
TESTS = "\n".join(path.read_text() for path in (ROOT / "tests/hosts").glob("test_*.py"))


def test_eighteen_faults_each_with_its_tests() -> None:
    assert [int(row.split("|")[1]) for row in ROWS] == list(range(1, 19))
    for row in ROWS:
        named = re.findall(r"`(test_\w+)`", row)
        assert named, row
        assert [name for name in named if f"def {name}(" not in TESTS] == []


def test_the_codes_are_those_of_the_schema() -> None:
    told = {code for row in ROWS for code in re.findall(r"`((?!test_)\w+)`", row)}
    assert told <= CODES
    assert len(told) > 7
