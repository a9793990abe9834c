"""The role's page: five steps with a template each, or the sentence why there can be none."""

from __future__ import annotations

import json
from typing import Any

import pytest
from django.http import HttpResponse
from django.test import Client
from django.urls import reverse

from portal.inventory.models import Account
from tests import cast

pytestmark = pytest.mark.django_db
ROLE = "arn:aws:iam::111122223333:role/PatchPortalServer"


@pytest.fixture(autouse=True)
def role(settings: Any) -> None:
    settings.AWS_PORTAL_ROLE_ARN = ROLE


def get(name: str, account: Account, *more: str, **query: str) -> HttpResponse:
    client = Client()
    client.force_login(cast.ada())
    return client.get(reverse(f"inventory:{name}", args=[account.pk, *more]), query)  # type: ignore[return-value]


def test_the_page_leads_to_a_template_of_each_step() -> None:
    account = cast.an_account()
    page = get("account-role", account).content.decode()
    for may in ("read", "tag", "patch", "power", "snapshots"):
        assert f'href="/aws-accounts/{account.pk}/role/{may}.json"' in page, may


def test_the_template_holds_the_portals_own_external_id_and_nothing_of_the_request() -> None:
    answer = get("account-role-template", cast.an_account(), "patch", external_id="chosen-by-a-stranger")
    made = json.loads(answer.content)
    (trust,) = made["Resources"]["PortalRole"]["Properties"]["AssumeRolePolicyDocument"]["Statement"]
    assert trust["Condition"] == {
        "ArnEquals": {"aws:PrincipalArn": ROLE},
        "StringEquals": {"sts:ExternalId": "x1"},
    }
    assert b"chosen-by-a-stranger" not in answer.content
    assert answer["Content-Disposition"] == 'attachment; filename="patch-portal-111122223333-patch.json"'


def test_events_are_sent_only_where_the_portal_reads_them(settings: Any) -> None:
    account = cast.an_account()
    assert b"AWS::Events::Rule" not in get("account-role-template", account, "read").content
    settings.EVENTS_QUEUE_URL = "https://sqs.eu-central-1.amazonaws.com/111122223333/patch-portal-events"
    assert b"AWS::Events::Rule" in get("account-role-template", account, "read").content


@pytest.mark.parametrize(
    ("arn", "facts", "words"),
    [
        ("", {}, "AWS_PORTAL_ROLE_ARN is not set"),
        (ROLE, {"external_id": ""}, "No external id is agreed with this account"),
        (ROLE, {"role_name": ""}, "with its own credentials"),
    ],
)
def test_a_role_that_would_open_for_nobody_or_for_anybody_is_not_made(
    settings: Any, arn: str, facts: dict[str, str], words: str
) -> None:
    settings.AWS_PORTAL_ROLE_ARN = arn
    account = cast.an_account(**facts)
    page = get("account-role", account).content.decode()
    assert words in page
    assert ".json" not in page
    refused = get("account-role-template", account, "read")
    assert refused.status_code == 302
    assert refused["Location"].endswith(f"/{account.pk}/role/")


def test_a_step_that_does_not_exist_is_no_page() -> None:
    assert get("account-role-template", cast.an_account(), "everything").status_code == 404
