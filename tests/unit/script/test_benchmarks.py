"""The benchmarks that `script/benchmark` names are there, and their arithmetic is right."""

from __future__ import annotations

import importlib.util
from pathlib import Path

import pytest

from tests.benchmarks import __main__ as benchmarks
from tests.benchmarks import buckets

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
