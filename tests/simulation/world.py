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
from django.test.utils import override_settings

from patching import tasks
from patching.engine import control_loop, lease, trouble
from patching.invariants import audit
from patching.invariants.standings import kept_scopes_are_true, kept_standings_are_true
from patching.operations.runs import halt
from patching.states import RUN_OVER
from portal.tagging.writer import write_due
from tests import cast
from tests.integration.patching.stage import Stage
from tests.simulation import acts, clocks, events, faults, guards, hostile, silences, stubborn, variety
from tests.simulation.faults import DatabaseGone, Killed, Outage

STEPS = 200
PAUSES = [1, 5, 15, 60]  # seconds between two ticks; each further tick in which nothing moved doubles them
LONGEST_PAUSES = 8
# What is asked after each step, when something was written in one of the tables that it reads.
AT_EACH_STEP: dict[Callable[[audit.Ids], Iterator[audit.Violation]], set[str]] = {
    audit.once_per_attempt: {"patching_dispatch", "patching_dispatchtarget"},
    audit.sent_inside_the_window: {"patching_dispatch", "patching_wave"},
    audit.one_of_a_cluster: {"patching_dispatch", "patching_wave", "patching_target"},
}
JUDGED = set().union(*AT_EACH_STEP.values())


class World:
    """A window with up to 12 hosts, and faults drawn from the seed while it is worked on."""

    def __init__(self, seed: int, without: frozenset[str] = frozenset()) -> None:
        self.random = random.Random(seed)
        self.without, self.seed = without, seed
        self.story: list[str] = []
        self.injected: Counter[str] = Counter()
        self.steps, self.depth = 0, 0
        self.dead = False
        self.written: set[str] = set()  # tables, since the invariants were asked last
        self.moved, self.idle = False, 0
        self.broken: list[str] = []
        self.stage = Stage()
        self.rate = self.random.choice([0.0, 0.01, 0.03, 0.1])
        self.quiet = self.rate == 0.0
        self.outages: list[Outage] = []
        self.silences = silences.Silences(self)
        self.events = events.Events(self)
        self.leases = guards.Leases()
        self.paused_at: datetime | None = None
        self.halted_at: datetime | None = None
        self.exempt: list[acts.Exempt] = []
        self.ends: dict[
            tuple[str, str], str
        ] = {}  # (patch command, host) → the status that AWS shows for good
        self.hostile: dict[str, str] = {}  # host → what kind of liar it is
        self.touched: set[str] = set()  # hosts that somebody else stopped or terminated
        self.asleep: set[str] = set()  # hosts that were stopped when the run was planned

    def tell(self, text: str) -> None:
        self.story.append(f"{len(self.story) + 1}. {self.stage.clock():%H:%M:%S} {text}")

    def strikes(self, fault: str) -> bool:
        """Drawn in any case, so that leaving one kind out moves the others as little as possible."""
        struck = self.random.random() < self.rate / faults.SELDOM.get(fault, 1) and fault not in self.without
        self.injected[fault] += struck
        return struck

    def at_call(self, operation: str) -> None:
        """The dead make no call, nobody makes one inside a transaction, and only who holds the run acts on it."""
        if self.dead:
            raise Killed
        if connection.in_atomic_block:
            self.broken.append(f"architecture: {operation} is called inside a transaction")
        self.broken += self.leases.at_call(self, operation)

    def die(self, when: str) -> None:
        self.tell(f"the worker is killed {when}")
        self.dead = True
        raise Killed

    def stall(self, seconds: int, operation: str) -> None:
        """The worker hangs right before its call; meanwhile another may take the run over."""
        self.stage.clock.forward(seconds)
        self.another_worker(f"while the first hangs {seconds} s before {operation}")

    def another_worker(self, when: str) -> None:
        self.tell(f"another worker ticks {when}")
        self.depth += 1
        try:
            self.tick()
        finally:
            self.depth -= 1

    def tick(self) -> None:
        """One beat tick as in production: due runs, lease, reconcile, lease released (not by the dead)."""
        try:
            tasks.reconcile_runs()
        except (Killed, DatabaseGone):
            pass
        finally:
            self.dead = False
        if self.written & JUDGED:
            self.check(*(rule for rule, tables in AT_EACH_STEP.items() if tables & self.written))
            self.written.clear()

    def check(self, *checks: Callable[[audit.Ids], Iterator[audit.Violation]]) -> None:
        with self.calm():
            found = [str(item) for rule in checks for item in rule([self.stage.run.pk])]
            self.broken += [*found, *guards.executed_once(self)]

    @contextmanager
    def calm(self) -> Iterator[None]:
        """People and those who look from outside meet no faults."""
        rate, self.rate = self.rate, 0.0
        yield
        self.rate = rate

    @contextmanager
    def hooked(self) -> Iterator[None]:
        hasher = "django.contrib.auth.hashers.MD5PasswordHasher"
        with ExitStack() as stack:
            stack.enter_context(override_settings(PASSWORD_HASHERS=[hasher]))
            for module in (control_loop, lease):
                stack.enter_context(mock.patch.object(module, "database_now", self.stage.clock))
            stack.enter_context(mock.patch.object(tasks, "cloud", return_value=faults.Aws(self)))
            for module in (control_loop, trouble):
                stack.enter_context(mock.patch.object(module, "log", self))
            acquire = self.leases.watching(self, control_loop.acquire)
            stack.enter_context(mock.patch.object(control_loop, "acquire", acquire))
            commit = faults.committing(self, connection.commit)
            stack.enter_context(mock.patch.object(connection, "commit", commit))
            stack.enter_context(connection.execute_wrapper(faults.statement(self)))
            stack.enter_context(guards.watched(self))
            stack.enter_context(self.events.hooked())
            yield

    def warning(self, event: str, **facts: object) -> None:
        self.tell(f"{event}: {facts.get('error')}")

    def exception(self, event: str, **facts: object) -> None:
        error = sys.exc_info()[1]
        if not isinstance(error, DatabaseGone):
            self.broken.append(f"crash: {error!r}")

    def play(self) -> list[str]:
        """Plays the seed; the sentences of what was broken."""
        with self.hooked():
            with self.calm():
                halt_at = self.set()
            while self.stage.run.state not in RUN_OVER and self.steps < STEPS and not self.broken:
                self.one_step(halt_at)
            self.rate = 0.0
            self.settle()
        if not self.broken:
            self.check(*audit.ALL)
            self.at_the_end()
        return self.broken

    def set(self) -> int | None:
        """The fleet and its run; returns the step at which an admin halts it."""
        cloud = self.stage.cloud
        variety.add_hosts(self.random, cloud)
        self.stubborn = stubborn.Stubborn(self.seed, cloud, self.without)
        self.injected.update(self.stubborn.kinds.values())
        self.injected.update(clocks.step_some(self.seed, cloud, self.without))
        self.hostile = hostile.chosen(self.seed, cloud)
        cloud.alarm_states["too-many-errors"], cloud.target_groups_here["shop"] = "OK", acts.WELL
        self.asleep = {item for item, host in cloud.hosts.items() if host.instance.state == "stopped"}
        policy = variety.policy(self.random) | self.stubborn.policy
        self.stage.set(policy=policy, **variety.window(self.random))
        self.broken_account()
        return self.random.choice([None, None, None, self.random.randint(5, 60)])

    def broken_account(self) -> None:
        """Sometimes one account refuses everything for the whole night, and nothing else goes wrong (I12)."""
        if self.quiet and self.random.random() < 0.3:
            account = self.random.choice([variety.OTHER, "111122223333"])
            self.outages.append(Outage(self.stage.run.ends_at, account_id=account))
            self.tell(f"the account {account} refuses everything tonight")

    def settle(self) -> None:
        """A writer that hung reopens what it may have undone; beat's own tick of the writer carries it out."""
        for _ in range(3):
            self.stage.clock.forward(130)
            write_due(cloud=self.stage.cloud, now=self.stage.clock())

    def one_step(self, halt_at: int | None) -> None:
        self.steps += 1
        late = self.steps > STEPS // 2  # faults end, so that "at the latest" of I5 can be asked
        self.rate = 0.0 if late else self.rate
        self.stage.clock.forward(60 if late else self.pause())
        does, breaks = self.strikes("act"), self.strikes("outage")
        self.stubborn.change(self)
        self.silences.step()
        self.events.step()
        with self.calm():
            self.people(does, breaks, late=late, halts=self.steps == halt_at)
        self.tick()
        if self.moved:
            with self.calm():
                self.stage.run.refresh_from_db(fields=["state"])

    def pause(self) -> int:
        """Seconds until the next tick: hours of waiting for time-outs need no hundred looks."""
        self.idle, self.moved = (0 if self.moved else self.idle + 1), False
        return self.random.choice(PAUSES) * min(2**self.idle, LONGEST_PAUSES)

    def people(self, does: bool, breaks: bool, *, late: bool, halts: bool) -> None:
        if does:
            acts.act(self)
        if breaks:
            acts.begin_outage(self)
        if late:
            acts.end_what_waits(self)
        if halts and self.stage.run.state in {"waking", "checking", "patching"}:
            self.tell("an admin halts the run")
            halt(run=self.stage.run, by=cast.ada(), reason="A drill.", now=self.stage.clock())
            self.halted_at = self.stage.clock()

    def at_the_end(self) -> None:
        run = self.stage.run
        if run.state not in RUN_OVER:
            self.broken.append(f"I5 the run is still {run.state}: {'; '.join(self.stage.states())}")
        self.broken += [
            *guards.afterwards(self),
            *map(str, [*kept_standings_are_true(), *kept_scopes_are_true()]),
        ]
