"""A small site in its ordinary state on a Saturday evening: a row for each address of tests/attack/rules.py."""

from __future__ import annotations

from datetime import date, datetime, timedelta
from typing import Any

from allauth.mfa.models import Authenticator
from django.test import Client

from exceptions import operations as exceptions
from patching.models import (
    AssetPatchState,
    Enrolment,
    FixProposal,
    HostReport,
    PackageChange,
    PowerHold,
    RootSnapshot,
    Run,
    RunAudit,
    Window,
)
from patching.models.runs import Dispatch, DispatchTarget
from patching.operations.runs import plan_occurrence
from patching.states import AuditState, HoldState, Phase, ProposalState, RunState, SnapshotState, Verdict
from patching.states import TargetState as T
from portal.access.models import Grant
from portal.access.states import Dimension, Role
from portal.federation.models import RoleRule
from portal.inventory.models import Asset
from portal.notify.operations import notify
from portal.people.models import WaitingGrant
from portal.web.bundles import bundle
from tests import cast
from tests.fakes import FakeCloud

NOW = cast.NOW  # Saturday, 21:00 in Berlin
HOUR, DAY = timedelta(hours=1), timedelta(days=1)
REASON = "The external auditors work on these servers."
KERNELS = {"kernel_before": "6.1.0-26-amd64", "kernel_after": "6.1.0-28-amd64"}
# (state, verdict, reason) of the servers of a run, in their order.
GOOD = [(T.DONE, Verdict.PATCHED, "")] * 3 + [(T.DONE, Verdict.NOTHING_TO_DO, "")]
MIXED = [
    (T.DONE, Verdict.PATCHED, ""),
    (T.DONE, Verdict.FAILED, "The package tool ended with code 100."),
    (T.BLOCKED, "", "/var has 12 MB free; 900 MB are needed."),
    (T.LOST, "", "It did not come back after its restart."),
]
UNDER_WAY = [
    (T.DONE, Verdict.PATCHED, ""),
    (T.BLOCKED, "", "/var has 12 MB free; 900 MB are needed."),
    (T.IN_DISPATCH, "", ""),
    (T.READY, "", ""),
]
LEFT_OUT = (T.SKIPPED, "", "It is excepted until 12 December 2026 (exception 3).")


class Site:
    """Needs a database without rows; `values` are the rows by the names that the rules use."""

    cloud: FakeCloud
    readers: dict[str, Client]  # a browser of each role

    def __init__(self) -> None:
        self.people = {
            "owner": cast.ana(), "approver": cast.bo(), "admin": cast.ada(), "auditor": cast.audrey(),
            "stranger": cast.cy(),
        }  # fmt: skip
        self.values: dict[str, Any] = {"digest": bundle("css").digest, "uid": "a", "token": "b-c"}

    def fill(self) -> Site:
        self.account = cast.an_account(synced_at=NOW - HOUR)
        self.assets = [cast.an_asset(name=f"web-{n}", instance_id=f"i-{n:017x}") for n in range(1, 6)]
        self.foreign = cast.an_asset(name="intranet-1", application="intranet", instance_id=f"i-{99:017x}")
        self.window = cast.a_window(name="Saturday night", slug="saturday-night")
        self.other = cast.a_window(name="Sunday morning", slug="sunday-morning", weekday=6)
        self.idle = cast.a_window(name="Friday noon", slug="friday-noon", weekday=4)
        self.enrol(self.window, *self.assets)
        self.finished = self.a_run(NOW - 7 * DAY, RunState.FINISHED, [*GOOD, LEFT_OUT])
        self.run = self.a_run(NOW - HOUR, RunState.PATCHING, [*UNDER_WAY, LEFT_OUT])
        self.planned = self.a_run(NOW + 7 * DAY, RunState.PLANNED, [(T.PLANNED, "", "")] * 4 + [LEFT_OUT])
        self.remember(self.finished)
        self._reported()
        self._held()
        self._people_and_requests()
        self.values |= {
            "asset": self.assets[0].pk, "run": self.run.pk, "finished": self.finished.pk, "planned": self.planned.pk,
            "waiting": self.planned.targets.get(asset=self.assets[1]).pk, "window": self.window.slug,
            "other_window": self.other.slug, "idle_window": self.idle.slug, "account": self.account.pk, "may": "patch",
            "waiting_rule": RoleRule.objects.create(
                position=2, claim="groups", value="leaders", role=Role.APPROVER, dimension=Dimension.EVERYTHING,
                asked_by=cast.audrey(),
            ).pk,
            "role_rule": RoleRule.objects.create(
                position=1, claim="groups", value="auditors", role=Role.AUDITOR, dimension=Dimension.EVERYTHING
            ).pk,
        }  # fmt: skip
        return self

    def enrol(self, window: Window, *assets: Asset) -> None:
        for asset in assets:
            Enrolment.objects.create(asset=asset, window=window, by=cast.ana(), since=NOW - 30 * DAY)

    def a_run(self, at: datetime, state: RunState, outcomes: list[Any], **facts: Any) -> Run:
        """Of the window; its servers in order, each with its outcome. Rows only, as the engine would leave them."""
        run = plan_occurrence(self.window, at, now=at - DAY)
        assert run
        over = state in {RunState.FINISHED, RunState.HALTED, RunState.MISSED, RunState.CANCELLED}
        started = {} if state == RunState.PLANNED else {"started_at": at}
        Run.objects.filter(pk=run.pk).update(
            state=state, finished_at=at + 2 * HOUR if over else None, **started, **facts
        )
        for target, (outcome, verdict, reason) in zip(
            run.targets.order_by("asset__name"), outcomes, strict=True
        ):
            kernels = KERNELS if verdict == Verdict.PATCHED else {}
            run.targets.filter(pk=target.pk).update(
                state=outcome,
                verdict=verdict,
                reason=reason,
                since=at + HOUR,
                os_label="Debian GNU/Linux 12",
                **kernels,
            )
        return Run.objects.get(pk=run.pk)

    def remember(self, run: Run) -> None:
        """What each server of the run came to, as the servers' own pages know it."""
        for target in run.targets.select_related("asset").exclude(state=T.SKIPPED):
            AssetPatchState.objects.create(
                asset=target.asset, last_run=run, last_target=target, last_state=target.state, security_count=1,
                last_verdict=target.verdict, last_run_at=run.starts_at, kernel_running="6.1.0-28-amd64",
                last_patched_at=run.starts_at, available_count=2, last_reason=target.reason,
            )  # fmt: skip

    def _reported(self) -> None:
        target = self.finished.targets.get(asset=self.assets[0])
        PackageChange.objects.create(
            target=target, asset=self.assets[0], name="openssl", old="3.0.14", new="3.0.15", kind="upgrade"
        )
        dispatch = Dispatch.objects.create(
            run=self.finished, phase=Phase.PATCH, account_id=target.account_id, region=target.region,
            document_name="PatchPortal-Patch-Linux", document_hash="0" * 64, batch=1, claimed_at=NOW - 7 * DAY,
            instance_ids=[target.instance_id], send_before=NOW - 7 * DAY,
        )  # fmt: skip
        row = DispatchTarget.objects.create(
            dispatch=dispatch,
            target=target,
            phase=Phase.PATCH,
            attempt=1,
            status="Success",
            collected_at=NOW - 7 * DAY,
        )
        self.report = HostReport.objects.create(
            row=row, target=target, phase=Phase.PATCH, status="patched", source="s3", stored_at=NOW - 7 * DAY,
            content={"status": "patched"},
        )  # fmt: skip
        self.values["report"] = self.report.pk

    def _held(self) -> None:
        target = self.finished.targets.get(asset=self.assets[0])
        self.hold = PowerHold.objects.create(
            asset=self.assets[0], run=self.run, state=HoldState.HELD, wanted_at=NOW
        )
        snapshot = RootSnapshot.objects.create(
            target=target, run=self.finished, asset=self.assets[0], account_id=target.account_id, region=target.region,
            instance_id=target.instance_id, state=SnapshotState.COMPLETED, snapshot_id="snap-0abc", wanted_at=NOW,
            volume_id="vol-1", taken_at=NOW - 7 * DAY, due_at=NOW, expires_at=NOW + 7 * DAY,
        )  # fmt: skip
        faults = [
            FixProposal.objects.create(
                asset=asset, check_name="disk_space", count=3, of=5, detail="/var has 12 MB free.", state=state,
                first_seen_at=NOW - 30 * DAY, last_seen_at=NOW - DAY,
            )
            for asset, state in zip(self.assets, (ProposalState.OPEN, ProposalState.DISMISSED), strict=False)
        ]  # fmt: skip
        RunAudit.objects.create(state=AuditState.DONE, checked_at=NOW - HOUR, runs=3, checked=3)
        self.values |= {"snapshot": snapshot.pk, "proposal": faults[0].pk, "decided_proposal": faults[1].pk}

    def _people_and_requests(self) -> None:
        self.dora = cast._person("dora")
        grant = Grant.objects.create(
            user=self.dora, role=Role.OWNER, dimension=Dimension.APPLICATION, value="payments"
        )
        factor = Authenticator.objects.create(
            user=self.dora, type="totp", data={"secret": "", "last_step": 0}, created_at=NOW - DAY
        )
        waiting = WaitingGrant.objects.create(
            person=self.dora, role=Role.APPROVER, dimension=Dimension.APPLICATION, value="payments",
            asked_by=cast.audrey(), asked_at=NOW - HOUR, ends_at=NOW + DAY,
        )  # fmt: skip
        self.values["waiting_grant"] = waiting.pk
        self.request = self.asked(self.assets[3])
        notify("person.granted", cast.ana(), said="Ada made you asset owner of application payments.")
        self.values |= {
            "person": self.dora.pk,
            "factor": factor.pk,
            "grant": grant.pk,
            "exception": self.request.pk,
        }

    def asked(self, *assets: Asset, first: int = 2, last: int = 13) -> Any:
        today = date(2026, 12, 5)
        return exceptions.submit(
            assets=assets, from_date=today + first * DAY, to_date=today + last * DAY, time_zone="Europe/Berlin",
            category="audit", reason=REASON, by=cast.ana(), now=NOW,
        )  # fmt: skip
