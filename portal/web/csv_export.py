"""CSV answers: streamed row by row within bounds of their own, and safe to open in a spreadsheet."""

from __future__ import annotations

import csv
import threading
import time
from collections.abc import Generator, Iterable, Iterator, Sequence
from contextlib import contextmanager
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
    "exceptions:register-csv", "audit:events-csv", "inventory:coverage-csv", "patching:recurring-csv",
    "reports:packages-csv", "reports:run-changes-csv", "reports:run-report-csv", "reports:servers-csv",
})  # fmt: skip
AT_ONCE = 2  # of a process: the other threads stay free for pages
TOO_MANY = (
    f"{AT_ONCE} exports are being written at this moment, as many as the portal writes beside its pages. "
    "Try again in a minute."
)
NARROW = "Narrow the list down with its filter and export it in parts."
# A spreadsheet runs a cell that begins with one of these as a formula.
FORMULA_STARTS = ("=", "+", "-", "@", "\t", "\r", "\n")
ROWS_PER_CHUNK = 500
Row = Sequence[Any] | str  # its cells; or its line as the file holds it (portal/web/csv_copy.py)


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


class _Writers:
    """How many exports this process writes. One that nobody reads is none."""

    def __init__(self) -> None:
        self._lock, self.count = threading.Lock(), 0

    def __enter__(self) -> None:
        with self._lock:
            self.count += 1

    def __exit__(self, *_: object) -> None:
        with self._lock:
            self.count -= 1


_writers = _Writers()


def csv_lines(header: Sequence[str], rows: Iterable[Row]) -> Iterator[str]:
    """CSV text in pieces of at most ROWS_PER_CHUNK rows. A file that had to end early says so in its last line."""
    buffer, budget = StringIO(), Budget(settings.EXPORT_SECONDS, shared=False)
    writer, began = csv.writer(buffer), time.thread_time()
    writer.writerow([safe_cell(cell) for cell in header])
    with _writers, spending(budget), _ended(rows):
        try:
            for number, row in enumerate(rows):
                if number == settings.EXPORT_ROWS:
                    writer.writerow([f"INCOMPLETE: {number:,} rows are the most in one file. {NARROW}"])
                    break
                if isinstance(row, str):
                    buffer.write(row)
                else:
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


@contextmanager
def _ended(rows: Iterable[Row]) -> Iterator[None]:
    """What the rows hold of the database is given back before the last piece leaves."""
    try:
        yield
    finally:
        if isinstance(rows, Generator):
            rows.close()


class CsvAnswer(StreamingHttpResponse):
    """A download named `filename`, which counts the rows that it sends."""

    def __init__(self, filename: str, header: Sequence[str], rows: Iterable[Row]) -> None:
        self.filename, self._taken = filename, 0
        super().__init__(csv_lines(header, self._counted(rows)), content_type="text/csv; charset=utf-8")
        self["Content-Disposition"] = f'attachment; filename="{filename}"'
        self["Cache-Control"] = "no-store"

    def _counted(self, rows: Iterable[Row]) -> Iterator[Row]:
        for row in rows:
            self._taken += 1
            yield row

    @property
    def rows_sent(self) -> int:
        """So far. The row that is one too many for a file is taken, but not written."""
        return min(self._taken, settings.EXPORT_ROWS)


def csv_response(filename: str, header: Sequence[str], rows: Iterable[Row]) -> CsvAnswer:
    """`rows` is read while it is sent: pass `queryset.iterator()`. The sending leaves audit events by itself.

    Raises Unavailable when too many are being written.
    """
    if _writers.count >= AT_ONCE:
        raise Unavailable(TOO_MANY)
    return CsvAnswer(filename, header, rows)


def _rest(*, worked_s: float) -> None:
    """An export leaves half of its processor to the pages beside it; a short one is done before it rests."""
    time.sleep(worked_s)


def _drain(buffer: StringIO) -> str:
    text = buffer.getvalue()
    buffer.seek(0)
    buffer.truncate()
    return text
