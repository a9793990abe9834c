"""The waves of a run: planned with its targets, opened one after the other, stopped together."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime, timedelta
from typing import Any

from patching.models import Run, Wave
from patching.operations import targets
from patching.planner import Member, assign_waves, batches
from patching.policy.waves import REST
from patching.states import WAVE, WAVE_OVER, TargetState, WaveState
from portal.audit.operations import Entry
from portal.machine.mover import Mover, Step, each

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


def enter(wave: Wave, to: WaveState, *, now: datetime, reason: str = "") -> bool:
    """One move by compare-and-swap, told in the run's log. False: somebody else moved it, or it may not go there."""
    facts: dict[str, Any] = {"reason": reason}
    facts |= {"begun_at": now} if to == WaveState.CHECKING else {}
    facts |= {"ended_at": now} if to in WAVE_OVER else {}
    if to == WaveState.BAKING and wave.wave_rule:
        facts["bakes_until"] = now + timedelta(seconds=wave.wave_rule.bake_s)
    as_seen = Wave.objects.filter(state=wave.state)
    moved = MOVER.move([wave.pk], to, said=reason, among=as_seen, fields=facts)
    wave.refresh_from_db()
    return bool(moved)


def _entry(wave: Wave, step: Step[WaveState], kind: str) -> Entry:
    summary = f"Wave {wave.number}, {wave.name}: {step.to.label.lower()}"
    summary += f". {step.said}" if step.said else ""
    return Entry(kind, "run", str(wave.run_id), summary, run_id=wave.run_id)


MOVER = Mover(Wave, WAVE, each(_entry))


def admit(run: Run, number: int, *, now: datetime) -> list[int]:
    """Targets of the waves up to this one whose turn has come go to their check."""
    waiting = run.targets.filter(state=TargetState.WAITING, wave__lte=number)
    return targets.move(waiting.values_list("pk", flat=True), TargetState.CHECKING, now=now)


def stop_all(run: Run, *, reason: str, now: datetime) -> None:
    """Called in the transaction that halts the run."""
    every, facts = run.waves.values_list("pk", flat=True), {"ended_at": now, "reason": reason}
    MOVER.move(every, WaveState.STOPPED, said=reason, fields=facts)
