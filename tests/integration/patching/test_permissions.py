"""One permission is taken away while a run works: its heading, *Needs you*, Tonight and the admins' inbox say so during
the run, and no longer when it is back."""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

import pytest

from aws.errors import AccessRefused
from aws.ports import TargetGroupHealth
from patching.models import Hindrance, Run
from patching.states import RUN_OVER, TargetState
from portal.audit.models import AuditEvent
from portal.notify.models import Notification
from tests import cast
from tests.integration.patching.stage import Stage
from tests.integration.patching.test_hindrances import DENIED, allow, heading, refuse, shown

pytestmark = pytest.mark.django_db
PLACE = (
    "account 111122223333, eu-central-1 refuses what 2 servers need"  # as a trial tells it within a minute
)
HERE = "in account 111122223333, eu-central-1"
UNTAGGED = AccessRefused("Not authorized: it lacks the tag.", code="UnauthorizedOperation")


def has(*states: TargetState) -> Callable[[Stage], bool]:
    return lambda stage: stage.run.targets.filter(state__in=states).exists()


def tried(stage: Stage) -> bool:
    """Everything was there when it was tried ahead."""
    return stage.run.tried_at is not None


READY, PATCHING = has(TargetState.READY), has(TargetState.IN_DISPATCH)
PART = "A part of this run cannot go on"


class Case(NamedTuple):
    operations: tuple[str, ...]
    since: Callable[[Stage], bool]
    said: str
    cannot: str = "This run cannot go on"
    waits: bool = True  # the server waits until it is back; else AWS's answer is its result


CASES = {
    "ssm:SendCommand, checks": Case(("SendCommand",), tried, f"commands cannot be sent {HERE}"),
    "ssm:SendCommand, patches": Case(("SendCommand",), READY, f"commands cannot be sent {HERE}", waits=False),
    "ssm:DescribeInstanceInformation": Case(
        ("DescribeInstanceInformation",), tried, f"agents cannot be looked at {HERE}"
    ),
    "ssm:ListCommands": Case(("ListCommands",), PATCHING, f"commands cannot be looked up {HERE}"),
    "ssm:ListCommandInvocations": Case(
        ("ListCommandInvocations",), PATCHING, f"results cannot be collected {HERE}"
    ),
    "ssm:CreateDocument": Case(("CreateDocument",), tried, f"documents cannot be published {HERE}"),
    "ec2:DescribeInstances": Case(("DescribeInstances",), READY, f"servers cannot be looked at {HERE}"),
    "ec2:CreateTags": Case(("CreateTags",), READY, f"tags cannot be written {HERE}"),
    "ec2:DeleteTags": Case(("DeleteTags",), PATCHING, f"tags cannot be taken away {HERE}"),
    "ec2:CreateSnapshot": Case(("CreateSnapshot",), READY, f"snapshots cannot be taken {HERE}", waits=False),
    "cloudwatch:DescribeAlarms": Case(("DescribeAlarms",), READY, f"alarms cannot be read {HERE}"),
    "elasticloadbalancing:DescribeTargetHealth": Case(
        ("DescribeTargetHealth",), READY, f"target groups cannot be read {HERE}"
    ),
    "ec2:StartInstances": Case(("StartInstances",), tried, "stopped servers cannot be started", PART),
    "ec2:StopInstances": Case(
        ("StopInstances",), PATCHING, "servers that were started cannot be stopped", PART
    ),
    "s3:PutObject": Case(("PutObject",), PATCHING, "reports cannot be kept in the bucket patch-portal-results"),
    "s3:GetObject": Case(("GetObject",), PATCHING, "reports cannot be kept in the bucket patch-portal-results"),
    "s3:ListBucket": Case(
        ("ListObjectsV2",), PATCHING, "results cannot be listed in the bucket patch-portal-results"
    ),
}  # fmt: skip
POLICY = {"alarms": ["checkout"], "target_groups": ["front"], "snapshot": "root", "sweep_s": 15, "gather_s": 5,
          "lead_s": 110}  # fmt: skip


def open_ones() -> bool:
    return Hindrance.objects.filter(over_at=None).exists()


def set_up(stage: Stage, case: Case) -> Run:
    """Two of one cluster: while one is patched the other still waits for its turn."""
    stage.cloud.alarm_states["checkout"] = "OK"
    stage.cloud.target_groups_here["front"] = TargetGroupHealth(2, 2)
    tags = {"Owner": "o", "PatchCluster": "one", "PatchPortal:Managed": "true"}
    for number in (1, 2):
        stage.cloud.add(number, state="stopped" if case.cannot == PART else "running", tags=tags)
    run = stage.set(policy=POLICY)
    stage.until(lambda: case.since(stage))
    refuse(stage, *case.operations)
    stage.until(Hindrance.objects.exists, limit=60)
    return run


@pytest.mark.parametrize("name", CASES)
def test_during_the_run_everybody_who_can_mend_it_reads_it_until_it_is_mended(
    stage: Stage, name: str
) -> None:
    case, ada = CASES[name], cast.ada()
    run = set_up(stage, case)
    told = Notification.objects.filter(user=ada, kind="run.hindered")
    assert case.said in " ".join(note.sentence for note in told) or PLACE in told[0].sentence
    if run.state in RUN_OVER:
        return  # nobody was left to wait for it
    page, tonight = shown("patching:run", run.pk), shown("patching:tonight")
    assert heading(page).startswith(case.cannot)
    for where in (heading(page), heading(tonight)):
        assert case.said in where or PLACE in where
    for where in (page, tonight):
        assert str(DENIED) in where
        assert "Nothing needs you" not in where
    for _ in range(3):  # also between two sweeps, or two tries
        stage.look(1)
        assert open_ones() or run.state in RUN_OVER
    allow(stage)
    stage.until(lambda: not open_ones())
    assert not heading(shown("patching:run", run.pk)).startswith(case.cannot)
    stage.to_the_end()
    if case.waits:
        assert [row.verdict for row in run.targets.all()] == ["patched", "patched"]
    over = AuditEvent.objects.filter(kind="run.trouble_over").values_list("summary", flat=True)
    assert len(set(over)) == len(over), "each is told once"
    assert told.count() <= 2, "the first one, and the bucket"


def test_what_aws_refuses_to_one_server_is_not_called_a_missing_right(stage: Stage) -> None:
    """Its owner has not let the portal start it; the others of the call are started."""
    cast.ada()
    for number in (1, 2):
        stage.cloud.add(number, state="stopped", tags={"Owner": "o", "PatchPortal:Managed": "true"})
    stage.cloud.add(3, state="stopped", tags={"Owner": "o"}, start_refused=UNTAGGED)
    run = stage.set()
    stage.to_the_end()
    assert sorted(row.verdict for row in run.targets.all()) == ["", "patched", "patched"]
    assert not Hindrance.objects.exists()
    assert not Notification.objects.filter(kind="run.hindered").exists()


def test_with_several_places_the_heading_speaks_of_what_all_of_them_refuse(stage: Stage) -> None:
    stage.cloud.add(1)
    stage.cloud.add(2, account_id="444455556666")
    run = stage.set(policy={"lead_s": 110})
    stage.until(lambda: tried(stage))
    refuse(stage, "SendCommand")
    stage.until(open_ones)
    said = "This run cannot go on: commands cannot be sent in any of its 2 accounts and regions."
    assert heading(shown("patching:run", run.pk)) == said
