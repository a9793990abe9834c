"""The portal under attack: two teams that must not see each other, a row for every address, hostile words in each row.

Everything of payments bears `PAYMENTS`, everything of the intranet `INTRANET`: whoever finds the other's mark in an
answer has seen a foreign row. What hosts and tags may say of themselves is `HOSTILE`: no page may show it as markup.
"""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from functools import cached_property
from typing import Any

from allauth.mfa.models import Authenticator
from allauth.socialaccount.models import SocialAccount
from django.conf import settings
from django.test import Client
from django.utils import timezone

from exceptions import operations as exceptions
from patching.checks import LASTING_FIXES
from patching.models import (
    AssetPatchState,
    Enrolment,
    FixProposal,
    HostReport,
    PackageChange,
    PowerHold,
    RootSnapshot,
    Run,
    Target,
    Window,
)
from patching.models.runs import Dispatch, DispatchTarget
from patching.operations.runs import plan_occurrence
from patching.states import HoldState, Phase, ProposalState, RunState, SnapshotState, TargetState, Verdict
from portal.access.models import Grant, User
from portal.access.states import Dimension, Role
from portal.federation.models import RoleRule
from portal.federation.words import rule_words
from portal.inventory.models import Account, Asset
from portal.notify.channels.inbox.channel import CHANNEL as INBOX
from portal.notify.delivery import Delivery
from portal.notify.kinds import kind_of
from portal.people.models import WaitingGrant
from portal.reauthentication.proof import PROVEN_AT
from portal.sign_in.models import OpenSession
from portal.tokens import operations as tokens
from portal.web.bundles import bundle
from tests import cast
from tests.attack.tables import NOBODYS_VISIT

PAYMENTS, INTRANET = "pay7qz", "intra4k"
MARKUP = "<i zx9>"
HOSTILE = f"{MARKUP}\"'><script>zx9()</script>=cmd|' /C calc'!A0 \u202e${{7*7}}{{{{7*7}}}}"
OWN = {PAYMENTS: {"ana", "bo", "ada", "audrey"}, INTRANET: {"cy", "ada", "audrey"}}


class World:
    """Rows by the names that tests/attack/rules.py uses, and a browser for each person. Needs a clean database."""

    def __init__(self) -> None:
        self.now = timezone.now()
        self._people()
        self._fleet()
        self._runs()
        self._rest()
        self._cookies = {name: self._signed_in(name) for name in self.people}
        User.objects.filter(pk=self.people["shut_out"].pk).update(is_active=False)

    def _signed_in(self, name: str) -> str:
        client = Client()
        client.force_login(self.people[name], backend=settings.AUTHENTICATION_BACKENDS[0])
        session = client.session
        session[PROVEN_AT] = (
            self.now + timedelta(days=1)
        ).timestamp()  # an attack lasts longer than that proof
        session.save()
        return client.cookies[settings.SESSION_COOKIE_NAME].value

    def client(self, name: str) -> Client:
        """A fresh browser of this person. `stranger` never signed in, `shut_out` had, until an admin ended it."""
        client = Client(raise_request_exception=False, SERVER_NAME="localhost")
        if name in self._cookies:
            client.cookies[settings.SESSION_COOKIE_NAME] = self._cookies[name]
        return client

    def value(self, name: str) -> Any:
        """What an address or a form says for the row of this name."""
        return self.values[name]

    def _people(self) -> None:
        makers = {"ana": cast.ana, "bo": cast.bo, "cy": cast.cy, "ada": cast.ada, "audrey": cast.audrey}
        self.people = {name: make() for name, make in makers.items()}
        self.people |= {name: cast._person(name) for name in ("nobody", "shut_out")}
        cast._person("di", (Role.APPROVER, Dimension.APPLICATION, "intranet"))
        self.role_rules = RoleRule.objects.bulk_create(
            RoleRule(
                position=number,
                claim="groups",
                value=HOSTILE,
                role=Role.AUDITOR,
                dimension=Dimension.EVERYTHING,
            )
            for number in (1, 2)
        )
        self.waiting_rule = RoleRule.objects.create(
            position=3, claim="groups", value=HOSTILE, role=Role.APPROVER, dimension=Dimension.EVERYTHING,
            asked_by=self.people["nobody"],
        )  # fmt: skip
        self.victim = cast._person("victim")
        self.session = OpenSession.objects.create(
            person=self.victim, session_key=NOBODYS_VISIT, began_at=self.now, seen_at=self.now, source="192.0.2.7",
            browser=HOSTILE[:100],
        )  # fmt: skip
        self.api_token, _ = tokens.make(
            tokens.Wish(HOSTILE[:100], days=30, may_act=True), by=self.victim, now=self.now
        )
        self.identity = SocialAccount.objects.create(
            user=self.victim,
            provider="https://idp.example",
            uid=HOSTILE[:100],
            extra_data={"groups": [HOSTILE]},
        )
        self.factor = Authenticator.objects.create(
            user=self.victim, type="totp", data={"secret": "sealed by nobody", "last_step": 0}
        )
        self.grant = Grant.objects.create(
            user=self.victim, role=Role.OWNER, dimension=Dimension.APPLICATION, value="payments"
        )

        self.waiting_grant = WaitingGrant.objects.create(
            person=self.victim, role=Role.APPROVER, dimension=Dimension.APPLICATION, value="payments",
            asked_by=self.people["nobody"], asked_at=self.now, ends_at=self.now + timedelta(days=1),
        )  # fmt: skip

    def _fleet(self) -> None:
        hostile = {"os_name": HOSTILE[:200], "tags": {"Name": HOSTILE, "Owner": HOSTILE}}
        self.assets = [cast.an_asset(name=f"{PAYMENTS}-{n} {HOSTILE}"[:250], **hostile) for n in range(4)]
        self.foreign = cast.an_asset(
            name=f"{INTRANET}-1 {HOSTILE}"[:250], application="intranet", owner="intranet-team", coverage="no_agent",
            coverage_reasons=["no_agent"], **hostile,
        )  # fmt: skip

    def _runs(self) -> None:
        self.window, self.other_window = cast.a_window(slug="attacked"), cast.a_window(slug="other")
        self.idle_window = cast.a_window(slug="idle")
        mixed = self._enrolled([*self.assets, self.foreign], self.window)
        self.idle_asset = cast.an_asset(name=f"{PAYMENTS}-idle")
        self._enrolled([self.idle_asset], self.idle_window)
        starts = [self.window.recurrence.next(self.now, 3)[number] for number in range(3)]
        self.finished, self.run, self.planned = (
            plan_occurrence(self.window, at, now=self.now) for at in starts
        )
        assert mixed == self.planned.targets.count(), "a server of the world is in no run"
        for run in (self.run, self.planned):  # these two are payments' alone
            run.targets.filter(asset=self.foreign).delete()
        self._move(self.finished, RunState.FINISHED, TargetState.DONE)
        self._move(self.run, RunState.PATCHING, TargetState.CHECKING)
        self.run.targets.filter(asset=self.assets[1]).update(
            state=TargetState.DONE, verdict=Verdict.FAILED, reason=HOSTILE
        )
        for target in self.finished.targets.select_related("asset"):
            self._patched(target)

    def _enrolled(self, assets: list[Asset], window: Window) -> int:
        rows = [
            Enrolment(asset=asset, window=window, by=self.people["ana"], since=self.now - timedelta(days=9))
            for asset in assets
        ]
        return len(Enrolment.objects.bulk_create(rows))

    def _move(self, run: Run, state: RunState, targets: TargetState) -> None:
        times: dict[str, datetime] = {}
        if state == RunState.PATCHING:  # its window is open now
            times = {
                "starts_at": self.now - timedelta(hours=1),
                "cutoff_at": self.now + timedelta(hours=2),
                "ends_at": self.now + timedelta(hours=3),
                "started_at": self.now,
            }
        Run.objects.filter(pk=run.pk).update(state=state, **times)
        run.targets.update(state=targets)
        run.refresh_from_db(fields=list(times))

    def _patched(self, target: Target) -> None:
        mark = PAYMENTS if target.asset.application == "payments" else INTRANET
        Target.objects.filter(pk=target.pk).update(
            verdict=Verdict.PATCHED,
            kernel_before=HOSTILE[:300],
            kernel_after=HOSTILE[:300],
            os_label=HOSTILE[:200],
        )
        AssetPatchState.objects.create(
            asset=target.asset, last_run=target.run, last_target=target, last_state=TargetState.DONE,
            last_verdict=Verdict.PATCHED, last_reason=HOSTILE, last_run_at=self.now, kernel_running=HOSTILE[:300],
        )  # fmt: skip
        PackageChange.objects.create(
            target=target,
            asset=target.asset,
            name=f"{mark} {HOSTILE}"[:300],
            old=HOSTILE,
            new=HOSTILE,
            kind="upgrade",
        )
        self.report = self._report(target, mark)

    def _report(self, target: Target, mark: str) -> HostReport:
        dispatch = Dispatch.objects.create(
            run=target.run, phase=Phase.PATCH, account_id=target.account_id, region=target.region,
            document_name="PatchPortal-Patch-Linux", document_hash="0" * 64, batch=target.pk,
            instance_ids=[target.instance_id], claimed_at=self.now, send_before=self.now,
        )  # fmt: skip
        row = DispatchTarget.objects.create(
            dispatch=dispatch,
            target=target,
            phase=Phase.PATCH,
            attempt=1,
            status="Success",
            collected_at=self.now,
        )
        return HostReport.objects.create(
            row=row, target=target, phase=Phase.PATCH, status="patched", source="s3", stored_at=self.now,
            content={"status": "patched", "host": {"os": {"id": HOSTILE}}, "note": f"{mark} {HOSTILE}"},
        )  # fmt: skip

    def _rest(self) -> None:
        target = self.finished.targets.filter(asset=self.assets[0]).get()
        PowerHold.objects.create(asset=self.assets[0], run=self.run, state=HoldState.HELD, wanted_at=self.now)
        self.snapshot = RootSnapshot.objects.create(
            target=target, run=self.finished, asset=self.assets[0], account_id=target.account_id, region=target.region,
            instance_id=target.instance_id, state=SnapshotState.COMPLETED, snapshot_id="snap-0abc",
            volume_id="vol-1", taken_at=self.now, wanted_at=self.now, due_at=self.now,
            expires_at=self.now + timedelta(days=7),
        )  # fmt: skip
        self.proposals = [
            FixProposal.objects.create(
                asset=asset, check_name=next(iter(LASTING_FIXES)), count=3, of=3, detail=HOSTILE, state=state,
                first_seen_at=self.now, last_seen_at=self.now,
            )
            for asset, state in zip(self.assets, (ProposalState.OPEN, ProposalState.DISMISSED), strict=False)
        ]  # fmt: skip
        self.exception = self._asked("ana", self.assets[3], PAYMENTS)
        self._asked("cy", self.foreign, INTRANET)
        INBOX.keep(Delivery(kind_of("runs.audit"), (self.people["ana"],), f"{PAYMENTS} {HOSTILE}", "/"))

    def _asked(self, who: str, asset: Asset, mark: str) -> Any:
        days = [(self.now + timedelta(days=days)).date() for days in (1, 5)]
        return exceptions.submit(
            assets=[asset], from_date=days[0], to_date=days[1], time_zone="Europe/Berlin", category="audit",
            reason=f"{mark}: {HOSTILE}", by=self.people[who], now=self.now,
        )  # fmt: skip

    @cached_property
    def values(self) -> dict[str, Any]:
        report = HostReport.objects.get(target__asset=self.assets[0])
        waiting = self.planned.targets.filter(asset=self.assets[2]).get()
        return {
            "asset": self.assets[0].pk, "foreign": self.foreign.pk, "report": report.pk, "run": self.run.pk,
            "finished": self.finished.pk, "planned": self.planned.pk, "waiting": waiting.pk,
            "snapshot": self.snapshot.pk, "proposal": self.proposals[0].pk,
            "decided_proposal": self.proposals[1].pk, "window": self.window.slug,
            "other_window": self.other_window.slug, "idle_window": self.idle_window.slug,
            "idle_asset": self.idle_asset.pk, "exception": self.exception.pk,
            "account": Account.objects.get(account_id="111122223333").pk, "person": self.victim.pk,
            "grant": self.grant.pk, "role_rule": self.role_rules[0].pk, "identity": self.identity.pk,
            "session": self.session.pk, "api_token": self.api_token.pk, "factor": self.factor.pk,
            "waiting_rule": self.waiting_rule.pk,
            "waiting_words": rule_words(self.waiting_rule),
            "waiting_grant": self.waiting_grant.pk,
            "provider": "nobody-s", "may": "patch", "uid": "a", "token": "b-c", "digest": bundle("css").digest,
            "today": (datetime.now(UTC) + timedelta(days=1)).date().isoformat(),
        }  # fmt: skip
