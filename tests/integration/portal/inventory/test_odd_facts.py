"""What an agent, a tag or AWS says of one server: it is bounded and said, and never stops another one."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

import pytest
from celery.exceptions import SoftTimeLimitExceeded
from django.db import OperationalError
from django.test import Client

from aws.ports import Instance, ManagedNode, Unreadable
from portal.inventory import intake, operations
from portal.inventory.models import Account, Asset
from portal.inventory.operations import refresh, sync_all
from tests import cast
from tests.fake_ssm import FakeSsm
from tests.fakes import ACCOUNT, Clock, FakeCloud, FakeEc2
from tests.integration.portal.inventory.test_sync import OTHER, asset, change, sync

pytestmark = pytest.mark.django_db


@pytest.fixture
def cloud() -> FakeCloud:
    made = FakeCloud(Clock())
    for number in range(3):
        made.add(number)
    return made


@pytest.fixture
def says(monkeypatch: pytest.MonkeyPatch) -> Callable[..., None]:
    """Server 1's agent says this of itself."""

    def say(**facts: Any) -> None:
        nodes = FakeSsm.managed_nodes

        def managed_nodes(ssm: FakeSsm, ids: Any = None) -> Iterator[ManagedNode]:
            for node in nodes(ssm, ids):
                yield replace(node, **facts) if node.instance_id == f"i-{1:017x}" else node

        monkeypatch.setattr(FakeSsm, "managed_nodes", managed_nodes)

    return say


ODD = [
    ({"platform_name": "p" * 201}, "os_name", "p" * 200, "The os name has 201 characters, 200 are kept."),
    ({"platform_name": "Deb\x00ian\x1b[2J"}, "os_name", "Debian[2J", "The os name holds characters that no text has"),
    ({"platform_name": "Deb\udcffian"}, "os_name", "Debian", "The os name holds characters that no text has"),
    ({"platform_name": "\u202enaibed"}, "os_name", "naibed", "The os name holds characters that no text has"),
    ({"platform_version": "1" * 5_000}, "os_version", "1" * 100, "has 5,000 characters, 100 are kept."),
    ({"agent_version": "3" * 65}, "agent_version", "3" * 64, "The agent version has 65 characters, 64 are kept."),
    ({"ping_status": "Online" * 9}, "ssm_status", ("Online" * 9)[:32], "The ssm status has 54 characters"),
    ({"last_ping_at": datetime(9999, 12, 31, tzinfo=UTC)}, "last_ping_at", None, "9999-12-31 cannot be true"),
    ({"last_ping_at": datetime(1, 1, 1, tzinfo=UTC)}, "last_ping_at", None, "cannot be true and is not kept"),
]  # fmt: skip


@pytest.mark.parametrize(("told", "field", "kept", "said"), ODD, ids=range(len(ODD)))
def test_what_an_agent_says_is_bounded_and_said(
    cloud: FakeCloud, says: Callable[..., None], told: dict[str, Any], field: str, kept: Any, said: str
) -> None:
    says(**told)
    cast.an_account()
    assert sync_all(cloud=cloud, now=cloud.clock()) == {}
    assert Asset.objects.present().count() == 3
    assert getattr(asset(1), field) == kept
    [sentence] = asset(1).oddities
    assert said in sentence
    assert "odd_facts" in asset(1).coverage_reasons
    assert [asset(number).oddities for number in (0, 2)] == [[], []]


def test_every_text_column_has_its_bound_from_the_model() -> None:
    """A field that comes from outside and is not bounded would be refused by the database, and its region with it."""
    told = {
        field
        for field in operations.SYNCED_FIELDS
        if Asset._meta.get_field(field).get_internal_type() == "CharField"
    }
    ours = {"name", "coverage", *intake.READ_FIELDS}  # of bounded tags, and of our own words
    assert told - ours <= set(intake.TOLD_FIELDS)
    instants = {"launch_time", "last_ping_at"}
    assert instants <= set(intake.TOLD_FIELDS)


FACTS = {"instance_type": 65, "image_id": 65, "availability_zone": 65, "private_ip": 46, "root_device_type": 33,
         "instance_profile_arn": 701, "state": 17}  # fmt: skip


@pytest.mark.parametrize("field", FACTS)
def test_what_ec2_says_is_bounded_by_its_column(cloud: FakeCloud, field: str) -> None:
    change(cloud, 1, **{field: "x" * FACTS[field]})
    assert sync(cloud) == ""
    assert getattr(asset(1), field) == "x" * (FACTS[field] - 1)
    assert len(asset(1).oddities) == 1


def test_tags_are_bounded_and_a_mended_key_never_takes_the_place_of_a_true_one(cloud: FakeCloud) -> None:
    tags = {
        "Owner": "payments-team",
        "Owner\x00": "mallory",
        "k" * 129: "x",
        "Name": "n" * 300,
        "Note": "\udc00a",
    }
    change(cloud, 1, tags=tags)
    assert sync(cloud) == ""
    row = asset(1)
    assert (row.owner, row.name, row.tags["k" * 128], row.tags["Note"]) == (
        "payments-team",
        "n" * 256,
        "x",
        "a",
    )
    assert len(row.oddities) == 4


def test_a_server_with_hundreds_of_oddities_tells_the_first(cloud: FakeCloud) -> None:
    change(cloud, 1, tags={f"k{number}": "\x00" for number in range(40)})
    sync(cloud)
    assert len(asset(1).oddities) == intake.MOST_TOLD + 1
    assert asset(1).oddities[-1] == "And 30 more."


def test_the_look_before_a_send_bounds_the_same(cloud: FakeCloud) -> None:
    sync(cloud)
    change(cloud, 1, state="s" * 40, tags={"Name": "a\x00" + "b" * 300})
    change(cloud, 2, state="stopped")
    refresh(instances=[host.instance for host in cloud.hosts.values()], now=cloud.clock())
    assert (asset(1).state, asset(1).tags["Name"], asset(2).state) == ("s" * 16, "a" + "b" * 255, "stopped")


def test_one_that_cannot_be_stored_at_all_is_named_and_stays_as_it_was(cloud: FakeCloud) -> None:
    sync(cloud)
    before = asset(1)
    cloud.clock.forward(300)
    long = cloud.add(8, instance_id="i-" + "8" * 40).instance.instance_id
    _listing_nonsense_of_1(cloud)
    said = sync(cloud)
    assert said == (
        f"2 servers could not be stored: i-{1:017x}: EC2 told nonsense; "
        f"{long}: its instance id has 42 characters or odd ones, 32 can be kept"
    )
    assert (asset(1).last_seen_at, asset(1).gone_at) == (before.last_seen_at, None)
    assert (asset(0).last_seen_at, asset(2).last_seen_at) == (cloud.clock(), cloud.clock())
    account = Account.objects.get()
    assert (account.unstored, account.sync_error, account.synced_at) == (said, "", cloud.clock())
    page = _admin().get("/aws-accounts/").content.decode()
    assert "Read in part" in page
    assert "2 servers could not be stored" in page
    assert "EC2 told nonsense" in _admin().get(f"/aws-accounts/{account.pk}/").content.decode()


def _listing_nonsense_of_1(cloud: FakeCloud) -> None:
    class Listed(FakeEc2):
        def describe_instances(self) -> Iterator[Instance | Unreadable]:  # type: ignore[override]
            for item in super().describe_instances():
                bad = item.instance_id == f"i-{1:017x}"
                yield Unreadable(item.instance_id, "EC2 told nonsense") if bad else item

    cloud.ec2 = lambda account_id, region: Listed(cloud, account_id, region)  # type: ignore[method-assign]


def _admin() -> Client:
    client = Client()
    client.force_login(cast.ada())
    return client


def test_what_only_the_database_refuses_stands_alone_too(
    cloud: FakeCloud, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A bound that somebody forgot."""
    monkeypatch.setattr(intake, "TOLD_FIELDS", [name for name in intake.TOLD_FIELDS if name != "image_id"])
    for number in range(3, 9):
        cloud.add(number)
    for number in (1, 7):
        change(cloud, number, image_id="x" * 65)
    said = sync(cloud)
    assert said.startswith(f"2 servers could not be stored: i-{1:017x}: DataError: value too long")
    assert Asset.objects.count() == 7


def test_one_listed_twice_is_one(cloud: FakeCloud) -> None:
    cloud.hosts["again"] = cloud.hosts[f"i-{1:017x}"]
    assert sync(cloud) == ""
    assert Asset.objects.count() == 3


@pytest.mark.parametrize(
    "error", [ValueError("nobody\x00 foresaw\nthis"), RuntimeError("x" * 9_000), KeyError("State")]
)
def test_any_exception_stays_in_its_region(cloud: FakeCloud, error: Exception) -> None:
    cast.an_account(regions=["us-east-1", "eu-central-1"])
    cloud.add(9, account_id=OTHER)
    cast.an_account(OTHER, name="Other")

    def broken(account_id: str, region: str) -> FakeSsm:
        if region == "us-east-1":
            raise error
        return FakeSsm(cloud, account_id, region)

    cloud.ssm = broken  # type: ignore[method-assign]
    failures = sync_all(cloud=cloud, now=cloud.clock())
    assert list(failures) == [ACCOUNT]
    assert failures[ACCOUNT].startswith(f"us-east-1: {type(error).__name__}: ")
    assert len(failures[ACCOUNT]) < 400
    assert Asset.objects.count() == 4
    assert Account.objects.get(account_id=ACCOUNT).sync_error == failures[ACCOUNT]


def test_any_exception_stays_in_its_account(cloud: FakeCloud, monkeypatch: pytest.MonkeyPatch) -> None:
    """Also where not even its failure can be noted."""
    cast.an_account()
    cloud.add(9, account_id=OTHER)
    cast.an_account(OTHER, name="Other")
    note = operations._note_sync

    def noting(account: Account, *rest: Any) -> None:
        if account.account_id == ACCOUNT:
            raise OperationalError("canceling statement due to statement timeout")
        note(account, *rest)

    monkeypatch.setattr(operations, "_note_sync", noting)
    assert list(sync_all(cloud=cloud, now=cloud.clock())) == [ACCOUNT]
    assert Account.objects.get(account_id=OTHER).synced_at == cloud.clock()


def test_the_end_of_the_tasks_time_passes(cloud: FakeCloud) -> None:
    cast.an_account()

    def over(*_: Any) -> FakeSsm:
        raise SoftTimeLimitExceeded

    cloud.ssm = over  # type: ignore[method-assign]
    with pytest.raises(SoftTimeLimitExceeded):
        sync_all(cloud=cloud, now=cloud.clock())


def test_the_coverage_page_tells_what_was_odd(cloud: FakeCloud, says: Callable[..., None]) -> None:
    says(platform_name="<b>" + "p" * 300)
    sync(cloud)
    page = _admin().get("/coverage/?reason=odd_facts").content.decode()
    assert "Tells odd facts" in page
    assert "The os name has 303 characters, 200 are kept." in page
    server = _admin().get(f"/servers/{asset(1).pk}/").content.decode()
    assert "303 characters" in server
    assert "<b>p" not in server
    csv = b"".join(_admin().get("/coverage/servers.csv")).decode()  # type: ignore[arg-type]
    assert "The os name has 303 characters" in csv
