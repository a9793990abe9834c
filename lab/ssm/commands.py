"""One SendCommand and its invocations: what the list calls tell of them."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from lab.hosts.machine import Stopper
from lab.ssm.statuses import COUNTS_AS_ERROR, TERMINAL, End, Status


@dataclass
class StepResult:
    """What one step of a document printed and how it ended."""

    name: str
    action: str
    status: Status = Status.PENDING
    details: Status = Status.PENDING
    code: int = -1
    stdout: bytes = b""
    stderr: bytes = b""
    started: datetime | None = None
    finished: datetime | None = None
    s3: str = ""  # prefix of the full copies, once they are there
    added: str = ""  # what the agent writes below the output
    mute: bool = False  # the agent answers without stderr
    told: str = ""  # what the list calls show of a step that did not run


@dataclass
class Invocation:
    """One command on one instance."""

    instance_id: str
    instance_name: str
    steps: list[StepResult]
    requested: datetime
    status: Status = Status.PENDING
    details: Status = Status.PENDING
    at_step: int = 0
    starts: int = 0  # how often the agent (re)started the document: 1, and more after reboots
    stopper: Stopper = field(default_factory=Stopper)
    trace: str = ""  # why the agent refused the document

    @property
    def terminal(self) -> bool:
        return self.status in TERMINAL


@dataclass
class Command:
    """One accepted SendCommand."""

    id: str
    account: str
    region: str
    request: dict[str, Any]
    document: dict[str, Any]
    document_version: str
    parameters: dict[str, list[str]]
    requested: datetime
    expires: datetime
    delivery_timeout_s: float
    max_concurrency: int
    max_errors: int
    visible: bool = True
    cancelling: bool = False
    invocations: dict[str, Invocation] = field(default_factory=dict)

    def waiting(self) -> list[Invocation]:
        return [one for one in self.invocations.values() if one.status == Status.PENDING and one.starts == 0]

    @property
    def in_flight(self) -> int:
        return sum(
            one.status in (Status.IN_PROGRESS, Status.DELAYED, Status.CANCELLING)
            for one in self.invocations.values()
        )

    @property
    def errors(self) -> int:
        return sum(one.details in COUNTS_AS_ERROR for one in self.invocations.values())

    @property
    def completed(self) -> int:
        return sum(one.terminal for one in self.invocations.values())

    @property
    def too_many_errors(self) -> bool:
        return self.errors > self.max_errors

    def roll_up(self) -> End:
        """(Status, StatusDetails) of the whole command: a hint, as in AWS."""
        ends = {one.details for one in self.invocations.values()}
        if self.completed < len(self.invocations):
            if self.cancelling:
                return Status.CANCELLING, Status.CANCELLING
            started = any(one.starts or one.status != Status.PENDING for one in self.invocations.values())
            return (Status.IN_PROGRESS, Status.IN_PROGRESS) if started else (Status.PENDING, Status.PENDING)
        if ends == {Status.SUCCESS}:
            return Status.SUCCESS, Status.SUCCESS
        if self.too_many_errors or ends <= {Status.FAILED, Status.UNDELIVERABLE}:
            return Status.FAILED, Status.FAILED
        if self.cancelling:
            return Status.CANCELLED, Status.CANCELLED
        if ends <= {Status.DELIVERY_TIMED_OUT}:
            return Status.TIMED_OUT, Status.DELIVERY_TIMED_OUT
        # Not enough failed for Failed, not all succeeded.
        return Status.SUCCESS, Status.INCOMPLETE


class Commands:
    """All commands of the world, by id, in the order they were accepted."""

    def __init__(self) -> None:
        self._all: dict[str, Command] = {}

    def add(self, command: Command) -> None:
        self._all[command.id] = command

    def __iter__(self) -> Iterator[Command]:
        return iter(self._all.values())

    def at(self, account: str, region: str) -> list[Command]:
        """Those that list calls show, newest first."""
        place = [
            one
            for one in self._all.values()
            if (one.account, one.region) == (account, region) and one.visible
        ]
        return place[::-1]

    def find(self, account: str, region: str, command_id: str) -> Command | None:
        """Also one that list calls do not show yet."""
        command = self._all.get(command_id)
        return command if command and (command.account, command.region) == (account, region) else None

    def running_on(self, instance_id: str) -> list[tuple[Command, Invocation]]:
        """What the agent of an instance has begun and not ended."""
        pairs = ((one, one.invocations.get(instance_id)) for one in self._all.values())
        return [(one, invocation) for one, invocation in pairs if invocation and busy(invocation)]

    def stop_all(self) -> None:
        for command in self._all.values():
            for invocation in command.invocations.values():
                invocation.stopper.stop("power")


def busy(invocation: Invocation) -> bool:
    return invocation.starts > 0 and not invocation.terminal
