"""The list of servers as a file: the database makes each line, with the words that `servers.state_of` finds."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from django.db.models import Case, Exists, F, Func, OuterRef, Q, QuerySet, Subquery, TextField, Value, When
from django.db.models.functions import Coalesce, Concat, NullIf

from exceptions.models import Covered
from exceptions.states import IN_FORCE
from patching import standing
from patching.models import Window
from patching.severity import outcome_key
from patching.standing import Group, Standing
from patching.states import TargetState
from portal.inventory.states import BLOCKING
from portal.web.csv_copy import Copied, looked_up, moment_cell, text_cell
from portal.web.csv_export import safe_cell
from reports.queries import servers

TEXT = TextField()
BLANKS = "".join(filter(str.isspace, map(chr, range(0x3001))))  # what str.strip takes away
PATCH = "patch_state__"
HAS_RUN = Q(**{f"{PATCH}last_state__gt": ""})
RESTORED = Q(**{f"{PATCH}restored_at__isnull": False, f"{PATCH}restored_to__isnull": False})


def server_lines(rows: Any, windows: dict[int, Window], now: datetime) -> Copied:
    """The rows of `servers.listed`, in their order. `windows`: all in which one of them is enrolled."""
    system = Func(
        Concat("os_name", Value(" "), "os_version", output_field=TEXT), Value(BLANKS), function="BTRIM"
    )
    state, reason = _state_and_reason(_excepted(now))
    texts = ("account__account_id", "region", "application", "environment", "owner", "platform")
    return Copied(rows.values_list(
        text_cell(Coalesce(NullIf("name", Value("")), "instance_id", output_field=TEXT)), text_cell("instance_id"),
        *map(text_cell, texts), text_cell(system), text_cell(state), text_cell(reason),
        text_cell(f"{PATCH}kernel_running"), text_cell(f"{PATCH}kernel_previous"), F(f"{PATCH}available_count"),
        text_cell(looked_up({str(pk): window.name for pk, window in windows.items()}, F("window_id"))),
        text_cell(looked_up(_starts(windows, now), F("window_id"))), moment_cell(f"{PATCH}last_patched_at"),
    ))  # fmt: skip


def _starts(windows: dict[int, Window], now: datetime) -> dict[str, str]:
    coming = {pk: window.recurrence.next(now, 1)[0] for pk, window in windows.items() if window.active}
    return {str(pk): safe_cell(start) for pk, start in coming.items()}


def _state_and_reason(excepted: QuerySet[Covered]) -> tuple[Case, Case]:
    """What `servers.state_of` says, in its order; a test compares them."""
    needs_you = HAS_RUN & ~standing.outcomes_that(_fine, prefix=PATCH, last=True)
    first = excepted.order_by("request__starts_at", "-request__ends_at").values("request__to_date")[:1]
    word = looked_up(_words(), _outcome(), otherwise=standing.NOT_KNOWN.word)
    labels = looked_up({reason: reason.label for reason in BLOCKING}, F("coverage"))
    why = Coalesce(f"{PATCH}last_reason", Value(servers.NO_RUN), output_field=TEXT)
    cases: list[tuple[Any, Any, Any]] = [
        (Exists(excepted), _with_day("Excepted to", Subquery(first)), Value(servers.BY_EXCEPTION)),
        (RESTORED, _with_day("Restored on", F(f"{PATCH}restored_at")), _restored()),
        (needs_you, word, why),
        (Q(coverage__in=sorted(BLOCKING)), labels, Value(servers.MEND_IT)),
        (HAS_RUN, word, why),
        (Q(window_id=None), Value("In no window"), Value(servers.NO_WINDOW_PICKED)),
    ]
    states = Case(
        *(When(holds, then=state) for holds, state, _ in cases),
        default=Value("Not patched yet"),
        output_field=TEXT,
    )
    reasons = Case(*(When(holds, then=reason) for holds, _, reason in cases), default=why, output_field=TEXT)
    return states, reasons


def _fine(found: Standing) -> bool:
    return found.group is not Group.NEEDS_YOU


def _excepted(now: datetime) -> QuerySet[Covered]:
    """Of one asset, as `exceptions.queries.current_for` finds those that have begun."""
    covered = Covered.objects.filter(asset=OuterRef("pk"), request__state__in=IN_FORCE)
    return covered.filter(request__starts_at__lte=now, request__ends_at__gt=now)


def _words() -> dict[str, str]:
    return {outcome_key(*outcome): found.word for outcome, found in standing.TABLE.items()}


def _outcome() -> Concat:
    """The key of `_words`: the verdict counts where the host was judged, as in `standing_of`."""
    behind = Case(When(**{f"{PATCH}last_behind": True}, then=Value("/behind")), default=Value("/"))
    judged = Q(**{f"{PATCH}last_state": TargetState.DONE, f"{PATCH}last_verdict__gt": ""})
    rest = Case(
        When(judged, then=Concat(f"{PATCH}last_verdict", behind, output_field=TEXT)),
        default=Value("/"),
        output_field=TEXT,
    )
    return Concat(f"{PATCH}last_state", Value("/"), rest, output_field=TEXT)


def _restored() -> Concat:
    before, after = servers.RESTORED.split("{at}")
    at = _written(F(f"{PATCH}restored_to"), "FMDD Mon YYYY HH24:MI")
    return Concat(Value(before), at, Value(after), output_field=TEXT)


def _with_day(word: str, day: Any) -> Concat:
    return Concat(Value(f"{word} "), _written(day, "FMDD Mon"), output_field=TEXT)


def _written(moment: Any, form: str) -> Func:
    return Func(moment, Value(form), function="TO_CHAR", output_field=TEXT)
