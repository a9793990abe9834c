"""The one place that writes a state: lock, compare, write, record and notify, in one transaction."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import islice
from types import MappingProxyType
from typing import Any, Generic, TypeVar

from django.db import transaction
from django.db.models import Model, QuerySet

from portal.access.models import User
from portal.access.rules import Conflict
from portal.audit.operations import Entry, EntryForEach, record_all
from portal.machine import locked_rows
from portal.machine.table import Machine, S, TableError
from portal.notify.operations import notify

AT_ONCE = 1_000  # rows in memory: a whole fleet may move in one transaction
Row = TypeVar("Row", bound=Model)
Fields = Mapping[str, Any]
NOTHING: Fields = MappingProxyType({})


@dataclass(frozen=True)
class Step(Generic[S]):
    """Where a row goes, the sentence that goes with it, and the fields that are set along with the move.

    `back` takes the table's way back. `quiet`: recorded, but nobody is told, e.g. because the move before told it.
    """

    to: S
    said: str = ""
    fields: Fields = field(default_factory=dict)
    back: bool = False
    quiet: bool = False


# Rows as they become, but for `state`, which is still the one that they leave; the step; the kind of the event.
Events = Callable[[Sequence[Row], Step[S], str], Iterable[Entry | EntryForEach]]


def each(entry: Callable[[Row, Step[S], str], Entry]) -> Events[Row, S]:
    """One event for each row that moves."""
    return lambda rows, step, kind: [entry(row, step, kind) for row in rows]


@dataclass(frozen=True)
class Mover(Generic[Row, S]):
    """Moves rows of one model along its machine. `related` is what its events read beside the row, and `reads` all
    fields that events and notices read, where that is not the whole row.

    Whom the table names is notified; `notice` is the kind where it is not that of the audit event.

    A lost race has one answer: whoever may not go there stays as it is and is not among what is returned.
    """

    model: type[Row]
    machine: Machine[S]
    events: Events[Row, S]
    related: tuple[str, ...] = ()
    reads: tuple[str, ...] = ()
    notice: str = ""

    def move(
        self,
        keys: Iterable[Any],
        to: S,
        *,
        said: str = "",
        by: User | None = None,
        among: QuerySet[Row] | None = None,
        back: bool = False,
        fields: Fields = NOTHING,
    ) -> list[Any]:
        """Compare and swap: moves the rows (of `among`) that may go there, in the order of their keys.

        Returns the keys of those that moved.
        """
        step, moved = Step(to, said, fields, back), list[Any]()
        with transaction.atomic(savepoint=False):
            for some in _pieces(sorted(set(keys))):
                rows = self._lock(some, step, among)
                self._write(rows, step, by)
                moved += [row.pk for row in rows]
        return moved

    def move_locked(
        self, rows: Iterable[Row], to: S, *, said: str = "", by: User | None = None, back: bool = False,
        quiet: bool = False, fields: Fields = NOTHING,
    ) -> list[Row]:  # fmt: skip
        """Moves those of the rows that may go there; the caller has locked them. Returns them as they became.

        A field that is set to an expression keeps its old value in memory.
        """
        step = Step(to, said, fields, back, quiet)
        going = [row for row in rows if self.machine.goes(_state(row), to, back=back)]
        with transaction.atomic(savepoint=False):
            self._write(going, step, by)
        return going

    def move_each(
        self, steps: Mapping[Row, Step[S]], *, by: User | None = None, also: Sequence[str] = ()
    ) -> list[Row]:
        """Moves locked rows that were read whole, each with a step of its own, in two queries.

        Of what the caller has set on the rows the fields of `also` are written, whether a row may move or not.
        """
        going = {row: step for row, step in steps.items() if self._goes(row, step)}
        for row, step in going.items():
            _set(row, step)
        with transaction.atomic(savepoint=False):
            events = [entry for row, step in going.items() for entry in self._entries([row], step)]
            for row, step in going.items():
                row.state = step.to  # type: ignore[attr-defined]
            names = {name for step in going.values() for name in step.fields} | set(also)
            locked_rows.write(going, ["state", *sorted(names)])
            locked_rows.write([row for row in steps if row not in going], also)
            record_all(events, by=by)
            for row, step in going.items():
                self._notify([row], step, by)
        return list(going)

    def move_or_refuse(
        self, row: Row, to: S, refusal: Callable[[Row], str], *, said: str, by: User | None,
        back: bool = False, fields: Fields = NOTHING,
    ) -> None:  # fmt: skip
        """For people: moves the one row and reads it anew. Raises Conflict where somebody was faster.

        `refusal` is asked for the sentence with the row as it is now.
        """
        moved = self.move([row.pk], to, said=said, by=by, back=back, fields=fields)
        row.refresh_from_db()
        if not moved:
            raise Conflict(refusal(row))

    def begin(self, row: Row, state: S) -> None:
        """Another state than the initial one for a row that is not stored yet."""
        if row.pk is not None or state not in self.machine.born:
            raise TableError(f"No {self.model.__name__} begins as {state}.")
        row.state = state  # type: ignore[attr-defined]

    def made(self, rows: Sequence[Row], said: str = "", *, by: User | None = None) -> None:
        """Records rows that were made just now, in their first state and in this transaction."""
        record_all(self._entries(rows, Step(self.machine.initial, said)), by=by)

    def _goes(self, row: Row, step: Step[S]) -> bool:
        return self.machine.goes(_state(row), step.to, back=step.back)

    def _lock(self, keys: Sequence[Any], step: Step[S], among: QuerySet[Row] | None) -> list[Row]:
        rows = self.model._default_manager.all() if among is None else among
        going = rows.filter(pk__in=keys, state__in=self.machine.sources(step.to, back=step.back))
        if not (self.machine.kind(step.to, back=step.back) or self.machine.notifies(step.to, back=step.back)):
            going = going.only("pk", "state")  # nobody reads more of them
        else:
            going = going.select_related(*self.related).only(*self.reads) if self.related else going
        return list(going.select_for_update(of=("self",)).order_by("pk"))

    def _write(self, rows: Sequence[Row], step: Step[S], by: User | None) -> None:
        if not rows:
            return
        changed = self.model._default_manager.filter(pk__in=[row.pk for row in rows])
        changed.update(state=step.to, **step.fields)
        for row in rows:
            _set(row, step)
        record_all(self._entries(rows, step), by=by)
        for row in rows:
            row.state = step.to  # type: ignore[attr-defined]
        self._notify(rows, step, by)

    def _entries(self, rows: Sequence[Row], step: Step[S]) -> Iterable[Entry | EntryForEach]:
        kind = self.machine.kind(step.to, back=step.back)
        return self.events(rows, step, kind) if kind and rows else ()

    def _notify(self, rows: Sequence[Row], step: Step[S], by: User | None) -> None:
        words = self.machine.notifies(step.to, back=step.back)
        if step.quiet or not words:
            return
        for row in rows:
            notify(self.notice or self.machine.kind(step.to), row, said=step.said, by=by, to=words)


def _state(row: Model) -> str:
    return str(row.state)  # type: ignore[attr-defined]


def _set(row: Model, step: Step[Any]) -> None:
    """What was set along with the move, in memory as well; what the database computed is not known here."""
    for name, value in step.fields.items():
        if not hasattr(value, "resolve_expression"):
            setattr(row, name, value)


def _pieces(keys: Iterable[Any]) -> Iterable[list[Any]]:
    left = iter(keys)
    while some := list(islice(left, AT_ONCE)):
        yield some
