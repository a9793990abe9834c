"""What `script/test --times` tells of a run."""

from __future__ import annotations

from collections import Counter
from pathlib import Path

import pytest

from tests import times

SECONDS = Counter(
    {"tests/unit/aws/test_a.py": 1.0, "tests/unit/aws/test_b.py": 2.0, "tests/hosts/test_c.py": 9.0}
)
TESTS = Counter({"tests/unit/aws/test_a.py": 10, "tests/unit/aws/test_b.py": 1, "tests/hosts/test_c.py": 2})


def test_kinds_are_added_up_the_dearest_first() -> None:
    lines = times.table(SECONDS, TESTS, wall=7).splitlines()
    assert lines[0].startswith("13 tests, 12 s of tests in 7 s of the clock")
    assert lines[4:6] == ["| hosts | 2 | 9 | 75 % |", "| unit/aws | 11 | 3 | 25 % |"]
    assert "| tests/unit/aws/test_b.py | 1 | 2 |" in lines


@pytest.mark.parametrize(
    ("file", "kind"),
    [("tests/hosts/test_a.py", "hosts"), ("tests/contract/lab/test_a.py", "contract/lab"),
     ("tests/unit/portal/web/test_a.py", "unit/portal")],
    ids=["flat", "two", "deep"],
)  # fmt: skip
def test_a_file_has_a_kind(file: str, kind: str) -> None:
    assert times.kind_of(file) == kind


def test_a_later_run_takes_the_place_of_an_earlier_one(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    page = tmp_path / "testing.md"
    page.write_text(f"before\n{times.BEGIN}\n{times.END}\nafter\n")
    monkeypatch.setattr(times, "PAGE", page)
    times.keep("first")
    times.keep("second \\1")
    assert page.read_text() == f"before\n{times.BEGIN}\nsecond \\1\n{times.END}\nafter\n"
