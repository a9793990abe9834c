"""Two people at the same moment, and an approval against a send: real transactions in real threads."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from datetime import date
from threading import Barrier, Event
from typing import Any

import pytest
from django.db import close_old_connections, connection, transaction

from exceptions import operations
from exceptions.models import ExceptionRequest
from exceptions.queries import exclusions
from portal.access.models import Grant, User
from portal.access.rules import Conflict
from portal.access.states import Dimension, Role
from portal.audit.models import AuditEvent
from portal.inventory.models import Asset
from tests import cast

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture
def submitted() -> ExceptionRequest:
    cast.bo()
    return operations.submit(
        assets=[cast.an_asset(), cast.an_asset()], from_date=date(2026, 12, 5), to_date=date(2026, 12, 9),
        time_zone="Europe/Berlin", category="bid", reason="The bid is shown on these servers.", by=cast.ana(),
        now=cast.NOW,
    )  # fmt: skip


def in_thread(deed: Any, **facts: Any) -> Any:
    try:
        return deed(now=cast.NOW, **facts)
    except Conflict as refusal:
        return refusal
    finally:
        connection.close()


def test_of_two_approvers_one_decides_and_the_other_reads_who_did(submitted: ExceptionRequest) -> None:
    bea = User.objects.create(username="bea", first_name="Bea")
    Grant.objects.create(user=bea, role=Role.APPROVER, dimension=Dimension.EVERYTHING)
    together = Barrier(2)

    def decide(deed: Any, by: User) -> Any:
        together.wait(timeout=10)
        return in_thread(deed, request=submitted, by=by, reason="My decision.")

    with ThreadPoolExecutor(2) as pool:
        answers = [
            pool.submit(decide, operations.approve, cast.bo()),
            pool.submit(decide, operations.reject, bea),
        ]
        found = [answer.result(timeout=30) for answer in answers]
    lost = [answer for answer in found if isinstance(answer, Conflict)]
    assert len(lost) == 1
    assert "just now" in str(lost[0])
    assert submitted.approvals.count() == 1
    assert AuditEvent.objects.filter(subject_type="exception", detail__from="submitted").count() == 1


def test_an_approval_waits_for_a_send_that_holds_the_assets_and_the_next_send_sees_it(
    submitted: ExceptionRequest,
) -> None:
    assets, started = list(submitted.assets.all()), Event()

    def approve() -> Any:
        close_old_connections()
        started.set()
        return in_thread(operations.approve, request=submitted, by=cast.bo())

    with ThreadPoolExecutor(1) as pool:
        with transaction.atomic():
            list(Asset.objects.select_for_update().filter(pk=assets[1].pk))
            answer = pool.submit(approve)
            started.wait(timeout=10)
            with pytest.raises(TimeoutError):
                answer.result(timeout=0.5)
            assert not exclusions(assets, cast.NOW, submitted.ends_at)
        answer.result(timeout=30)
    assert set(exclusions(assets, cast.NOW, submitted.ends_at)) == {asset.pk for asset in assets}
