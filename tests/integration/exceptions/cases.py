"""Requests on a Monday, what people read of them, and how they decide."""

from __future__ import annotations

import re
from collections.abc import Callable
from datetime import date, datetime, timedelta
from html import unescape
from typing import Any

from django.http import HttpResponse
from django.test import Client
from django.urls import reverse

from exceptions import operations
from exceptions.models import ExceptionRequest
from patching.models import Enrolment, Window
from portal.access.models import User
from portal.inventory.models import Asset
from tests import cast

# Monday, and a window that opens each Saturday at 22:00 Berlin, for four hours.
NOW = datetime.fromisoformat("2026-12-07T09:00:00+00:00")
MONDAY = date(2026, 12, 7)
REASON = "The external auditors work on these servers."


def browser(person: Callable[[], User]) -> Client:
    client = Client()
    client.force_login(person())
    return client


def text(answer: Any) -> str:
    """What a reader reads: no tags, single blanks, and none beside a sign."""
    words = " ".join(unescape(re.sub(r"<[^>]+>", " ", answer.content.decode())).split())
    return re.sub(r"(?<=\() | (?=[,.;:)])", "", words)


def asked(*assets: Asset, first: int = 0, last: int = 13, by: User | None = None) -> ExceptionRequest:
    """From and to so many days after the Monday."""
    cast.bo()
    return operations.submit(
        assets=assets or [cast.an_asset()], from_date=MONDAY + timedelta(days=first), category="audit", reason=REASON,
        to_date=MONDAY + timedelta(days=last), time_zone="Europe/Berlin", by=by or cast.ana(), now=NOW,
    )  # fmt: skip


def granted(request: ExceptionRequest, until: date | None = None) -> ExceptionRequest:
    return operations.approve(request=request, by=cast.bo(), until=until, now=NOW)


def enrolled(window: Window, **facts: Any) -> Asset:
    asset = cast.an_asset(**facts)
    Enrolment.objects.create(asset=asset, window=window, by=cast.ana(), since=NOW)
    return asset


def page(request: ExceptionRequest, person: Callable[[], User] = cast.bo) -> str:
    return text(browser(person).get(reverse("exceptions:case", args=[request.pk])))


def decide(
    request: ExceptionRequest, act: str, person: Callable[[], User] = cast.bo, **typed: str
) -> HttpResponse:
    return browser(person).post(reverse("exceptions:decide", args=[request.pk]), {"act": act, **typed})  # type: ignore[return-value]
