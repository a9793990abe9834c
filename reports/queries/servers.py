"""One row per server: where it stands, worst first, in a fixed number of queries."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from django.db.models import Count, Exists, F, OuterRef, Q, QuerySet

from exceptions.models import ExceptionRequest
from exceptions.queries import current_for
from patching.models import AssetStanding, Run, Window
from patching.queries.coming import Start, coming
from patching.severity import STATES, group_at
from patching.standing import Group, standing_of
from patching.states import RunState
from portal.access.models import User
from portal.access.queries import scope
from portal.inventory.models import Asset
from portal.inventory.states import BLOCKING, Coverage
from portal.isolation import CANNOT_BE_SHOWN, each
from portal.tones import Tone

# Why a server stands where it does; its file says the same (server_lines.py).
BY_EXCEPTION = "It is left out by an approved exception."
MEND_IT = "It cannot be patched until this is mended."
NO_WINDOW_PICKED = "Nobody has picked a maintenance window for it."
NO_RUN = "No run has patched it yet."
RESTORED = "Its root volume is as it was at {at} UTC: updates since then are gone."


def listed(user: User) -> QuerySet[Asset]:
    """Present servers that the user may see, with their window and how urgent they are."""
    # Of the kept row alone: with the asset's own columns beside it, PostgreSQL expects too few to walk the index.
    rows = Asset.objects.filter(scope(user, prefix="standing__"), standing__present=True)
    rows = rows.select_related("account", "patch_state", "standing")
    return rows.annotate(window_id=F("standing__window"), severity=F("standing__severity"))


def standings(user: User) -> QuerySet[AssetStanding]:
    """The same servers, as they are kept: for what is counted of all of them."""
    return AssetStanding.objects.filter(scope(user), present=True)


def windows_of(user: User) -> dict[int, Window]:
    """Those that a server which the user may see is enrolled in, by their keys."""
    rows = standings(user)
    if scope(user):  # of few servers the windows, of all servers each window's first
        found = Window.objects.filter(pk__in=rows.values("window"))
    else:
        found = Window.objects.filter(Exists(rows.filter(window=OuterRef("pk"))))
    return {window.pk: window for window in found}


def next_start(user: User, windows: dict[int, Window], now: datetime) -> Start | None:
    """The soonest one that patches a server which the user may see."""
    to_come = Run.objects.visible_to(user).filter(state=RunState.PLANNED, starts_at__gt=now)
    return next(iter(coming(to_come, windows.values(), now)), None)


@dataclass(frozen=True)
class Row:
    """One line of the list, ready to be shown."""

    asset: Asset
    label: str
    tone: str
    why: str
    kernel_from: str
    kernel_to: str
    updates: int | None
    withheld: int | None  # by the server's own settings
    window: Window | None
    next_start: datetime | None
    exception: ExceptionRequest | None
    last_patched: datetime | None

    @property
    def waits(self) -> bool:
        """Whether the exception covers the next start, so that this run passes the server by."""
        return bool(
            self.exception
            and self.next_start
            and self.exception.starts_at <= self.next_start < self.exception.ends_at
        )


def rows_of(assets: Iterable[Asset], windows: dict[int, Window], now: datetime) -> list[Row]:
    """Exceptions are read once for all of them, next starts worked out once per window."""
    assets = list(assets)
    starts = {pk: window.recurrence.next(now, 1)[0] for pk, window in windows.items() if window.active}
    excepted = current_for(assets, now)
    return each(
        assets,
        lambda asset: _row(asset, windows, starts, excepted.get(asset.pk), now),
        lambda asset: Row(
            asset, CANNOT_BE_SHOWN, Tone.DANGER, WHY_NOT_SHOWN, "", "", None, None, None, None, None, None
        ),
    )


WHY_NOT_SHOWN = "What is stored of it cannot be read; the log of the portal says more."


def _row(asset, windows, starts, exception, now) -> Row:  # type: ignore[no-untyped-def]
    patch = getattr(asset, "patch_state", None)
    label, tone, why = state_of(asset, exception, asset.window_id is not None, now)
    return Row(
        asset=asset,
        label=label,
        tone=tone,
        why=why,
        kernel_from=patch.kernel_previous if patch else "",
        kernel_to=patch.kernel_running if patch else "",
        updates=patch.available_count if patch else None,
        withheld=patch.withheld_count if patch else None,
        window=windows.get(asset.window_id),
        next_start=starts.get(asset.window_id),
        exception=exception,
        last_patched=patch.last_patched_at if patch else None,
    )


def state_of(
    asset: Asset, exception: ExceptionRequest | None, has_window: bool, now: datetime
) -> tuple[str, str, str]:
    """(word, tone, sentence). Without data the tone is unknown, never good."""
    patch = getattr(asset, "patch_state", None)
    if asset.gone_at:
        return "Gone", Tone.UNKNOWN, "The instance no longer exists."
    if exception is not None and exception.starts_at <= now:
        return (
            f"Excepted to {exception.to_date:%-d %b}",
            Tone.UNKNOWN,
            BY_EXCEPTION,
        )
    if patch and (found := _last(patch)):
        return found
    if asset.coverage in {reason.value for reason in BLOCKING}:
        return Coverage(asset.coverage).label, Tone.ATTENTION, MEND_IT
    if patch and patch.last_state:
        standing = standing_of(patch.last_state, patch.last_verdict, patch.last_behind)
        return standing.word, standing.tone, patch.last_reason
    if not has_window:
        return "In no window", Tone.ATTENTION, NO_WINDOW_PICKED
    return "Not patched yet", Tone.UNKNOWN, patch.last_reason if patch else NO_RUN


def _last(patch) -> tuple[str, str, str] | None:  # type: ignore[no-untyped-def]
    """A restore since the last run is told first, then a last run that went wrong."""
    if patch.restored_at and patch.restored_to:
        why = RESTORED.format(at=f"{patch.restored_to:%-d %b %Y %H:%M}")
        return f"Restored on {patch.restored_at:%-d %b}", Tone.ATTENTION, why
    standing = (
        standing_of(patch.last_state, patch.last_verdict, patch.last_behind) if patch.last_state else None
    )
    if standing and standing.group is Group.NEEDS_YOU:
        return standing.word, standing.tone, patch.last_reason
    return None


@dataclass(frozen=True)
class Summary:
    """Figures of all servers that the reader may see. `patched`: certainly up to date since a moment."""

    total: int
    patched: int
    no_window: int
    groups: dict[str, int]  # of STATES
    elsewhere: int  # need you, and not because of the last run

    @property
    def needs_you(self) -> int:
        return self.groups[Group.NEEDS_YOU]


def summary(user: User, since: datetime, last: Run | None = None) -> Summary:
    """In one query."""
    rows: Any = standings(user)  # its annotations are beyond the type checker
    counted = list(
        rows.values("severity").annotate(
            total=Count("pk"),
            patched=Count("pk", filter=Q(last_patched_at__gte=since)),
            no_window=Count("pk", filter=Q(window=None)),
            elsewhere=Count("pk", filter=~Q(last_run=last.pk if last else 0)),
        )
    )

    def add(name: str, group: str = "") -> int:
        return sum(row[name] for row in counted if not group or group_at(row["severity"]) == group)

    groups = {group: add("total", group) for group in STATES}
    return Summary(add("total"), add("patched"), add("no_window"), groups, add("elsewhere", Group.NEEDS_YOU))
