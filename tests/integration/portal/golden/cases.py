"""An exception in each of its states, before each reader; and what the portal answers to what people do."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import date, timedelta
from typing import Any

from exceptions import operations
from exceptions.models import ExceptionRequest
from patching.models import Run, SendingPause, Target
from patching.states import RunState
from patching.states import TargetState as T
from portal.inventory.models import Asset
from tests import cast
from tests.integration.portal.golden.site import NOW, REASON, Site
from tests.integration.portal.golden.states import State

READERS = ("owner", "approver", "admin")
PAGES = ("exceptions:case exception", "exceptions:register", "reports:server asset")


def approved(site: Site, *, first: int = 0, last: int = 13) -> ExceptionRequest:
    """Of the first server, from so many days after today."""
    operations.withdraw(request=site.request, by=cast.ana(), now=NOW)
    made = site.asked(site.assets[0], first=first, last=last)
    site.values["exception"] = made.pk
    return operations.approve(request=made, by=cast.bo(), now=NOW)


def answered(act: str) -> Any:
    def change(site: Site, _: Any) -> None:
        deed = getattr(operations, act)
        deed(request=site.request, by=cast.bo(), reason="Give a date of the audit.", now=NOW)

    return change


def expired(site: Site, _: Any) -> None:
    made = approved(site)
    ended = NOW - timedelta(days=1)
    facts = {"starts_at": NOW - timedelta(days=9), "ends_at": ended, "from_date": date(2026, 11, 26)}
    ExceptionRequest.objects.filter(pk=made.pk).update(**facts, to_date=date(2026, 12, 3))
    operations.tick(now=NOW)


CASES = [
    State("an exception is approved for later", lambda site, _: approved(site, first=9), PAGES, READERS),
    State("an exception is in force", lambda site, _: approved(site), PAGES, READERS),
    State("an exception goes on for long", lambda site, _: approved(site, last=100), PAGES[2:], ("owner",)),
    State("an exception has ended", expired, PAGES, READERS),
    State("an exception was ended early", lambda site, _: operations.revoke(
        request=approved(site), by=cast.bo(), reason="The audit is over.", now=NOW), PAGES, READERS),
    State("a request is sent back", answered("return_for_rework"), PAGES[:2], READERS),
    State("a request is rejected", answered("reject"), (*PAGES[:2], "exceptions:inbox"), READERS),
    State("a request is withdrawn", lambda site, _: operations.withdraw(
        request=site.request, by=cast.ana(), now=NOW), PAGES[:2], READERS),
]  # fmt: skip


@dataclass(frozen=True)
class Act:
    """What somebody sends; the answer or the page behind it holds the toast."""

    who: str
    page: str
    form: dict[str, Any] = field(default_factory=dict)
    name: str = ""
    change: Any = lambda site: None

    def __str__(self) -> str:
        words = ", ".join(
            f"{key}={value}" for key, value in self.form.items() if key in {"act", "kind", "active"}
        )
        return f"{self.who}: {self.name or self.page.partition(' ')[0]}{f' ({words})' if words else ''}"


def _retry_two(site: Site) -> None:
    Target.objects.filter(run=site.run, asset__in=site.assets[1:3]).update(state=T.BLOCKED, reason="No.")


def _no_run(site: Site) -> None:
    Run.objects.filter(pk=site.run.pk).update(state=RunState.FINISHED, finished_at=NOW)
    site.run.targets.update(state=T.DONE)


def _alone(site: Site) -> None:
    """One server of payments is left."""
    Asset.objects.filter(pk__in=[one.pk for one in site.assets[1:]]).update(application="other")


WHY = {"reason": "Because of the audit."}
SERVERS = {"ids": "{asset}"}
DAYS = {"from_date": "2026-12-08", "to_date": "2026-12-20", "time_zone": "Europe/Berlin", "category": "audit",
        "reason": REASON}  # fmt: skip
DECIDE = "exceptions:decide exception"
WINDOW = {
    "name": "Saturday night", "frequency": "weekly", "weekday": "5", "start_time": "22:00",
    "time_zone": "Europe/Berlin", "duration_minutes": "240", "cutoff_minutes": "60", "mode": "all",
    "reboot": "if-needed", "fixes": "all",
    "concurrency": "200", "stop_at_error_percent": "20", "min_free_mb": "900",
}  # fmt: skip
ACCOUNT = {
    "name": "Shop",
    "role_name": "PatchPortal",
    "regions": "eu-west-1",
    "active": "on",
}
ACTS = [
    Act("owner", "patching:enrol", {"window": "{other_window}", **SERVERS}),
    Act("owner", "patching:leave", SERVERS),
    Act("owner", "exceptions:ask", DAYS | SERVERS),
    Act("approver", DECIDE, WHY | {"act": "approve"}),
    Act("approver", DECIDE, WHY | {"act": "approve_until", "until": "2026-12-10"}),
    Act("approver", DECIDE, WHY | {"act": "approve"}, "approving from today on",
        lambda site: site.values.update(exception=site.asked(site.assets[1], first=0).pk)),
    Act("approver", DECIDE, WHY | {"act": "reject"}),
    Act("approver", DECIDE, WHY | {"act": "return"}),
    Act("owner", DECIDE, {"act": "withdraw"}),
    Act("owner", DECIDE, WHY | {"act": "revoke"}, change=approved),
    Act("owner", DECIDE, WHY | {"act": "resubmit"}, change=lambda site: answered("return_for_rework")(site, None)),
    Act("admin", "patching:halt run", WHY),
    Act("admin", "patching:cancel planned", WHY),
    Act("admin", "patching:retry run", WHY),
    Act("admin", "patching:retry run", WHY, "trying two again", _retry_two),
    Act("admin", "patching:skip planned ?target={waiting}", WHY),
    Act("admin", "patching:extend run", WHY | {"minutes": "30"}),
    Act("owner", "patching:check-again asset", change=_no_run),
    Act("owner", "patching:check-again asset", name="checking again what a run works on"),
    Act("owner", "patching:keep-running asset", WHY),
    Act("admin", "patching:restore snapshot", WHY),
    Act("admin", "patching:start-now window", {"kind": "check_only"}, change=_no_run),
    Act("admin", "patching:pause", WHY),
    Act("admin", "patching:resume", change=lambda site: SendingPause.objects.update_or_create(
        id=1, defaults={"paused": True, "reason": "A bad kernel.", "by": "Ada", "since": NOW})),
    Act("admin", "patching:audit-now"),
    Act("admin", "patching:recurring-decide proposal", WHY | {"decision": "accepted"}),
    Act("admin", "patching:recurring-reopen decided_proposal"),
    Act("admin", "patching:window-new", WINDOW | {"name": "Sunday night"}),
    Act("admin", "patching:window-edit window", WINDOW),
    Act("admin", "patching:window-retire window"),
    Act("admin", "inventory:account-new", ACCOUNT | {"account_id": "999988887777"}),
    Act("admin", "inventory:account account", ACCOUNT),
    Act("admin", "people:new", {"name": "Emil", "username": "emil", "email": "emil@example.com"}),
    Act("admin", "people:change person", {"name": "Dora", "email": "new@example.com"}),
    Act("admin", "people:grant person", {"role": "owner", "dimension": "application", "value": "intranet"}),
    Act("admin", "people:grant person", {"role": "approver", "dimension": "application", "value": "payments"},
        "giving a right over one server", _alone),
    Act("admin", "people:revoke person grant"),
    Act("admin", "people:active person", {"active": "0"}),
    Act("admin", "people:active person", {"active": "1"},
        change=lambda site: type(site.dora).objects.filter(pk=site.dora.pk).update(is_active=False)),
    Act("admin", "people:password person"),
    Act("admin", "people:second-factor-reset person"),
    Act("admin", "federation:rule-agree waiting_rule",
        {"said": "groups leaders → business leader of everything"}),
    Act("admin", "people:agree person waiting_grant"),
    Act("admin", "people:decline person waiting_grant"),
    Act("owner", "notify:read"),
]  # fmt: skip
