"""What a server's outcome in a run is called, how it looks, and what follows from it: one table, asked by everybody.

Pages, exports and counts ask `standing_of`; the conditions of queries are made from the same rows. A new verdict is a
row of this table.
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


# (state, verdict, behind); the verdict is empty where nothing was judged. behind: patched within its release, but the
# window wants the newest one.
Key = tuple[str, str, bool]
T, V, G = TargetState, Verdict, Group


def _named(state: TargetState, group: Group, *, retryable: bool = False) -> tuple[Key, Standing]:
    """A state is called what its enum calls it."""
    return (state, "", False), Standing(str(state.label), group, retryable=retryable)


def _judged(verdict: Verdict, standing: Standing) -> dict[Key, Standing]:
    """Of a host that was judged; one that is behind needs attention even where all is well within its release."""
    behind = standing
    if standing.group is G.SUCCESS:
        behind = replace(standing, word=f"{standing.word}, older release", group=G.ATTENTION)
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
            _named(T.BLOCKED, G.ATTENTION, retryable=True),
            _named(T.HALTED, G.ATTENTION),
            _named(T.LOST, G.DANGER, retryable=True),
        ]
    ),
    (T.DONE, "", False): Standing("Checked", G.SUCCESS),  # a run that only checks judges nobody
    **_judged(V.PATCHED, Standing("Patched", G.SUCCESS, proven=True, updated=True)),
    **_judged(V.NOTHING_TO_DO, Standing("Nothing to do", G.SUCCESS, proven=True, updated=True)),
    **_judged(
        V.PATCHED_REBOOT_PENDING, Standing("Reboot pending", G.ATTENTION, updated=True, retryable=True)
    ),
    **_judged(V.PARTLY, Standing("Partly patched", G.ATTENTION, failed=True, retryable=True)),
    **_judged(V.FAILED, Standing("Failed", G.DANGER, failed=True, retryable=True)),
    **_judged(V.UNKNOWN, Standing("Outcome unknown", G.DANGER, failed=True, retryable=True)),
}


# What a later version has stored: never good, and no page ends over it.
NOT_KNOWN = Standing("Cannot be shown", Group.DANGER)


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
    """The place of its group, 0 first."""
    ranks = (When(_of(group), then=Value(group.rank)) for group in Group)
    return Case(*ranks, default=Value(NOT_KNOWN.rank), output_field=IntegerField())


def _of(group: Group) -> Q:
    return outcomes_that(lambda standing: standing.group is group)


def verdict_choices() -> list[tuple[str, str]]:
    """(verdict, word) for filters."""
    return [
        (str(verdict), standing.word)
        for (_, verdict, behind), standing in TABLE.items()
        if verdict and not behind
    ]


# Among them an index looks: in one order, so that no migration is wanted for another.
FAILED_VERDICTS = sorted(verdicts_that(lambda standing: standing.failed))
