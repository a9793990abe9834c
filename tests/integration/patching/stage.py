"""A run against the AWS in memory, driven look by look."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta
from typing import Any
from zoneinfo import ZoneInfo

from patching.engine.reconcile import reconcile_run
from patching.models import Enrolment, Run
from patching.operations.runs import plan_due
from patching.states import RUN_OVER
from portal.inventory.models import Asset
from portal.inventory.operations import sync_account
from tests import cast
from tests.fakes import Clock, FakeCloud

QUICK = {"lead_s": 60, "sweep_s": 1, "settle_s": 20, "wake_timeout_s": 400, "plan_ahead_s": 86_400,
         "delivery_timeout_s": 60, "execution_timeout_s": 120, "reboot_grace_s": 60, "end_bound_s": 600}  # fmt: skip


LONGEST_PAUSES = 8  # times the first
LOOKS = ("Describe", "List", "Get")


class Stage:
    """A window whose run starts 120 s from the clock's beginning, with every host of the cloud enrolled."""

    def __init__(self) -> None:
        self.clock = Clock()
        self.cloud = FakeCloud(self.clock)

    def set(self, **window: Any) -> Run:
        for account_id in sorted({host.instance.account_id for host in self.cloud.hosts.values()}):
            sync_account(cast.an_account(account_id), cloud=self.cloud, now=self.clock())
        start = self.clock() + timedelta(seconds=120)
        local = start.astimezone(ZoneInfo("Europe/Berlin"))
        facts = {
            "weekday": local.weekday(),
            "start_time": local.time(),
            "policy": QUICK | window.pop("policy", {}),
        }
        self.window = cast.a_window(**(facts | window))
        enrolled, ana = {"window": self.window, "since": self.clock()}, cast.ana()
        Enrolment.objects.bulk_create(
            Enrolment(asset=asset, by=ana, **enrolled) for asset in Asset.objects.order_by("pk")
        )
        plan_due(now=self.clock())
        self.run = Run.objects.get(window=self.window)
        return self.run

    def look(self, seconds: float = 2) -> None:
        self.clock.forward(seconds)
        reconcile_run(self.run.pk, cloud=self.cloud, clock=self.clock)
        self.run.refresh_from_db()

    def until(self, done: Callable[[], bool], limit: int = 400, seconds: float = 2) -> None:
        """Looks until it is so. While nothing moves each pause is twice the last: waiting for a time-out takes few."""
        pause, before = seconds, self.traces()
        for _ in range(limit):
            if done():
                return
            self.look(pause)
            after = self.traces()
            pause = seconds if after != before else min(2 * pause, LONGEST_PAUSES * seconds)
            before = after
        raise AssertionError(f"not reached; the run is {self.run.state}: " + ", ".join(self.states()))

    def traces(self) -> list[object]:
        """What the last look left: states of the run and its servers, and what it asked AWS to do."""
        acts = [call for call in self.cloud.calls if not call[0].startswith(LOOKS)]
        states = self.run.targets.order_by("pk").values_list("state", "since", "attempt")
        return [self.run.state, len(acts), *states]

    def to_the_end(self) -> None:
        self.until(lambda: self.run.state in RUN_OVER)

    def states(self) -> list[str]:
        rows = self.run.targets.select_related("asset").order_by("pk")
        return [f"{row.asset.label} {row.state} {row.verdict} {row.reason}" for row in rows]

    def tag(self, number: int, key: str) -> str | None:
        return self.cloud.hosts[f"i-{number:017x}"].instance.tags.get(key)
