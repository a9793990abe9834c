"""The states in which a page says something else than on an ordinary evening: how each comes about, and its pages."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

import pytest
from django.conf import settings

from aws.codes import NOT_SIGNED
from aws.errors import AccessRefused, Throttled
from patching.models import FixProposal, Hindrance, PowerHold, Run, RunAudit, SendingPause, Target
from patching.states import AuditState, RunState
from patching.states import TargetState as T
from portal.inventory import silent
from portal.inventory.models import Asset
from portal.limits.circuits import OpenCircuit
from portal.notify.models import Notification
from tests.integration.portal.golden.site import GOOD, HOUR, LEFT_OUT, MIXED, NOW, Site

Change = Callable[[Site, pytest.MonkeyPatch], Any]
ADMIN, OWNER = ("admin",), ("owner",)
CHECKED = [(T.DONE, "", "")] * 4


@dataclass(frozen=True)
class State:
    """`pages`: an address's name, the names of its rows and perhaps a query, as in `patching:plan window ?at=now`."""

    name: str
    change: Change
    pages: tuple[str, ...]
    who: tuple[str, ...] = ADMIN


def account(**facts: Any) -> Change:
    return lambda site, _: type(site.account).objects.update(**facts)


def asset(**facts: Any) -> Change:
    return lambda site, _: Asset.objects.filter(pk=site.assets[0].pk).update(**facts)


def run(state: RunState, outcomes: list[Any], **facts: Any) -> Change:
    def change(site: Site, _: pytest.MonkeyPatch) -> None:
        over = state in {RunState.FINISHED, RunState.HALTED, RunState.MISSED, RunState.CANCELLED}
        Run.objects.filter(pk=site.run.pk).update(state=state, finished_at=NOW if over else None, **facts)
        for target, (outcome, verdict, reason) in zip(
            site.run.targets.order_by("asset__name"), [*outcomes, LEFT_OUT], strict=True
        ):
            Target.objects.filter(pk=target.pk).update(state=outcome, verdict=verdict, reason=reason)

    return change


def hindered(name: str, subject: str, title: str) -> Change:
    return lambda site, _: Hindrance.objects.create(
        run=getattr(site, name),
        subject=subject,
        title=title,
        sentence="AWS says no.",
        first_seen_at=NOW,
        seen_at=NOW,
    )


def refused(operation: str, error: Exception) -> Change:
    def before(name: str) -> None:
        if name == operation:
            raise error

    return lambda site, _: setattr(site.cloud, "before", before)


def quiet(*circuits: OpenCircuit) -> Change:
    return lambda site, patch: patch.setattr(silent, "silent_places", lambda: list(circuits))


def unknown_silence(site: Site, patch: pytest.MonkeyPatch) -> None:
    patch.setattr("portal.inventory.views.accounts.silent.read", lambda: None)


def everybody_left_out(site: Site, _: pytest.MonkeyPatch) -> None:
    site.run.targets.update(state=T.SKIPPED, verdict="", reason=LEFT_OUT[2])
    site.planned.targets.update(state=T.SKIPPED, reason=LEFT_OUT[2])


def retired(site: Site, _: pytest.MonkeyPatch) -> None:
    type(site.window).objects.update(active=False)


def audit(**facts: Any) -> Change:
    return lambda site, _: RunAudit.objects.create(**({"checked_at": NOW, "runs": 3, "checked": 3} | facts))


BROKEN = [{"invariant": "I7", "run": None, "sentence": "The tag ssm-patch-now remained on web-1."}]
ACCOUNTS = ("inventory:accounts", "inventory:account account")
CHECK = ("inventory:account-check account",)
RUN = ("patching:run run", "patching:tonight", "reports:run-report run")
S3_SILENT = OpenCircuit("111122223333", "eu-central-1", "ssm", datetime(2026, 12, 5, 19, tzinfo=UTC), NOW, 3)
BUCKET_GONE = "Reports cannot be kept in the bucket patch-portal-results"
NO_KEYS = AccessRefused(
    "The portal has no AWS credentials that it could use for AssumeRole: Unable to locate credentials",
    code=NOT_SIGNED,
)
DENIED = AccessRefused("AWS does not allow the portal this: not authorized", code="AccessDenied")

STATES = [
    State("the account was never read", account(synced_at=None), ACCOUNTS),
    State("the account cannot be read", account(sync_error="AWS does not allow the portal AssumeRole."), ACCOUNTS),
    State("the account is read in part", account(unstored="1 server could not be stored: i-1: No."), ACCOUNTS),
    State("the account is switched off", account(active=False), ACCOUNTS),
    State("a service does not answer in a place", quiet(S3_SILENT), ACCOUNTS),
    State("nobody knows whether AWS answers", unknown_silence, ("inventory:accounts",)),
    State("the portal has no credentials", refused("GetCallerIdentity", NO_KEYS), CHECK),
    State("the role does not let the portal in", refused("GetCallerIdentity", DENIED), CHECK),
    State("one permission is missing", refused("ListCommands", DENIED), CHECK),
    State("AWS does not answer the check", refused("ListCommands", Throttled("AWS limits the rate.")), CHECK),
    State("the bucket refuses", refused("PutObject", DENIED), CHECK),
    State("a server has no agent", asset(coverage="no_agent", coverage_reasons=["no_agent"]),
          ("inventory:coverage", "reports:server asset", "patching:pick-window ?ids={asset}")),
    State("a server has no owner", asset(coverage="no_owner", coverage_reasons=["no_owner"]),
          ("inventory:coverage", "patching:pick-window ?ids={asset}")),
    State("a server is gone", asset(gone_at=NOW), ("reports:server asset",), OWNER),
    State("a run is over, all good", run(RunState.FINISHED, GOOD), RUN, (*OWNER, *ADMIN)),
    State("a run is over, some need you", run(RunState.FINISHED, MIXED), RUN, (*OWNER, *ADMIN)),
    State("a run is over, one server needs you", run(RunState.FINISHED, [*GOOD[:3], MIXED[1]]), RUN),
    State("a run only checks", run(RunState.CHECKING, [*CHECKED[:2], MIXED[2], (T.CHECKING, "", "")], check_only=True),
          RUN),
    State("a run has only checked", run(RunState.FINISHED, CHECKED, check_only=True), RUN),
    State("a run was missed", run(RunState.MISSED, [(T.SKIPPED, "", "No worker reached it.")] * 4), RUN),
    State("a run is being halted", run(RunState.HALTING, [*GOOD[:3], (T.IN_DISPATCH, "", "")]),
          (*RUN, "patching:halt run")),
    State("a run was halted", run(RunState.HALTED, [*GOOD[:2], (T.HALTED, "", ""), *GOOD[2:3]]), RUN),
    State("a run is past its cutoff", run(RunState.PATCHING, MIXED, cutoff_at=NOW - HOUR / 2), RUN[:1]),
    State("everybody is left out of the runs", everybody_left_out, (*RUN, "patching:run planned")),
    State("no worker has taken up a run",
          lambda site, _: Run.objects.filter(pk=site.planned.pk).update(starts_at=NOW - HOUR / 2),
          ("patching:run planned",)),
    State("the bucket is refused before the start", hindered("planned", "bucket", BUCKET_GONE),
          ("patching:run planned", "patching:tonight"), (*OWNER, *ADMIN)),
    State("the bucket is refused in a run", hindered("run", "bucket", BUCKET_GONE), RUN[:2]),
    State("a part of a run is refused", hindered("run", "send_checks", "Checks cannot be sent"), RUN[:2]),
    State("all sending is paused",
          lambda site, _: SendingPause.objects.update_or_create(
              id=1, defaults={"paused": True, "reason": "A bad kernel.", "by": "Ada", "since": NOW - HOUR}),
          ("patching:tonight", "patching:pause", "patching:plan window ?at=now"), (*OWNER, *ADMIN)),
    State("the window is off the list", retired,
          ("patching:windows", "patching:windows ?show=retired", "patching:window window", "patching:plan window",
           "reports:server asset", "patching:tonight"), (*OWNER, *ADMIN)),
    State("an admin thinks of a start at once", lambda site, _: None,
          ("patching:plan window ?at=now", "patching:plan idle_window ?at=now",
           "patching:plan idle_window ?show=left-out", "patching:plan window ?show=left-out")),
    State("an audit found something broken", audit(state=AuditState.DONE, broken=1, violations=BROKEN),
          ("patching:audits",)),
    State("an audit did not end", audit(state=AuditState.FAILED, reason="Three workers ended."), ("patching:audits",)),
    State("an audit is under way", audit(state=AuditState.RUNNING, checked=1), ("patching:audits",)),
    State("no fault comes back", lambda site, _: FixProposal.objects.all().delete(), ("patching:recurring",)),
    State("no run keeps the server started", lambda site, _: PowerHold.objects.all().delete(),
          ("patching:keep-running asset", "patching:power-and-snapshots asset"), OWNER),
    State("everything is read", lambda site, _: Notification.objects.update(read_at=NOW),
          ("notify:list", "notify:list ?show=unread"), OWNER),
    State("a filter finds nothing", lambda site, _: None,
          ("reports:my-servers ?q=nobody", "patching:runs ?q=nobody", "exceptions:register ?q=nobody",
           "inventory:coverage ?q=nobody", "audit:events ?q=nobody", "people:list ?q=nobody",
           "patching:recurring ?q=nobody", "reports:search ?q=nobody", "reports:search ?q=web",
           "reports:packages asset ?q=nobody", "patching:run run ?q=nobody")),
    State("somebody has lost the way", lambda site, _: None, ("people:list", "reports:server asset"), ("stranger",)),
    State("the portal sends e-mail", lambda site, patch: patch.setattr(settings, "EMAIL_HOST", "mail.example.com"),
          ("account_reset_password", "account_reset_password_done"), ("visitor",)),
]  # fmt: skip
