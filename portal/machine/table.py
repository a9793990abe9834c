"""A table of states and what follows from it. Whoever builds one that is not closed is refused at import."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass
from typing import Generic, Literal, NamedTuple, TypeVar

from django.db.models import TextChoices

from portal.tones import Tone

S = TypeVar("S", bound=TextChoices)
Owner = Literal["clock", "engine", "host", "owner", "admin", "requester", "approver", "nobody"]


class TableError(ValueError):
    """The table is not closed. `str()` names the state and what is wrong with it."""


@dataclass(frozen=True)
class Facts(Generic[S]):
    """What the table says of one state.

    `moves`: where it may go. `back`: where it goes only when somebody asks for the way back by name, also from an end.
    `notifies`: whom entering it by a move notifies; never the person who moves it. `kind`: of the audit event of
    entering it, without the machine's prefix (empty: the state's own value). `recorded` False: it has no audit event,
    because the row itself is the record.
    """

    owner: Owner
    tone: Tone
    moves: tuple[S, ...] = ()
    back: tuple[S, ...] = ()
    notifies: tuple[str, ...] = ()
    kind: str = ""
    recorded: bool = True


class Move(NamedTuple):
    """One legal move, as the values of its two states."""

    source: str
    to: str
    back: bool


class Machine(Generic[S]):
    """An enum's legal moves and the sets that follow from them.

    `initial` is what a new row is; `born` names other states that a row may be made in. `audit` is the prefix of the
    kinds of its audit events; `back_kind` the kind of every way back, where that is not the state's own.
    """

    def __init__(
        self,
        states: Mapping[S, Facts[S]],
        initial: S,
        *,
        audit: str,
        born: Collection[S] = (),
        back_kind: str = "",
    ) -> None:
        self.states, self.initial, self.audit = dict(states), initial, audit
        self.enum, self.born, self._back_kind = type(initial), frozenset({initial, *born}), back_kind
        self.over = frozenset(state for state, facts in self.states.items() if not facts.moves)
        self.open = frozenset(self.states) - self.over
        self._sources = {(to, back): self._found(to, back=back) for to in self.enum for back in (False, True)}
        for trouble in _troubles(self):
            raise TableError(f"{self.enum.__name__}: {trouble}")

    def _found(self, to: S, *, back: bool) -> tuple[S, ...]:
        ways = ((state, facts.back if back else facts.moves) for state, facts in self.states.items())
        return tuple(state for state, goals in ways if to in goals)

    def sources(self, to: S, *, back: bool = False) -> tuple[S, ...]:
        """The states from which a move leads there."""
        return self._sources[to, back]

    def goes(self, state: str, to: S, *, back: bool = False) -> bool:
        return state in self._sources[to, back]

    def moves(self) -> Iterator[Move]:
        """Every move of the table, ways back last."""
        for back in (False, True):
            for state, facts in self.states.items():
                for to in facts.back if back else facts.moves:
                    yield Move(state.value, to.value, back)

    def label(self, state: str) -> str:
        return str(self.enum(state).label)

    def kind(self, to: S, *, back: bool = False) -> str:
        """The kind of the audit event of entering it; empty where none is written."""
        facts = self.states[to]
        own = (self._back_kind if back else "") or facts.kind or str(to.value)
        return f"{self.audit}.{own}" if facts.recorded else ""

    def notifies(self, to: S, *, back: bool = False) -> tuple[str, ...]:
        return () if back else self.states[to].notifies


def _troubles(machine: Machine[S]) -> Iterator[str]:
    """Why the table is not closed: unknown, unreachable, endless or ownerless states, and moves that are none."""
    states, every = machine.states, frozenset(machine.enum)
    yield from (f"{state.value} has no row" for state in machine.enum if state not in states)
    yield from (f"{state} is none of its states" for state in states if state not in every)
    for state, facts in states.items():
        goals = (*facts.moves, *facts.back)
        yield from (f"{state} leads to {to}, which is none of its states" for to in goals if to not in every)
        if state in goals or len(set(goals)) < len(goals):
            yield f"{state} leads to itself, or twice to the same state"
        if facts.moves and facts.owner == "nobody":
            yield f"{state} is not over, and it is nobody's turn"
    yield from _lost(machine)


def _lost(machine: Machine[S]) -> Iterator[str]:
    for state in frozenset(machine.enum) - _reached(machine, machine.born, back=True):
        yield f"nothing leads to {state}"
    for state in machine.enum:
        if not _reached(machine, {state}, back=False) & machine.over:
            yield f"{state} never comes to an end"


def _reached(machine: Machine[S], first: Collection[S], *, back: bool) -> frozenset[S]:
    found, new = set(first), list(first)
    while new:
        facts = machine.states[new.pop()]
        after = {*facts.moves, *(facts.back if back else ())} - found
        found |= after
        new += after
    return frozenset(found)
