"""Refused acts and exports leave events, whichever view it was; a flood of refusals leaves few."""

from __future__ import annotations

from typing import Any

import pytest
from django.core.cache import cache, caches
from django.core.signals import request_finished
from django.db import close_old_connections
from django.test import Client
from django.urls import reverse
from redis.exceptions import ConnectionError as CacheIsAway

from exceptions import operations
from portal.access.models import User
from portal.audit import refused_acts
from portal.audit.middleware import Exports
from portal.audit.models import AuditEvent
from portal.web.csv_export import csv_response
from tests import cast
from tests.integration.exceptions.test_workflow import ask

pytestmark = pytest.mark.django_db
PAUSE = "This needs the role patch admin. Ask a patch admin to give it to you."


@pytest.fixture(autouse=True)
def nothing_counted() -> None:
    cache.clear()


def browser(person: User) -> Client:
    client = Client()
    client.force_login(person)
    return client


def events(kind: str) -> list[AuditEvent]:
    return list(AuditEvent.objects.filter(kind=kind).order_by("pk"))


def test_a_refusal_that_becomes_a_page() -> None:
    grant = cast.cy().grants.get()
    path = f"/people/{cast.cy().pk}/take/{grant.pk}/"
    assert browser(cast.ana()).post(path).status_code == 403
    [event] = events("act.refused")
    assert (event.actor, event.subject_type, event.subject_id) == ("Ana", "act", str(cast.ana().pk))
    assert event.summary.startswith(f"Ana tried POST {path} and was refused: ")
    assert event.summary.endswith(".")
    assert event.detail["times"] == 1


def test_a_refusal_that_becomes_the_error_of_a_form() -> None:
    found = ask()
    answer = browser(cast.ana()).post(reverse("exceptions:decide", args=[found.pk]), {"act": "approve"})
    assert answer.status_code == 403
    [event] = events("act.refused")
    assert event.detail["view"] == "exceptions:decide"


def test_what_is_not_there_for_a_person() -> None:
    found = ask()
    answer = browser(cast.cy()).post(reverse("exceptions:decide", args=[found.pk]), {"act": "approve"})
    assert answer.status_code == 404
    [event] = events("act.refused")
    assert "There is no page at this address" in event.summary


def test_bad_input_lost_races_and_reading_are_no_refused_acts() -> None:
    found = ask()
    url = reverse("exceptions:decide", args=[found.pk])
    bo = browser(cast.bo())
    assert bo.post(url, {"act": "dance"}).status_code == 422
    operations.withdraw(request=found, by=cast.ana(), now=cast.NOW)
    assert bo.post(url, {"act": "approve"}).status_code == 409
    assert browser(cast.ana()).get(reverse("people:list")).status_code == 403
    assert Client().post(url, {"act": "approve"}).status_code == 302
    assert events("act.refused") == []


def test_a_flood_of_refusals_leaves_its_size() -> None:
    found, ana = ask(), browser(cast.ana())
    for _ in range(101):
        ana.post(reverse("exceptions:decide", args=[found.pk]), {"act": "approve"})
    assert [event.detail["times"] for event in events("act.refused")] == [1, 10, 100]
    assert "was refused for the 100th time today: " in events("act.refused")[-1].summary


def test_new_words_each_time_have_a_limit(rf: Any) -> None:
    for number in range(refused_acts.MOST_AN_HOUR + 20):
        refused_acts.note(rf.post("/"), f"There is no {number}.", by=cast.ana())
    refused_acts.note(rf.post("/"), "There is no 1.", by=cast.bo())
    actors = [event.actor for event in events("act.refused")]
    assert (actors.count("Ana"), actors.count("Bo")) == (refused_acts.MOST_AN_HOUR, 1)


def test_without_the_cache_everything_is_told(rf: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    def away(*_: object) -> None:
        raise CacheIsAway("refused")

    monkeypatch.setattr(type(caches["default"]), "add", away)
    for _ in range(2):
        refused_acts.note(rf.post("/"), "A name with \0 in it.", by=cast.ana())
    assert [event.summary.partition(": ")[2] for event in events("act.refused")] == [
        "A name with � in it."
    ] * 2


def test_an_export_is_told_before_its_first_row_and_at_its_end() -> None:
    for name in ("pay-1", "pay-2"):
        cast.an_asset(name=name)
    answer = browser(cast.ana()).get(reverse("reports:servers-csv"), {"q": "pay"})
    [begun] = events("export.begun")
    assert (begun.actor, begun.summary) == ("Ana", "Ana exports servers.csv, filter q=pay")
    assert events("export.ended") == []
    assert b"pay-2" in b"".join(answer)  # type: ignore[arg-type]
    [ended] = events("export.ended")
    assert ended.summary == "The export servers.csv of Ana has 2 rows"
    assert ended.detail == {
        "path": reverse("reports:servers-csv"),
        "filter": "q=pay",
        "rows": 2,
        "whole": True,
    }


def test_an_export_that_nobody_takes_to_its_end(rf: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("portal.web.csv_export.ROWS_PER_CHUNK", 1)
    request = rf.get("/servers.csv")
    request.user = cast.ana()
    answer = Exports(lambda _: csv_response("servers.csv", ("server",), (["pay"] for _ in range(9))))(request)
    pieces = iter(answer)
    assert next(pieces) == b"server\r\npay\r\n"
    request_finished.disconnect(close_old_connections)  # it would close the test's own connection
    answer.close()
    request_finished.connect(close_old_connections)
    [ended] = events("export.ended")
    assert (ended.detail["rows"], ended.detail["whole"]) == (1, False)
    assert ended.summary == "The export servers.csv of Ana was broken off after 1 row"


@pytest.mark.parametrize("name", ["reports:servers-csv", "exceptions:register-csv", "patching:recurring-csv",
                                  "inventory:coverage-csv", "audit:events-csv"])  # fmt: skip
def test_every_export_is_told(name: str) -> None:
    b"".join(browser(cast.ada()).get(reverse(name)))  # type: ignore[arg-type]
    assert len(events("export.begun")) == len(events("export.ended")) == 1
