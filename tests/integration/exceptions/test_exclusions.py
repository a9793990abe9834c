"""Who is exempt when, and which tag says so: our own, and those that others set."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta
from typing import Any

import pytest

from exceptions import operations
from exceptions.models import ExceptionRequest
from exceptions.queries import current_for, exclusions
from portal.inventory.models import Asset
from portal.tags.models import TagChange
from portal.tags.states import TagState
from tests import cast

pytestmark = pytest.mark.django_db
KEY = "PatchException"
START, END = datetime(2026, 12, 6, 23, 0, tzinfo=UTC), datetime(2026, 12, 10, 23, 0, tzinfo=UTC)
VALUE = "2026-12-06T23:00Z/2026-12-10T23:00Z"
HOUR = timedelta(hours=1)


def approved(*assets: Asset, first: int = 7, last: int = 10, now: datetime = cast.NOW) -> ExceptionRequest:
    bo = cast.bo()
    request = operations.submit(
        assets=assets, from_date=date(2026, 12, first), to_date=date(2026, 12, last), time_zone="Europe/Berlin",
        category="release", reason="The ledger moves that week.", by=cast.ana(), now=now,
    )  # fmt: skip
    return operations.approve(request=request, by=bo, now=now)


def tag_request(asset: Asset) -> TagChange | None:
    rows = TagChange.objects.filter(instance_id=asset.instance_id, key=KEY).exclude(state=TagState.REPLACED)
    return rows.order_by("-pk").first()


def written(asset: Asset, at: datetime, **tags: Any) -> None:
    """The writer has done its work, and a later look at AWS has read the tags back."""
    TagChange.objects.filter(instance_id=asset.instance_id).update(state=TagState.VERIFIED, finished_at=at)
    asset.tags, asset.last_seen_at = tags, at + HOUR
    asset.save()


def test_the_interval_is_half_open_on_both_sides() -> None:
    asset = cast.an_asset()
    request = approved(asset)
    found = exclusions([asset], START - HOUR, START + HOUR)[asset.pk]
    assert (found.code, found.request_id) == ("excepted", request.pk)
    assert "10 December 2026" in found.sentence
    assert exclusions([asset], END - HOUR, END + HOUR)
    assert not exclusions([asset], START - HOUR, START)
    assert not exclusions([asset], END, END + HOUR)


def test_only_what_is_in_force_excludes() -> None:
    asset, other = cast.an_asset(), cast.an_asset()
    request = approved(asset)
    assert set(exclusions([asset, other], START, END)) == {asset.pk}
    operations.revoke(request=request, by=cast.bo(), reason="A new CVE.", now=cast.NOW)
    assert not exclusions([asset, other], START, END)


def test_approval_wants_the_tag_and_the_end_of_it_removes_it() -> None:
    asset = cast.an_asset()
    request = approved(asset)
    assert tag_request(asset).value == VALUE
    operations.revoke(request=request, by=cast.bo(), reason="A new CVE.", now=cast.NOW)
    assert tag_request(asset).value is None


def test_of_several_the_tag_bears_the_current_one_then_the_next_then_none() -> None:
    asset = cast.an_asset()
    approved(asset, first=20, last=21)
    assert tag_request(asset).value == "2026-12-19T23:00Z/2026-12-21T23:00Z"
    first = approved(asset)
    assert tag_request(asset).value == VALUE
    assert current_for([asset], cast.NOW)[asset.pk] == first
    operations.tick(now=END)
    assert tag_request(asset).value == "2026-12-19T23:00Z/2026-12-21T23:00Z"
    operations.tick(now=END + timedelta(days=30))
    assert tag_request(asset).value is None


def test_our_own_tag_ends_with_our_request_also_while_it_still_stands() -> None:
    asset = cast.an_asset()
    request = approved(asset)
    written(asset, cast.NOW, **{KEY: VALUE})
    operations.revoke(request=request, by=cast.bo(), reason="A new CVE.", now=cast.NOW + 2 * HOUR)
    assert not exclusions([asset], START, END)
    TagChange.objects.filter(value=None).update(state=TagState.FAILED, finished_at=cast.NOW)
    assert not exclusions([asset], START, END)


def test_our_old_value_set_again_by_hand_excludes() -> None:
    asset = cast.an_asset()
    request = approved(asset)
    operations.revoke(request=request, by=cast.bo(), reason="A new CVE.", now=cast.NOW)
    written(asset, cast.NOW, **{KEY: VALUE})
    assert exclusions([asset], START, END)[asset.pk].code == "foreign_exception"


@pytest.mark.parametrize("value", ["2026-12-07/2026-12-09", "ask Heinz", "", "<script>alert(1)</script>"])
def test_a_tag_that_somebody_else_set_excludes_and_says_so(value: str) -> None:
    asset = cast.an_asset(tags={KEY: value})
    found = exclusions([asset], START, END)[asset.pk]
    assert found.code == "foreign_exception"
    assert "outside the portal" in found.sentence
    assert found.request_id is None


def test_a_foreign_tag_that_is_over_does_not_exclude() -> None:
    asset = cast.an_asset(tags={KEY: "2026-11-01/2026-11-09"})
    assert not exclusions([asset], START, END)


def test_a_foreign_tag_that_still_speaks_is_not_overwritten_and_one_that_is_over_is() -> None:
    speaking, over = (
        cast.an_asset(tags={KEY: "2027-01-01/2027-12-31"}),
        cast.an_asset(tags={KEY: "2026-11-01"}),
    )
    request = approved(speaking, over)
    assert tag_request(speaking) is None
    assert tag_request(over).value == VALUE
    assert set(exclusions([speaking, over], START, END)) == {speaking.pk, over.pk}
    operations.revoke(request=request, by=cast.bo(), reason="A new CVE.", now=cast.NOW)
    assert tag_request(speaking) is None
