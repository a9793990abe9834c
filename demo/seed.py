"""The people, windows, enrolments and exceptions of the demo, made by the product's own operations."""

from __future__ import annotations

from datetime import datetime, time, timedelta
from typing import Any
from zoneinfo import ZoneInfo

from django.contrib.auth.hashers import make_password
from django.db import transaction

from exceptions.models import ExceptionRequest
from exceptions.operations import approve, submit
from patching.models import Enrolment, Run, Window
from patching.operations.windows import enrol, offer, retire
from patching.window_facts import WindowFacts
from portal.access.models import Grant, User
from portal.access.states import Dimension, Role
from portal.calendar.recurrence import Recurrence
from portal.clock import database_now
from portal.inventory.models import Account, Asset
from portal.tokens import operations as tokens

ZONE = "Europe/Berlin"
PASSWORD = "patch-portal-demo"
PEOPLE = [
    ("ada", "Ada", "Admin", [(Role.ADMIN, Dimension.EVERYTHING, "")]),
    ("ana", "Ana", "Payments", [(Role.OWNER, Dimension.APPLICATION, "payments")]),
    ("leo", "Leo", "Logistics", [(Role.OWNER, Dimension.APPLICATION, "logistics")]),
    ("bo", "Bo", "Finance", [(Role.APPROVER, Dimension.BUSINESS_UNIT, "finance")]),
    ("olga", "Olga", "Operations", [(Role.APPROVER, Dimension.BUSINESS_UNIT, "operations")]),
    ("audrey", "Audrey", "Audit", [(Role.AUDITOR, Dimension.EVERYTHING, "")]),
    ("cy", "Cy", "Stranger", [(Role.OWNER, Dimension.APPLICATION, "intranet")]),
]
TOKEN = "script/demo"
# Times of a fleet that answers in seconds; a real window keeps the defaults of RunPolicy.
QUICK = {
    "lead_s": 20, "wake_timeout_s": 60, "delivery_timeout_s": 30, "execution_timeout_s": 60, "deadline_s": 45,
    "reboot_grace_s": 15, "settle_s": 8, "sweep_s": 1, "lock_wait_s": 5, "end_bound_s": 60, "plan_ahead_s": 86_400,
    "stop_at_error_percent": 40, "gather_s": 2,
}  # fmt: skip


def people() -> None:
    hashed = make_password(PASSWORD)  # once: a hash is slow on purpose, and they all share it
    for username, first, last, grants in PEOPLE:
        user, _ = User.objects.get_or_create(
            username=username,
            defaults={
                "password": hashed,
                "first_name": first,
                "last_name": last,
                "email": f"{username}@example.com",
                "time_zone": ZONE,
            },
        )
        for role, dimension, value in grants:
            Grant.objects.get_or_create(user=user, role=role, dimension=dimension, value=value)


def token(username: str) -> str:
    """A token with which a program does what this person may; the one of an earlier start ends."""
    who, now = person(username), database_now()
    for old in tokens.of(who, now):
        if old.name == TOKEN:
            tokens.end(token=old, by=who, now=now)
    _, text = tokens.make(tokens.Wish(TOKEN, days=30, may_act=True), by=who, now=now)
    return text


def accounts(fleet: dict[str, Any]) -> None:
    for row in fleet["accounts"]:
        Account.objects.get_or_create(
            account_id=row["id"],
            defaults={
                "name": row["name"],
                "role_name": row["role_name"],
                "external_id": row["external_id"],
                "regions": row["regions"],
            },
        )


def person(username: str) -> User:
    return User.objects.get(username=username)


def windows(now: datetime) -> None:
    """Two ordinary windows that owners could pick instead."""
    if Window.objects.exists():
        return
    production = WindowFacts(
        name="Saturday night, production", slug="saturday-production", duration_minutes=240, cutoff_minutes=60,
        schedule=Recurrence("weekly", 5, None, time(22), ZONE), policy={},
    )  # fmt: skip
    test_first = WindowFacts(
        name="Second Tuesday, test first", slug="second-tuesday", duration_minutes=180, cutoff_minutes=30,
        schedule=Recurrence("monthly", 1, 2, time(20), ZONE), policy={},
    )  # fmt: skip
    for facts in (production, test_first):
        offer(facts, by=person("ada"), now=now)


def window_opening_now(now: datetime, start_in: timedelta) -> Window:
    """A weekly window whose occurrence begins in a moment."""
    for old in Window.objects.filter(slug__startswith="tonight-", active=True):
        retire(window=old, by=person("ada"), now=now)
    local = (now + start_in).astimezone(ZoneInfo(ZONE)).replace(microsecond=0)
    facts = WindowFacts(
        name=f"Tonight, opened {local:%H:%M:%S}",
        slug=f"tonight-{local:%Y%m%d-%H%M%S}".lower(),
        schedule=Recurrence("weekly", local.weekday(), None, local.time(), ZONE),
        duration_minutes=60,
        cutoff_minutes=15,
        policy=QUICK,
    )
    return offer(facts, by=person("ada"), now=now)


def enrol_everyone(window: Window, now: datetime) -> None:
    """Each owner enrols what they own; what nobody owns stays on the coverage list."""
    for username, application in (("ana", "payments"), ("leo", "logistics")):
        assets = list(Asset.objects.present().filter(application=application))
        enrol(assets=assets, window=window, by=person(username), now=now)


def exceptions(now: datetime) -> None:
    """One approved exception for the audit servers, and one more that waits in the inbox."""
    if ExceptionRequest.objects.exists():
        return
    today = now.astimezone(ZoneInfo(ZONE)).date()
    ana, bo = person("ana"), person("bo")
    audit = list(Asset.objects.present().filter(name__startswith="pay-audit"))
    request = submit(
        assets=audit, from_date=today, to_date=today + timedelta(days=19), time_zone=ZONE, category="audit",
        reason="External auditors work on these servers; a changed kernel would restart their evidence run.",
        by=ana, now=now,
    )  # fmt: skip
    approve(request=request, by=bo, reason="Agreed with the auditors.", now=now)
    submit(
        assets=list(Asset.objects.present().filter(name__startswith="pay-db")), time_zone=ZONE, category="release",
        from_date=today + timedelta(days=7), to_date=today + timedelta(days=11),
        reason="The ledger migration runs that week and needs the databases untouched.", by=ana, now=now,
    )  # fmt: skip


@transaction.atomic
def the_run(window: Window) -> Run | None:
    return Run.objects.filter(window=window).order_by("pk").first()


def expected_targets(window: Window) -> int:
    return Enrolment.objects.filter(window=window, ended_at=None).count()
