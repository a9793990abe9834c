"""The waves of a run: planned with its targets, opened one after the other, stopped together."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime, timedelta
from typing import Any

from django.db import transaction

from patching.models import Run, Wave
from patching.operations import targets
from patching.planner import Member, assign_waves, batches
from patching.states import WAVE_OVER, WAVE_STATES, TargetState, WaveState
from portal.audit.operations import Entry, record
from portal.policy.waves import REST

ALL = "All servers"


def plan(run: Run) -> None:
    """Makes the run's waves anew and puts its planned targets into them; empty waves are left out."""
    rules = run.run_policy.wave_rules
    assigned = assign_waves(list(_members(run)), rules) if rules else {}
    used = sorted(set(assigned.values())) or [len(rules) + 1]
    run.waves.all().delete()
    for number, place in enumerate(used, 1):
        _wave(run, place, number).save()
        members = [pk for pk, wave in assigned.items() if wave == place]
        for some in batches(members, 5_000) if number > 1 else ():
            run.targets.filter(pk__in=some).update(wave=number)


def _members(run: Run) -> Iterator[Member]:
    """The planned targets with what the rules ask for; the tags come from the inventory."""
    fields = ("pk", "platform", "os_label", "asset__tags")
    for row in run.targets.filter(state=TargetState.PLANNED).order_by("pk").values_list(*fields).iterator():
        yield Member(*row)


def _wave(run: Run, place: int, number: int) -> Wave:
    rules = run.run_policy.wave_rules
    if place > len(rules):
        return Wave(run=run, number=number, name=REST if rules else ALL)
    return Wave(run=run, number=number, name=rules[place - 1].name, rule=rules[place - 1].to_json())


@transaction.atomic
def enter(wave: Wave, to: WaveState, *, now: datetime, reason: str = "") -> bool:
    """One move by compare-and-swap, told in the run's log. False: somebody else moved it, or it may not go there."""
    if to not in WAVE_STATES[WaveState(wave.state)].moves:
        return False
    facts: dict[str, Any] = {"state": to, "reason": reason}
    facts |= {"begun_at": now} if to == WaveState.CHECKING else {}
    facts |= {"ended_at": now} if to in WAVE_OVER else {}
    if to == WaveState.BAKING and wave.wave_rule:
        facts["bakes_until"] = now + timedelta(seconds=wave.wave_rule.bake_s)
    if not Wave.objects.filter(pk=wave.pk, state=wave.state).update(**facts):
        return False
    summary = f"Wave {wave.number}, {wave.name}: {to.label.lower()}" + (f". {reason}" if reason else "")
    record(_entry(wave, to, summary), by=None)
    wave.refresh_from_db()
    return True


def _entry(wave: Wave, to: WaveState, summary: str) -> Entry:
    return Entry(f"wave.{to.value}", "run", str(wave.run_id), summary, run_id=wave.run_id)


def admit(run: Run, number: int, *, now: datetime) -> list[int]:
    """Targets of the waves up to this one whose turn has come go to their check."""
    waiting = run.targets.filter(state=TargetState.WAITING, wave__lte=number)
    return targets.move(waiting.values_list("pk", flat=True), TargetState.CHECKING, now=now)


def stop_all(run: Run, *, reason: str, now: datetime) -> None:
    """Called in the transaction that halts the run."""
    open_waves = run.waves.exclude(state__in=WAVE_OVER)
    open_waves.update(state=WaveState.STOPPED, ended_at=now, reason=reason)
