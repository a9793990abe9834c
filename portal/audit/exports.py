"""Exports as audit events: who took which rows out, before the first of them leaves, and how many it were."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from django.db import transaction
from django.http import HttpRequest

from portal.access.models import User
from portal.audit.operations import Entry, record
from portal.web.csv_export import CsvAnswer


@dataclass(frozen=True)
class Export:
    """One download of rows by one person."""

    by: User
    name: str
    path: str
    filter: str

    @classmethod
    def of(cls, request: HttpRequest, name: str, *, by: User) -> Export:
        return cls(by, name, request.path, request.META.get("QUERY_STRING", "")[:1_000])

    def begin(self) -> None:
        chosen = f", filter {self.filter}" if self.filter else ""
        self._record("begun", f"{self.by.display_name} exports {self.name}{chosen}")

    def pieces(self, answer: CsvAnswer, pieces: Iterator[bytes]) -> Iterator[bytes]:
        """The answer's pieces; when they end, or nobody takes them any more, the number of rows is told."""
        whole = False
        try:
            yield from pieces
            whole = True
        finally:
            count = answer.rows_sent
            rows = f"{count:,} row{'' if count == 1 else 's'}"
            how = f"has {rows}" if whole else f"was broken off after {rows}"
            self._record(
                "ended", f"The export {self.name} of {self.by.display_name} {how}", rows=count, whole=whole
            )

    @transaction.atomic
    def _record(self, what: str, summary: str, **more: Any) -> None:
        detail = {"path": self.path, "filter": self.filter, **more}
        record(Entry(f"export.{what}", "export", self.name[:64], summary, detail=detail), by=self.by)
