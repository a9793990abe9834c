"""CSV answers: streamed row by row within bounds of their own, and safe to open in a spreadsheet."""

from __future__ import annotations

import csv
import threading
import time
import weakref
from collections.abc import Generator, Iterable, Iterator, Sequence
from datetime import datetime
from io import StringIO
from typing import Any

from django.conf import settings
from django.db import OperationalError
from django.http import StreamingHttpResponse

from portal.limits.budget import Budget, OutOfTime, Unavailable, ran_out, spending

# The answers that are no page: they may take settings.EXPORT_SECONDS and hold settings.EXPORT_ROWS. There is no other
# stream; a test compares this list with the addresses.
STREAMS = frozenset({
    "exceptions:register-csv", "inventory:audit-csv", "inventory:coverage-csv", "patching:recurring-csv",
    "reports:packages-csv", "reports:run-report-csv", "reports:servers-csv",
})  # fmt: skip
AT_ONCE = 2  # of a process: the other threads stay free for pages
TOO_MANY = (
    f"{AT_ONCE} exports are being written at this moment, as many as the portal writes beside its pages. "
    "Try again in a minute."
)
NARROW = "Narrow the list down with its filter and export it in parts."
_places = threading.BoundedSemaphore(AT_ONCE)
# A spreadsheet runs a cell that begins with one of these as a formula.
FORMULA_STARTS = ("=", "+", "-", "@", "\t", "\r", "\n")
ROWS_PER_CHUNK = 500


def safe_cell(value: Any) -> Any:
    """The value as a spreadsheet may show it: text that looks like a formula gets a leading apostrophe."""
    if value is None:
        return ""
    if isinstance(value, datetime):
        return value.isoformat(timespec="seconds")
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, int | float):
        return value
    text = str(value)
    return f"'{text}" if text.lstrip(" ").startswith(FORMULA_STARTS) else text


class CsvLines:
    """CSV text in pieces of at most ROWS_PER_CHUNK rows. A file that had to end early says so in its last line.

    Raises Unavailable when AT_ONCE others are being written. Close it to make room for the next.
    """

    def __init__(self, header: Sequence[str], rows: Iterable[Sequence[Any]]) -> None:
        if not _places.acquire(blocking=False):
            raise Unavailable(TOO_MANY)
        self._give_back = weakref.finalize(self, _places.release)
        self._lines = _lines(header, rows)

    def __iter__(self) -> Iterator[str]:
        return self._lines

    def close(self) -> None:
        self._lines.close()
        self._give_back()


def _lines(header: Sequence[str], rows: Iterable[Sequence[Any]]) -> Generator[str]:
    """Reads the rows within the time and the number that an export has."""
    buffer, budget = StringIO(), Budget(settings.EXPORT_SECONDS, shared=False)
    writer, began = csv.writer(buffer), time.thread_time()
    writer.writerow([safe_cell(cell) for cell in header])
    with spending(budget):
        try:
            for number, row in enumerate(rows):
                if number == settings.EXPORT_ROWS:
                    writer.writerow([f"INCOMPLETE: {number:,} rows are the most of one file. {NARROW}"])
                    break
                writer.writerow([safe_cell(cell) for cell in row])
                if number % ROWS_PER_CHUNK == ROWS_PER_CHUNK - 1:
                    _rest(worked_s=time.thread_time() - began)
                    yield _drain(buffer)
                    budget.check()
                    began = time.thread_time()
        except (OutOfTime, OperationalError) as error:
            if not ran_out(error):
                raise
            writer.writerow([f"INCOMPLETE: it took longer than {budget.seconds:g} seconds. {NARROW}"])
    yield _drain(buffer)


class CsvAnswer(StreamingHttpResponse):
    """A download named `filename`, which counts the rows that it sends."""

    def __init__(self, filename: str, header: Sequence[str], rows: Iterable[Sequence[Any]]) -> None:
        self.filename, self.rows_sent = filename, 0
        super().__init__(CsvLines(header, self._counted(rows)), content_type="text/csv; charset=utf-8")
        self["Content-Disposition"] = f'attachment; filename="{filename}"'
        self["Cache-Control"] = "no-store"

    def _counted(self, rows: Iterable[Sequence[Any]]) -> Iterator[Sequence[Any]]:
        for row in rows:
            yield row
            self.rows_sent += 1  # asked for the next: this one is written


def csv_response(filename: str, header: Sequence[str], rows: Iterable[Sequence[Any]]) -> CsvAnswer:
    """`rows` is read while it is sent: pass `queryset.iterator()`. The sending leaves audit events by itself.

    Raises Unavailable when too many are being written.
    """
    return CsvAnswer(filename, header, rows)


def _rest(*, worked_s: float) -> None:
    """An export leaves half of its processor to the pages beside it; a short one is done before it rests."""
    time.sleep(worked_s)


def _drain(buffer: StringIO) -> str:
    text = buffer.getvalue()
    buffer.seek(0)
    buffer.truncate()
    return text
