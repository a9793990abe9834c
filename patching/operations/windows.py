"""Offering windows and enrolling assets in them."""

from __future__ import annotations

from calendar import day_name
from collections.abc import Iterable
from dataclasses import replace
from datetime import datetime
from typing import Any

from django.conf import settings
from django.db import IntegrityError, transaction
from django.db.models import F, OuterRef, Subquery, TextField, Value
from django.db.models.functions import Concat

from patching.models import Enrolment, Window
from patching.policy.fields import about
from patching.policy.run_policy import RunPolicy
from patching.rules import check_facts, check_name, check_on_offer, check_slug_kept
from patching.window_facts import WindowFacts, told_changes
from portal.access.models import User
from portal.access.rules import Conflict, check_role
from portal.access.states import Role
from portal.audit.changes import old_and_new
from portal.audit.operations import Entry, EntryForEach, record, record_for_each
from portal.insert_select import insert_for_each
from portal.inventory.models import Asset, AssetQuerySet
from portal.inventory.ownership import check_owned
from portal.tags.operations import request_tag_for_each


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


def enrol(*, assets: Iterable[Asset], window: Window, by: User, now: datetime) -> int:
    """Enrols the assets, leaving their former windows; returns how many they are."""
    try:
        with transaction.atomic():
            return _enrol(assets, window, by, now)
    except IntegrityError as error:
        raise Conflict(
            "Somebody enrolled one of these servers at the same moment. Reload and look again."
        ) from error


def _enrol(assets: Iterable[Asset], window: Window, by: User, now: datetime) -> int:
    check_on_offer(window)
    locked = _lock(assets)
    check_owned(locked, by)
    _end(locked, now)
    joined = {"asset_id": F("pk"), "window_id": window.pk, "by_id": by.pk, "since": now, "ended_at": None}
    insert_for_each(Enrolment, locked, joined)
    _request_tag(locked, window.slug, f"Enrolled in {window.name}", by, now)
    said = Concat(F("shown_as"), Value(f" is enrolled in {window.name}"), output_field=TextField())
    return record_for_each(EntryForEach(locked.labelled(), "asset.enrolled", "asset", said), by=by)


@transaction.atomic
def leave(*, assets: Iterable[Asset], by: User, now: datetime) -> int:
    """Takes the assets out of their windows; returns how many were in one."""
    locked = _lock(assets)
    check_owned(locked, by)
    _end(locked, now)
    ended = Enrolment.objects.filter(asset=OuterRef("pk"), ended_at=now).values("window__name")[:1]
    left = locked.labelled().annotate(left=Subquery(ended)).exclude(left=None)
    _request_tag(left, None, "Left its window", by, now)
    said = Concat(F("shown_as"), Value(" left the window "), F("left"), output_field=TextField())
    return record_for_each(EntryForEach(left, "asset.left", "asset", said), by=by)


def _lock(assets: Iterable[Asset]) -> AssetQuerySet:
    """Locks them in the order of their keys, as a send does, and gives those that were locked."""
    rows = Asset.objects.of(assets).select_for_update(of=("self",)).order_by("pk")
    return Asset.objects.with_keys(list(rows.values_list("pk", flat=True)))


def _end(locked: AssetQuerySet, now: datetime) -> None:
    Enrolment.objects.filter(asset__in=locked.values("pk"), ended_at=None).update(ended_at=now)


def _request_tag(assets: AssetQuerySet, value: str | None, reason: str, by: User, now: datetime) -> None:
    key = settings.TAG_KEYS["window"]
    request_tag_for_each(assets, "account__account_id", key=key, value=value, reason=reason, by=by, now=now)
