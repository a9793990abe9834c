"""What a window must be, and who may enrol what; each refusal is the sentence that the person reads."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Any
from zoneinfo import ZoneInfo

from django.utils.text import slugify

from patching.documents import aws_windows
from patching.models import Run, Window
from patching.policy.fields import about
from patching.policy.run_policy import RunPolicy
from patching.queries.board import in_a_run, worked_on
from patching.states import RUN_OVER, RunState
from patching.window_facts import WindowFacts
from portal.access.models import User
from portal.access.queries import covers
from portal.access.rules import Conflict, Denied, Invalid
from portal.access.states import Role
from portal.calendar.recurrence import Recurrence
from portal.inventory.models import Asset
from portal.sentences import counted

SHORTEST_MIN, LONGEST_MIN = 15, 24 * 60


def check_name(name: str, slug: str, *, other_than: Window | None = None) -> tuple[str, str]:
    name = name.strip()
    if not 3 <= len(name) <= 100:
        raise Invalid(f"The name has {len(name)} characters; give it 3 to 100.", field="name")
    slug = slug or slugify(name)[:60]
    if not slug:
        raise Invalid(
            "No tag value can be made of this name. Write one, in small letters, digits and hyphens.",
            field="slug",
        )
    if slug != slugify(slug) or len(slug) > 60:
        raise Invalid(
            f"{slug[:60]!r} cannot be the tag value; use up to 60 small letters, digits and hyphens.",
            field="slug",
        )
    _check_unlike_others(name, slug, other_than)
    return name, slug


def _check_unlike_others(name: str, slug: str, other_than: Window | None) -> None:
    others = Window.objects.exclude(pk=other_than.pk if other_than else 0)
    for field, same in (("name", others.filter(name__iexact=name)), ("slug", others.filter(slug=slug))):
        if found := same.first():
            kind = "The window" if found.active else "The retired window"
            taken = "this name" if field == "name" else f"the tag value {slug}"
            raise Invalid(f"{kind} {found.name} has {taken} already. Choose another.", field=field)


def check_slug_kept(before: str, after: str) -> None:
    if before != after:
        raise Invalid(
            f"The tag value stays {before}: enrolled servers carry it. Offer another window instead.",
            field="slug",
        )


def check_schedule(schedule: Recurrence) -> None:
    frequency, weekday, nth = schedule.frequency, schedule.weekday, schedule.nth
    try:
        ZoneInfo(schedule.zone)
    except (KeyError, ValueError, OSError) as error:  # an unknown name is a KeyError
        raise Invalid(
            f"{schedule.zone[:60]!r} is not a time zone. Choose one like Europe/Berlin.", field="time_zone"
        ) from error
    if frequency not in {"weekly", "monthly"}:
        raise Invalid(f"{frequency[:20]!r} is not a frequency. Choose weekly or monthly.", field="frequency")
    if weekday not in range(7):
        raise Invalid("Choose a day of the week.", field="weekday")
    if frequency == "monthly" and nth not in {1, 2, 3, 4, -1}:
        raise Invalid(
            "Choose which such weekday of the month: the first to the fourth, or the last.", field="nth"
        )
    if frequency == "weekly" and nth is not None:
        raise Invalid("A weekly window has no position in the month. Leave that empty.", field="nth")


def check_lengths(duration_minutes: int, cutoff_minutes: int) -> None:
    if not SHORTEST_MIN <= duration_minutes <= LONGEST_MIN:
        raise Invalid(
            f"The window lasts {duration_minutes} minutes; choose {SHORTEST_MIN} minutes to 24 hours.",
            field="duration_minutes",
        )
    if not 0 <= cutoff_minutes < duration_minutes:
        raise Invalid(
            f"The cutoff, {cutoff_minutes} minutes before the end, is not inside the window "
            f"of {duration_minutes} minutes. Choose 0 to {duration_minutes - 1}.",
            field="cutoff_minutes",
        )


def check_facts(facts: WindowFacts) -> None:
    """All but the name and the tag value, which are compared with those of other windows."""
    check_schedule(facts.schedule)
    check_lengths(facts.duration_minutes, facts.cutoff_minutes)
    check_waves_fit(check_policy(facts.policy), facts.duration_minutes, facts.cutoff_minutes)


def check_policy(values: Mapping[str, Any]) -> RunPolicy:
    try:
        policy = RunPolicy.from_json(values)
    except (TypeError, ValueError) as error:
        raise Invalid(str(error), field="policy") from error
    for name, one in about(policy).items():
        if why := one.refusal(getattr(policy, name)):
            raise Invalid(why, field=name)
    check_windows_method(policy)
    return policy


def check_windows_method(policy: RunPolicy) -> None:
    asked = {"exclude": policy.exclude, "pre_script": policy.pre_script, "post_script": policy.post_script}
    if policy.windows_method == "aws" and (why := aws_windows.refusal(**asked)):
        raise Invalid(why, field="windows_method")


def check_waves_fit(policy: RunPolicy, duration_minutes: int, cutoff_minutes: int) -> None:
    """Waits that outlast the window would leave the last wave out every time."""
    waits = sum(rule.bake_s for rule in policy.wave_rules) // 60
    if waits and waits >= duration_minutes - cutoff_minutes:
        raise Invalid(
            f"The waits after the waves, {waits} minutes, leave no time before the cutoff, which comes after "
            f"{duration_minutes - cutoff_minutes} minutes. Shorten them, or make the window longer.",
            field="waves",
        )


def check_on_offer(window: Window) -> None:
    if not window.active:
        raise Denied(f"{window.name} is no longer on offer. Choose another window.")


def check_nobody_in_a_run(window: Window, now: datetime) -> None:
    """A server is patched by one run at a time."""
    busy = in_a_run(window, now)
    if not busy:
        return
    servers = counted(len(busy), "server of it is,servers of it are")
    raise Conflict(
        f"{servers} in the run {busy[0].run.name}, which is under way. Wait until it is over, or halt it."
    )


def check_in_no_run(asset: Asset, now: datetime) -> None:
    """A server is checked by one run at a time."""
    if busy := worked_on([asset.pk], now):
        raise Conflict(
            f"{asset.label} is in the run {busy[0].run.name}, which is under way. Wait until it is over."
        )


def check_haltable(run: Run) -> None:
    if run.state in RUN_OVER or run.state == RunState.HALTING:
        raise Conflict(f"This run is {RunState(run.state).label.lower()} already; there is nothing to halt.")


def check_cancellable(run: Run) -> None:
    if run.state in RUN_OVER:
        raise Conflict(
            f"This run is {RunState(run.state).label.lower()} already; there is nothing to cancel."
        )
    if run.state != RunState.PLANNED:
        raise Conflict("The run has begun; halt it instead.")


def check_extensible(run: Run, now: datetime) -> None:
    if run.state in RUN_OVER or run.state == RunState.HALTING:
        raise Conflict(f"This run is {RunState(run.state).label.lower()}; there is nothing to extend.")
    if now >= run.cutoff_at:
        raise Conflict("The cutoff has passed, and what waited was left out. Retry those servers instead.")


def check_reason(reason: str) -> str:
    reason = reason.strip()
    if not reason:
        raise Invalid("Write a reason: everybody sees it on every page.", field="reason")
    if len(reason) > 300 or "\x00" in reason:
        raise Invalid("The reason is too long; 300 characters are enough.", field="reason")
    return reason


def check_owns(asset: Asset, by: User) -> None:
    """Owners of the server and admins act on it; anybody else reads the same words as for one that is not there."""
    grants = list(by.grants_now(Role.OWNER, Role.ADMIN))
    if not covers(grants, asset):
        raise Denied("This server is not yours, or does not exist. Its owner or an admin can do that.")
