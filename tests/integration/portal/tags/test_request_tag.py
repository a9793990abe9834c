"""Wanting a tag: one open request a key, whoever asks, in whatever order."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from threading import Barrier

import pytest
from django.db import connection, transaction

from portal.inventory.models import Asset
from portal.tags.models import InstanceRef, TagChange
from portal.tags.operations import LONGEST_WRITE, request_tag, request_tag_for_each
from portal.tags.queries import latest, open_for_run
from portal.tags.states import TagState
from tests import cast

HERE = [InstanceRef("111122223333", "eu-central-1", f"i-{number:017x}") for number in range(3)]


def request(value: str | None, *, instances: list[InstanceRef] = HERE, run_id: int | None = None) -> None:
    request_tag(
        instances=instances,
        key="PatchWindow",
        value=value,
        reason="A test",
        run_id=run_id,
        by=None,
        now=cast.NOW,
    )


@pytest.mark.django_db
def test_a_later_request_replaces_one_that_is_still_open() -> None:
    request("saturday")
    request(None, instances=HERE[:1])
    states = dict(TagChange.objects.order_by("pk").values_list("instance_id", "state"))
    assert TagChange.objects.filter(state=TagState.REPLACED).count() == 1
    assert set(states.values()) == {TagState.WANTED}
    assert latest("PatchWindow", HERE)[HERE[0].instance_id].value is None
    assert latest("PatchWindow", HERE)[HERE[1].instance_id].value == "saturday"


@pytest.mark.django_db
def test_the_same_instance_named_twice_is_requested_once() -> None:
    request("saturday", instances=[HERE[0], HERE[0]])
    assert TagChange.objects.count() == 1


@pytest.mark.django_db
def test_nothing_to_request_for_writes_nothing() -> None:
    request("saturday", instances=[])
    assert not TagChange.objects.exists()


@pytest.mark.django_db
def test_another_key_and_another_account_stay_as_they_are() -> None:
    request("saturday")
    request_tag(instances=HERE, key="Other", value="x", reason="A test", by=cast.ada(), now=cast.NOW)
    elsewhere = InstanceRef("444455556666", "eu-central-1", HERE[0].instance_id)
    request("sunday", instances=[elsewhere])
    assert TagChange.objects.filter(state=TagState.WANTED).count() == 7
    assert TagChange.objects.filter(key="Other", requested_by="Ada").count() == 3


@pytest.mark.django_db
def test_the_requests_of_a_run_are_open_until_they_end() -> None:
    request("saturday", run_id=7)
    assert open_for_run(7).count() == 3
    TagChange.objects.filter(instance_id=HERE[0].instance_id).update(state=TagState.FAILED)
    assert open_for_run(7).count() == 2


@pytest.mark.django_db(transaction=True)
def test_of_two_at_the_same_moment_both_succeed_and_one_request_stays_open() -> None:
    for attempt in range(5):
        together = Barrier(2)

        def ask(value: str, instances: list[InstanceRef], together: Barrier = together) -> None:
            try:
                with transaction.atomic():
                    together.wait(timeout=10)
                    request(value, instances=instances)
            finally:
                connection.close()

        with ThreadPoolExecutor(2) as pool:
            first = pool.submit(ask, f"a{attempt}", HERE)
            second = pool.submit(ask, f"b{attempt}", HERE[::-1])
            first.result(timeout=30)
            second.result(timeout=30)
        open_rows = TagChange.objects.filter(state=TagState.WANTED)
        assert open_rows.count() == len(HERE)
        assert len(set(open_rows.values_list("value", flat=True))) == 1, "one of the two won as a whole"


@pytest.mark.django_db
def test_requests_for_many_wait_for_a_writer_that_may_still_write() -> None:
    """As those for one do: what a worker has in its hands may be written after the newer request."""
    held, free = cast.an_asset(), cast.an_asset()
    rows = Asset.objects.order_by("pk")

    def ask(value: str | None) -> None:
        request_tag_for_each(
            rows,
            "account__account_id",
            key="Window",
            value=value,
            reason="A test",
            by=cast.ada(),
            now=cast.NOW,
        )

    ask("saturday")
    until = cast.NOW + timedelta(seconds=30)
    TagChange.objects.filter(instance_id=held.instance_id).update(state="writing", lease_until=until)
    ask(None)
    wanted = {row.instance_id: row for row in TagChange.objects.filter(state="wanted")}
    assert wanted[held.instance_id].confirm_at == cast.NOW + LONGEST_WRITE
    assert wanted[free.instance_id].confirm_at is None
    assert {row.value for row in wanted.values()} == {None}
    assert TagChange.objects.filter(state="replaced", finished_at=cast.NOW).count() == 2
    assert {(row.account_id, row.region) for row in wanted.values()} == {
        (held.account.account_id, held.region)
    }
