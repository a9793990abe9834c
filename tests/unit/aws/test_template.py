"""The CloudFormation template of an account: steps that only add, the generated policies, and a judge from outside."""

from __future__ import annotations

import json
import subprocess
import sys
from itertools import pairwise
from pathlib import Path

import pytest

from aws import template
from aws.iam import Names, policy
from aws.policies import instance_profile, trust_policy
from aws.template import ADDS, May, account_template, statements

NAMES = Names(
    portal_role_arn="arn:aws:iam::111122223333:role/PatchPortalServer", external_id="abc-444455556666"
)
INLINE_POLICIES_MAX = 10_240  # characters of all of one role; IAM quotas
HOME = "eu-central-1"


def sids(may: May) -> list[str]:
    return [row["Sid"] for row in statements(NAMES, may)]


def test_each_step_holds_all_before_it_and_the_last_is_the_whole_policy() -> None:
    steps = list(May)
    for smaller, larger in pairwise(steps):
        assert set(sids(smaller)) < set(sids(larger))
    assert statements(NAMES, May.SNAPSHOTS) == policy(NAMES)["managed_account_role"]["Statement"]


def test_reading_changes_nothing() -> None:
    reading = ("Describe", "List", "Get")
    actions = [action.split(":")[1] for row in statements(NAMES, May.READ) for action in row["Action"]]
    assert actions
    assert [action for action in actions if not action.startswith(reading)] == []


def test_a_grant_that_belongs_to_no_step_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(template, "ADDS", {**ADDS, May.TAG: ()})
    with pytest.raises(ValueError, match="WriteInstanceTags"):
        statements(NAMES, May.READ)


def test_the_policies_are_the_generated_ones_and_fit_into_a_role() -> None:
    made = account_template(NAMES, May.SNAPSHOTS, home=HOME)["Resources"]
    role = made["PortalRole"]["Properties"]
    assert role["AssumeRolePolicyDocument"] == trust_policy(NAMES)
    assert made["ServersPolicy"]["Properties"]["PolicyDocument"] == instance_profile(NAMES)
    (inline,) = role["Policies"]
    assert len(json.dumps(inline["PolicyDocument"], separators=(",", ":"))) < INLINE_POLICIES_MAX


def test_without_a_queue_there_are_no_events_and_all_is_made_at_home() -> None:
    made = account_template(NAMES, May.PATCH, home=HOME)["Resources"]
    assert {row["Condition"] for row in made.values()} == {"Home"}
    far = account_template(NAMES, May.PATCH, home=HOME, events_to="eu-west-1")["Resources"]
    assert [name for name, row in far.items() if "Condition" not in row] == ["EventsRule"]
    (target,) = far["EventsRule"]["Properties"]["Targets"]
    assert target["Arn"] == "arn:aws:events:eu-west-1:111122223333:event-bus/default"


@pytest.mark.parametrize("events_to", ["", HOME])
def test_cloudformation_s_own_linter_finds_nothing(tmp_path: Path, events_to: str) -> None:
    file = tmp_path / "template.json"
    file.write_text(json.dumps(account_template(NAMES, May.SNAPSHOTS, home=HOME, events_to=events_to)))
    lint = [str(Path(sys.executable).parent / "cfn-lint"), "--regions", HOME, "--", str(file)]
    judged = subprocess.run(lint, capture_output=True, text=True, check=False, timeout=60)
    assert (judged.returncode, judged.stdout) == (0, "")
