from __future__ import annotations

import csv
from io import StringIO

import pytest

from portal.web.csv_export import ROWS_PER_CHUNK, csv_lines, csv_response, safe_cell


@pytest.mark.parametrize("text", ["=1+1", "+SUM(A1)", "-2+3", "@cmd", "\t=1", "\r=1", "  =1+1", "\n=1"])
def test_text_that_a_spreadsheet_would_run_is_quoted(text: str) -> None:
    assert safe_cell(text) == "'" + text


@pytest.mark.parametrize(
    ("value", "cell"), [(-5, -5), (1.5, 1.5), ("pay-api-1", "pay-api-1"), (None, ""), (True, "yes")]
)
def test_other_values_stay_as_they_are(value: object, cell: object) -> None:
    assert safe_cell(value) == cell


def test_what_is_written_can_be_read_again() -> None:
    rows = [["a,b", 'say "x"'], ["line\nbreak", "ü"]]
    text = "".join(csv_lines(["name", "note"], rows))
    assert list(csv.reader(StringIO(text, newline=""))) == [["name", "note"], *rows]


def test_long_lists_come_in_pieces_and_lose_nothing() -> None:
    pieces = list(csv_lines(["n"], ([n] for n in range(ROWS_PER_CHUNK * 2 + 1))))
    assert len(pieces) == 3
    assert len("".join(pieces).splitlines()) == ROWS_PER_CHUNK * 2 + 2


def test_the_answer_is_a_streamed_download() -> None:
    answer = csv_response("servers.csv", ["name"], [["pay-api-1"]])
    assert answer.streaming
    assert answer["Content-Disposition"] == 'attachment; filename="servers.csv"'
