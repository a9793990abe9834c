"""Regions and accounts that do not answer: what was known stays, and the others go on."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import pytest

from aws.errors import AccessRefused, Ambiguous, CloudError, Throttled
from portal.audit.models import AuditEvent
from portal.inventory.checks import try_account
from portal.inventory.models import Account, Asset
from portal.inventory.operations import (
    sync_all,
)
from tests import cast
from tests.fake_ssm import FakeSsm
from tests.fakes import ACCOUNT, REGION, Clock, FakeCloud, FakeEc2
from tests.integration.portal.inventory.test_sync import OTHER, SECOND_REGION, asset, sync

pytestmark = pytest.mark.django_db


class Hurt(FakeCloud):
    """One region of one account answers with an error, in one of the two lists, at once or in its middle."""

    broken: tuple[str, str] = ("", "")
    operation = "DescribeInstances"
    error: CloudError = Ambiguous("No answer.")
    after_some = False

    def ec2(self, account_id: str, region: str) -> FakeEc2:
        found = super().ec2(account_id, region)
        return self._hurt(found, "describe_instances", "DescribeInstances", (account_id, region))

    def ssm(self, account_id: str, region: str) -> FakeSsm:
        found = super().ssm(account_id, region)
        return self._hurt(found, "managed_nodes", "DescribeInstanceInformation", (account_id, region))

    def _hurt(self, port: Any, method: str, operation: str, place: tuple[str, str]) -> Any:
        if place == self.broken and operation == self.operation:
            setattr(port, method, self._failing(getattr(port, method)))
        return port

    def _failing(self, whole: Callable[[], Iterator[Any]]) -> Callable[[], Iterator[Any]]:
        def pages() -> Iterator[Any]:
            if self.after_some:
                yield next(whole())
            raise self.error

        return pages


@pytest.mark.parametrize("operation", ["DescribeInstances", "DescribeInstanceInformation"])
@pytest.mark.parametrize("after_some", [True, False])
@pytest.mark.parametrize(
    "error", [AccessRefused("AWS does not allow it."), Throttled("Rate exceeded."), Ambiguous("No answer.")]
)
def test_a_broken_region_keeps_its_assets_and_never_stops_the_others(
    operation: str, after_some: bool, error: CloudError
) -> None:
    cloud = Hurt(Clock())
    first = cast.an_account(regions=[REGION, SECOND_REGION])
    cast.an_account(OTHER, name="Other")
    places = [(ACCOUNT, REGION), (ACCOUNT, REGION), (ACCOUNT, SECOND_REGION), (OTHER, REGION)]
    for number, (account_id, region) in enumerate(places):
        cloud.add(number, account_id=account_id, region=region)
    assert sync_all(cloud=cloud, now=cloud.clock()) == {}
    read_at = cloud.clock()
    cloud.clock.forward(300)
    cloud.broken, cloud.operation, cloud.error, cloud.after_some = (
        (ACCOUNT, REGION),
        operation,
        error,
        after_some,
    )
    failures = sync_all(cloud=cloud, now=cloud.clock())

    assert failures == {ACCOUNT: f"{REGION}: {error}"}
    assert Asset.objects.present().count() == 4, "half a list proves nobody gone"
    assert [asset(number).last_seen_at for number in range(4)] == [
        read_at,
        read_at,
        cloud.clock(),
        cloud.clock(),
    ]
    first.refresh_from_db()
    assert (first.sync_error, first.synced_at) == (f"{REGION}: {error}", read_at)
    assert Account.objects.get(account_id=OTHER).synced_at == cloud.clock()


def test_a_fault_is_audited_when_it_comes_and_when_it_goes_not_each_time() -> None:
    cloud, account = Hurt(Clock()), cast.an_account()
    cloud.broken = (ACCOUNT, REGION)
    for _ in range(3):
        account.refresh_from_db()
        sync(cloud, account)
    cloud.broken = ("", "")
    for _ in range(2):
        account.refresh_from_db()
        sync(cloud, account)
    told = list(
        AuditEvent.objects.filter(kind="account.sync").order_by("pk").values_list("summary", flat=True)
    )
    assert told == [f"Payments: {REGION}: No answer.", "Payments can be read again"]


def test_the_check_tries_each_region_and_tells_what_is_refused() -> None:
    cloud = Hurt(Clock())
    account = cast.an_account(regions=[REGION, SECOND_REGION])
    assert [row.works for row in try_account(account, cloud=cloud)] == [True] * 9
    cloud.broken, cloud.error = (ACCOUNT, SECOND_REGION), AccessRefused("AWS does not allow it.")
    found = try_account(account, cloud=cloud)
    assert [row[:3] for row in found if not row.works] == [
        (f"{SECOND_REGION}: read instances", False, "AWS does not allow it.")
    ]
    cloud.before = lambda name: (_ for _ in ()).throw(AccessRefused("The external id is wrong."))
    (only,) = try_account(account, cloud=cloud)
    assert only[:3] == ("Enter the account", False, "The external id is wrong.")
    assert not Asset.objects.exists()
