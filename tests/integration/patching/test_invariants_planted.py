"""The audit sees each promise that somebody breaks by hand; one finished run serves all of them."""

from __future__ import annotations

import uuid
from collections.abc import Callable, Iterator
from datetime import datetime, timedelta

import pytest
from django.db import connection, transaction
from django.db.models import Model
from django.urls import reverse
from django.utils import timezone
from pytest_django import DjangoDbBlocker

from exceptions.models import Approval, Covered, ExceptionRequest
from patching.invariants import audited, late, of_the_portal, violations
from patching.invariants.lateness import CLEANED_WITHIN
from patching.models import Dispatch, DispatchTarget, HostReport, PackageChange, Run
from patching.operations import pause
from patching.states import RunState
from portal.access.models import Grant
from portal.audit.append_only import guards_of
from portal.audit.models import AuditEvent
from portal.audit.operations import Entry, record
from portal.tags.models import TagChange
from tests import cast
from tests.integration.patching.auditing import audit
from tests.integration.patching.stage import Stage
from tests.integration.patching.test_pages import browser
from tests.kept_rows import kept_rows
from tests.unguarded import unguarded

pytestmark = pytest.mark.django_db
MINUTE = timedelta(minutes=1)
Plant = Callable[[Run], object]


def a_finished_run() -> int:
    """Finished: a canary, a cluster pair, one that failed."""
    stage = Stage()
    stage.cloud.add(1)
    stage.cloud.add(2, tags={"PatchCluster": "db"})
    stage.cloud.add(3, tags={"PatchCluster": "db"})
    stage.cloud.add(4, patch="failed")
    run = stage.set(policy={"stop_at_error_percent": 100, "waves": [{"name": "Canary", "count": 1}]})
    stage.to_the_end()
    assert audited([run.pk], now=run.ends_at) == []
    return run.pk


@pytest.fixture(scope="module")
def finished(django_db_setup: None, django_db_blocker: DjangoDbBlocker) -> Iterator[int]:
    with kept_rows(django_db_blocker, a_finished_run) as pk:
        yield pk


@pytest.fixture
def run(finished: int, db: None) -> Run:
    return Run.objects.get(pk=finished)


def patch_rows(run: Run) -> list[DispatchTarget]:
    rows = DispatchTarget.objects.filter(dispatch__run=run, phase="patch").select_related(
        "target__asset", "dispatch"
    )
    return list(rows.order_by("dispatch__batch", "pk"))


def excepted(
    run: Run, *, by: object = None, decided: timedelta = -MINUTE, state: str = "active"
) -> ExceptionRequest:
    """An exception that held when the first server was sent, as rows."""
    row = patch_rows(run)[0]
    at = row.dispatch.claimed_at
    request = ExceptionRequest(
        state=state, from_date=at.date(), to_date=at.date(), asked_to_date=at.date(), time_zone="UTC",
        starts_at=at - timedelta(hours=1), ends_at=at + timedelta(hours=1), category="audit", reason="Audit",
        requested_by=cast.ana(), created_at=at,
    )  # fmt: skip
    request.save()
    Covered.objects.create(request=request, asset=row.target.asset)
    Approval.objects.create(request=request, by=by or cast.bo(), decision="approved", at=at + decided)
    return request


def ended_before(run: Run) -> None:
    request = excepted(run, state="revoked")
    at = patch_rows(run)[0].dispatch.claimed_at - MINUTE / 2
    Approval.objects.create(request=request, by=cast.bo(), decision="revoked", at=at)


def tagged_outside(run: Run) -> None:
    asset = patch_rows(run)[0].target.asset
    asset.tags |= {"PatchException": "2026-01-01/2027-12-31"}
    asset.last_seen_at = patch_rows(run)[0].dispatch.claimed_at
    asset.save()


def paused_meanwhile(run: Run, until: timedelta | None = MINUTE) -> None:
    at = patch_rows(run)[0].dispatch.claimed_at
    pause.pause(by=cast.ada(), reason="Something is wrong with it", now=at - MINUTE)
    if until:
        pause.resume(by=cast.ada(), now=at + until)


def flew_together(run: Run) -> None:
    """The second of the cluster is sent while the first is out."""
    first, second = [row for row in patch_rows(run) if row.target.cluster]
    Dispatch.objects.filter(pk=second.dispatch_id).update(claimed_at=first.dispatch.claimed_at)


def limited(run: Run) -> None:
    Run.objects.filter(pk=run.pk).update(policy=run.policy | {"concurrency": 1})


def wave_too_early(run: Run) -> None:
    first = run.waves.get(number=1)
    first.ended_at = run.dispatches.filter(wave=2, phase="patch").earliest("claimed_at").claimed_at + MINUTE
    first.save()


def stamped_without_proof(run: Run) -> None:
    stamp = TagChange.objects.filter(run_id=run.pk, key="LastPatched").first()
    assert stamp
    failed = run.targets.get(verdict="failed")
    TagChange.objects.filter(pk=stamp.pk).update(instance_id=failed.instance_id)


def two_owners(run: Run) -> None:
    one, other = Dispatch.objects.filter(run=run)[:2]
    Dispatch.objects.filter(pk=other.pk).update(command_ids=one.command_ids)


def uncounted(run: Run) -> None:
    DispatchTarget.objects.filter(pk=patch_rows(run)[0].pk).update(attempt=7)


def swapped_reports(run: Run) -> None:
    """Two hosts of the run have each other's report."""
    one, other = HostReport.objects.filter(target__run=run, phase="patch").order_by("pk")[:2]
    with unguarded():
        HostReport.objects.filter(pk=one.pk).update(content=other.content)


def told(run: Run, **words: str) -> None:
    report = HostReport.objects.filter(target__run=run, phase="patch").earliest("pk")
    with unguarded():
        HostReport.objects.filter(pk=report.pk).update(content=report.content | words)


def without_words(run: Run) -> None:
    report = HostReport.objects.filter(target__run=run, phase="precheck").earliest("pk")
    with unguarded():
        HostReport.objects.filter(pk=report.pk).update(content={"status": "ready"})


def nobodys_verdict(run: Run) -> None:
    row = patch_rows(run)[0]
    with unguarded():
        HostReport.objects.filter(row=row).delete()
    row.delete()


def change_of_another(run: Run) -> None:
    one, other = run.targets.filter(verdict="patched").order_by("pk")[:2]
    PackageChange.objects.filter(target=one).update(asset=other.asset_id)


def untold(run: Run) -> None:
    Dispatch.objects.filter(pk=patch_rows(run)[0].dispatch_id).update(
        state="given_up", reason="Nobody knows."
    )


BROKEN: dict[str, tuple[Plant, set[str]]] = {
    "exempt by an exception in force": (excepted, {"I1"}),
    "exempt by an exception that has ended since": (lambda run: excepted(run, state="expired"), {"I1"}),
    "exempt by a foreign tag": (tagged_outside, {"I1"}),
    "sent in a pause that is over": (paused_meanwhile, {"I2"}),
    "sent in the pause in force": (lambda run: paused_meanwhile(run, until=None), {"I2"}),
    "an attempt that nobody counted": (uncounted, {"I3"}),
    "a command of two dispatches": (two_owners, {"I4"}),
    "LastPatched without proof": (stamped_without_proof, {"I7"}),
    "two of a cluster together": (flew_together, {"I8"}),
    "more than the policy allows": (limited, {"I8"}),
    "a wave before its turn": (wave_too_early, {"I8"}),
    "the report of another host": (swapped_reports, {"I13"}),
    "the report of another command": (lambda run: told(run, dispatch=str(uuid.uuid4())), {"I13"}),
    "the report of another step": (lambda run: told(run, phase="precheck"), {"I13"}),
    "a report without words": (without_words, {"I13"}),
    "a verdict that nobody answered for": (nobodys_verdict, {"I13"}),
    "a change told for another host": (change_of_another, {"I13"}),
    "a dispatch whose end nobody tells": (untold, {"I10"}),
}  # fmt: skip
FINE: dict[str, Plant] = {
    "approved after the send": lambda run: excepted(run, decided=MINUTE),
    "revoked before the send": ended_before,
}


def found_after(run: Run, plant: Plant) -> set[str]:
    """The invariants that are broken by the plant alone: it is rolled back."""
    with transaction.atomic():
        plant(run)
        found = {item.invariant for item in violations([run.pk])}
        transaction.set_rollback(True)
    return found


def test_each_planted_violation_is_seen(run: Run) -> None:
    seen = {name: found_after(run, plant) for name, (plant, _) in BROKEN.items()}
    assert seen == {name: wanted for name, (_, wanted) in BROKEN.items()}
    assert {name: found_after(run, plant) for name, plant in FINE.items()} == {name: set() for name in FINE}


def at(run: Run, now: datetime) -> set[str]:
    return {item.invariant for item in late([run.pk], now=now)}


def test_a_run_that_does_not_end_in_time(run: Run) -> None:
    Run.objects.filter(pk=run.pk).update(
        state=RunState.VERIFYING, next_look_at=run.ends_at + timedelta(days=1)
    )
    bound = run.ends_at + timedelta(seconds=run.run_policy.end_bound_s) + CLEANED_WITHIN
    assert at(run, bound - timedelta(minutes=1)) == set()
    assert at(run, bound + timedelta(minutes=1)) == {"I5"}


def test_a_run_that_is_due_and_never_looked_at(run: Run) -> None:
    due = run.starts_at
    Run.objects.filter(pk=run.pk).update(state=RunState.PATCHING, next_look_at=due)
    assert at(run, due + timedelta(minutes=14)) == set()
    assert at(run, due + timedelta(minutes=16)) == {"I12"}
    Run.objects.filter(pk=run.pk).update(lease_until=due + timedelta(minutes=16))
    assert at(run, due + timedelta(minutes=16)) == set()


def portal_says() -> list[str]:
    return [f"{item.invariant} {item.sentence}" for item in of_the_portal()]


def test_nobody_approves_their_own_request(run: Run) -> None:
    excepted(run, by=cast.ana())
    assert "I9 Ana approved their own request." in portal_says()


def test_nobody_approves_without_the_role(run: Run) -> None:
    excepted(run, by=cast.cy())
    assert portal_says() == ["I9 Cy approved it without being an approver."]
    with unguarded():
        Approval.objects.update(at=timezone.now() - MINUTE)
    Grant.objects.filter(user=cast.cy()).delete()
    record(Entry("person.revoked", "person", str(cast.cy().pk), "Cy is no longer approver"), by=None)
    assert portal_says() == []  # the role went after the decision


def test_no_exception_without_approval_or_end(run: Run) -> None:
    request = excepted(run)
    with unguarded():
        request.approvals.all().delete()
    ExceptionRequest.objects.filter(pk=request.pk).update(ends_at=request.starts_at + timedelta(days=400))
    assert [words.partition(",")[0] for words in portal_says()] == [
        f"I9 It lasts until {request.to_date:%-d %B %Y}",
        "I9 It is active",
    ]


@pytest.mark.parametrize("model", [AuditEvent, Approval, HostReport], ids=lambda model: model.__name__)
@pytest.mark.parametrize("guard", ["append_only", "no_truncate", "own_time"])
def test_a_table_that_can_be_forged(model: type[Model], guard: str) -> None:
    assert portal_says() == []
    (trigger,) = [found for found in guards_of(model) if found.name == guard]
    with connection.cursor() as cursor:
        cursor.execute(f"alter table {model._meta.db_table} disable trigger {trigger.database_name(model)}")
    name = str(model._meta.verbose_name_plural).capitalize()
    assert portal_says() == [f"I10 {name} can be forged: the trigger {guard} is missing or off."]


def test_the_page_links_to_exceptions_and_names_the_portal(run: Run) -> None:
    request = excepted(run, by=cast.ana(), decided=MINUTE)
    with connection.cursor() as cursor:
        cursor.execute(f"alter table {AuditEvent._meta.db_table} disable trigger all")
    kept = audit(run.ends_at)
    assert [item["invariant"] for item in kept.violations] == ["I10", "I10", "I10", "I9", "I9"]
    text = browser(cast.audrey()).get(reverse("patching:audits")).content.decode()
    assert reverse("exceptions:case", args=[request.pk]) in text
    assert f'href="{reverse("patching:run", args=[0])}"' not in text
