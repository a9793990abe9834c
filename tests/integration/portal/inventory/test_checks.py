"""Check of an account: the results bucket is compared with what is generated, and what is not read is never fine."""

from __future__ import annotations

import copy
from typing import Any

import pytest
from django.test import Client
from django.urls import reverse

from aws.errors import AccessRefused, Missing, Throttled
from aws.policies import BUCKET_SETTINGS, bucket_policy
from portal.inventory.checks import KEEP, check_bucket, policy_difference, try_account
from portal.inventory.models import Account
from portal.inventory.setup import names
from portal.inventory.views import accounts
from tests import cast
from tests.fakes import Clock, FakeCloud, raising

pytestmark = pytest.mark.django_db
ROLE = "arn:aws:iam::111122223333:role/PatchPortalServer"


@pytest.fixture(autouse=True)
def role(settings: Any) -> None:
    settings.AWS_PORTAL_ROLE_ARN = ROLE


@pytest.fixture
def account() -> Account:
    return cast.an_account("111122223333")


@pytest.fixture
def cloud(account: Account) -> FakeCloud:
    made = FakeCloud(Clock())
    made.add(1)
    made.bucket_has = {
        "policy": as_aws_shows(bucket_policy(names())),
        "ownership": BUCKET_SETTINGS["object_ownership"],
        "public_access_block": BUCKET_SETTINGS["public_access_block"],
        "versioning": "Enabled",
    }
    return made


def as_aws_shows(policy: dict[str, Any]) -> dict[str, Any]:
    """The same policy in AWS's manner: one value without its list, lists in another order."""

    def shown(value: Any) -> Any:
        if isinstance(value, dict):
            return {key: shown(inner) for key, inner in reversed(value.items())}
        if isinstance(value, list) and len(value) == 1 and not isinstance(value[0], dict):
            return value[0]
        return [shown(one) for one in reversed(value)] if isinstance(value, list) else value

    found: dict[str, Any] = shown(copy.deepcopy(policy))
    return found


def said(cloud: FakeCloud) -> dict[str, tuple[bool | None, str]]:
    return {row.what: (row.works, row.said) for row in check_bucket(cloud=cloud)}


def policy_said(cloud: FakeCloud) -> tuple[bool | None, str]:
    return said(cloud)["Policy of the results bucket"]


def test_a_bucket_as_documented_is_fine(cloud: FakeCloud) -> None:
    assert {works for works, _ in said(cloud).values()} == {True}
    assert len(said(cloud)) == 5


def statement(cloud: FakeCloud, sid: str) -> dict[str, Any]:
    return next(row for row in cloud.bucket_has["policy"]["Statement"] if row["Sid"] == sid)


def test_a_missing_statement_is_named(cloud: FakeCloud) -> None:
    cloud.bucket_has["policy"]["Statement"].remove(statement(cloud, "DenyChangedEvidence"))
    works, why = policy_said(cloud)
    assert works is False
    assert why.startswith("It lacks DenyChangedEvidence.")


@pytest.mark.parametrize(
    ("sid", "change", "part"),
    [
        ("LetHostsStoreOutput", {"Resource": "arn:aws:s3:::patch-portal-results/*"}, "Resource"),
        ("LetHostsStoreOutput", {"Principal": "*"}, "Principal"),
        ("LetHostsStoreOutput", {"Action": ["s3:PutObject", "s3:ListBucket"]}, "Action"),
        ("DenyWritesElsewhere", {"Condition": {"Bool": {"aws:SecureTransport": "false"}}}, "Condition"),
        ("DenyWritesElsewhere", {"Effect": "Allow"}, "Effect"),
    ],
)
def test_a_weaker_statement_is_named_with_its_part(
    cloud: FakeCloud, sid: str, change: dict[str, Any], part: str
) -> None:
    statement(cloud, sid).update(change)
    assert policy_said(cloud)[0] is False
    assert f"It differs in {sid} ({part})." in policy_said(cloud)[1]


def test_one_more_permission_is_told_one_more_refusal_is_not(cloud: FakeCloud) -> None:
    more = {"Effect": "Deny", "Principal": "*", "Action": "s3:PutObject", "Resource": "*"}
    cloud.bucket_has["policy"]["Statement"].append(more)
    assert policy_said(cloud)[0] is True
    more["Effect"] = "Allow"
    assert policy_said(cloud) == (
        False,
        "It also allows statement 7. The policy below is the one that holds the hosts.",
    )


def test_an_account_that_was_connected_later_is_missing_in_the_policy(cloud: FakeCloud) -> None:
    cast.an_account("444455556666")
    assert policy_said(cloud)[1].startswith("It differs in LetHostsStoreOutput (Principal).")


def test_no_policy_at_all() -> None:
    assert policy_difference({}, {"Statement": []}).startswith("The bucket has no policy.")


def test_settings_that_are_off_are_told_with_what_to_do(cloud: FakeCloud) -> None:
    block = {**BUCKET_SETTINGS["public_access_block"], "BlockPublicPolicy": False}  # type: ignore[dict-item]
    cloud.bucket_has |= {"ownership": "ObjectWriter", "versioning": "", "public_access_block": block}
    found = said(cloud)
    assert found["Object ownership of the results bucket"] == (
        False,
        "It is ObjectWriter; set it to BucketOwnerEnforced.",
    )
    assert found["Versioning of the results bucket"] == (False, "It is not set; set it to Enabled.")
    assert found["Public access to the results bucket"] == (
        False,
        "BlockPublicPolicy is off; switch all four on.",
    )
    cloud.bucket_has["public_access_block"] = {}
    assert said(cloud)["Public access to the results bucket"][1].endswith("are off; switch all four on.")


@pytest.mark.parametrize("error", [AccessRefused("s3:Get is not allowed."), Throttled("Rate exceeded.")])
@pytest.mark.parametrize(
    "operation",
    ["GetBucketPolicy", "GetBucketOwnershipControls", "GetPublicAccessBlock", "GetBucketVersioning"],
)
def test_what_may_not_be_read_is_never_fine(cloud: FakeCloud, operation: str, error: Exception) -> None:
    raising(cloud, operation, error)
    found = [row for row in check_bucket(cloud=cloud) if row.works is not True]
    assert [(row.works, row.said) for row in found] == [(None, f"It cannot be checked: {error}")]


def test_a_bucket_that_does_not_exist_fails(cloud: FakeCloud) -> None:
    raising(cloud, "GetBucketPolicy", Missing("There is no such bucket."))
    assert policy_said(cloud) == (False, "There is no such bucket.")


@pytest.mark.parametrize(
    ("operation", "error", "works"),
    [
        ("PutObject", Missing("There is no such bucket."), False),
        ("GetObject", AccessRefused("s3:GetObject is not allowed."), False),
        ("PutObject", Throttled("Rate exceeded."), None),
    ],
)
def test_a_report_is_written_and_read_back(
    cloud: FakeCloud, operation: str, error: Exception, works: bool | None
) -> None:
    assert said(cloud)[KEEP] == (True, "")
    raising(cloud, operation, error)
    assert said(cloud)[KEEP] == (works, str(error))


@pytest.mark.parametrize(
    "operation", ["DescribeInstances", "DescribeInstanceInformation", "ListCommands", "DryRun"]
)
def test_what_an_account_refuses_is_told_and_named(
    account: Account, cloud: FakeCloud, operation: str
) -> None:
    cast.an_asset(account=account, region="eu-central-1", instance_id="i-00000000000000001")
    raising(cloud, operation, AccessRefused("Not allowed."))
    (refused,) = [row for row in try_account(account, cloud=cloud) if not row.works]
    assert (refused.works, refused.said) == (False, "Not allowed.")


def test_without_the_portals_role_the_policy_cannot_be_judged(cloud: FakeCloud, settings: Any) -> None:
    settings.AWS_PORTAL_ROLE_ARN = ""
    works, why = policy_said(cloud)
    assert works is None
    assert "AWS_PORTAL_ROLE_ARN is not set" in why


def page(account: Account, cloud: FakeCloud, monkeypatch: pytest.MonkeyPatch) -> str:
    monkeypatch.setattr(accounts, "cloud", lambda: cloud)
    client = Client()
    client.force_login(cast.ada())
    answer = client.get(reverse("inventory:account-check", args=[account.pk]))
    assert answer.status_code == 200
    return " ".join(answer.content.decode().split())


def test_the_page_tells_all_of_it(
    account: Account, cloud: FakeCloud, monkeypatch: pytest.MonkeyPatch
) -> None:
    first = page(account, cloud, monkeypatch)
    assert "All that was tried works" in first
    assert "5 of 26 actions of the role were tried" in first, "without a server nothing can be said of tags"
    assert "ssm:SendCommand" in first.partition("actions were not tried")[2]
    cast.an_asset(account=account, region="eu-central-1", instance_id="i-00000000000000001")
    assert "7 of 26 actions of the role were tried" in page(account, cloud, monkeypatch)
    raising(cloud, "GetBucketVersioning", AccessRefused("No."))
    shown = page(account, cloud, monkeypatch)
    assert "1 check could not be made." in shown
    assert "Not checked" in shown
    cloud.bucket_has["policy"] = {}
    shown = page(account, cloud, monkeypatch)
    assert "1 of 9 checks failed" in shown or "checks failed for" in shown
    assert "The bucket has no policy. Put the one below on it." in shown
    assert "DenyChangedEvidence" in shown
    assert ROLE in shown


def test_the_guide_shows_what_is_generated() -> None:
    client = Client()
    client.force_login(cast.ada())
    shown = client.get(reverse("inventory:account-new")).content.decode()
    for told in ("aws:TagKeys", "PatchPortal:Managed", "${aws:PrincipalAccount}"):
        assert told in shown, told
