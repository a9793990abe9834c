"""The package versions that earlier waves of a run were proven with, for those that come after them."""

from __future__ import annotations

from collections.abc import Iterable

from django.db.models import Count, QuerySet

from patching.models import PackageChange, Run, Target
from patching.promotion import PackageSet, elected
from patching.standing import verdicts_that


def _proven(run: Run, before: int) -> QuerySet[Target]:
    updated = verdicts_that(lambda standing: standing.updated)
    return run.targets.filter(wave__lt=before, verdict__in=updated, platform="linux").order_by()


def systems(run: Run, before: int) -> set[str]:
    """Operating systems of which a server of an earlier wave is proven good."""
    return set(_proven(run, before).values_list("os_label", flat=True).distinct())


def package_set(run: Run, before: int, os_label: str) -> PackageSet:
    """`name=version,…` as most of the good servers of this system ended with. The database counts: waves are large."""
    proven = _proven(run, before).filter(os_label=os_label)
    changes = PackageChange.objects.filter(target__in=proven.values("pk")).exclude(new="").order_by()
    each = Count("target", distinct=True)
    votes = {
        (row["name"], row["new"]): row["servers"]
        for row in changes.values("name", "new").annotate(servers=each)
    }
    changed = {row["name"]: row["servers"] for row in changes.values("name").annotate(servers=each)}
    return elected(votes, changed, proven.count())


def untested(run: Run, rows: Iterable[Target]) -> list[Target]:
    """Linux servers of later waves whose operating system no earlier wave has proven."""
    later = [row for row in rows if row.wave > 1 and row.platform == "linux"]
    proven: dict[int, set[str]] = {wave: systems(run, wave) for wave in {row.wave for row in later}}
    return [row for row in later if row.os_label not in proven[row.wave]]
