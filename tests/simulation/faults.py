"""What goes wrong around the engine: calls that fail in every way, killed workers, a database that goes away."""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING, Any

from django.db import OperationalError, connection

from aws.errors import AccessRefused, Ambiguous, CapacityShortage, CloudError, Throttled
from tests import fakes
from tests.fake_s3 import FakeObjects

if TYPE_CHECKING:
    from tests.simulation.world import World

FAULTS = ("kill_before_call", "kill_after_call", "kill_before_commit", "kill_after_commit", "refused_by_throttling",
          "request_lost", "answer_lost", "second_worker", "stalled_worker", "access_refused", "no_capacity",
          "commands_not_shown_yet", "invocations_not_shown_yet", "report_torn", "report_empty", "report_doubled",
          "command_cancelled", "database_gone", "outage", "act", "silence")  # fmt: skip
# Asked at each of some thousand statements or commits of a seed, so they strike more seldom.
SELDOM = {"database_gone": 60, "kill_before_commit": 4, "kill_after_commit": 4, "stalled_worker": 4}


# Carried out also where the answer never comes.
ACTS = {"SendCommand", "CreateTags", "DeleteTags", "StartInstances", "StopInstances", "CreateSnapshot",
        "DeleteSnapshot"}  # fmt: skip
TABLE = re.compile(r'^(?:INSERT INTO|UPDATE|DELETE FROM) "(\w+)"')


class Killed(BaseException):
    """kill -9: nothing of this worker's runs after it, neither a statement nor a call."""


class DatabaseGone(OperationalError):
    """PostgreSQL closed the connection in the middle."""


@dataclass(frozen=True)
class Outage:
    """Until `until`: one operation is throttled everywhere, or one account refuses everything."""

    until: datetime
    account_id: str = ""
    operation: str = ""

    def meets(self, account_id: str, operation: str, now: datetime) -> bool:
        here = account_id == self.account_id if self.account_id else operation == self.operation
        return here and now < self.until

    def error(self, operation: str) -> CloudError:
        if self.account_id:
            return AccessRefused("The role is gone.", code="AccessDenied", operation=operation)
        return Throttled("Rate exceeded", operation=operation)


class Aws:
    """The simulated AWS as the engine sees it: every call passes the door of its account."""

    def __init__(self, world: World) -> None:
        self.world = world

    def _door(self, account_id: str) -> Any:
        return Door(self.world, account_id)

    def ec2(self, account_id: str, region: str) -> fakes.FakeEc2:
        return fakes.FakeEc2(self._door(account_id), account_id, region)

    def ssm(self, account_id: str, region: str) -> fakes.FakeSsm:
        return fakes.FakeSsm(self._door(account_id), account_id, region)

    def alarms(self, account_id: str, region: str) -> fakes.FakeAlarms:
        return fakes.FakeAlarms(self._door(account_id))

    def target_groups(self, account_id: str, region: str) -> fakes.FakeTargetGroups:
        return fakes.FakeTargetGroups(self._door(account_id))

    def objects(self) -> FakeObjects:
        return FakeObjects(self._door(""))


class Door:
    """Stands for the cloud in one account: it knows who calls, and may refuse."""

    def __init__(self, world: World, account_id: str) -> None:
        self.world, self.account_id, self._silent = world, account_id, False

    def __getattr__(self, name: str) -> Any:
        return getattr(self.world.stage.cloud, name)

    def call(self, operation: str, ids: Sequence[str] = ()) -> None:
        before(self.world, operation)
        for outage in self.world.outages:
            if outage.meets(self.account_id, operation, self.world.stage.clock()):
                self.world.tell(f"{operation} meets an outage of {outage.account_id or outage.operation}")
                raise outage.error(operation)
        self._silent = self.world.silences.before(self.account_id, operation)
        if self._silent and operation not in ACTS:
            self.world.silences.time_out(operation)
        self.world.stage.cloud.call(operation, ids)

    def after(self, operation: str) -> None:
        if self._silent:
            self.world.silences.time_out(operation)
        after(self.world, operation)


def before(world: World, operation: str) -> None:
    """What may happen before a call reaches AWS."""
    world.at_call(operation)
    if world.depth == 0 and world.strikes("second_worker"):
        world.another_worker(f"before {operation}")
    if world.depth == 0 and world.strikes("stalled_worker"):
        world.stall(world.random.choice([15, 130]), operation)
    if world.strikes("kill_before_call"):
        world.die(f"before {operation}")
    refusals: tuple[tuple[str, CloudError], ...] = (
        ("refused_by_throttling", Throttled("Rate exceeded", operation=operation)),
        ("request_lost", Ambiguous("Connection reset.", operation=operation)),
        ("access_refused", AccessRefused("The role may not.", code="AccessDenied", operation=operation)),
    )
    for fault, error in refusals:
        if world.strikes(fault):
            world.tell(f"{operation}: {fault.replace('_', ' ')}")
            raise error
    if operation == "StartInstances" and world.strikes("no_capacity"):
        world.tell("EC2 has no room")
        raise CapacityShortage("No room.", code="InsufficientInstanceCapacity", operation=operation)


def after(world: World, operation: str) -> None:
    """What may happen once AWS has carried a call out."""
    if world.strikes("kill_after_call"):
        world.die(f"after {operation}")
    if world.strikes("answer_lost"):
        world.tell(f"the answer of {operation} is lost")
        raise Ambiguous("The connection was closed.", operation=operation)


def statement(world: World) -> Callable[..., Any]:
    """Wraps each statement: the dead run none, and one outside a transaction is a commit of its own."""

    def run(execute: Callable[..., Any], sql: str, params: Any, many: bool, context: Any) -> Any:
        if world.dead:
            raise Killed
        writes = TABLE.match(sql)
        alone = writes and not connection.in_atomic_block
        if writes:
            world.moved |= writes.group() != 'UPDATE "patching_run"'  # the lease alone moves nothing
            world.written.add(writes.group(1))
        if alone and world.strikes("kill_before_commit"):
            world.die("before a commit")
        if world.strikes("database_gone"):
            world.tell("PostgreSQL goes away")
            raise DatabaseGone("server closed the connection unexpectedly")
        done = execute(sql, params, many, context)
        if alone and world.strikes("kill_after_commit"):
            world.die("after a commit")
        return done

    return run


def committing(world: World, commit: Callable[[], None]) -> Callable[[], None]:
    """Wraps the commit of a transaction."""

    def run() -> None:
        if world.strikes("kill_before_commit"):
            connection.rollback()
            world.die("before a commit")
        commit()
        if world.strikes("kill_after_commit"):
            world.die("after a commit")

    return run
