from __future__ import annotations

import csv
from io import StringIO
from itertools import count

import pytest

from portal.limits.budget import Unavailable
from portal.web.csv_export import AT_ONCE, ROWS_PER_CHUNK, csv_lines, csv_response, safe_cell


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


def test_a_file_that_is_too_long_says_so_in_its_last_line(settings: object) -> None:
    settings.EXPORT_ROWS = 3  # type: ignore[attr-defined]
    lines = "".join(csv_lines(["n"], ([n] for n in range(9)))).splitlines()
    assert lines[:4] == ["n", "0", "1", "2"]
    assert "INCOMPLETE: 3 rows are the most in one file." in lines[4]
    assert len(lines) == 5
    assert "".join(csv_lines(["n"], [[0], [1], [2]])).splitlines() == ["n", "0", "1", "2"]


def test_a_file_that_takes_too_long_says_so_in_its_last_line(settings: object) -> None:
    settings.EXPORT_SECONDS = 0.3  # type: ignore[attr-defined]
    lines = "".join(csv_lines(["n"], ([n] for n in count()))).splitlines()
    assert "INCOMPLETE: it took longer than 0.3 seconds." in lines[-1]


def test_two_files_are_written_at_once_and_a_third_waits() -> None:
    held = [csv_lines(["n"], ([n] for n in count())) for _ in range(AT_ONCE + 1)]
    csv_response("servers.csv", ["n"], [])  # whoever does not read yet takes no place
    for lines in held[:AT_ONCE]:
        next(lines)
    with pytest.raises(Unavailable, match="Try again in a minute"):
        csv_response("servers.csv", ["n"], [])
    held[0].close()  # type: ignore[attr-defined]
    csv_response("servers.csv", ["n"], [])
