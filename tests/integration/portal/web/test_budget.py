"""No request holds a worker longer than its budget, and nothing of the budget stays on the connection."""

from __future__ import annotations

import socket
import time
from collections.abc import Iterator
from itertools import count
from typing import Any
from urllib.parse import urlsplit

import psycopg
import pytest
from django.contrib.auth.decorators import login_not_required
from django.db import OperationalError, ProgrammingError, connection, transaction
from django.http import HttpRequest, HttpResponse
from django.http.response import HttpResponseBase
from django.test import Client
from django.urls import NoReverseMatch, path, reverse
from pytest_django.live_server_helper import LiveServer

from portal.limits import budget
from portal.limits.budget import Budget, OutOfTime, Unavailable
from portal.limits.slow_pages import Turns
from portal.notify.models import Notification
from portal.urls import urlpatterns as ours
from portal.web import middleware
from portal.web.csv_export import AT_ONCE, csv_lines, csv_response
from portal.web.middleware import LARGE_ACTS
from tests import cast

SECONDS = 1.5
LATER = 0.8  # so much later a busy machine may answer


def ask(sql: str = "SELECT pg_sleep(60)") -> Any:
    with connection.cursor() as cursor:
        cursor.execute(sql)
        return cursor.fetchone()


@login_not_required
def slow(request: HttpRequest) -> HttpResponse:
    ask()
    return HttpResponse("never")


@login_not_required
def waits(request: HttpRequest) -> HttpResponse:
    ask("SELECT pg_sleep(1)")
    return HttpResponse("done")


@login_not_required
def many(request: HttpRequest) -> HttpResponse:
    for _ in range(100):
        ask("SELECT pg_sleep(0.1)")
    return HttpResponse("never")


@login_not_required
@transaction.atomic
def writes(request: HttpRequest) -> HttpResponse:
    Notification.objects.create(user=cast.ana(), kind="test", sentence="Never told.")
    ask()
    return HttpResponse("never")


@login_not_required
@transaction.atomic
def forgives(request: HttpRequest) -> HttpResponse:
    """The savepoint takes the limit that was set inside it away again."""
    try:
        with transaction.atomic():
            ask("SELECT pg_sleep(1.2)")
            ask("SELECT FROM nothing_like_this")
    except ProgrammingError:
        ask()
    return HttpResponse("never")


@login_not_required
def thinks(request: HttpRequest) -> HttpResponse:
    while True:
        request.budget.check()  # type: ignore[attr-defined]


@login_not_required
def file(request: HttpRequest) -> HttpResponseBase:
    def rows() -> Iterator[list[int]]:
        yield [0]
        if "wait" in request.GET:
            ask("SELECT pg_sleep(2)")
            yield [1]

    return csv_response("file.csv", ["n"], rows())


@login_not_required
def quick(request: HttpRequest) -> HttpResponse:
    for number in range(5):
        ask(f"SELECT {number}")
    with transaction.atomic():
        return HttpResponse(ask("SHOW statement_timeout")[0])


VIEWS = {view.__name__: view for view in (slow, waits, many, writes, forgives, thinks, file, quick)}
urlpatterns = [*ours, *(path(f"{name}/", view, name=name) for name, view in VIEWS.items())]


@pytest.fixture(autouse=True)
def short(settings: Any) -> None:
    settings.ROOT_URLCONF, settings.REQUEST_SECONDS = __name__, SECONDS
    settings.PORTAL_NAV = settings.PORTAL_BANNERS = []


@pytest.fixture
def no_leak(transactional_db: None) -> Iterator[None]:
    yield
    assert ask("SHOW statement_timeout") == ("0",)


def stopped(name: str, method: str = "get", **headers: str) -> str:
    """The answer's text, after it was refused in time."""
    began = time.monotonic()
    answer = getattr(Client(), method)(f"/{name}/?q=x", headers=headers)
    assert answer.status_code == 503
    assert time.monotonic() - began < SECONDS + LATER
    return str(answer.content.decode())


@pytest.mark.parametrize("name", ["slow", "many", "forgives", "thinks"])
def test_a_page_that_takes_too_long_says_why_and_what_to_do(no_leak: None, name: str) -> None:
    page = stopped(name)
    assert "longer than 1.5 seconds" in page
    assert "Narrow it down" in page
    assert f'href="/{name}/"' in page


def test_what_an_act_had_begun_is_taken_back(no_leak: None) -> None:
    assert "try again with fewer servers" in stopped("writes", "post")
    assert not Notification.objects.exists()


def test_acts_on_thousands_of_servers_are_named_and_get_longer(no_leak: None, settings: Any) -> None:
    for name in LARGE_ACTS:
        assert any(resolves(name, arguments) for arguments in ([], [1], ["x"])), name
    settings.ACT_SECONDS, settings.REQUEST_SECONDS = 10.0, 1.0
    with pytest.MonkeyPatch.context() as patched:
        patched.setattr(middleware, "LARGE_ACTS", frozenset({"waits"}))
        assert Client().post("/waits/").status_code == 200
        assert Client().get("/waits/").status_code == 503
    assert Client().post("/waits/").status_code == 503


def resolves(name: str, arguments: list[Any]) -> bool:
    try:
        return bool(reverse(name, args=arguments))
    except NoReverseMatch:
        return False


def test_an_export_too_many_is_refused_before_it_begins(no_leak: None) -> None:
    held = [csv_lines(["n"], ([n] for n in count())) for _ in range(AT_ONCE)]
    for lines in held:
        next(lines)
    answer = Client().get("/file/")
    assert answer.status_code == 503
    assert "Not at this moment" in answer.content.decode()
    assert "2 exports are being written" in answer.content.decode()
    held.pop().close()  # type: ignore[attr-defined]
    assert b"".join(Client().get("/file/")) == b"n\r\n0\r\n"


def test_an_export_may_take_longer_than_a_page(no_leak: None, settings: Any) -> None:
    settings.REQUEST_SECONDS = 1.0
    assert b"".join(Client().get("/file/?wait")).splitlines()[-1] == b"1"
    settings.EXPORT_SECONDS = 1.0
    lines = b"".join(Client().get("/file/?wait")).decode().splitlines()
    assert lines[-1].startswith("INCOMPLETE: it took longer than 1 seconds.")


def test_htmx_gets_a_toast(no_leak: None) -> None:
    assert "<html" not in stopped("slow", **{"HX-Request": "true"})


def test_a_quick_request_sets_its_limit_once(
    no_leak: None, monkeypatch: pytest.MonkeyPatch, settings: Any
) -> None:
    settings.REQUEST_SECONDS = 5.0
    monkeypatch.setattr(budget, "STEP_S", 2.5)
    said = []
    execute = psycopg.Connection.execute
    monkeypatch.setattr(
        psycopg.Connection, "execute", lambda raw, sql, *rest: (said.append(sql), execute(raw, sql, *rest))[1]
    )
    assert Client().get("/quick/").content == b"2500ms"
    assert said == ["SET statement_timeout = 2500", "RESET statement_timeout"]


def test_a_transaction_around_the_request_gets_its_limit_back(db: None) -> None:
    assert Client().get("/quick/").content != b"0"
    assert ask("SHOW statement_timeout") == ("0",)


def test_while_others_take_long_a_page_gets_a_second(
    no_leak: None, settings: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    settings.REQUEST_SECONDS = 30.0
    monkeypatch.setattr(budget, "CROWDED_S", SECONDS)
    for _ in range(budget.LONG_AT_ONCE):
        budget._long.acquire()
    try:
        assert "Others wait for long answers too" in stopped("slow")
    finally:
        for _ in range(budget.LONG_AT_ONCE):
            budget._long.release()
    settings.REQUEST_SECONDS = SECONDS
    assert "Others wait" not in stopped("slow")


def test_a_reader_who_hangs_up_leaves_nothing_running(live_server: LiveServer) -> None:
    address = urlsplit(live_server.url)
    with socket.create_connection((address.hostname, address.port)) as reader:
        reader.sendall(b"GET /slow/ HTTP/1.1\r\nHost: localhost\r\n\r\n")
        until(lambda: sleepers() == 1, 5)
    until(lambda: sleepers() == 0, SECONDS + 1)


def sleepers() -> int:
    sql = "SELECT count(*) FROM pg_stat_activity WHERE state = 'active' AND query LIKE 'SELECT pg_sleep(60)%'"
    return int(ask(sql)[0])


def until(holds: Any, seconds: float) -> None:
    end = time.monotonic() + seconds
    while not holds():
        assert time.monotonic() < end
        time.sleep(0.05)


def test_the_budget_counts_from_its_beginning() -> None:
    now = [100.0]
    spent = Budget(5, clock=lambda: now[0])
    now[0] += 2.1
    assert spent.milliseconds() == 2750
    now[0] += 2.8
    with pytest.raises(OutOfTime, match="5 seconds"):
        spent.check()


def test_an_error_that_is_none_of_ours_stays_one() -> None:
    assert not budget.ran_out(OperationalError("the server closed the connection"))


@pytest.mark.django_db
def test_a_page_asks_for_its_turn_by_person_and_filters(
    client: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked: list[tuple[object, ...]] = []

    def never(turns: Turns, page: tuple[object, ...]) -> None:
        asked.append(page)
        raise Unavailable("Others wait too.")

    monkeypatch.setattr(Turns, "turn", never)
    ana = cast.ana()
    client.force_login(ana)
    answer = client.get("/runs/?q=web&state=finished")
    assert answer.status_code == 503
    assert "Others wait too." in answer.content.decode()
    assert asked == [("patching:runs", "q", "state", ana.pk)]


@pytest.mark.django_db
def test_acts_and_strangers_never_wait_for_a_turn(client: Client, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Turns, "turn", lambda *_: pytest.fail("it asked for a turn"))
    assert client.get("/accounts/login/").status_code == 200
    client.force_login(cast.ana())
    assert client.post("/runs/").status_code == 405
