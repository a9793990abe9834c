"""One seed: real engine, planner and tag writer on a real PostgreSQL, against an AWS in memory that misbehaves."""

from __future__ import annotations

import random
import sys
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from datetime import datetime
from unittest import mock

from django.db import connection

from aws.errors import AccessRefused, Ambiguous, CapacityShortage, Throttled
from patching import tasks
from patching.engine import lease
from patching.invariants import audit
from patching.operations import pause
from patching.operations.runs import halt
from patching.states import RUN_OVER
from portal.tagging.writer import write_due
from tests import cast
from tests.integration.patching.stage import Stage
from tests.simulation import acts, guards

STEPS = 200
TAGS = {"Name": "db", "Application": "payments", "Owner": "payments-team"}
FAULTS = ("kill_before_call", "kill_after_call", "kill_before_commit", "kill_after_commit", "refused_by_throttling",
          "request_lost", "answer_lost", "second_worker", "stalled_worker", "access_refused", "no_capacity",
          "commands_not_shown_yet", "invocations_not_shown_yet", "report_torn", "report_empty", "report_doubled",
          "act")  # fmt: skip


class Killed(BaseException):
    """kill -9: nothing of ours runs after it."""


class World:
    """A window with up to 12 hosts, and faults drawn from the seed while it is worked on."""

    def __init__(self, seed: int, without: frozenset[str] = frozenset()) -> None:
        self.random = random.Random(seed)
        self.without, self.seed = without, seed
        self.story: list[str] = []
        self.injected: Counter[str] = Counter()
        self.steps, self.depth = 0, 0
        self.broken: list[str] = []
        self.stage = Stage()
        self.rate = self.random.choice([0.0, 0.01, 0.03, 0.1])
        self.paused_at: datetime | None = None
        self.halted_at: datetime | None = None
        self.exempt_since: dict[str, datetime] = {}
        self.touched: set[str] = set()  # hosts that somebody else stopped or terminated
        self.asleep: set[str] = set()  # hosts that were stopped when the run was planned

    def tell(self, text: str) -> None:
        self.story.append(f"{len(self.story) + 1}. {self.stage.clock():%H:%M:%S} {text}")

    def strikes(self, fault: str) -> bool:
        """Drawn in any case, so that leaving one kind out moves the others as little as possible."""
        struck = self.random.random() < self.rate and fault not in self.without
        self.injected[fault] += struck
        return struck

    def before(self, operation: str) -> None:
        if self.depth == 0 and self.strikes("second_worker"):
            self.another_worker(f"before {operation}")
        if self.depth == 0 and self.strikes("stalled_worker"):
            self.stage.clock.forward(self.random.choice([15, 130]))
            self.another_worker(f"while the first hangs before {operation}")
        if self.strikes("kill_before_call"):
            self.die(f"before {operation}")
        if self.strikes("refused_by_throttling"):
            self.tell(f"AWS throttles {operation}")
            raise Throttled("Rate exceeded", operation=operation)
        if self.strikes("request_lost"):
            self.tell(f"{operation} never reaches AWS")
            raise Ambiguous("Connection reset.", operation=operation)
        if self.strikes("access_refused"):
            self.tell(f"AWS refuses {operation}")
            raise AccessRefused("The role may not.", code="AccessDenied", operation=operation)
        if operation == "StartInstances" and self.strikes("no_capacity"):
            self.tell("EC2 has no room")
            raise CapacityShortage("No room.", code="InsufficientInstanceCapacity", operation=operation)

    def after(self, operation: str) -> None:
        if self.strikes("kill_after_call"):
            self.die(f"after {operation}")
        if self.strikes("answer_lost"):
            self.tell(f"the answer of {operation} is lost")
            raise Ambiguous("The connection was closed.", operation=operation)

    def die(self, when: str) -> None:
        self.tell(f"the worker is killed {when}")
        raise Killed

    def another_worker(self, when: str) -> None:
        self.tell(f"another worker ticks {when}")
        self.depth += 1
        try:
            self.tick()
        finally:
            self.depth -= 1

    def tick(self) -> None:
        """One beat tick as in production: due runs, lease, advance, lease given back."""
        try:
            tasks.advance_runs()
        except Killed:
            connection.rollback() if connection.in_atomic_block else None
        self.check(audit.once_per_attempt, audit.sent_inside_the_window, audit.one_of_a_cluster)

    def check(self, *checks: Callable[[audit.Ids], Iterator[audit.Violation]]) -> None:
        found = [str(item) for rule in checks for item in rule([self.stage.run.pk])]
        found += guards.executed_once(self)
        self.broken += found

    def committing(self, commit: Callable[[], None]) -> Callable[[], None]:
        def hooked() -> None:
            if self.strikes("kill_before_commit"):
                connection.rollback()
                self.die("before a commit")
            commit()
            if self.strikes("kill_after_commit"):
                self.die("after a commit")

        return hooked

    @contextmanager
    def hooked(self) -> Iterator[None]:
        cloud = self.stage.cloud
        with ExitStack() as stack:
            for module in (tasks, lease):
                stack.enter_context(mock.patch.object(module, "database_now", self.stage.clock))
            stack.enter_context(mock.patch.object(tasks, "cloud", return_value=cloud))
            stack.enter_context(mock.patch.object(tasks, "log", self))
            stack.enter_context(mock.patch.object(connection, "commit", self.committing(connection.commit)))
            stack.enter_context(guards.watched(self))
            cloud.before, cloud.after = self.before, self.after
            yield

    def warning(self, event: str, **facts: object) -> None:
        self.tell(f"{event}: {facts.get('error')}")

    def exception(self, event: str, **facts: object) -> None:
        self.broken.append(f"crash: {sys.exc_info()[1]!r}")

    def play(self) -> list[str]:
        """Plays the seed; the sentences of what was broken."""
        for number in range(1, self.random.randint(1, 12) + 1):
            self.add(number)
        run = self.stage.set(policy=self.policy())
        halt_at = self.random.choice([None, None, None, self.random.randint(5, 90)])
        with self.hooked():
            while run.state not in RUN_OVER and self.steps < STEPS and not self.broken:
                self.one_step(halt_at)
            run.refresh_from_db()
        self.rate = 0.0
        for _ in range(
            3
        ):  # a writer that hung reopens what it may have undone; beat's own writer tick carries it out
            self.stage.clock.forward(130)
            write_due(cloud=self.stage.cloud, now=self.stage.clock())
        if not self.broken:
            self.check(*audit.ALL)
            self.at_the_end()
        return self.broken

    def add(self, number: int) -> None:
        chance = self.random.random
        facts: dict[str, object] = {"state": "stopped"} if chance() < 0.2 else {}
        if chance() < 0.3:
            facts["tags"] = TAGS | {"PatchCluster": f"db-{self.random.randint(1, 2)}"}
        host = self.stage.cloud.add(
            number, silent=chance() < 0.1, precheck="blocked" if chance() < 0.1 else "ready",
            patch="failed" if chance() < 0.1 else "patched", **facts,
        )  # fmt: skip
        if host.instance.state == "stopped":
            self.asleep.add(host.instance.instance_id)

    def policy(self) -> dict[str, object]:
        return {"concurrency": self.random.choice([1, 3, 50]), "fixes": self.random.choice(["none", "all"])}

    def one_step(self, halt_at: int | None) -> None:
        self.steps += 1
        if self.steps > STEPS // 2:
            self.rate = 0.0  # faults end, so that "at the latest" of I5 can be asked
        self.stage.clock.forward(self.random.choice([2, 5, 20]) if self.steps < STEPS // 2 else 40)
        does = self.steps <= STEPS // 2 and self.strikes("act")
        rate, self.rate = self.rate, 0.0
        if does:
            acts.act(self)
        if self.steps > STEPS // 2 and self.paused_at:
            pause.resume(by=cast.ada(), now=self.stage.clock())
            self.paused_at = None
        self.stage.run.refresh_from_db()
        if self.steps == halt_at and self.stage.run.state in {"waking", "checking", "patching"}:
            self.tell("an admin halts the run")
            halt(run=self.stage.run, by=cast.ada(), reason="A drill.", now=self.stage.clock())
            self.halted_at = self.stage.clock()
        self.rate = rate
        self.tick()
        self.stage.run.refresh_from_db()

    def at_the_end(self) -> None:
        run = self.stage.run
        if run.state not in RUN_OVER:
            self.broken.append(f"I5 the run is still {run.state}: {'; '.join(self.stage.states())}")
        self.broken += guards.afterwards(self)
