"""Status changes by EventBridge and SQS: a run's results are seen without waiting for its sweep."""

from __future__ import annotations

import json
import time
import uuid
from collections.abc import Iterator, Sequence
from datetime import time as clock_time
from datetime import timedelta
from pathlib import Path
from typing import Any

import boto3
import pytest
from django.core.cache import cache
from pytest_django import Settings

from aws.errors import Missing, Silent, Unasked
from aws.ports import QueueMessage
from aws.session import AwsCloud
from lab.server import LabServer
from patching import tasks
from patching.engine import hints
from patching.engine.reconcile import reconcile_run
from patching.models import Dispatch, Run
from patching.operations.windows import enrol, offer
from patching.states import RUN_OVER, DispatchState
from patching.window_facts import WindowFacts
from portal.calendar.recurrence import Recurrence
from portal.clock import database_now
from portal.inventory.models import Account, Asset
from portal.inventory.operations import sync_all
from portal.inventory.queries import accesses
from tests import cast
from tests.ad_hoc import start_unguarded
from tests.integration.patching.test_lease import a_run

PORTAL, REGION = "111122223333", "eu-central-1"
POLICY = {
    "lead_s": 5, "delivery_timeout_s": 600, "execution_timeout_s": 600, "deadline_s": 500, "settle_s": 3,
    "sweep_s": 900, "lock_wait_s": 2, "gather_s": 1, "stop_at_error_percent": 100,
}  # fmt: skip
TAGS = {"Application": "payments", "Owner": "payments-team"}
SCENARIO: dict[str, Any] = {
    "accounts": [
        {"id": PORTAL, "name": "Payments", "role_name": "PatchPortal", "external_id": "x1", "regions": [REGION]},
    ],
    "defaults": {"account": PORTAL, "region": REGION, "pending": 3, "security": 1, "tags": TAGS},
    "hosts": [{"name": f"web-{at}", "os": "windows2022", "kind": "scenario"} for at in range(3)],
}  # fmt: skip
KINDS = ["EC2 Command Invocation Status-change Notification", "EC2 Command Status-change Notification"]


@pytest.fixture
def cloud(transactional_db: None, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[AwsCloud]:
    with LabServer(SCENARIO, tmp_path, time_scale=60) as server:
        monkeypatch.setenv("AWS_ENDPOINT_URL", server.url)
        monkeypatch.setenv("AWS_ACCESS_KEY_ID", PORTAL)
        monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "any")
        facts = {key: SCENARIO["accounts"][0][key] for key in ("name", "role_name", "external_id", "regions")}
        Account.objects.create(account_id=PORTAL, **facts)
        yield AwsCloud(accesses, portal_region=REGION)


@pytest.fixture
def url(cloud: AwsCloud) -> str:
    """A queue behind the rule that docs/scale.md gives."""
    sqs, events = boto3.client("sqs", region_name=REGION), boto3.client("events", region_name=REGION)
    found: str = sqs.create_queue(QueueName="patch-portal-events")["QueueUrl"]
    pattern = {"source": ["aws.ssm"], "detail-type": KINDS}
    events.put_rule(Name="patch-portal", EventPattern=json.dumps(pattern))
    arn = f"arn:aws:sqs:{REGION}:{PORTAL}:patch-portal-events"
    events.put_targets(Rule="patch-portal", Targets=[{"Id": "queue", "Arn": arn}])
    return found


def started(cloud: AwsCloud) -> Run:
    sync_all(cloud=cloud, now=database_now())
    schedule = Recurrence("weekly", 5, None, clock_time(22), "Europe/Berlin")
    facts = WindowFacts(
        name="Nightly", schedule=schedule, duration_minutes=60, cutoff_minutes=10, policy=POLICY
    )
    window = offer(facts, by=cast.ada(), now=database_now())
    enrol(assets=list(Asset.objects.all()), window=window, by=cast.ana(), now=database_now())
    return start_unguarded(window=window, by=cast.ada(), now=database_now())


def test_results_are_collected_long_before_the_sweep(cloud: AwsCloud, url: str) -> None:
    run, read, end = started(cloud), 0, time.monotonic() + 90
    while run.state not in RUN_OVER:
        assert time.monotonic() < end, list(run.targets.values_list("asset__name", "state", "reason"))
        reconcile_run(run.pk, cloud=cloud, clock=database_now)
        read += hints.consume(cloud.queue(), url, clock=database_now, wait_s=0)
        run.refresh_from_db()
        time.sleep(0.2)
    assert read >= 12, "InProgress and Success of three hosts, twice"
    assert {row.verdict for row in run.targets.all()} == {"patched"}


def test_a_queue_that_is_not_there_is_told(cloud: AwsCloud, url: str) -> None:
    with pytest.raises(Missing):
        cloud.queue().receive(f"{url}-gone", wait_s=0)


class Scripted:
    """A queue with these bodies, once."""

    def __init__(self, *bodies: str) -> None:
        self.messages = [QueueMessage(f"receipt-{at}", body) for at, body in enumerate(bodies)]
        self.deleted: list[str] = []

    def receive(self, url: str, *, wait_s: int) -> list[QueueMessage]:
        some, self.messages = self.messages[:10], self.messages[10:]
        return some

    def delete(self, url: str, receipts: Sequence[str]) -> None:
        self.deleted += receipts


def event(command_id: str, status: str = "Success", source: str = "aws.ssm", kind: str = KINDS[0]) -> str:
    detail = {"command-id": command_id, "status": status}
    return json.dumps({"source": source, "detail-type": kind, "detail": detail})


@pytest.fixture
def waiting(db: None) -> Dispatch:
    """A command in flight of a run that is not looked at for an hour."""
    now = database_now()
    run = a_run(next_look_at=now + timedelta(hours=1), swept_at=now)
    return Dispatch.objects.create(
        run=run, phase="patch", account_id=PORTAL, region=REGION, document_name="D", document_hash="h",
        batch=1, instance_ids=["i-1"], state=DispatchState.SENT, claimed_at=now, send_before=now,
        command_ids=["c-ours"],
    )  # fmt: skip


def due_now(dispatch: Dispatch) -> bool:
    run = Run.objects.get(pk=dispatch.run_id)
    return run.swept_at is None and run.next_look_at <= database_now()


def test_a_doubled_event_makes_the_run_due_and_is_deleted(waiting: Dispatch) -> None:
    queue = Scripted(event("c-ours"), event("c-ours"))
    assert hints.consume(queue, "u", clock=database_now) == 2
    assert due_now(waiting)
    assert queue.deleted == ["receipt-0", "receipt-1"]


@pytest.mark.parametrize(
    "body",
    [
        "", "not json", "[]", "null", "1", "{}", '{"source": "aws.ssm"}', '{"source": [], "detail-type": {}}',
        json.dumps({"source": "aws.ssm", "detail-type": KINDS[0], "detail": None}),
        event("c-foreign"), event("c-ours", status="InProgress"), event("c-ours", source="evil"),
        event("c-ours", kind="EC2 Instance State-change Notification"),
    ],
)  # fmt: skip
def test_what_is_foreign_or_unreadable_changes_nothing_and_does_not_come_again(
    waiting: Dispatch, body: str
) -> None:
    queue = Scripted(body)
    hints.consume(queue, "u", clock=database_now)
    assert not due_now(waiting)
    assert queue.deleted == ["receipt-0"]


def test_an_event_of_a_closed_command_changes_nothing(waiting: Dispatch) -> None:
    Dispatch.objects.update(state=DispatchState.COLLECTED)
    hints.consume(Scripted(event("c-ours")), "u", clock=database_now)
    assert not due_now(waiting)


class Filling(Scripted):
    """A queue that is never empty, and answers slowly."""

    def receive(self, url: str, *, wait_s: int) -> list[QueueMessage]:
        self.seconds = getattr(self, "seconds", 0) + 2
        return [QueueMessage("receipt", event("c-foreign"))]


def test_a_reading_ends_within_seconds(waiting: Dispatch) -> None:
    queue, began = Filling(), database_now()
    hints.consume(queue, "u", clock=lambda: began + timedelta(seconds=getattr(queue, "seconds", 0)))
    assert queue.seconds <= hints.LONGEST.total_seconds() + 2


@pytest.fixture
def reading(monkeypatch: pytest.MonkeyPatch, settings: Settings) -> Scripted:
    settings.EVENTS_QUEUE_URL = "u"
    queue = Scripted(event("c-ours"))
    monkeypatch.setattr(tasks, "event_queue", lambda: queue)
    monkeypatch.setattr(tasks, "READING_HINTS", f"reading-{uuid.uuid4()}")
    return queue


def test_readings_never_overlap(waiting: Dispatch, reading: Scripted) -> None:
    cache.add(tasks.READING_HINTS, "1", timeout=30)
    tasks.consume_events()
    assert not due_now(waiting)
    cache.delete(tasks.READING_HINTS)
    tasks.consume_events()
    assert due_now(waiting)


@pytest.mark.parametrize("error", [Silent("No answer."), Unasked("SQS is silent.")])
def test_a_silent_queue_ends_the_reading_and_leaves_the_next_one_free(
    waiting: Dispatch, reading: Scripted, error: Exception, monkeypatch: pytest.MonkeyPatch
) -> None:
    def silent(*_: object, **__: object) -> list[QueueMessage]:
        raise error

    with monkeypatch.context() as patched:
        patched.setattr(reading, "receive", silent)
        tasks.consume_events()
    tasks.consume_events()
    assert due_now(waiting)
