"""Every move of the workflow on a real database: who may, what is recorded, who is told."""

from __future__ import annotations

from datetime import date, timedelta
from typing import Any

import pytest

from exceptions import operations
from exceptions.models import Approval, ExceptionRequest
from exceptions.states import STATES, ExceptionState
from portal.access.models import Grant, User
from portal.access.rules import Conflict, Denied, Invalid
from portal.access.states import Dimension, Role
from portal.audit.models import AuditEvent
from portal.inventory.models import Asset
from portal.notify.models import Notification
from tests import cast

pytestmark = pytest.mark.django_db
S = ExceptionState
REASON = "The external auditors work on these servers."


def ask(*assets: Asset, by: User | None = None, **facts: Any) -> ExceptionRequest:
    """From the day after NOW, for five days, in Berlin."""
    cast.bo()
    days = {"from_date": date(2026, 12, 6), "to_date": date(2026, 12, 10), "time_zone": "Europe/Berlin"}
    told = {"category": "audit", "reason": REASON, "now": cast.NOW, "by": by or cast.ana()}
    return operations.submit(assets=list(assets) or [cast.an_asset()], **(days | told | facts))


def approved(**facts: Any) -> ExceptionRequest:
    return operations.approve(request=ask(**facts), by=cast.bo(), now=cast.NOW)


def returned() -> ExceptionRequest:
    return operations.return_for_rework(request=ask(), by=cast.bo(), reason="Which ones?", now=cast.NOW)


def walk() -> dict[tuple[S, S], ExceptionRequest]:
    """Every move of the table, made by the operation that a person or the clock would use."""
    bo, ana, now = cast.bo(), cast.ana(), cast.NOW
    today = {"from_date": date(2026, 12, 5)}
    later, end = now + timedelta(days=2), now + timedelta(days=9)
    made = {
        (S.DRAFT, S.SUBMITTED): ask(),
        (S.SUBMITTED, S.APPROVED): approved(),
        (S.SUBMITTED, S.REJECTED): operations.reject(request=ask(), by=bo, reason="Too risky.", now=now),
        (S.SUBMITTED, S.WITHDRAWN): operations.withdraw(request=ask(), by=ana, now=now),
        (S.SUBMITTED, S.RETURNED): returned(),
        (S.RETURNED, S.SUBMITTED): operations.resubmit(request=returned(), by=ana, reason=REASON, now=now),
        (S.RETURNED, S.WITHDRAWN): operations.withdraw(request=returned(), by=ana, now=now),
        (S.APPROVED, S.REVOKED): operations.revoke(request=approved(), by=bo, reason="Over.", now=now),
        (S.ACTIVE, S.REVOKED): operations.revoke(request=approved(**today), by=bo, reason="Over.", now=now),
    }
    starting, ending, missed = approved(), approved(**today), approved()
    operations._tick_one(starting.pk, later)
    operations._tick_one(ending.pk, end)
    operations._tick_one(missed.pk, end)  # the clock stood still for all of its days
    made |= {(S.APPROVED, S.ACTIVE): starting, (S.ACTIVE, S.EXPIRED): ending, (S.APPROVED, S.EXPIRED): missed}
    return made


def test_every_move_of_the_table_is_made_recorded_and_told() -> None:
    made = walk()
    assert set(made) == {(state, to) for state, facts in STATES.items() for to in facts.moves}
    for (state, to), request in made.items():
        request.refresh_from_db()
        assert request.state == to, (state, to)
        for subject, ids in (
            ("exception", [request.pk]),
            ("asset", request.assets.values_list("pk", flat=True)),
        ):
            events = AuditEvent.objects.filter(subject_type=subject, subject_id__in=[str(pk) for pk in ids])
            last = events.order_by("-pk").first()
            assert last is not None
            assert (last.kind, last.detail["from"]) == (f"exception.{to}", state)
        assert Notification.objects.filter(
            kind=f"exception.{to}", url__endswith=f"/{request.pk}/"
        ).exists(), to


def test_all_other_moves_are_refused_as_conflicts_that_say_what_happened() -> None:
    bo, ana, now = cast.bo(), cast.ana(), cast.NOW
    deeds = {
        S.APPROVED: lambda row: operations.approve(request=row, by=bo, now=now),
        S.REJECTED: lambda row: operations.reject(request=row, by=bo, reason="No.", now=now),
        S.RETURNED: lambda row: operations.return_for_rework(request=row, by=bo, reason="No.", now=now),
        S.WITHDRAWN: lambda row: operations.withdraw(request=row, by=ana, now=now),
        S.REVOKED: lambda row: operations.revoke(request=row, by=bo, reason="No.", now=now),
        S.SUBMITTED: lambda row: operations.resubmit(request=row, by=ana, reason=REASON, now=now),
    }
    latest = {to: request for (_, to), request in walk().items()}
    for state, request in latest.items():
        for to in set(deeds) - set(STATES[state].moves):
            with pytest.raises(Conflict, match=r"Reload the page"):
                deeds[to](request)
        request.refresh_from_db()
        assert request.state == state


def test_the_second_approver_reads_who_was_first_and_when() -> None:
    request = approved()
    with pytest.raises(Conflict, match=r"was approved by Bo, 2 min ago"):
        operations.reject(request=request, by=cast.bo(), reason="No.", now=cast.NOW + timedelta(minutes=2))


def test_nobody_approves_their_own_request_even_with_both_roles() -> None:
    ana, asset = cast.ana(), cast.an_asset()
    Grant.objects.create(user=ana, role=Role.APPROVER, dimension=Dimension.EVERYTHING)
    request = ask(asset, by=ana)
    with pytest.raises(Denied, match="your own request"):
        operations.approve(request=request, by=ana, now=cast.NOW)
    assert not Approval.objects.exists()


def test_a_requester_who_alone_could_approve_is_refused_naming_the_admin() -> None:
    ana = cast.ana()
    cast.ada()
    Grant.objects.create(user=ana, role=Role.APPROVER, dimension=Dimension.EVERYTHING)
    with pytest.raises(Denied, match=r"Ask Ada to name one"):
        operations.submit(
            assets=[cast.an_asset()], from_date=date(2026, 12, 6), to_date=date(2026, 12, 7), time_zone="UTC",
            category="audit", reason=REASON, by=ana, now=cast.NOW,
        )  # fmt: skip
    assert not ExceptionRequest.objects.exists()


def test_an_approver_must_cover_every_server_at_the_time_of_the_decision() -> None:
    bo, ana = cast.bo(), cast.ana()
    Grant.objects.create(user=ana, role=Role.OWNER, dimension=Dimension.APPLICATION, value="ledger")
    wide = Grant.objects.create(user=bo, role=Role.APPROVER, dimension=Dimension.APPLICATION, value="ledger")
    request = ask(cast.an_asset(), cast.an_asset(application="ledger"), by=ana)
    wide.delete()
    with pytest.raises(Denied, match="every server"):
        operations.approve(request=request, by=bo, now=cast.NOW)


@pytest.mark.parametrize("person", [cast.cy, cast.ada, cast.audrey, cast.ana])
def test_without_the_role_nobody_decides(person: Any) -> None:
    request = ask()
    with pytest.raises(Denied):
        operations.approve(request=request, by=person(), now=cast.NOW)
    request.refresh_from_db()
    assert request.state == S.SUBMITTED


def test_somebody_elses_server_and_one_that_is_gone_are_refused_and_nothing_is_written() -> None:
    own, foreign = cast.an_asset(), cast.an_asset(application="intranet", name="secret-name")
    with pytest.raises(Denied) as refusal:
        ask(own, foreign)
    assert "secret-name" not in str(refusal.value)
    with pytest.raises(Invalid, match="no longer exists"):
        ask(own, cast.an_asset(gone_at=cast.NOW))
    with pytest.raises(Invalid, match="at least one"):
        operations.submit(assets=[], from_date=date(2026, 12, 6), to_date=date(2026, 12, 6), time_zone="UTC",
                          category="audit", reason=REASON, by=cast.ana(), now=cast.NOW)  # fmt: skip
    assert not ExceptionRequest.objects.exists()
    assert not AuditEvent.objects.exists()


def test_the_same_server_twice_counts_once() -> None:
    asset = cast.an_asset()
    assert ask(asset, asset).covered.count() == 1


def test_a_request_whose_days_are_over_cannot_be_approved_any_more() -> None:
    request = ask()
    with pytest.raises(Denied, match="10 December 2026, is over"):
        operations.approve(request=request, by=cast.bo(), now=cast.NOW + timedelta(days=30))
    with pytest.raises(Denied, match="is over"):
        operations.resubmit(
            request=returned(), by=cast.ana(), reason=REASON, now=cast.NOW + timedelta(days=30)
        )


@pytest.mark.parametrize("deed", [operations.reject, operations.return_for_rework])
def test_a_refusal_needs_a_reason(deed: Any) -> None:
    with pytest.raises(Invalid) as refusal:
        deed(request=ask(), by=cast.bo(), reason="  ", now=cast.NOW)
    assert refusal.value.field == "reason"


def test_only_requester_approver_and_admin_end_it_early() -> None:
    request = approved()
    for person in (cast.cy(), cast.audrey()):
        with pytest.raises(Denied):
            operations.revoke(request=request, by=person, reason="No.", now=cast.NOW)
    assert (
        operations.revoke(request=request, by=cast.ada(), reason="A new CVE.", now=cast.NOW).state
        == S.REVOKED
    )
    told = Notification.objects.filter(kind="exception.revoked").values_list("user__username", flat=True)
    assert sorted(told) == ["ana", "bo"]


def test_people_are_told_what_concerns_them_and_not_what_they_did() -> None:
    request = ask()
    assert [row.user for row in Notification.objects.all()] == [cast.bo()]
    operations.withdraw(request=request, by=cast.ana(), now=cast.NOW)
    assert set(Notification.objects.values_list("user__username", flat=True)) == {"bo"}


def test_a_broken_request_does_not_keep_the_clock_from_the_others(monkeypatch: pytest.MonkeyPatch) -> None:
    broken, sound = approved(), approved()
    real = operations._tags

    def fail_once(request: ExceptionRequest, **facts: Any) -> None:
        if request.pk == broken.pk:
            raise RuntimeError("broken row")
        real(request, **facts)

    monkeypatch.setattr(operations, "_tags", fail_once)
    assert operations.tick(now=cast.NOW + timedelta(days=2)) == 1
    sound.refresh_from_db()
    broken.refresh_from_db()
    assert (sound.state, broken.state) == (S.ACTIVE, S.APPROVED)


def test_the_clock_is_harmless_when_it_ticks_twice() -> None:
    approved()
    later = cast.NOW + timedelta(days=2)
    assert [operations.tick(now=later), operations.tick(now=later)] == [1, 0]
    assert AuditEvent.objects.filter(kind="exception.active", subject_type="exception").count() == 1
