"""What every part of the engine works with: one run as it was last read, AWS, and the clock of the lease's holder."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta

from aws.ports import Cloud, Ec2, Ssm
from patching.engine.permissions import Noted
from patching.models import Run
from patching.policy.waking import Place
from patching.states import RunState
from portal.clock import Clock

INTERVAL = timedelta(seconds=5)  # at most, between two reconciles of a run that has begun


@dataclass(frozen=True, kw_only=True)
class Context:
    """AWS and the time, for what belongs to no run."""

    cloud: Cloud
    clock: Clock

    def now(self) -> datetime:
        """Read right before each act: it raises LeaseLost once another worker may hold the run."""
        return self.clock()

    def ec2(self, place: Place) -> Ec2:
        return self.cloud.ec2(*place)

    def ssm(self, place: Place) -> Ssm:
        return self.cloud.ssm(*place)


@dataclass(frozen=True, kw_only=True)
class Scope(Context):
    run: Run
    noted: Noted = field(default_factory=Noted)  # what AWS allowed in this look

    @property
    def halting(self) -> bool:
        return self.run.state == RunState.HALTING

    def reread(self, run: Run) -> Scope:
        """The same with the run as it is now."""
        return replace(self, run=run)

    def soon(self) -> datetime:
        """When a run that has begun is reconciled again, where nothing asks for less."""
        return self.now() + min(timedelta(seconds=self.run.run_policy.sweep_s), INTERVAL)
