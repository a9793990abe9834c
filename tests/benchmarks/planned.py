"""A large fleet, its windows and a year of their runs, as rows written by COPY."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import datetime, time, timedelta
from typing import Any

from tests.benchmarks.copying import Copier

REGION, ZONE = "eu-central-1", "Europe/Berlin"
ACCOUNTS, APPLICATIONS, UNITS = 10, 40, 8
# Of a hundred servers of a run that is over: (fewer than, state, verdict, reason).
OUTCOMES = (
    (90, "done", "patched", "All updates are installed and the server was restarted."),
    (94, "done", "nothing_to_do", "There was nothing to install."),
    (96, "done", "failed", "The package tool ended with code 100."),
    (97, "done", "patched_reboot_pending", "A restart is pending."),
    (98, "blocked", "", "/ has 12 MB free; 900 MB are needed."),
    (99, "lost", "", "The server has not answered since its restart."),
    (100, "skipped", "", "It is excepted."),
)
# The same of a run under way: nobody has ended yet but the first.
UNDER_WAY = (*OUTCOMES[:1], (100, "in_dispatch", "", ""))


@dataclass(frozen=True)
class Size:
    """How much is written: each window has a run a week, and one run by hand took `at_once` servers."""

    windows: int = 50
    servers: int = 360  # of each window
    weeks: int = 55
    loose: int = 2_000  # servers in no window
    at_once: int = 10_000
    exceptions: int = 2_000
    audited_days: int = 30  # commands and reports are kept so long: the audit of runs looks no further back

    @property
    def enrolled(self) -> int:
        return self.windows * self.servers

    @property
    def targets(self) -> int:
        return self.enrolled * self.weeks + self.at_once


@dataclass
class OneRun:
    """A run and who takes part in it: assets `first` to `last` (exclusive), targets from `target` on."""

    pk: int
    window: int | None
    starts_at: datetime
    first: int
    last: int
    target: int
    state: str = "finished"

    def members(self) -> Iterator[tuple[int, int, tuple[int, str, str, str]]]:
        """(target, asset, outcome)"""
        table = OUTCOMES if self.state == "finished" else UNDER_WAY
        for place, asset in enumerate(range(self.first, self.last)):
            share = (asset * 7 + self.pk) % 100
            yield self.target + place, asset, next(row for row in table if share < row[0])

    @property
    def ended_at(self) -> datetime:
        return self.starts_at + timedelta(hours=2)


@dataclass
class Planned:
    """Who takes part when; `keys` are those of people."""

    size: Size
    now: datetime
    copier: Copier
    keys: dict[str, Any] = field(default_factory=dict)

    def fleet(self) -> None:
        from portal.inventory.models import Account, Asset

        accounts = ((n, account(n), f"Account {n}", "PatchPortal", [REGION]) for n in range(1, ACCOUNTS + 1))
        self.copier.write(Account, "id account_id name role_name regions", accounts)
        columns = (
            "id account_id region instance_id name state platform os_name os_version private_ip owner application "
            "environment business_unit ssm_status agent_version root_device_type coverage coverage_reasons "
            "first_seen_at last_seen_at"
        )
        self.copier.write(
            Asset, columns, map(self._asset, range(1, self.size.enrolled + self.size.loose + 1))
        )

    def _asset(self, n: int) -> tuple[Any, ...]:
        app, mute = n % APPLICATIONS, n % 50 == 0
        return (
            n, 1 + n % ACCOUNTS, REGION, instance(n), f"app{app:02}-{n:06}", "running", "linux", "Debian GNU/Linux",
            "12", f"10.{n >> 16}.{n >> 8 & 255}.{n & 255}", f"team-{app:02}", f"app-{app:02}",
            "production" if n % 3 else "test", f"unit-{app % UNITS}", "" if mute else "Online", "3.3",
            "ebs", "no_agent" if mute else "", ["no_agent"] if mute else [], self.now - timedelta(days=400), self.now,
        )  # fmt: skip

    def windows(self) -> None:
        from patching.models import Enrolment, Window

        columns = (
            "id slug name frequency weekday start_time time_zone duration_minutes cutoff_minutes created_at"
        )
        rows = (
            (
                n,
                f"window-{n:02}",
                f"Window {n:02}",
                "weekly",
                n % 7,
                time(n % 24),
                ZONE,
                240,
                60,
                self._ago(days=400),
            )
            for n in range(1, self.size.windows + 1)
        )
        self.copier.write(Window, columns, rows)
        enrolled = (
            (n, n, self._window_of(n), self.keys["ada"], self._ago(days=390)) for n in self._enrolled()
        )
        self.copier.write(Enrolment, "id asset_id window_id by_id since", enrolled)

    def _enrolled(self) -> range:
        return range(1, self.size.enrolled + 1)

    def _window_of(self, asset: int) -> int:
        return 1 + (asset - 1) // self.size.servers

    def _ago(self, **length: float) -> datetime:
        return self.now - timedelta(**length)

    def runs(self) -> None:
        from patching.models import Run, Wave

        self.all_runs = list(self._all_runs())
        columns = (
            "id window_id name time_zone starts_at cutoff_at ends_at state created_at started_at finished_at "
            "next_look_at policy"
        )
        self.copier.write(Run, columns, map(self._run, self.all_runs))
        waves = (
            (2 * run.pk + wave, run.pk, wave + 1, ("Canary", "The rest")[wave], "passed", run.starts_at, run.ended_at)
            for run in self.all_runs for wave in (0, 1)
        )  # fmt: skip
        self.copier.write(Wave, "id run_id number name state begun_at ended_at", waves)

    def _all_runs(self) -> Iterator[OneRun]:
        """The oldest first. The last run of each third window is still under way."""
        pk = target = 1
        for week in range(self.size.weeks - 1, -1, -1):
            for window in range(1, self.size.windows + 1):
                first = 1 + (window - 1) * self.size.servers
                begun = self._ago(days=7 * week, hours=1 + window * 2 * (week > 0))
                state = "patching" if week == 0 and window % 3 == 0 else "finished"
                yield OneRun(pk, window, begun, first, first + self.size.servers, target, state)
                pk, target = pk + 1, target + self.size.servers
        yield OneRun(pk, None, self._ago(days=3), 1, self.size.at_once + 1, target)

    def _run(self, run: OneRun) -> tuple[Any, ...]:
        name = f"Window {run.window:02}" if run.window else "Emergency: openssl"
        begun, over = run.starts_at, run.state == "finished"
        return (
            run.pk, run.window, name, ZONE, begun, begun + timedelta(hours=3), begun + timedelta(hours=4), run.state,
            begun - timedelta(days=1), begun, run.ended_at if over else None, self.now + timedelta(days=1),
            {"concurrency": self.size.at_once},
        )  # fmt: skip


def account(n: int) -> str:
    return f"{222_200_000_000 + n}"


def instance(n: int) -> str:
    return f"i-{n:017x}"
