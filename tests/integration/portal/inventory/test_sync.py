"""From AWS to assets: idempotent, paged, nothing lost, and one broken place never stops the others."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from portal.audit.models import AuditEvent
from portal.inventory.models import Account, Asset
from portal.inventory.operations import (
    clear_results_denied,
    mark_results_denied,
    refresh,
    sync_account,
    sync_all,
)
from tests import cast
from tests.fakes import ACCOUNT, Clock, FakeCloud

pytestmark = pytest.mark.django_db
OTHER, SECOND_REGION = "444455556666", "us-east-1"


@pytest.fixture
def cloud() -> FakeCloud:
    made = FakeCloud(Clock())
    for number in range(3):
        made.add(number)
    return made


def sync(cloud: FakeCloud, account: Account | None = None) -> str:
    return sync_account(account or cast.an_account(), cloud=cloud, now=cloud.clock())


def asset(number: int) -> Asset:
    return Asset.objects.get(instance_id=f"i-{number:017x}")


def change(cloud: FakeCloud, number: int, **facts: Any) -> None:
    host = cloud.hosts[f"i-{number:017x}"]
    host.instance = replace(host.instance, **facts)


def test_what_aws_shows_is_known(cloud: FakeCloud) -> None:
    tags = {"Name": "web", "Owner": "支付团队", "Application": "<b>pay</b>", "Environment": "prod",
            "BusinessUnit": "retail", "PatchCluster": "db-1", "Else": "x"}  # fmt: skip
    cloud.add(7, tags=tags, platform="windows", private_ip="10.0.0.7", availability_zone="eu-central-1a")
    assert sync(cloud) == ""
    row = asset(7)
    read = (row.name, row.owner, row.application, row.environment, row.business_unit, row.cluster)
    assert read == ("web", "支付团队", "<b>pay</b>", "prod", "retail", "db-1")
    assert (row.tags, row.platform, row.private_ip) == (tags, "windows", "10.0.0.7")
    assert (row.ssm_status, row.os_name, row.state, row.coverage) == (
        "Online",
        "Microsoft Windows Server 2022 Datacenter",
        "running",
        "",
    )
    assert cast.an_account().synced_at == cloud.clock()


def test_the_agents_word_outweighs_what_ec2_calls_the_image(cloud: FakeCloud) -> None:
    """A Windows with its own licence or of an import is Linux to EC2; a stopped one is what it was."""
    cloud.add(7, platform="linux", runs="windows")
    sync(cloud)
    assert asset(7).platform == "windows"
    change(cloud, 7, state="stopped")
    sync(cloud)
    assert (asset(7).state, asset(7).platform) == ("stopped", "windows")


def test_an_instance_without_any_tag_is_known_by_its_id_and_has_no_owner(cloud: FakeCloud) -> None:
    cloud.add(7, tags={})
    sync(cloud)
    assert (asset(7).label, asset(7).owner, asset(7).coverage) == (f"i-{7:017x}", "", "no_owner")


def test_the_tag_keys_are_settings(cloud: FakeCloud, settings: Any) -> None:
    settings.TAG_KEYS = settings.TAG_KEYS | {"owner": "Besitzer"}
    cloud.add(7, tags={"Besitzer": "team-a", "Owner": "nobody"})
    sync(cloud)
    assert asset(7).owner == "team-a"


@pytest.mark.parametrize(
    "value", ["x" * 256, "支" * 256, "<script>alert(1)</script>", "$(reboot)", "a\x00b", "'; --"]
)
def test_a_tag_of_any_script_and_length_is_kept(cloud: FakeCloud, value: str) -> None:
    keys = ("Name", "Owner", "Application", "Environment", "BusinessUnit", "PatchCluster")
    cloud.add(7, tags=dict.fromkeys(keys, value))
    assert sync(cloud) == ""
    assert asset(7).owner == value.replace("\x00", "")


def test_the_longest_profile_that_iam_allows_is_kept(cloud: FakeCloud) -> None:
    path, name = "p" * 510, "n" * 128
    arn = f"arn:aws-us-gov:iam::{ACCOUNT}:instance-profile/{path}/{name}"
    cloud.add(7, instance_profile_arn=arn)
    assert sync(cloud) == ""
    assert asset(7).instance_profile_arn == arn


def test_twice_is_once(cloud: FakeCloud) -> None:
    sync(cloud)
    before = list(Asset.objects.order_by("pk").values("pk", "instance_id", "first_seen_at"))
    cloud.clock.forward(300)
    sync(cloud)
    assert list(Asset.objects.order_by("pk").values("pk", "instance_id", "first_seen_at")) == before
    assert asset(0).last_seen_at == cloud.clock()
    assert not AuditEvent.objects.exists()


def test_a_thousand_hosts_cost_a_few_queries(cloud: FakeCloud, django_assert_max_num_queries: Any) -> None:
    for number in range(10, 1300):
        cloud.add(number)
    account = cast.an_account()
    for _ in range(2):
        with django_assert_max_num_queries(20):
            sync(cloud, account)
    assert Asset.objects.count() == 1293


def test_what_vanished_is_kept_as_gone_and_comes_back_as_the_same(cloud: FakeCloud) -> None:
    sync(cloud)
    pk, host = asset(1).pk, cloud.hosts.pop(f"i-{1:017x}")
    sync(cloud)
    assert (asset(1).pk, asset(1).gone_at, asset(1).state) == (pk, cloud.clock(), "terminated")
    assert Asset.objects.present().count() == 2
    gone_at = asset(1).gone_at
    cloud.clock.forward(300)
    sync(cloud)
    assert asset(1).gone_at == gone_at, "the moment stays"
    cloud.hosts[host.instance.instance_id] = host
    sync(cloud)
    assert (asset(1).pk, asset(1).gone_at, asset(1).state) == (pk, None, "running")


@pytest.mark.parametrize("state", ["terminated", "shutting-down"])
def test_a_terminated_one_is_gone_while_aws_still_shows_it(cloud: FakeCloud, state: str) -> None:
    sync(cloud)
    change(cloud, 1, state=state)
    cloud.add(8, state=state)
    sync(cloud)
    assert asset(1).gone_at == cloud.clock()
    assert not Asset.objects.filter(instance_id=f"i-{8:017x}").exists(), "one that we never knew alive"


def test_a_stopped_host_keeps_what_was_known_of_its_system(cloud: FakeCloud) -> None:
    sync(cloud)
    change(cloud, 0, state="stopped")
    cloud.add(9, state="stopped")
    sync(cloud)
    assert (asset(0).os_name, asset(0).agent_version, asset(0).coverage) == ("Debian GNU/Linux", "3.3.1", "")
    assert (asset(9).os_name, asset(9).coverage) == ("", "")


def test_a_host_that_fell_silent_is_offline_and_one_that_never_spoke_has_no_agent(cloud: FakeCloud) -> None:
    sync(cloud)
    cloud.hosts[f"i-{0:017x}"].online = False
    quiet = {f"i-{1:017x}", f"i-{5:017x}"}
    cloud.add(5)

    class Mute(FakeCloud):
        def ssm(self, account_id: str, region: str) -> Any:
            port = super().ssm(account_id, region)
            nodes = [node for node in port.managed_nodes() if node.instance_id not in quiet]
            port.managed_nodes = lambda: iter(nodes)  # type: ignore[method-assign]
            return port

    mute = Mute(cloud.clock)
    mute.hosts = cloud.hosts
    sync(mute)
    assert [asset(number).coverage for number in (0, 1, 5)] == ["offline", "offline", "no_agent"]
    assert (asset(1).ssm_status, asset(5).ssm_status) == ("ConnectionLost", "")


def test_a_switched_off_account_is_not_read(cloud: FakeCloud) -> None:
    cast.an_account(active=False)
    assert sync_all(cloud=cloud, now=cloud.clock()) == {}
    assert not cloud.calls
    assert not Asset.objects.exists()


def test_no_aws_call_happens_inside_a_transaction_of_the_sync(cloud: FakeCloud) -> None:
    from django.db import connection

    depth = len(connection.savepoint_ids)
    inside = []
    cloud.before = lambda name: inside.append(len(connection.savepoint_ids) - depth)
    sync(cloud)
    assert inside == [0, 0]


def test_refusing_the_results_is_a_reason_until_a_report_arrives(cloud: FakeCloud) -> None:
    sync(cloud)
    pk = asset(0).pk
    for _ in range(2):
        mark_results_denied(asset_ids=[pk], now=cloud.clock())
    assert asset(0).coverage_reasons == ["results_denied"]
    sync(cloud)
    assert (asset(0).coverage, asset(0).results_denied_at) == ("results_denied", cloud.clock())
    clear_results_denied(asset_ids=[pk], now=cloud.clock())
    sync(cloud)
    assert (asset(0).coverage, asset(0).coverage_reasons, asset(0).results_denied_at) == ("", [], None)


def test_the_worst_reason_leads_when_one_is_added(cloud: FakeCloud) -> None:
    cloud.add(7, tags={"Name": "unowned"})
    sync(cloud)
    mark_results_denied(asset_ids=[asset(7).pk], now=cloud.clock())
    marked = (asset(7).coverage, asset(7).coverage_reasons)
    sync(cloud)
    assert (
        marked
        == (asset(7).coverage, asset(7).coverage_reasons)
        == ("results_denied", ["results_denied", "no_owner"])
    )


def test_a_few_are_read_again_before_a_decision(cloud: FakeCloud) -> None:
    sync(cloud)
    change(cloud, 0, state="stopped", tags={"Name": "web-0", "PatchException": "2026-12-01/2026-12-31"})
    change(cloud, 1, state="terminated")
    refresh(instances=[host.instance for host in cloud.hosts.values()], now=cloud.clock())
    assert (asset(0).state, asset(0).tags["PatchException"]) == ("stopped", "2026-12-01/2026-12-31")
    assert asset(1).gone_at == cloud.clock()
