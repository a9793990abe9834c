"""Services of one account that do not answer: a call waits for its time-out; then, as in production, nobody asks."""

from __future__ import annotations

import random
from datetime import datetime, timedelta
from typing import TYPE_CHECKING

from aws.calls import Retry
from aws.errors import Silent, Unasked
from portal.limits.circuits import FIRST_PAUSE_S, LONGEST_PAUSE_S
from tests import fakes
from tests.simulation import variety

if TYPE_CHECKING:
    from tests.simulation.world import World

SERVICES = {
    "ssm": {"SendCommand", "ListCommands", "ListCommandInvocations", "GetCommandInvocation", "CancelCommand",
            "DescribeInstanceInformation", "CreateDocument"},
    "ec2": {"DescribeInstances", "CreateTags", "DeleteTags", "StartInstances", "StopInstances", "CreateSnapshot",
            "DescribeSnapshots", "DeleteSnapshot"},
    "cloudwatch": {"DescribeAlarms"},
    "elbv2": {"DescribeTargetHealth"},
}  # fmt: skip
OF_OPERATION = {operation: service for service, operations in SERVICES.items() for operation in operations}
ONCE = {"SendCommand", "StartInstances", "CreateSnapshot"}
Place = tuple[str, str]  # account and service


class Silences:
    """Drawn beside the seed's other faults, so that what else happens stays what it was."""

    def __init__(self, world: World) -> None:
        self.world, self.random = world, random.Random(f"silence {world.seed}")
        self.until: dict[Place, datetime] = {}
        self.open: dict[
            Place, tuple[datetime, int]
        ] = {}  # when the next trial is due, and how many have failed
        self.often = self.random.choice([0.0, 0.0, 0.02, 0.1])

    def step(self) -> None:
        """Now and then a service falls silent for minutes or an hour."""
        if self.random.random() < self.often and self.world.rate and "silence" not in self.world.without:
            place = (self.random.choice([fakes.ACCOUNT, variety.OTHER]), self.random.choice(sorted(SERVICES)))
            seconds = self.random.choice([30, 300, 3600])
            self.until[place] = self.world.stage.clock() + timedelta(seconds=seconds)
            self.world.injected["silence"] += 1
            self.world.tell(f"{place[1]} of {place[0]} is silent for {seconds} s")

    def before(self, account_id: str, operation: str) -> bool:
        """Whether the call is carried out and its answer never comes. Raises what the caller meets instead."""
        place, now = (account_id, OF_OPERATION.get(operation, "")), self.world.stage.clock()
        trial, failed = self.open.get(place, (now, 0))
        if place in self.open and (now < trial or operation in ONCE):
            raise Unasked(f"{place[1]} of {account_id} is silent.", code="CircuitOpen", operation=operation)
        if now >= self.until.get(place, now):
            self.open.pop(place, None)
            return False
        pause = min(FIRST_PAUSE_S * 2**failed, LONGEST_PAUSE_S)
        self.open[place] = (now + timedelta(seconds=pause), failed + 1)
        return True

    def time_out(self, operation: str) -> None:
        """What the caller waits for in vain."""
        kind = Retry.ONCE if operation in ONCE else Retry.AGAIN
        self.world.stage.clock.forward(kind.value.read_s)
        self.world.tell(f"{operation} has no answer")
        raise Silent("No answer.", operation=operation)
