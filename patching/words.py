"""Windows and runs in words that people use. Pure."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import date, datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

from patching.documents import aws_windows
from patching.models import Run, Target, Window
from patching.policy.run_policy import RunPolicy
from patching.queries.runs import Progress
from patching.standing import BAR, Group
from patching.states import RUN_STATES, Agreement, RunState
from patching.window_facts import DAYS, POSITIONS
from portal.tones import Tone
from portal.web.charts import Part
from portal.web.moments import duration_words, zone_words

PACE_NEEDS = 5  # finished hosts before a remaining time means anything
PHASES = {
    RunState.PLANNED: "Planned",
    RunState.WAKING: "Starting up",
    RunState.CHECKING: "Checking",
    RunState.PATCHING: "Patching",
    RunState.VERIFYING: "Verifying",
}

DISAGREEMENTS: dict[str, str] = {
    Agreement.SSM_FAILED_HOST_PATCHED: "SSM says failed, the host is patched.",
    Agreement.SSM_OK_HOST_UNPATCHED: "SSM says success, the host is not patched.",
}


def rule_words(window: Window) -> str:
    """`Third Saturday of the month, 22:00 to 02:00 Berlin`"""
    day = DAYS[window.weekday]
    when = (
        f"Every {day}" if window.frequency == "weekly" else f"{POSITIONS[window.nth or 1]} {day} of the month"
    )
    begin = datetime.combine(date(2026, 1, 5), window.start_time)
    end = begin + timedelta(minutes=window.duration_minutes)
    city = zone_words(ZoneInfo(window.time_zone), begin.replace(tzinfo=ZoneInfo(window.time_zone)))
    return f"{when}, {begin:%H:%M} to {end:%H:%M} {city}"


def unguarded(policy: RunPolicy, platforms: Iterable[str]) -> str:
    """The warning that some servers do not guard themselves against a second delivery; empty when all do."""
    if policy.windows_method == "portal":
        return ""
    chosen = any(aws_windows.chosen(policy.windows_method, platform) for platform in platforms)
    return aws_windows.WARNING if chosen else ""


def said_once(rows: Iterable[dict[str, Any]]) -> list[dict[str, Any]]:
    """Rows of one page: a sentence stands in the first row that says it, and `said_by` leads the others there."""
    first: dict[tuple[str, str], Target] = {}
    shown = []
    for row in rows:
        target = row["target"]
        said = first.setdefault((row["tone"], target.agreement + target.reason), target)
        shown.append(row | {"said_by": said if target.reason and said is not target else None})
    return shown


def parts_of(counts: Progress, address: str, *, check_only: bool = False) -> list[Part]:
    """The shares of a run's bar; `address` is the page that shows the rows behind each."""
    numbers = [(group, getattr(counts, group.value)) for group in BAR]
    return [
        Part(
            group.words(number, check_only=check_only),
            number,
            Tone.DANGER if group is Group.NEEDS_YOU and counts.danger else group.tone,
            f"{address}?show={group}#targets",
        )
        for group, number in numbers
    ]


def alike(rows: Iterable[dict[str, Any]]) -> list[dict[str, Any]]:
    """One line for all servers of a run that need somebody for the same reason: `assets`, in the first one's place."""
    lines: dict[tuple[Any, ...], dict[str, Any]] = {}
    for row in rows:
        target = row["target"]
        line = lines.setdefault((target.run_id, row["label"], target.reason), row | {"assets": []})
        line["assets"].append(target.asset)
    return list(lines.values())


def time_left(run: Run, counts: Progress, now: datetime) -> str:
    """`about 12 min left at this pace`; empty while too little is finished to tell."""
    judged = counts.success + counts.needs_you
    open_hosts = counts.active + counts.waiting
    if run.started_at is None or judged < PACE_NEEDS or not open_hosts or now <= run.starts_at:
        return ""
    elapsed = now - max(run.started_at, run.starts_at)
    return f"about {duration_words(elapsed / judged * open_hosts)} left at this pace"


def phases(run: Run) -> list[tuple[str, Tone, bool]]:
    """(label, tone, is the current one) for the line of phases; a pre-check has no patching."""
    known = [phase for phase in PHASES if not (run.check_only and phase == RunState.PATCHING)]
    at = known.index(RunState(run.state)) if run.state in known else -1
    over = run.state == RunState.FINISHED
    line = []
    for number, phase in enumerate(known):
        done = over or number < at
        tone = Tone.SUCCESS if done else Tone.ACTIVE if number == at and number else Tone.UNKNOWN
        line.append((PHASES[phase], tone, number == at))
    return line


def state_look(run: Run) -> tuple[str, str]:
    """The words and the tone of a run's state."""
    state = RunState(run.state)
    return state.label, RUN_STATES[state].tone
