"""One seed: real engine, planner and tag writer on a real PostgreSQL, against an AWS in memory that misbehaves."""

from __future__ import annotations

import random
import sys
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from unittest import mock

from django.db import connection

from aws.errors import Ambiguous, Throttled
from patching import tasks
from patching.engine import lease
from patching.invariants import audit
from patching.operations.runs import halt
from patching.states import RUN_OVER
from portal.tagging.writer import write_due
from tests import cast
from tests.integration.patching.stage import Stage

STEPS = 200
FAULTS = ("kill_before_call", "kill_after_call", "kill_before_commit", "kill_after_commit", "refused_by_throttling",
          "request_lost", "answer_lost", "second_worker", "stalled_worker")  # fmt: skip


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
        found += [f"I3 {host.instance.instance_id} ran {len(host.executed)} times"
                  for host in self.stage.cloud.hosts.values() if len(host.executed) > 1]  # fmt: skip
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
            cloud.before, cloud.after = self.before, self.after
            yield

    def warning(self, event: str, **facts: object) -> None:
        self.tell(f"{event}: {facts.get('error')}")

    def exception(self, event: str, **facts: object) -> None:
        self.broken.append(f"crash: {sys.exc_info()[1]!r}")

    def play(self) -> list[str]:
        """Plays the seed; the sentences of what was broken."""
        for number in range(1, self.random.randint(1, 12) + 1):
            facts = {"state": "stopped"} if self.random.random() < 0.2 else {}
            self.stage.cloud.add(number, silent=self.random.random() < 0.1, **facts)
        run = self.stage.set()
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

    def one_step(self, halt_at: int | None) -> None:
        self.steps += 1
        if self.steps > STEPS // 2:
            self.rate = 0.0  # faults end, so that "at the latest" of I5 can be asked
        self.stage.clock.forward(self.random.choice([2, 5, 20]) if self.steps < STEPS // 2 else 40)
        rate, self.rate = self.rate, 0.0
        if self.steps == halt_at and self.stage.run.state in {"waking", "checking", "patching"}:
            self.tell("an admin halts the run")
            halt(run=self.stage.run, by=cast.ada(), reason="A drill.", now=self.stage.clock())
        self.rate = rate
        self.tick()
        self.stage.run.refresh_from_db()

    def at_the_end(self) -> None:
        run = self.stage.run
        if run.state not in RUN_OVER:
            self.broken.append(f"I5 the run is still {run.state}: {'; '.join(self.stage.states())}")
        for host in self.stage.cloud.hosts.values():
            if "ssm-patch-now" in host.instance.tags:
                self.broken.append(f"I7 {host.instance.instance_id} still bears ssm-patch-now")
