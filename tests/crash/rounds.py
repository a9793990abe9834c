"""One round: a run in each lane at the same time, each with its kill point, and the judgement when all have ended."""

from __future__ import annotations

import os
import signal
import time
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from typing import Any, TypeVar

import boto3
from django.db import InterfaceError, OperationalError, connection

from patching.invariants import violations
from patching.models import PublishedDocument, Run, Window
from patching.states import RUN_OVER
from portal.clock import database_now
from portal.cloud import cloud
from portal.inventory.operations import sync_all
from tests.crash import points, testimony
from tests.crash.fleet import run_of
from tests.crash.points import KillPoint
from tests.crash.scenario import REGION, account_of
from tests.crash.stack import LiveStack

Answer = TypeVar("Answer")
ENDS_WITHIN_S = 420.0  # a run takes seconds; a machine that does other things as well takes its time
BACK_WITHIN_S = 30.0


def patiently(ask: Callable[[], Answer]) -> Answer:
    """Asks the database again while it is being restarted."""
    deadline = time.monotonic() + BACK_WITHIN_S
    while True:
        try:
            return ask()
        except (OperationalError, InterfaceError):
            connection.close()
            if time.monotonic() > deadline:
                raise
            time.sleep(0.05)


def forget_documents(account: str) -> None:
    """Nobody has published there yet."""
    ssm = boto3.client("ssm", region_name=REGION, aws_access_key_id=account, aws_secret_access_key="any")
    owned = ssm.list_documents(Filters=[{"Key": "Owner", "Values": ["Self"]}])["DocumentIdentifiers"]
    for document in owned:
        ssm.delete_document(Name=document["Name"])


@dataclass
class Lane:
    """One run and what is to happen to it."""

    number: int
    point: KillPoint | None
    run: Run
    boundary: int = 0
    reached: bool = False


@dataclass
class Round:
    """Runs side by side on one stack. `play` returns what was broken, as sentences."""

    stack: LiveStack
    window: Window
    reached: list[KillPoint] = field(default_factory=list)
    missed: list[KillPoint] = field(default_factory=list)
    calls: list[dict[str, Any]] = field(default_factory=list)

    def once_more(self) -> list[KillPoint]:
        """Missed points of calls that act, to be played again. How often a run only looks differs from run to run."""
        again = [point for point in self.missed if point.operation not in points.LOOKS]
        self.missed = [point for point in self.missed if point not in again]
        return again

    def missed_by_operation(self) -> dict[str, str]:
        """Operation → how many of its points, and the first of them."""
        found: dict[str, list[KillPoint]] = {}
        for point in self.missed:
            found.setdefault(point.operation, []).append(point)
        return {name: f"{len(some)}, the first is {some[0]}" for name, some in found.items()}

    def play(self, chosen: Sequence[KillPoint | None]) -> list[str]:
        # who was stopped again after the last round is known as stopped
        sync_all(cloud=cloud(), now=database_now())
        since = len(self.stack.control("/lab/log"))
        self.stack.control("/lab/reset", {})
        lanes = [self._begin(number, point) for number, point in enumerate(chosen)]
        if any(point and point.operation == "AssumeRole" for point in chosen):
            self.stack.kill_all("worker")  # a role is entered once an hour, and by each new worker
        self._watch(lanes)
        self.stack.control("/lab/reset", {})
        self.calls = self.stack.control(f"/lab/log?since={since}")
        for lane in lanes:
            if lane.point:
                (self.reached if lane.reached else self.missed).append(lane.point)
        return [sentence for lane in lanes for sentence in self._judge(lane)]

    def _begin(self, number: int, point: KillPoint | None) -> Lane:
        account = account_of(number)
        PublishedDocument.objects.filter(account_id=account).delete()
        if point and point.operation in points.DOCUMENTS:
            forget_documents(account)
        boundary = self._set(point, account) if point else 0
        return Lane(number, point, run_of(self.window, number, database_now()), boundary)

    def _set(self, point: KillPoint, account: str) -> int:
        where = "" if point.operation in points.OF_THE_PORTAL else account
        moment = "before" if point.moment == points.BEFORE else "after"
        body = {"operation": point.operation, "nth": point.nth, "moment": moment, "account": where}
        action = "drop" if point.victim == points.NOBODY else "hold"
        return int(self.stack.control("/lab/boundary", body | {"action": action})["id"])

    def _watch(self, lanes: list[Lane]) -> None:
        """Strikes at each boundary as soon as a call stands at it, until every run is over."""
        pks, deadline = [lane.run.pk for lane in lanes], time.monotonic() + ENDS_WITHIN_S
        look_at = 0.0
        while time.monotonic() < deadline:
            self._strike_where_held(lanes)
            if time.monotonic() >= look_at:
                if not patiently(lambda: Run.objects.filter(pk__in=pks).exclude(state__in=RUN_OVER).exists()):
                    return
                look_at = time.monotonic() + 0.3
            time.sleep(0.04)

    def _strike_where_held(self, lanes: list[Lane]) -> None:
        seen = {item["id"]: item for item in self.stack.control("/lab/boundaries")}
        for lane in lanes:
            if lane.point and not lane.reached and seen[lane.boundary]["state"] != "waiting":
                lane.reached = True
                if lane.point.victim != points.NOBODY:
                    Strike(self.stack, lane.point, seen[lane.boundary]).strike()

    def _judge(self, lane: Lane) -> list[str]:
        run = lane.run
        patiently(run.refresh_from_db)
        hosts = {host["instance_id"]: host for host in self.stack.control("/lab/hosts")}
        found = (
            [] if run.state in RUN_OVER else [f"I5: the run is still {run.state} after {ENDS_WITHIN_S:g} s"]
        )
        found += [str(item) for item in violations([run.pk])]
        found += testimony.against(run, self.calls, hosts)
        return [f"[{lane.point or 'no kill'}] run {run.pk}: {sentence}" for sentence in found]


@dataclass(frozen=True)
class Strike:
    """The kill at one held call."""

    stack: LiveStack
    point: KillPoint
    held: dict[str, Any]

    def strike(self) -> None:
        if self.point.moment == points.ANSWERED:
            self._release(drop=False)
            self._kill()
        else:
            self._kill()
            self._release(drop=self._breaks())

    def _breaks(self) -> bool:
        """Before: the request dies with its worker, but not with anybody else."""
        return self.point.moment == points.LOST or self.point.victim in {points.WORKER, points.ALL}

    def _release(self, *, drop: bool) -> None:
        self.stack.control("/lab/release", {"id": self.held["id"], "drop": drop})

    def _kill(self) -> None:
        victim, caller = self.point.victim, self.held["client"]
        if victim == points.EMPTIED:
            self.stack.empty_valkey()
        elif victim == points.PARENT:
            with suppress(KeyError, ProcessLookupError):  # what it forked lives on, and may finish its task
                os.kill(self.stack.supervisor.pids()[caller], signal.SIGKILL)
        elif victim == points.WORKER:
            self.stack.kill(caller)
        elif victim == points.ALL:
            self.stack.kill_all("worker", "beat")
        else:
            self.stack.kill_all(victim)
