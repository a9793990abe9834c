"""The audit of runs as a task: asked for once, carried on by whoever comes, and ended with a word whatever happens."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from django.db import OperationalError, connection
from django.test.utils import CaptureQueriesContext
from django.urls import reverse
from psycopg.errors import QueryCanceled

from patching.models import Run, RunAudit
from patching.operations import audits
from patching.states import AuditState
from portal.access.rules import Denied
from portal.audit.models import AuditEvent
from portal.notify.models import Notification
from tests import cast
from tests.integration.patching.test_pages import browser

pytestmark = pytest.mark.django_db
PAGE = "patching:audits"


class Ticking:
    """A clock that the test moves."""

    def __init__(self) -> None:
        self.now = datetime.now(UTC)

    def __call__(self) -> datetime:
        return self.now


@pytest.fixture
def clock() -> Ticking:
    return Ticking()


def some_runs(clock: Ticking, count: int) -> None:
    """Planned ones, a day ahead: nothing can be broken yet."""
    ahead = clock.now + timedelta(days=1)
    Run.objects.bulk_create(
        Run(name=f"Run {number}", time_zone="UTC", starts_at=ahead, cutoff_at=ahead + timedelta(hours=1),
            ends_at=ahead + timedelta(hours=2), created_at=clock.now, next_look_at=ahead)
        for number in range(count)
    )  # fmt: skip


def work(clock: Ticking, seconds: float = 60) -> RunAudit:
    audits.work(clock=clock, until=clock.now + timedelta(seconds=seconds))
    return RunAudit.objects.latest("checked_at")


def dies(*_: Any, **__: Any) -> None:
    raise SystemExit("killed")


def test_the_button_asks_and_a_worker_does_it(clock: Ticking) -> None:
    some_runs(clock, audits.AT_ONCE * 2 + 1)
    client = browser(cast.ada())
    with CaptureQueriesContext(connection) as caught:
        assert client.post(reverse("patching:audit-now")).status_code == 302
    assert len(caught) < 20
    audit = RunAudit.objects.get()
    assert (audit.state, audit.runs, audit.checked, audit.asked_by) == ("queued", 41, 0, cast.ada())
    assert "The next audit begins within seconds" in client.get(reverse(PAGE)).content.decode()
    clock.now = audit.checked_at
    assert work(clock, seconds=0).checked == audits.AT_ONCE
    page = client.get(
        reverse(PAGE), headers={"HX-Request": "true", "HX-Target": "audit-progress"}
    ).content.decode()
    assert "20 of 41" in page
    assert "<html" not in page
    done = work(clock)
    assert (done.state, done.checked, done.violations) == (AuditState.DONE, 41, [])
    renewed = client.get(reverse(PAGE), headers={"HX-Request": "true", "HX-Target": "audit-progress"})
    assert (renewed.status_code, renewed["HX-Refresh"]) == (204, "true")
    assert "Every promise held in 41 runs" in client.get(reverse(PAGE)).content.decode()
    assert set(AuditEvent.objects.values_list("kind", flat=True)) == {
        "runs.audit_asked",
        "runs.audit_begun",
        "runs.audited",
    }


def test_who_asks_meanwhile_gets_the_one_under_way(clock: Ticking) -> None:
    first, new = audits.ask(by=cast.ada(), now=clock.now)
    second, again = audits.ask(by=None, now=clock.now)
    assert (new, again) == (True, False)
    assert first.pk == second.pk
    assert AuditEvent.objects.filter(kind="runs.audit_asked").count() == 1
    work(clock)
    assert audits.ask(by=None, now=clock.now)[1]


def test_only_an_admin_asks(clock: Ticking) -> None:
    with pytest.raises(Denied, match="patch admin"):
        audits.ask(by=cast.audrey(), now=clock.now)
    assert not RunAudit.objects.exists()


def test_two_workers_never_have_the_same_audit(clock: Ticking) -> None:
    audits.ask(by=None, now=clock.now)
    assert audits._take(clock.now)
    assert audits._take(clock.now) is None


def test_a_dead_workers_audit_is_carried_on_where_it_stopped(
    clock: Ticking, monkeypatch: pytest.MonkeyPatch
) -> None:
    some_runs(clock, audits.AT_ONCE + 1)
    audits.ask(by=None, now=clock.now)
    work(clock, seconds=0)
    with monkeypatch.context() as patched:
        patched.setattr(audits, "chunk_checks", dies)
        with pytest.raises(SystemExit):
            work(clock)
    assert work(clock).state == AuditState.RUNNING  # its lease still runs
    clock.now += audits.LEASE + timedelta(seconds=1)
    done = work(clock)
    assert (done.state, done.checked) == (AuditState.DONE, audits.AT_ONCE + 1)


def test_an_audit_that_ends_its_workers_ends_with_a_word(
    clock: Ticking, monkeypatch: pytest.MonkeyPatch
) -> None:
    some_runs(clock, 1)
    cast.ada()
    audits.ask(by=None, now=clock.now)
    monkeypatch.setattr(audits, "chunk_checks", dies)
    for _ in range(audits.MOST_TRIES):
        with pytest.raises(SystemExit):
            work(clock)
        clock.now += audits.LEASE + timedelta(seconds=1)
    ended = work(clock)
    assert ended.state == AuditState.FAILED
    assert ended.reason == "3 workers ended while they checked the 20 runs after run 0."
    assert "ended early" in Notification.objects.get(user=cast.ada()).sentence
    assert ended.reason in browser(cast.ada()).get(reverse(PAGE)).content.decode()


def test_without_a_worker_it_ends_when_the_next_one_is_asked_for(clock: Ticking) -> None:
    first, _ = audits.ask(by=None, now=clock.now)
    clock.now += audits.LONGEST + timedelta(seconds=1)
    assert audits.ask(by=cast.ada(), now=clock.now)[1]
    first.refresh_from_db()
    assert (first.state, first.reason) == (
        AuditState.FAILED, "It was not done within 30 minutes. Is a worker running?",
    )  # fmt: skip


def stopped(*_: Any, **__: Any) -> None:
    raise OperationalError("canceling statement due to statement timeout") from QueryCanceled()


def broken(*_: Any, **__: Any) -> None:
    raise KeyError("a mistake of ours")


@pytest.mark.parametrize(
    ("check", "error", "words"),
    [
        (stopped, OperationalError, "longer than 300 seconds, the most of a task"),
        (broken, KeyError, "A check ended with the error KeyError."),
    ],
)
def test_an_error_is_told_on_the_row(
    clock: Ticking,
    monkeypatch: pytest.MonkeyPatch,
    check: Callable[..., None],
    error: type[Exception],
    words: str,
) -> None:
    some_runs(clock, 1)
    audits.ask(by=None, now=clock.now)
    monkeypatch.setattr(audits, "chunk_checks", lambda now: [check])
    with pytest.raises(error):
        work(clock)
    ended = RunAudit.objects.get()
    assert ended.state == AuditState.FAILED
    assert words in ended.reason


def test_a_worker_whose_audit_was_taken_writes_nothing(
    clock: Ticking, monkeypatch: pytest.MonkeyPatch
) -> None:
    some_runs(clock, 1)
    audits.ask(by=None, now=clock.now)

    def stall(ids: list[int]) -> list[object]:
        clock.now += audits.LEASE + timedelta(seconds=1)
        assert audits._take(clock.now)
        return []

    monkeypatch.setattr(audits, "chunk_checks", lambda now: [stall])
    assert (work(clock).state, RunAudit.objects.get().checked) == (AuditState.RUNNING, 0)


def test_the_queries_do_not_grow_with_the_runs(clock: Ticking) -> None:
    def queries(runs: int) -> int:
        some_runs(clock, runs)
        Run.objects.update(state="finished")
        audits.ask(by=None, now=clock.now)
        with CaptureQueriesContext(connection) as caught:
            work(clock)
        clock.now += timedelta(days=1)
        return len(caught)

    assert queries(1) == queries(audits.AT_ONCE - 1)
