"""What a request must be, and who may decide it; each refusal is the sentence that the person reads."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date, datetime
from functools import cache
from zoneinfo import ZoneInfo, available_timezones

from exceptions.models import ExceptionRequest
from exceptions.queries import approvers_of
from exceptions.states import EXCEPTION, ExceptionState
from portal.access.models import User
from portal.access.queries import covers, people_with
from portal.access.rules import Conflict, Denied, Invalid, check_role
from portal.access.states import Role
from portal.calendar.recurrence import whole_days
from portal.web.moments import distance_words

LONGEST_DAYS = 366
CATEGORIES = {
    "audit": "Audit",
    "bid": "Bid or tender",
    "release": "Release or migration",
    "vendor": "Vendor support",
    "other": "Other",
}
MAX_REASON = 2000


def check_days(first: date, last: date, zone: str, now: datetime) -> tuple[datetime, datetime]:
    """The half-open UTC interval of the days. Raises Invalid naming the field and the way out."""
    _check_zone(zone)
    if last < first:
        raise Invalid(
            f"The last day, {full_day(last)}, is before the first, {full_day(first)}. Swap them.",
            field="to_date",
        )
    if (last - first).days + 1 > LONGEST_DAYS:
        raise Invalid(
            f"An exception lasts {LONGEST_DAYS} days at most. End it earlier and extend it later.",
            field="to_date",
        )
    try:
        starts_at, ends_at = whole_days(first, last, zone)
    except OverflowError as error:
        raise Invalid(f"{last} is outside the calendar. Choose a nearer day.", field="to_date") from error
    today = now.astimezone(ZoneInfo(zone)).date()
    if first < today:
        raise Invalid(
            f"The first day, {full_day(first)}, is over already. Choose today or a later day.",
            field="from_date",
        )
    return starts_at, ends_at


def _check_zone(zone: str) -> None:
    if zone not in _zones():
        raise Invalid(f"{zone[:60]!r} is not a time zone. Choose one like Europe/Berlin.", field="time_zone")


@cache
def _zones() -> frozenset[str]:
    return frozenset(available_timezones())


def check_granted(request: ExceptionRequest, until: date, now: datetime) -> datetime:
    """The end, in UTC, of a request that is granted until this day. Raises Invalid naming the days to choose from."""
    if until > request.to_date:
        raise Invalid(
            f"{full_day(until)} is later than {full_day(request.to_date)}, the last day that was asked for. "
            "Choose that day or an earlier one.",
            field="until",
        )
    if until < request.from_date:
        raise Invalid(
            f"{full_day(until)} is before {full_day(request.from_date)}, the first day. "
            "Choose a later day, or reject the request.",
            field="until",
        )
    _, ends_at = whole_days(request.from_date, until, request.time_zone)
    if ends_at <= now:
        raise Invalid(f"{full_day(until)} is over. Choose today or a later day.", field="until")
    return ends_at


def full_day(day: date) -> str:
    """`5 December 2026`"""
    return f"{day:%-d %B %Y}"


def check_words(category: str, reason: str) -> str:
    if category not in CATEGORIES:
        raise Invalid(
            f"{category[:40]!r} is not a kind of reason. Choose one from the list.", field="category"
        )
    reason = reason.strip()
    if len(reason) < 10:
        raise Invalid("Write why, in a sentence: the approver decides by it.", field="reason")
    return check_length(reason)


def check_length(reason: str) -> str:
    if len(reason) > MAX_REASON:
        raise Invalid(
            f"The reason has {len(reason):,} characters. Shorten it to {MAX_REASON:,}.", field="reason"
        )
    if "\x00" in reason:
        raise Invalid("The reason holds a character that cannot be stored (NUL). Remove it.", field="reason")
    return reason


def check_given(reason: str, otherwise: str) -> str:
    """A decision's reason; `otherwise` is said when there is none."""
    if not reason.strip():
        raise Invalid(otherwise, field="reason")
    return check_length(reason.strip())


def check_approvable(kinds: Sequence[object], by: User) -> list[User]:
    """The people who could decide it. Nobody: the request is refused, naming whom to ask."""
    approvers = approvers_of(kinds, without=by)
    if not approvers:
        admins = ", ".join(user.display_name for user in people_with(Role.ADMIN)) or "a patch admin"
        raise Denied(
            "Nobody but you could approve this: no business leader covers every chosen server. "
            f"Ask {admins} to name one, or split the request by application."
        )
    return approvers


def check_decide(request: ExceptionRequest, by: User) -> None:
    """Raises unless this person may decide this request now."""
    if request.requested_by_id == by.pk:
        raise Denied("You cannot decide your own request. A business leader of these servers must.")
    check_role(by, Role.APPROVER)
    grants = list(by.grants_now(Role.APPROVER))
    if not all(covers(grants, kind) for kind in request.kinds):
        raise Denied("You do not answer for every server of this request, so you cannot decide it.")


def check_requester(request: ExceptionRequest, by: User, deed: str) -> None:
    if request.requested_by_id != by.pk:
        raise Denied(f"Only {request.requested_by.display_name}, who asked, can {deed}.")


def check_open_end(request: ExceptionRequest, now: datetime) -> None:
    if request.ends_at <= now:
        last = full_day(request.to_date)
        raise Denied(f"Its last day, {last}, is over, so nothing is left to decide. Ask for a new exception.")


def check_move(request: ExceptionRequest, to: ExceptionState, now: datetime) -> None:
    """Raises Conflict when somebody was faster, or the state never had that way."""
    if not EXCEPTION.goes(request.state, to):
        raise Conflict(f"{_handled(request, now)} Reload the page to see it as it is.")


def _handled(request: ExceptionRequest, now: datetime) -> str:
    if request.state == ExceptionState.WITHDRAWN:
        return f"{request.requested_by.display_name} withdrew this request already."
    if request.state == ExceptionState.EXPIRED:
        return f"This exception expired {distance_words(request.ends_at, now=now)}."
    last = request.approvals.order_by("-pk").select_related("by").first()
    if last and request.state != ExceptionState.SUBMITTED:
        return (
            f"This request was {last.decision} by {last.by.display_name}, {distance_words(last.at, now=now)}."
        )
    return f"This request is in the state “{request.get_state_display()}”."


def check_revoke(request: ExceptionRequest, by: User) -> None:
    """The requester, its approvers and admins may end it early."""
    if request.requested_by_id == by.pk or by.grants_now(Role.ADMIN).exists():
        return
    check_decide(request, by)
