"""Where chosen servers are now: what joining or leaving a window takes them away from."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from django.contrib.postgres.aggregates import ArrayAgg
from django.db.models import Count, F, OuterRef, QuerySet, Subquery

from patching.models import Enrolment, Window
from portal.inventory.models import Asset

FEW = 6


@dataclass(frozen=True)
class Move:
    """Servers of one window, or of none: how many they are and what the first ones are called."""

    window: Window | None
    count: int
    names: Sequence[str]


def moves_of(assets: QuerySet[Asset]) -> list[Move]:
    """The largest group first."""
    active = Enrolment.objects.filter(asset=OuterRef("pk"), ended_at=None).values("window")
    labelled = assets.labelled().order_by()  # type: ignore[attr-defined]
    groups = labelled.annotate(now_in=Subquery(active)).values("now_in")
    names = ArrayAgg("shown_as", order_by=("name", "pk"))
    rows = list(groups.annotate(count=Count("pk"), names=names).annotate(first=F(f"names__0_{FEW}")))
    windows = Window.objects.in_bulk([row["now_in"] for row in rows if row["now_in"]])
    moves = [Move(windows.get(row["now_in"]), row["count"], row["first"]) for row in rows]
    return sorted(moves, key=lambda move: -move.count)
