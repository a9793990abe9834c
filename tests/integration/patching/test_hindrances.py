"""A run that cannot succeed says so: before its start and during it, in its heading, under Needs you, on Tonight and in
the admins' inbox. Once it works the run goes on, and says that, too."""

from __future__ import annotations

from datetime import timedelta

import pytest
from django.test import Client
from django.urls import reverse

from aws.codes import NOT_SIGNED
from aws.errors import AccessRefused, Ambiguous, CloudError, Missing
from patching.models import Hindrance
from patching.states import RunState, TargetState
from portal.audit.models import AuditEvent
from portal.notify.models import Notification
from tests import cast
from tests.integration.patching.stage import Stage

pytestmark = pytest.mark.django_db
NO_BUCKET = Missing(
    "AWS does not know what PutObject names: The specified bucket does not exist", code="NoSuchBucket"
)
NO_KEYS = AccessRefused("The portal has no AWS credentials that it could use for PutObject", code=NOT_SIGNED)
DENIED = AccessRefused("AWS does not allow the portal this: not authorized", code="AccessDenied")
CANNOT_KEEP = "reports cannot be kept in the bucket patch-portal-results"


def refuse(stage: Stage, *operations: str, error: CloudError = DENIED) -> None:
    def before(operation: str) -> None:
        if operation in operations:
            raise error

    stage.cloud.before = before


def allow(stage: Stage) -> None:
    stage.cloud.before = lambda operation: None


def shown(name: str, *args: int) -> str:
    client = Client()
    client.force_login(cast.ada())
    page = client.get(reverse(name, args=args)).content.decode()
    return " ".join(page.split())


def heading(page: str) -> str:
    return page.partition("<h1>")[2].partition("</h1>")[0].strip()


CASES = {
    "a wrong bucket": (("PutObject",), NO_BUCKET, CANNOT_KEEP),
    "no credentials": (("PutObject",), NO_KEYS, "the portal has no AWS credentials"),
    "no s3:PutObject": (("PutObject",), DENIED, CANNOT_KEEP),
    "no s3:GetObject": (("GetObject",), DENIED, CANNOT_KEEP),
    "no ssm:ListCommands": (("ListCommands",), DENIED, "account 111122223333, eu-central-1 refuses"),
    "no ec2:DescribeInstances": (("DescribeInstances",), DENIED, "account 111122223333, eu-central-1 refuses"),
    "no ssm:DescribeInstanceInformation": (("DescribeInstanceInformation",), DENIED, "eu-central-1 refuses"),
    "no ec2:CreateTags": (("DryRun", "CreateTags"), DENIED, "eu-central-1 refuses"),
}  # fmt: skip


@pytest.mark.parametrize("case", CASES)
def test_before_the_start_everybody_who_can_mend_it_reads_it(stage: Stage, case: str) -> None:
    operations, error, said = CASES[case]
    ada = cast.ada()
    stage.cloud.add(1)
    run = stage.set()
    refuse(stage, *operations, error=error)
    stage.look()
    assert run.state == RunState.PLANNED
    page, tonight = shown("patching:run", run.pk), shown("patching:tonight")
    assert heading(page).startswith("This run cannot start: ")
    assert said in heading(page)
    assert said in heading(tonight)
    assert heading(tonight).startswith(run.name)
    assert "The whole run" in page
    assert "all of it" in tonight
    for where in (page, tonight):
        assert str(error) in where.replace("&#x27;", "'")
        assert "Nothing needs you" not in where
    (told,) = Notification.objects.filter(user=ada)
    assert said in told.sentence
    assert told.url == f"{reverse('patching:run', args=[run.pk])}#needs"


@pytest.mark.parametrize("operation", ["PutObject", "GetObject"])
def test_without_a_place_for_reports_nothing_is_sent_and_all_goes_on_when_it_is_there(
    stage: Stage, operation: str
) -> None:
    stage.cloud.add(1)
    stage.cloud.add(2, state="stopped")
    run = stage.set()
    refuse(stage, operation, error=NO_BUCKET)
    stage.until(lambda: stage.clock() >= run.starts_at + timedelta(minutes=2), seconds=10)
    assert not stage.cloud.called("SendCommand")
    assert not stage.cloud.called("StartInstances")
    assert heading(shown("patching:run", run.pk)).startswith("This run cannot go on: ")
    allow(stage)
    stage.to_the_end()
    assert [row.verdict for row in run.targets.all()] == ["patched", "patched"]
    assert not Hindrance.objects.filter(over_at=None).exists()
    told = AuditEvent.objects.filter(kind="run.trouble_over").values_list("summary", flat=True)
    assert list(told) == ["No longer so: " + CANNOT_KEEP]


def test_what_is_never_mended_ends_at_the_cutoff_with_the_reason_on_each_server(stage: Stage) -> None:
    stage.cloud.add(1)
    run = stage.set(duration_minutes=60, cutoff_minutes=30)
    refuse(stage, "PutObject", error=NO_BUCKET)
    stage.until(lambda: run.state == RunState.FINISHED, seconds=60)
    (row,) = run.targets.all()
    assert (row.state, row.reason_code) == (TargetState.SKIPPED, "cutoff")
    assert "The specified bucket does not exist" in row.reason
    assert Notification.objects.count() == 0  # there is no admin in this world
    assert not Hindrance.objects.filter(over_at=None).exists()


def test_a_bucket_that_vanishes_during_the_run_stops_what_is_not_sent_yet(stage: Stage) -> None:
    ada = cast.ada()
    for number in (1, 2):
        stage.cloud.add(number, tags={"Name": f"web-{number}", "PatchCluster": "one", "Owner": "o"})
    run = stage.set()
    stage.until(lambda: run.targets.filter(state=TargetState.IN_DISPATCH).exists())
    refuse(stage, "PutObject", "GetObject", error=NO_BUCKET)
    stage.until(
        lambda: heading(shown("patching:run", run.pk)).startswith("This run cannot go on"), seconds=10
    )
    sent = len(stage.cloud.called("SendCommand"))
    stage.look(30)
    assert len(stage.cloud.called("SendCommand")) == sent
    page = shown("patching:run", run.pk)
    assert "Results cannot be collected" in page
    assert Notification.objects.filter(user=ada).count() == 2, "the bucket, and what came of it; each once"
    allow(stage)
    stage.to_the_end()
    assert [row.verdict for row in run.targets.order_by("pk")] == ["patched", "patched"]


def test_one_account_that_refuses_stops_nobody_else_and_is_told(stage: Stage) -> None:
    ada = cast.ada()
    stage.cloud.add(1)
    stage.cloud.add(2, account_id="444455556666")
    run = stage.set()
    theirs = stage.cloud.ssm

    def ssm(account_id: str, region: str) -> object:
        if account_id == "444455556666":
            raise DENIED
        return theirs(account_id, region)

    stage.cloud.ssm = ssm  # type: ignore[assignment, method-assign]
    stage.look()
    page = shown("patching:run", run.pk)
    assert "will be patched" in heading(page)
    assert "A part of it" in page
    assert "Account 444455556666, eu-central-1 refuses what 1 server needs" in page
    stage.until(lambda: run.targets.filter(verdict="patched").exists())
    assert "AWS refuses a part of what 1 run needs" in heading(shown("patching:tonight"))
    (told,) = Notification.objects.filter(user=ada)
    assert "account 444455556666, eu-central-1 refuses" in told.sentence


def test_what_aws_did_not_answer_is_not_called_refused(stage: Stage) -> None:
    stage.cloud.add(1)
    run = stage.set()
    refuse(stage, "PutObject", "DescribeInstanceInformation", error=Ambiguous("No answer."))
    stage.look()
    assert not Hindrance.objects.exists()
    assert run.state == RunState.PLANNED


def test_the_last_minute_is_tried_again_and_no_time_between(stage: Stage) -> None:
    stage.cloud.add(1)
    run = stage.set()
    stage.look(1)
    first = len(stage.cloud.called("PutObject"))
    stage.until(lambda: stage.clock() >= run.starts_at - timedelta(seconds=65), seconds=1)
    assert len(stage.cloud.called("PutObject")) == first
    stage.until(lambda: stage.clock() >= run.starts_at - timedelta(seconds=50), seconds=1)
    trials = [ids for ids in stage.cloud.called("PutObject") if "trial" in ids[0]]
    assert len(trials) == first + 1
    assert len({ids[0] for ids in trials}) == 1, "one object a day"


def test_many_places_are_tried_in_parts(stage: Stage, monkeypatch: pytest.MonkeyPatch) -> None:
    from patching.engine import requirements

    monkeypatch.setattr(requirements, "PLACES_AT_ONCE", 2)
    for number in range(5):
        stage.cloud.add(number, account_id=f"{number:012}")
    run = stage.set()
    for tried in (2, 4, 0):
        stage.look(1)
        assert run.tried_places == tried
    assert run.tried_at is not None
    assert len(stage.cloud.called("DryRun")) == 5
