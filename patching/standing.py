"""What a server's outcome in a run is called, how it looks, and what follows from it: one table, asked by everybody.

Pages, exports and counts ask `standing_of`; the conditions of queries are made from the same rows. A new verdict is a
row of this table.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from enum import StrEnum

from django.db.models import Case, CharField, IntegerField, Q, Value, When

from patching.states import TargetState, Verdict
from portal.tones import Tone


class Group(StrEnum):
    """Servers that a reader wants to see together, in the order in which they want to see them.

    The values stand in addresses of pages.
    """

    DANGER = "danger"  # failed, lost, or nobody can tell what became of it
    ATTENTION = "attention"  # somebody has to do something
    ACTIVE = "active"
    WAITING = "waiting"
    SUCCESS = "success"
    LEFT_OUT = "skipped"

    @property
    def label(self) -> str:
        return _LOOKS[self][0]

    @property
    def tone(self) -> Tone:
        return _LOOKS[self][1]

    @property
    def rank(self) -> int:
        """0 comes first."""
        return list(Group).index(self)

    def counted(self, number: int) -> str:
        """E.g. `1 needs attention`, `2 need attention`."""
        words = self.label.lower()
        return f"{number:,} {words if number == 1 else words.replace('needs', 'need')}"


_LOOKS = {
    Group.DANGER: ("Failed or unknown", Tone.DANGER),
    Group.ATTENTION: ("Needs attention", Tone.ATTENTION),
    Group.ACTIVE: ("Running", Tone.ACTIVE),
    Group.WAITING: ("Waiting", Tone.UNKNOWN),
    Group.SUCCESS: ("Patched", Tone.SUCCESS),
    Group.LEFT_OUT: ("Left out", Tone.UNKNOWN),
}
TROUBLE = (Group.DANGER, Group.ATTENTION)


def in_trouble(counts: object) -> list[tuple[Group, str]]:
    """What somebody has to look at, worst first, in words; `counts` has an attribute for each group."""
    numbers = [(group, int(getattr(counts, group.value))) for group in TROUBLE]
    return [(group, group.counted(number)) for group, number in numbers if number]


# The shares of a bar, which begins with what went well.
BAR = (Group.SUCCESS, Group.ACTIVE, Group.ATTENTION, Group.DANGER, Group.WAITING, Group.LEFT_OUT)


@dataclass(frozen=True)
class Standing:
    """`proven`: certainly up to date, so LastPatched is set. `updated`: the packages are in, so they count as tested.

    `failed`: counts among the errors that stop a run. `retryable`: may be tried again within the run.
    """

    word: str
    group: Group
    proven: bool = False
    updated: bool = False
    failed: bool = False
    retryable: bool = False

    @property
    def tone(self) -> Tone:
        return self.group.tone

    @property
    def rank(self) -> int:
        return self.group.rank


Key = tuple[str, str]  # (state, verdict); the verdict is empty where nothing was judged
T, V, G = TargetState, Verdict, Group


def _named(state: TargetState, group: Group, *, retryable: bool = False) -> tuple[Key, Standing]:
    """A state is called what its enum calls it."""
    return (state, ""), Standing(str(state.label), group, retryable=retryable)


CHECKED = "checked"  # the reason code of a server that its run only checked

TABLE: dict[Key, Standing] = {
    **dict(
        [
            _named(T.PLANNED, G.WAITING),
            _named(T.WAKING, G.ACTIVE),
            _named(T.WAITING, G.WAITING),
            _named(T.CHECKING, G.ACTIVE),
            _named(T.READY, G.WAITING),
            _named(T.IN_DISPATCH, G.ACTIVE),
            _named(T.VERIFYING, G.ACTIVE),
            _named(T.SKIPPED, G.LEFT_OUT),
            _named(T.BLOCKED, G.ATTENTION, retryable=True),
            _named(T.HALTED, G.ATTENTION),
            _named(T.LOST, G.DANGER, retryable=True),
        ]
    ),
    (T.DONE, ""): Standing("Checked", G.SUCCESS),  # a run that only checks judges nobody
    (T.DONE, V.PATCHED): Standing("Patched", G.SUCCESS, proven=True, updated=True),
    (T.DONE, V.NOTHING_TO_DO): Standing("Nothing to do", G.SUCCESS, proven=True, updated=True),
    (T.DONE, V.PATCHED_REBOOT_PENDING): Standing("Reboot pending", G.ATTENTION, updated=True, retryable=True),
    (T.DONE, V.PARTLY): Standing("Partly patched", G.ATTENTION, failed=True, retryable=True),
    (T.DONE, V.FAILED): Standing("Failed", G.DANGER, failed=True, retryable=True),
    (T.DONE, V.UNKNOWN): Standing("Outcome unknown", G.DANGER, failed=True, retryable=True),
}


# What a later version has stored: never good, and no page ends over it.
NOT_KNOWN = Standing("Cannot be shown", Group.DANGER)


def standing_of(state: str, verdict: str) -> Standing:
    """The verdict decides where the host was judged, else the state itself."""
    return TABLE.get((state, verdict if state == TargetState.DONE else ""), NOT_KNOWN)


def verdicts_that(holds: Callable[[Standing], bool]) -> list[str]:
    """E.g. those that count as failed; for columns that hold a verdict alone."""
    return [str(verdict) for (_, verdict), standing in TABLE.items() if verdict and holds(standing)]


def outcomes_that(holds: Callable[[Standing], bool], prefix: str = "", *, last: bool = False) -> Q:
    """The rows of a query for which it holds.

    `prefix` is the path to the row; `last`: its columns are those of an asset's last run.
    """
    state, verdict = (f"{prefix}{'last_' if last else ''}{name}" for name in ("state", "verdict"))
    keys = [key for key, standing in TABLE.items() if holds(standing)]
    judged = [verdict_ for state_, verdict_ in keys if state_ == TargetState.DONE]
    states = [state_ for state_, _ in keys if state_ != TargetState.DONE]
    return Q(**{f"{state}__in": states}) | Q(**{state: TargetState.DONE, f"{verdict}__in": judged})


def group_of_row() -> Case:
    """The group of each row of a query of targets."""
    groups = (When(_of(group), then=Value(group)) for group in Group)
    return Case(*groups, default=Value(NOT_KNOWN.group), output_field=CharField())


def rank_of_row() -> Case:
    """The place of its group, 0 first."""
    ranks = (When(_of(group), then=Value(group.rank)) for group in Group)
    return Case(*ranks, default=Value(NOT_KNOWN.rank), output_field=IntegerField())


def _of(group: Group) -> Q:
    return outcomes_that(lambda standing: standing.group is group)


def verdict_choices() -> list[tuple[str, str]]:
    """(verdict, word) for filters."""
    return [(str(verdict), standing.word) for (_, verdict), standing in TABLE.items() if verdict]


# Among them an index looks: in one order, so that no migration is wanted for another.
FAILED_VERDICTS = sorted(verdicts_that(lambda standing: standing.failed))
