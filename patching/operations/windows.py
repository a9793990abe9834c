"""Offering windows and enrolling assets in them."""

from __future__ import annotations

from calendar import day_name
from collections.abc import Iterable
from dataclasses import replace
from datetime import datetime
from typing import Any

from django.conf import settings
from django.db import IntegrityError, transaction

from patching.models import Enrolment, Window
from patching.policy.fields import about
from patching.policy.run_policy import RunPolicy
from patching.rules import check_facts, check_name, check_on_offer, check_slug_kept
from patching.window_facts import WindowFacts, told_changes
from portal.access.models import User
from portal.access.rules import Conflict, check_role
from portal.access.states import Role
from portal.audit.changes import old_and_new
from portal.audit.operations import Entry, record, record_all
from portal.inventory.models import Asset
from portal.inventory.ownership import check_owned
from portal.tags.models import InstanceRef
from portal.tags.operations import request_tag


@transaction.atomic
def offer(facts: WindowFacts, *, by: User, now: datetime) -> Window:
    """A new window that owners may pick. Admins only; raises Invalid naming the field."""
    check_role(by, Role.ADMIN)
    name, slug = check_name(facts.name, facts.slug)
    check_facts(facts)
    made = replace(facts, name=name, slug=slug, description=facts.description.strip())
    window = _create(**made.columns(), created_at=now)
    record(Entry("window.offered", "window", str(window.pk), f"Offered the window {name}"), by=by)
    return window


def _create(**facts: Any) -> Window:
    try:
        with transaction.atomic():
            return Window.objects.create(**facts)
    except IntegrityError as error:
        raise Conflict(
            "Somebody offered a window with this tag value at the same moment. Look at the list."
        ) from error


@transaction.atomic
def edit(*, window: Window, facts: WindowFacts, by: User, now: datetime) -> Window:
    """Changes the window for runs that are not made yet; runs that exist keep their times and figures."""
    check_role(by, Role.ADMIN)
    window = Window.objects.select_for_update().get(pk=window.pk)
    before = _settings(window)
    check_slug_kept(window.slug, facts.slug or window.slug)
    name, slug = check_name(facts.name, window.slug, other_than=window)
    check_facts(facts)
    for column, value in replace(facts, name=name, slug=slug).columns().items():
        setattr(window, column, value)
    window.save()
    _tell_changes(window, before, f"Changed the window {window.name}", kind="window.changed", by=by)
    return window


def _settings(window: Window) -> dict[str, Any]:
    """All that an admin may set, a policy's defaults among it: what is not set can become something, too."""
    columns = WindowFacts.of(window).columns() | {
        "weekday": day_name[window.weekday],
        "active": window.active,
    }
    del columns["policy"]
    return columns | window.run_policy.to_json()


def _tell_changes(window: Window, before: dict[str, Any], said: str, *, kind: str, by: User) -> None:
    said_so = told_changes() | {name: one.change for name, one in about(RunPolicy).items()}
    detail = old_and_new(before, _settings(window), said=said_so)
    record(Entry(kind, "window", str(window.pk), said, detail=detail), by=by)


@transaction.atomic
def retire(*, window: Window, by: User, now: datetime) -> Window:
    """Takes the window off the list: no more runs are made; enrolled servers stay until their owners move them."""
    check_role(by, Role.ADMIN)
    window = Window.objects.select_for_update().get(pk=window.pk)
    before = _settings(window)
    window.active = False
    window.save(update_fields=["active"])
    _tell_changes(window, before, f"Took {window.name} off the list", kind="window.retired", by=by)
    return window


def enrol(*, assets: Iterable[Asset], window: Window, by: User, now: datetime) -> dict[int, Window | None]:
    """Enrols the assets, leaving their former windows; returns asset pk → the window it was in, for an undo."""
    try:
        with transaction.atomic():
            return _enrol(assets, window, by, now)
    except IntegrityError as error:
        raise Conflict(
            "Somebody enrolled one of these servers at the same moment. Reload and look again."
        ) from error


def _enrol(assets: Iterable[Asset], window: Window, by: User, now: datetime) -> dict[int, Window | None]:
    check_on_offer(window)
    locked = _lock(assets)
    check_owned(Asset.objects.of(locked), by)
    before = _end(locked, now)
    Enrolment.objects.bulk_create(Enrolment(asset=asset, window=window, by=by, since=now) for asset in locked)
    _request_tag(locked, window.slug, f"Enrolled in {window.name}", by, now)
    record_all(
        (_entry(asset, "asset.enrolled", f"{asset.label} is enrolled in {window.name}") for asset in locked),
        by=by,
    )
    return {asset.pk: before.get(asset.pk) for asset in locked}


@transaction.atomic
def leave(*, assets: Iterable[Asset], by: User, now: datetime) -> int:
    """Takes the assets out of their windows; returns how many were in one."""
    locked = _lock(assets)
    check_owned(Asset.objects.of(locked), by)
    before = _end(locked, now)
    left = [asset for asset in locked if asset.pk in before]
    _request_tag(left, None, "Left its window", by, now)
    record_all(
        (_entry(a, "asset.left", f"{a.label} left the window {before[a.pk].name}") for a in left), by=by
    )
    return len(left)


def _lock(assets: Iterable[Asset]) -> list[Asset]:
    rows = Asset.objects.of(assets).select_for_update(of=("self",)).select_related("account")
    return list(rows.order_by("pk"))


def _end(assets: list[Asset], now: datetime) -> dict[int, Window]:
    active = Enrolment.objects.filter(asset__in=assets, ended_at=None).select_related("window")
    before = {row.asset_id: row.window for row in active}
    active.update(ended_at=now)
    return before


def _request_tag(assets: list[Asset], value: str | None, reason: str, by: User, now: datetime) -> None:
    request_tag(
        instances=[InstanceRef(a.account.account_id, a.region, a.instance_id) for a in assets],
        key=settings.TAG_KEYS["window"], value=value, reason=reason, by=by, now=now,
    )  # fmt: skip


def _entry(asset: Asset, kind: str, summary: str) -> Entry:
    return Entry(kind, "asset", str(asset.pk), summary)
