"""What a server's outcome in a run is called, how it looks, and what follows from it: one table, asked by everybody.

Pages, mails, exports and counts ask `standing_of`; the conditions of queries are made from the same rows. A new verdict
is a row of this table. A run is told in three numbers (docs/adr/0091): so many of its planned servers are patched, so
many need you, and so many were left out, which are not among the planned ones.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from enum import StrEnum

from django.db.models import Case, CharField, IntegerField, Q, Value, When

from patching.states import TargetState, Verdict
from portal.tones import Tone


class Group(StrEnum):
    """Servers that a reader wants to see together, in the order in which they want to see them.

    The values stand in addresses of pages.
    """

    NEEDS_YOU = "needs_you"  # a person has to look at it: check failed, failed, lost …
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

    def words(self, number: int = 2, *, check_only: bool = False) -> str:
        """What so many servers of it are or do, e.g. `needs you`, `need you`, `left out`.

        Those of a run that only checks are ready where others are patched.
        """
        if check_only and self is Group.SUCCESS:
            return "ready"
        return "needs you" if self is Group.NEEDS_YOU and number == 1 else self.label.lower()

    def counted(self, number: int, *, check_only: bool = False) -> str:
        """E.g. `1 needs you`, `2 need you`."""
        return f"{number:,} {self.words(number, check_only=check_only)}"


_LOOKS = {
    Group.NEEDS_YOU: ("Need you", Tone.ATTENTION),
    Group.ACTIVE: ("Running", Tone.ACTIVE),
    Group.WAITING: ("Waiting", Tone.UNKNOWN),
    Group.SUCCESS: ("Patched", Tone.SUCCESS),
    Group.LEFT_OUT: ("Left out", Tone.UNKNOWN),
}
# The shares of a bar, which begins with what went well.
BAR = (Group.SUCCESS, Group.ACTIVE, Group.NEEDS_YOU, Group.WAITING, Group.LEFT_OUT)


@dataclass(frozen=True)
class Standing:
    """`grave`: failed, lost, or nobody can tell what became of it; such servers come first and look so.

    `proven`: certainly up to date, so LastPatched is set. `updated`: the packages are in, so they count as tested.
    `failed`: counts among the errors that stop a run. `retryable`: may be tried again within the run.
    """

    word: str
    group: Group
    grave: bool = False
    proven: bool = False
    updated: bool = False
    failed: bool = False
    retryable: bool = False

    @property
    def tone(self) -> Tone:
        return Tone.DANGER if self.grave else self.group.tone

    @property
    def rank(self) -> int:
        """0 comes first."""
        return 0 if self.grave else 1 + list(Group).index(self.group)


# (state, verdict, behind); the verdict is empty where nothing was judged. behind: patched within its release, but the
# window wants the newest one.
Key = tuple[str, str, bool]
T, V, G = TargetState, Verdict, Group


def _named(
    state: TargetState, group: Group, *, grave: bool = False, retryable: bool = False
) -> tuple[Key, Standing]:
    """A state is called what its enum calls it."""
    return (state, "", False), Standing(str(state.label), group, grave=grave, retryable=retryable)


def _judged(verdict: Verdict, standing: Standing) -> dict[Key, Standing]:
    """Of a host that was judged; one that is behind needs you even where all is well within its release."""
    behind = standing
    if standing.group is G.SUCCESS:
        behind = replace(standing, word=f"{standing.word}, older release", group=G.NEEDS_YOU)
    return {(T.DONE, verdict, False): standing, (T.DONE, verdict, True): behind}


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
            _named(T.BLOCKED, G.NEEDS_YOU, retryable=True),
            _named(T.HALTED, G.NEEDS_YOU),
            _named(T.LOST, G.NEEDS_YOU, grave=True, retryable=True),
        ]
    ),
    (T.DONE, "", False): Standing("Ready to be patched", G.SUCCESS),  # a run that only checks judges nobody
    **_judged(V.PATCHED, Standing("Patched", G.SUCCESS, proven=True, updated=True)),
    **_judged(V.NOTHING_TO_DO, Standing("Nothing to do", G.SUCCESS, proven=True, updated=True)),
    **_judged(
        V.PATCHED_REBOOT_PENDING, Standing("Reboot pending", G.NEEDS_YOU, updated=True, retryable=True)
    ),
    **_judged(V.PARTLY, Standing("Partly patched", G.NEEDS_YOU, failed=True, retryable=True)),
    **_judged(V.FAILED, Standing("Failed", G.NEEDS_YOU, grave=True, failed=True, retryable=True)),
    **_judged(V.UNKNOWN, Standing("Outcome unknown", G.NEEDS_YOU, grave=True, failed=True, retryable=True)),
}


# What a later version has stored: never good, and no page ends over it.
NOT_KNOWN = Standing("Cannot be shown", Group.NEEDS_YOU, grave=True)


def standing_of(state: str, verdict: str, behind: bool = False) -> Standing:
    """The verdict decides where the host was judged, else the state itself."""
    judged = state == TargetState.DONE and verdict != ""
    return TABLE.get((state, verdict if judged else "", behind and judged), NOT_KNOWN)


def verdicts_that(holds: Callable[[Standing], bool]) -> list[str]:
    """E.g. those that count as failed; for columns that hold a verdict alone."""
    return [
        str(verdict)
        for (_, verdict, behind), standing in TABLE.items()
        if verdict and not behind and holds(standing)
    ]


def outcomes_that(holds: Callable[[Standing], bool], prefix: str = "", *, last: bool = False) -> Q:
    """The rows of a query for which it holds.

    `prefix` is the path to the row; `last`: its columns are those of an asset's last run.
    """
    state, verdict, behind = (
        f"{prefix}{'last_' if last else ''}{name}" for name in ("state", "verdict", "behind")
    )
    keys = [key for key, standing in TABLE.items() if holds(standing)]
    states = [state_ for state_, _, _ in keys if state_ != TargetState.DONE]
    right, old = ({verdict_ for state_, verdict_, behind_ in keys if state_ == TargetState.DONE and behind_ is which}
                  for which in (False, True))  # fmt: skip
    found = Q(**{f"{state}__in": states}) | Q(
        **{state: TargetState.DONE, f"{verdict}__in": sorted(right & old)}
    )
    for which, verdicts in ((False, right - old), (True, old - right)):
        if verdicts:
            found |= Q(**{state: TargetState.DONE, f"{verdict}__in": sorted(verdicts), behind: which})
    return found


def group_of_row() -> Case:
    """The group of each row of a query of targets."""
    groups = (When(_of(group), then=Value(group)) for group in Group)
    return Case(*groups, default=Value(NOT_KNOWN.group), output_field=CharField())


def rank_of_row() -> Case:
    """The worst first, as `Standing.rank`."""
    found = sorted({standing.rank for standing in TABLE.values()})
    ranks = (When(_of_rank(rank), then=Value(rank)) for rank in found)
    return Case(*ranks, default=Value(NOT_KNOWN.rank), output_field=IntegerField())


def _of(group: Group) -> Q:
    return outcomes_that(lambda standing: standing.group is group)


def _of_rank(rank: int) -> Q:
    return outcomes_that(lambda standing: standing.rank == rank)


def verdict_choices() -> list[tuple[str, str]]:
    """(verdict, word) for filters."""
    return [
        (str(verdict), standing.word)
        for (_, verdict, behind), standing in TABLE.items()
        if verdict and not behind
    ]


# Among them an index looks: in one order, so that no migration is wanted for another.
FAILED_VERDICTS = sorted(verdicts_that(lambda standing: standing.failed))
