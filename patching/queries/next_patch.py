"""When a server is patched next, once nothing is wrong with it any more."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from django.conf import settings
from django.db.models import Exists, OuterRef, QuerySet, Subquery

from exceptions.models import Covered
from exceptions.queries import Exclusion
from exceptions.states import IN_FORCE
from exceptions.tag_value import parse
from patching.models import Enrolment, Target, Window

EXCEPTED = "An exception covers it."


@dataclass(frozen=True)
class NextPatch:
    """The next start of its window. `left_out`: the sentence of why that one passes the server by.

    `at` is None where the page shows the starts of another window.
    """

    at: datetime | None
    zone: str = ""
    left_out: str = ""


def next_patch(window: Window, at: datetime, excluded: Exclusion | None) -> NextPatch:
    """Of one server, whose next start was asked for already."""
    return NextPatch(at, window.time_zone, excluded.sentence if excluded else "")


class NextStart:
    """The next start of a run's window, and whom of the run it patches; it costs the run's page no query."""

    def __init__(self, window: Window | None, now: datetime) -> None:
        self.window = window if window and window.active else None
        if self.window:
            [self.at] = self.window.recurrence.next(now, 1)
            self.ends_at = self.at + timedelta(minutes=self.window.duration_minutes)

    def asked_of(self, targets: QuerySet[Any]) -> QuerySet[Any]:
        """Adds to each target the window that its server is in, and whether an exception covers this start."""
        enrolled = Enrolment.objects.filter(asset=OuterRef("asset"), ended_at=None).values("window")[:1]
        rows = targets.annotate(enrolled_in=Subquery(enrolled))
        if self.window is None:
            return rows
        covered = Covered.objects.filter(
            asset=OuterRef("asset"), request__state__in=IN_FORCE, request__starts_at__lt=self.ends_at,
            request__ends_at__gt=self.at,
        )  # fmt: skip
        return rows.annotate(excepted=Exists(covered))

    def of(self, target: Target) -> NextPatch | None:
        """None for a server that is in no window."""
        enrolled_in = target.enrolled_in  # type: ignore[attr-defined]  # an annotation
        if enrolled_in is None:
            return None
        if self.window is None or enrolled_in != self.window.pk:
            return NextPatch(None)
        return NextPatch(self.at, self.window.time_zone, EXCEPTED if self._passes_by(target) else "")

    def _passes_by(self, target: Target) -> bool:
        tag = target.asset.tags.get(settings.TAG_KEYS["exception"])  # also one that others set
        return target.excepted or (tag is not None and parse(tag).overlaps(self.at, self.ends_at))  # type: ignore[attr-defined]
