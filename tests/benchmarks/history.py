"""A year of runs of a large fleet: a million targets, what they changed, and what was told of them.

Rows only, written by COPY: no host and no AWS stands behind them. They keep what the audit of runs asks for.
"""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta
from typing import Any
from uuid import UUID

from tests.benchmarks.planned import ACCOUNTS, APPLICATIONS, REGION, ZONE, OneRun, Planned, account, instance

PACKAGES = [
    "openssl",
    "linux-image-cloud-amd64",
    "curl",
    "systemd",
    "libc6",
    "sudo",
    "tzdata",
    "openssh-server",
]
OLD, NEW = "6.1.109-118.189.amzn2023.x86_64", "6.1.112-122.189.amzn2023.x86_64"
REPORT = {"status": "ok", "checks": [], "packages": {"installed": 412, "available": 0}}
BATCH = 50  # servers of one command
PHASES = ("precheck", "patch")


class History(Planned):
    """Writes all of it."""

    def write(self) -> None:
        from patching.invariants.standings import write_anew

        # The rows fit by construction; asking for each foreign key would take longer than writing them.
        self.copier.cursor.execute("SET session_replication_role = replica")
        parts = (self.fleet, self.windows, self.runs, self.results, self.commands, self.tags, self.events)
        for part in (*parts, self.exceptions, self.power_and_snapshots):
            part()
        self.copier.cursor.execute("RESET session_replication_role")
        write_anew()  # of servers, which no trigger has seen
        self.copier.sequences()
        self.copier.cursor.execute("VACUUM (ANALYZE)")

    def results(self) -> None:
        from patching.models import AssetPatchState, PackageChange, Target

        columns = (
            "id run_id asset_id account_id region instance_id platform wave state reason since verdict agreement "
            "kernel_before kernel_after os_label updated_count available_count"
        )
        self.copier.write(Target, columns, (row for run in self.all_runs for row in self._targets(run)))
        changes = (row for run in self.all_runs for row in self._changes(run))
        self.copier.write(PackageChange, "id target_id asset_id name arch old new kind security", changes)
        last = {asset: (run, target, row) for run in self.all_runs for target, asset, row in run.members()}
        states = (
            (asset, run.pk, target, row[1], row[2], row[3], run.ended_at, run.ended_at, NEW, OLD, asset % 5, asset % 2)
            for asset, (run, target, row) in last.items() if row[1] != "in_dispatch"
        )  # fmt: skip
        columns = (
            "asset_id last_run_id last_target_id last_state last_verdict last_reason last_run_at last_patched_at "
            "kernel_running kernel_previous available_count security_count"
        )
        self.copier.write(AssetPatchState, columns, states)

    def _targets(self, run: OneRun) -> Iterator[tuple[Any, ...]]:
        for target, asset, (_, state, verdict, reason) in run.members():
            yield (
                target, run.pk, asset, account(1 + asset % ACCOUNTS), REGION, instance(asset), "linux",
                1 if asset - run.first < 10 else 2, state, reason, run.ended_at, verdict, "agrees" if verdict else "",
                OLD, NEW if verdict == "patched" else "", "Debian GNU/Linux 12", 2, asset % 5,
            )  # fmt: skip

    def _changes(self, run: OneRun) -> Iterator[tuple[Any, ...]]:
        """Two packages of each server that was patched."""
        for target, asset, (_, _, verdict, _) in run.members():
            for place in (0, 1) if verdict == "patched" else ():
                name = PACKAGES[(target + 3 * place) % len(PACKAGES)]
                key = 2 * target + place
                yield (
                    key,
                    target,
                    asset,
                    name,
                    "amd64",
                    f"{run.pk}.1",
                    f"{run.pk}.2",
                    "upgrade",
                    target % 3 == 0,
                )

    def commands(self) -> None:
        """Commands and reports of the runs that the audit looks at, two phases of each."""
        from patching.models import Dispatch, DispatchTarget, HostReport

        columns = (
            "id run_id wave phase account_id region document_name document_hash batch instance_ids state claimed_at "
            "send_before sent_at command_ids closed_at"
        )
        self.copier.write(
            Dispatch, columns, (row for run in self._audited() for row in self._dispatches(run))
        )
        told = (row for run in self._audited() for row in self._told(run))
        self.copier.write(DispatchTarget, "id dispatch_id target_id phase attempt status collected_at", told)
        reports = (row for run in self._audited() for row in self._reports(run))
        self.copier.write(HostReport, "id row_id target_id phase status content source stored_at", reports)

    def _reports(self, run: OneRun) -> Iterator[tuple[Any, ...]]:
        """What each server told, with the words that name it."""
        hosts = {target: instance(asset) for target, asset, _ in run.members()}
        for key, dispatch, target, phase, *_, when in self._told(run):
            if when:
                named = {"instance_id": hosts[target], "dispatch": str(dispatch), "phase": phase}
                yield key, key, target, phase, "ok", REPORT | named, "s3", when

    def _audited(self) -> list[OneRun]:
        return [run for run in self.all_runs if run.starts_at > self._ago(days=self.size.audited_days)]

    def _dispatches(self, run: OneRun) -> Iterator[tuple[Any, ...]]:
        state = "collected" if run.state == "finished" else "sent"
        for place, _ in enumerate(PHASES):
            for batch, first in enumerate(range(run.first, run.last, BATCH)):
                hosts = [instance(asset) for asset in range(first, min(first + BATCH, run.last))]
                begun = run.starts_at + timedelta(minutes=2 + 30 * place)
                closed = run.ended_at if state == "collected" else None
                yield (
                    command(run, place, batch), run.pk, 1, PHASES[place], account(1), REGION, "PatchPortal", "0" * 64,
                    batch, hosts, state, begun, begun + timedelta(seconds=10), begun,
                    [str(command(run, place, batch))], closed,
                )  # fmt: skip

    def _told(self, run: OneRun) -> Iterator[tuple[Any, ...]]:
        for target, asset, (_, state, _, _) in run.members():
            for place, phase in enumerate(PHASES) if state != "skipped" else ():
                batch, over = (asset - run.first) // BATCH, state != "in_dispatch"
                stored = run.starts_at + timedelta(minutes=10 + 30 * place) if over else None
                yield 2 * target + place, command(run, place, batch), target, phase, 1, "Success", stored

    def tags(self) -> None:
        """Each run of the audited days tags its servers and takes the tags away again."""
        from portal.tags.models import TagChange

        columns = (
            "id account_id region instance_id key value state reason run_id requested_by created_at due_at "
            "finished_at"
        )
        self.copier.write(TagChange, columns, (row for run in self._audited() for row in self._tags(run)))

    def _tags(self, run: OneRun) -> Iterator[tuple[Any, ...]]:
        for target, asset, (_, state, _, _) in run.members():
            place = (account(1 + asset % ACCOUNTS), REGION, instance(asset), "ssm-patch-now")
            when = (run.starts_at, run.starts_at, run.starts_at)
            if state != "skipped":
                yield 2 * target, *place, run.pk, "verified", "run", run.pk, "Patch Portal", *when
            if state not in {"skipped", "in_dispatch"}:
                yield 2 * target + 1, *place, None, "verified", "run", run.pk, "Patch Portal", *when

    def events(self) -> None:
        from portal.audit.models import AuditEvent

        columns = "at actor kind subject_type subject_id run_id summary detail"
        self.copier.write(AuditEvent, columns, (row for run in self.all_runs for row in self._events(run)))

    def _events(self, run: OneRun) -> Iterator[tuple[Any, ...]]:
        """Of each server two, of each command one, of the run two."""
        who, begun = "Patch Portal", run.starts_at
        yield begun, who, "run.patching", "run", run.pk, run.pk, "The run began to patch.", {}
        for _, asset, (_, state, _, reason) in run.members():
            name = f"app{asset % APPLICATIONS:02}-{asset:06}"
            if state != "skipped":
                yield (
                    begun,
                    who,
                    "target.in_dispatch",
                    "asset",
                    asset,
                    run.pk,
                    f"{name} is sent its command.",
                    {},
                )
            if state != "in_dispatch":
                yield run.ended_at, who, f"target.{state}", "asset", asset, run.pk, f"{name}: {reason}", {}
        if run.starts_at > self._ago(days=self.size.audited_days):
            for row in self._dispatches(run):
                yield begun, who, f"dispatch.{row[10]}", "dispatch", row[0], run.pk, "A command.", {}
        if run.state == "finished":
            yield run.ended_at, who, "run.finished", "run", run.pk, run.pk, "The run is finished.", {}

    def exceptions(self) -> None:
        """A tenth waits, a tenth is in force. They were approved after the runs that sent to their servers."""
        from exceptions.models import Approval, Covered, ExceptionRequest

        columns = (
            "id state from_date to_date asked_to_date time_zone starts_at ends_at category reason requested_by_id "
            "created_at submitted_at decided_at"
        )
        numbers = range(1, self.size.exceptions + 1)
        self.copier.write(ExceptionRequest, columns, map(self._exception, numbers))
        covered = (
            (BATCH * n + k, n, 1 + (BATCH * n + k) % self.size.enrolled)
            for n in numbers
            for k in range(BATCH)
        )
        self.copier.write(Covered, "id request_id asset_id", covered)
        decided = ((n, n, self.keys["bo"], "approved", self.now) for n in numbers if n % 10)
        self.copier.write(Approval, "id request_id by_id decision at", decided)

    def _exception(self, n: int) -> tuple[Any, ...]:
        state = {0: "submitted", 1: "active"}.get(n % 10, "expired")
        since = self._ago(days=10 if state != "expired" else 20 + n % 300)
        until = since + timedelta(days=15)
        said, decided = f"The auditors come, {n}.", None if state == "submitted" else since
        return (n, state, since.date(), until.date(), until.date(), ZONE, since, until, "audit", said,
                self.keys["ana"], since, since, decided)  # fmt: skip

    def power_and_snapshots(self) -> None:
        """What people were told, faults that come back, and root volumes to go back to."""
        from patching.models import FixProposal, PowerHold, RootSnapshot
        from portal.notify.models import Notification

        told = (
            (user, "runs.audit", "The audit of runs ended early.", self.now)
            for user in self.keys.values()
            for _ in range(5_000)
        )
        self.copier.write(Notification, "user_id kind sentence created_at", told)
        faults = (
            (n, n, "disk_space", 3, 5, "/ has 12 MB free", "open", self.now, self.now)
            for n in range(1, 2_000)
        )
        columns = "id asset_id check_name count of detail state first_seen_at last_seen_at"
        self.copier.write(FixProposal, columns, faults)
        run = self.all_runs[-1]
        columns = (
            "id target_id run_id asset_id account_id region instance_id volume_id snapshot_id state wanted_at "
            "due_at expires_at"
        )
        kept = (
            (UUID(int=target), target, run.pk, asset, account(1), REGION, instance(asset), f"vol-{asset:017x}",
             f"snap-{target:017x}", "completed", run.starts_at, self.now, self.now)
            for target, asset, _ in run.members()
        )  # fmt: skip
        self.copier.write(RootSnapshot, columns, kept)
        held = (
            (n, n, run.pk, "released", run.starts_at, run.starts_at, run.ended_at)
            for n in range(run.first, run.last)
        )
        self.copier.write(PowerHold, "id asset_id run_id state wanted_at started_at released_at", held)


def command(run: OneRun, place: int, batch: int) -> UUID:
    return UUID(int=(run.pk << 64) + (place << 32) + batch)
