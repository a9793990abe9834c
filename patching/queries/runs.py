"""Reads about runs: the plan before, the progress during, the sentence at any time."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from django.db.models import Count, QuerySet

from patching.models import Run, Target, Window
from patching.planner import Member, assign_waves
from patching.queries.candidates import enrolled, late, plan_for
from patching.standing import Group, standing_of
from patching.states import RUN_OVER
from portal.inventory.models import Asset


@dataclass(frozen=True)
class PlannedHost:
    asset: Asset
    wave: int
    stopped: bool


@dataclass(frozen=True)
class ExcludedHost:
    asset: Asset
    code: str
    sentence: str


@dataclass(frozen=True)
class Plan:
    """Who would be patched if the run began at `starts_at`, and who not, each with its sentence."""

    starts_at: datetime
    ends_at: datetime
    included: list[PlannedHost]
    excluded: list[ExcludedHost]

    def in_wave(self, number: int) -> int:
        """How many servers the wave has."""
        return sum(host.wave == number for host in self.included)


def plan_of(window: Window, starts_at: datetime, assets: Iterable[Asset] | None = None) -> Plan:
    ends_at = starts_at + timedelta(minutes=window.duration_minutes)
    chosen = {asset.pk: asset for asset in (enrolled(window) if assets is None else assets)}
    made = plan_for(chosen.values(), starts_at, ends_at, window.run_policy, late(window, starts_at))
    hosts = [chosen[c.asset_id] for c in made.included]
    members = [Member(host.pk, host.platform, host.os_name, host.tags) for host in hosts]
    wave_of = assign_waves(members, window.run_policy.wave_rules)
    included = [PlannedHost(chosen[c.asset_id], wave_of[c.asset_id], c.stopped) for c in made.included]
    excluded = [ExcludedHost(chosen[out.candidate.asset_id], out.code, out.sentence) for out in made.excluded]
    return Plan(starts_at, ends_at, included, excluded)


@dataclass
class Progress:
    """Counts of one run's targets: the groups add up to `total`, and so do the five tones.

    `planned` is what the numbers are told of: so many of the planned servers are patched, so many need you.
    """

    total: int = 0
    success: int = 0
    active: int = 0
    needs_you: int = 0
    attention: int = 0  # part of `needs_you`, as `danger` is
    danger: int = 0
    unknown: int = 0
    skipped: int = 0  # part of `unknown`
    waiting: int = 0  # part of `unknown`
    proven: int = 0  # certainly up to date
    retryable: int = 0
    states: dict[str, int] = field(default_factory=dict)
    verdicts: dict[str, int] = field(default_factory=dict)

    @property
    def over(self) -> int:
        return self.total - self.active - self.waiting

    @property
    def percent(self) -> int:
        return self.over * 100 // self.total if self.total else 100

    @property
    def planned(self) -> int:
        """All but those left out: what every number of the run is told of."""
        return self.total - self.skipped

    @property
    def needing(self) -> str:
        """`3 need you`"""
        return Group.NEEDS_YOU.counted(self.needs_you)

    @property
    def left_out(self) -> str:
        """`3 left out`"""
        return Group.LEFT_OUT.counted(self.skipped)


def progress(run: Run, targets: QuerySet[Target] | None = None) -> Progress:
    """One grouped query; pass `targets` narrowed by visible_to for anybody who does not see the whole run."""
    rows = (
        (run.targets if targets is None else targets)
        .order_by()
        .values("state", "verdict", "behind")
        .annotate(n=Count("pk"))
    )
    counts = Progress()
    for row in rows:
        count_into(counts, (row["state"], row["verdict"], row["behind"]), row["n"])
    return counts


def count_into(counts: Progress, outcome: tuple[str, str, bool], n: int) -> None:
    """Adds `n` targets of this outcome, a (state, verdict, behind), to the counts."""
    state, verdict, _ = outcome
    counts.total += n
    counts.states[state] = counts.states.get(state, 0) + n
    if verdict:
        counts.verdicts[verdict] = counts.verdicts.get(verdict, 0) + n
    standing = standing_of(*outcome)
    for name in {standing.tone.value, standing.group.value}:  # skipped and waiting are of the tone unknown
        setattr(counts, name, getattr(counts, name) + n)
    counts.proven += n * standing.proven
    counts.retryable += n * standing.retryable


def active() -> QuerySet[Run]:
    return Run.objects.exclude(state__in=RUN_OVER).order_by("starts_at")
