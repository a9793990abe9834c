"""The benchmarks that `script/benchmark` names are there, and their arithmetic is right."""

from __future__ import annotations

import importlib.util
from pathlib import Path

import pytest

from tests.benchmarks import __main__ as benchmarks
from tests.benchmarks import buckets
from tests.benchmarks.addresses import filled
from tests.benchmarks.copying import chunks
from tests.benchmarks.planned import OUTCOMES, Size

SCRIPT = Path(__file__).resolve().parents[3] / "script" / "benchmark"


@pytest.mark.parametrize("name", benchmarks.NAMES)
def test_each_name_is_a_program_and_stands_in_the_help(name: str) -> None:
    assert importlib.util.find_spec(f"tests.benchmarks.{name}")
    assert f"\n#   {name} " in SCRIPT.read_text()


def test_an_unknown_name_is_told(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    monkeypatch.setattr("sys.argv", ["benchmark", "speed"])
    assert benchmarks.main() == 2
    assert "'speed' is no benchmark" in capsys.readouterr().err


def test_buckets_hold_back_what_comes_after_the_burst() -> None:
    sends = [{"service": "ssm", "operation": "SendCommand"}] * 9
    assert buckets.seconds(sends) == pytest.approx(2.0)  # three at once, then three a second
    tags = [{"service": "ec2", "operation": "CreateTags"}] * 120
    assert buckets.seconds(tags) == pytest.approx(2.0)  # a hundred at once, then ten a second
    assert buckets.seconds([{"service": "s3", "operation": "GetObject"}] * 999) == 0


def test_an_address_is_filled_in_once_for_each_row_that_stands_for_its_kind() -> None:
    known = {"run": [7, 9], "server": [41], "report": [3]}
    assert filled("/runs/<int:pk>/report/", known) == ["/runs/7/report/", "/runs/9/report/"]
    assert filled("/servers/<int:pk>/reports/<int:report>/", known) == ["/servers/41/reports/3/"]
    with pytest.raises(AssertionError, match="No row stands for slug"):
        filled("/windows/<slug:slug>/", known)


def test_rows_are_written_as_copy_reads_them() -> None:
    rows = [(1, None, {"a": [1]}), (2, "web", [])]
    assert list(chunks(rows, "\tusual\n")) == ['1\t\\N\t{"a": [1]}\tusual\n2\tweb\t[]\tusual\n']


def test_the_large_fleet_has_a_million_targets_and_every_outcome() -> None:
    assert Size().targets == 1_000_000
    assert [row[0] for row in OUTCOMES] == sorted(row[0] for row in OUTCOMES)
    assert OUTCOMES[-1][0] == 100
