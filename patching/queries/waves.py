"""The waves of a run as its page shows them."""

from __future__ import annotations

from dataclasses import dataclass

from django.db.models import Count, QuerySet

from patching.models import Run, Target, Wave
from patching.queries.runs import Progress, count_into
from patching.states import WAVE_STATES, WaveState
from portal.tones import Tone


@dataclass(frozen=True)
class ShownWave:
    """One wave with its servers' counts, and how its state looks."""

    wave: Wave
    counts: Progress
    label: str
    tone: Tone


def waves_of(run: Run, targets: QuerySet[Target]) -> list[ShownWave]:
    """The waves in their order; none when the run has only one, which needs no telling. Two queries."""
    waves = list(run.waves.all()) if run.run_policy.waves else []
    if len(waves) < 2:
        return []
    counts = {wave.number: Progress() for wave in waves}
    rows = targets.order_by().values("wave", "state", "verdict", "behind").annotate(n=Count("pk"))
    for row in rows.filter(wave__in=list(counts)):
        count_into(counts[row["wave"]], (row["state"], row["verdict"], row["behind"]), row["n"])
    return [_shown(wave, counts[wave.number]) for wave in waves]


def _shown(wave: Wave, counts: Progress) -> ShownWave:
    state = WaveState(wave.state)
    return ShownWave(wave, counts, state.label, WAVE_STATES[state].tone)
