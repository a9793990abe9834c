"""Every move of every table, made on real rows: it is recorded and told as the table says, and made only once."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from datetime import date, timedelta
from typing import Any

import pytest
from django.db import transaction
from django.db.models import Model

from exceptions.models import Approval, Covered, ExceptionRequest
from exceptions.operations import MOVER as EXCEPTIONS
from patching.checks import LASTING_FIXES
from patching.models import (
    Dispatch,
    FixProposal,
    PowerHold,
    Restore,
    RootSnapshot,
    Run,
    RunAudit,
    Target,
    Wave,
)
from patching.operations import (
    audits,
    dispatches,
    power,
    proposals,
    restores,
    runs,
    snapshots,
    targets,
    waves,
)
from patching.states import Phase, RunState, TargetState
from portal.access.rules import Conflict
from portal.audit.models import AuditEvent
from portal.machine import mover as machine_mover
from portal.machine.mover import Mover, Step
from portal.machine.table import Move, TableError
from portal.notify.models import Notification
from portal.tags.models import TagChange
from portal.tags.operations import MOVER as TAGS
from script.states import machines
from tests import cast

pytestmark = pytest.mark.django_db
NOW, SAID = cast.NOW, "Somebody wanted it."
MOVERS: dict[str, Mover[Any, Any]] = {
    "run": runs.MOVER,
    "dispatch": dispatches.MOVER,
    "target": targets.MOVER,
    "wave": waves.MOVER,
    "power": power.MOVER,
    "snapshot": snapshots.MOVER,
    "restore": restores.MOVER,
    "fix": proposals.MOVER,
    "runs": audits.MOVER,
    "exception": EXCEPTIONS,
    "tag": TAGS,
}


def a_run() -> Run:
    return Run.objects.create(
        name="Saturday", time_zone="UTC", starts_at=NOW, cutoff_at=NOW + timedelta(hours=3),
        ends_at=NOW + timedelta(hours=4), created_at=NOW, next_look_at=NOW,
    )  # fmt: skip


def a_target(run: Run | None = None) -> Target:
    asset = cast.an_asset()
    return Target.objects.create(
        run=run or a_run(), asset=asset, account_id=asset.account.account_id, region=asset.region,
        instance_id=asset.instance_id, platform="linux", since=NOW,
    )  # fmt: skip


def a_dispatch() -> Dispatch:
    return Dispatch.objects.create(
        run=a_run(), phase=Phase.PATCH, account_id="111122223333", region="eu-central-1", document_name="Patch",
        document_hash="0" * 64, batch=1, instance_ids=["i-1"], claimed_at=NOW, send_before=NOW,
    )  # fmt: skip


def a_snapshot() -> RootSnapshot:
    target = a_target()
    return RootSnapshot.objects.create(
        target=target, run=target.run, asset=target.asset, account_id=target.account_id, region=target.region,
        instance_id=target.instance_id, wanted_at=NOW, due_at=NOW, expires_at=NOW,
    )  # fmt: skip


def a_restore() -> Restore:
    snapshot = a_snapshot()
    return Restore.objects.create(
        snapshot=snapshot, asset=snapshot.asset, reason="It broke.", requested_by=cast.ada(), requested_at=NOW,
        due_at=NOW,
    )  # fmt: skip


def a_proposal() -> FixProposal:
    return FixProposal.objects.create(
        asset=cast.an_asset(), check_name=next(iter(LASTING_FIXES)), count=3, of=3, first_seen_at=NOW,
        last_seen_at=NOW,
    )  # fmt: skip


def an_audit() -> RunAudit:
    """One that found something, so that there is something to tell."""
    cast.ada()
    found = [{"invariant": "I1", "run": 1, "sentence": "A promise was broken."}]
    return RunAudit.objects.create(checked_at=NOW, runs=1, broken=1, violations=found)


def a_request() -> ExceptionRequest:
    """Of Ana, with a decision of Bo, so that whoever the table names is somebody."""
    request = ExceptionRequest.objects.create(
        from_date=date(2026, 12, 6), to_date=date(2026, 12, 7), asked_to_date=date(2026, 12, 7), time_zone="UTC",
        starts_at=NOW, ends_at=NOW + timedelta(days=2), category="audit", reason="Audit.", requested_by=cast.ana(),
        created_at=NOW,
    )  # fmt: skip
    Covered.objects.create(request=request, asset=cast.an_asset())
    Approval.objects.create(request=request, by=cast.bo(), decision="approved", at=NOW)
    return request


def a_tag() -> TagChange:
    return TagChange.objects.create(
        account_id="111122223333", region="eu-central-1", instance_id="i-1", key="PatchNow", value="1",
        reason="A run", requested_by="Ada", created_at=NOW, due_at=NOW,
    )  # fmt: skip


MAKE: dict[str, Callable[[], Model]] = {
    "run": a_run,
    "dispatch": a_dispatch,
    "target": a_target,
    "wave": lambda: Wave.objects.create(run=a_run(), number=1, name="First"),
    "power": lambda: PowerHold.objects.create(asset=cast.an_asset(), run=a_run(), wanted_at=NOW),
    "snapshot": a_snapshot,
    "restore": a_restore,
    "fix": a_proposal,
    "runs": an_audit,
    "exception": a_request,
    "tag": a_tag,
}


def moves() -> Iterator[tuple[str, Move]]:
    for name, mover in MOVERS.items():
        for move in mover.machine.moves():
            yield name, move


def put(row: Any, state: str) -> None:
    """There without a move, as no product code may do it."""
    type(row).objects.filter(pk=row.pk).update(state=state)
    row.refresh_from_db()


def test_every_machine_has_its_mover_and_every_model_its_machine() -> None:
    assert {mover.machine for mover in MOVERS.values()} == set(machines().values())
    for mover in MOVERS.values():
        field = mover.model._meta.get_field("state")
        assert field.choices == mover.machine.enum.choices
        assert field.default == mover.machine.initial


@pytest.mark.parametrize(("name", "move"), list(moves()), ids=str)
def test_a_move_is_made_recorded_and_told_once(name: str, move: Move) -> None:
    mover, row = MOVERS[name], MAKE[name]()
    machine, to = mover.machine, mover.machine.enum(move.to)
    put(row, move.source)
    assert mover.move([row.pk], to, said=SAID, back=move.back) == [row.pk]
    row.refresh_from_db()
    assert row.state == to
    kind, words = machine.kind(to, back=move.back), machine.notifies(to, back=move.back)
    events = AuditEvent.objects.exclude(kind="") if not kind else AuditEvent.objects.filter(kind=kind)
    assert bool(kind) == events.exists()
    assert all(SAID in event.summary or name == "tag" for event in events)
    assert bool(words) == Notification.objects.exists()
    assert not words or SAID in Notification.objects.latest("pk").sentence or name == "runs"
    recorded = AuditEvent.objects.count()
    assert mover.move([row.pk], to, said=SAID, back=move.back) == []  # whoever comes second changes nothing
    assert AuditEvent.objects.count() == recorded


@pytest.mark.parametrize("name", MOVERS)
def test_no_other_move_is_made(name: str) -> None:
    mover, row = MOVERS[name], MAKE[name]()
    legal = set(mover.machine.moves())
    for source in mover.machine.enum:
        put(row, source)
        for to in mover.machine.enum:
            for back in (False, True):
                if Move(source.value, to.value, back) not in legal:
                    assert mover.move([row.pk], to, said=SAID, back=back) == []
                    assert mover.move_locked([row], to, said=SAID, back=back) == []
        row.refresh_from_db()
        assert row.state == source
    assert not AuditEvent.objects.exists()


def test_locked_rows_go_each_with_its_own_reason() -> None:
    run = a_run()
    first, second, third = (a_target(run) for _ in range(3))
    put(second, "checking")
    put(third, "done")
    steps = {
        row: Step(to, why, {"reason": why, "reason_code": to.value})
        for row, to, why in (
            (first, TargetState.SKIPPED, "No."),
            (second, TargetState.READY, "Yes."),
            (third, TargetState.READY, "Too late."),
        )
    }
    assert targets.MOVER.move_each(steps) == [first, second]
    kept = Target.objects.order_by("pk").values_list("state", "reason", "reason_code")
    assert list(kept) == [("skipped", "No.", "skipped"), ("ready", "Yes.", "ready"), ("done", "", "")]
    assert [(event.kind, event.detail["from"]) for event in AuditEvent.objects.order_by("pk")] == [
        ("target.skipped", "planned"),
        ("target.ready", "checking"),
    ]


def test_a_set_moves_in_pieces_within_one_transaction(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(machine_mover, "AT_ONCE", 2)
    run = a_run()
    ids = [a_target(run).pk for _ in range(5)]
    Target.objects.filter(pk=ids[2]).update(state="done")
    assert targets.move(ids, TargetState.SKIPPED, now=NOW, reason=SAID) == [*ids[:2], *ids[3:]]
    assert AuditEvent.objects.filter(kind="target.skipped").count() == 4


def test_what_cannot_be_recorded_is_not_moved(monkeypatch: pytest.MonkeyPatch) -> None:
    row = a_run()

    def broken(*_: object, **__: object) -> None:
        raise RuntimeError("no room for an event")

    monkeypatch.setattr(machine_mover, "record_all", broken)
    with pytest.raises(RuntimeError), transaction.atomic():
        runs.MOVER.move([row.pk], RunState.HALTING, said=SAID)
    row.refresh_from_db()
    assert row.state == RunState.PLANNED


def test_only_rows_of_the_set_asked_about_move() -> None:
    row = a_run()
    others = Run.objects.exclude(pk=row.pk)
    assert runs.MOVER.move([row.pk], RunState.HALTING, among=others) == []
    assert runs.MOVER.move([row.pk], RunState.HALTING, among=Run.objects.filter(name=row.name)) == [row.pk]


def test_a_person_who_is_second_reads_what_the_row_is_by_now() -> None:
    row = a_run()
    put(Run.objects.get(pk=row.pk), "finished")
    with pytest.raises(Conflict, match="A run that is finished cannot become halting"):
        runs.enter(row, RunState.HALTING, now=NOW, summary=SAID)
    assert row.state == RunState.FINISHED
    assert not AuditEvent.objects.exists()


def test_a_row_begins_only_as_its_table_says() -> None:
    target = Target()
    targets.MOVER.begin(target, TargetState.SKIPPED)
    assert target.state == TargetState.SKIPPED
    with pytest.raises(TableError, match="No Target begins as done"):
        targets.MOVER.begin(target, TargetState.DONE)
    with pytest.raises(TableError):
        targets.MOVER.begin(a_target(), TargetState.SKIPPED)


def test_a_throttled_send_is_claimed_again_and_that_stands_in_the_table() -> None:
    row = a_dispatch()
    dispatches.mark_unsent(row, reason="AWS is throttling us")
    row.refresh_from_db()
    assert row.state == "claimed"
    assert Move("sending", "claimed", False) in set(dispatches.MOVER.machine.moves())
    assert AuditEvent.objects.get().kind == "dispatch.claimed"
