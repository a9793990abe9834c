"""What lists read of a server is what its rows say, whatever was done to them and in whatever order."""

from __future__ import annotations

import random
import threading
from collections.abc import Callable
from datetime import timedelta
from io import StringIO
from typing import Any

import pytest
from django.core.management import CommandError, call_command
from django.db import connection, transaction

from exceptions.models import Covered, ExceptionRequest
from exceptions.queries import waiting_for
from patching import standing
from patching.invariants import of_the_portal
from patching.invariants.standings import follow_the_code, kept_scopes_are_true, kept_standings_are_true
from patching.models import AssetPatchState, AssetStanding, Enrolment, Run, Target
from patching.severity import GRAVE, NOT_PATCHED, SEVERITY, group_at
from patching.standing import TABLE, Group, Standing, standing_of
from portal.access.models import Grant, User
from portal.access.states import Dimension, Role
from portal.inventory.models import Asset
from portal.inventory.states import Coverage
from tests import cast
from tests.integration.patching.test_every_move import a_run
from tests.unguarded import unguarded

NEW = ("done", "mended", False)
OUTCOMES = [*TABLE, ("", "", False)]


def differences() -> list[str]:
    return [str(found) for found in (*kept_standings_are_true(), *kept_scopes_are_true())]


def severity_of(asset: Asset) -> int:
    return AssetStanding.objects.get(asset=asset).severity


@pytest.mark.django_db
@pytest.mark.parametrize("in_window", [True, False])
def test_every_outcome_stands_in_its_group(in_window: bool) -> None:
    window = cast.a_window()
    for state, verdict, behind in OUTCOMES:
        asset = cast.an_asset()
        if in_window:
            Enrolment.objects.create(asset=asset, window=window, by=cast.ana(), since=cast.NOW)
        AssetPatchState.objects.create(
            asset=asset, last_state=state, last_verdict=verdict, last_behind=behind
        )
        found = standing_of(state, verdict, behind)
        group = group_at(severity_of(asset))
        assert (severity_of(asset) == GRAVE) == (found.grave and state != "")
        if state and (found.group is Group.NEEDS_YOU or (in_window and found.proven)):
            assert group == found.group
        elif in_window:
            assert group == (Group.LEFT_OUT if found.group is Group.LEFT_OUT else NOT_PATCHED) or not state
        else:
            assert group == "no-window"


def a_request() -> ExceptionRequest:
    day = cast.NOW.date()
    return ExceptionRequest.objects.create(
        state="submitted", from_date=day, to_date=day, asked_to_date=day, time_zone="UTC", starts_at=cast.NOW,
        ends_at=cast.NOW + timedelta(days=1), category="release", reason="Release", requested_by=cast.cy(),
        created_at=cast.NOW,
    )  # fmt: skip


def row(run: Run, asset: Asset) -> Target:
    facts = {"account_id": asset.account.account_id, "region": asset.region, "instance_id": asset.instance_id}
    return Target(run=run, asset=asset, platform="linux", since=cast.NOW, **facts)


class Acts:
    """What may be done to rows, drawn one after the other."""

    def __init__(self, seed: int) -> None:
        self.draw = random.Random(seed)
        self.windows = [cast.a_window(), cast.a_window()]
        self.assets = [cast.an_asset() for _ in range(4)]
        self.runs = [a_run(), a_run()]
        self.requests = [a_request() for _ in range(2)]

    def any(self) -> Asset:
        return self.draw.choice(self.assets)

    def appears(self) -> None:
        self.assets.append(cast.an_asset(coverage=self.draw.choice(Coverage.values), business_unit="retail"))

    def changes(self) -> None:
        facts = {
            "name": "web",
            "application": "shop",
            "owner": "",
            "business_unit": "x",
            "gone_at": cast.NOW,
            "coverage": "offline",
        }
        name = self.draw.choice(list(facts))
        Asset.objects.filter(pk__in=[self.any().pk, self.any().pk]).update(**{name: facts[name]})

    def returns(self) -> None:
        found = list(Asset.objects.all())
        for asset in found:
            asset.gone_at, asset.coverage = None, self.draw.choice(["", "offline"])
        Asset.objects.bulk_create(
            found, update_conflicts=True, update_fields=["gone_at", "coverage"],
            unique_fields=["account", "instance_id"],
        )  # fmt: skip

    def enrols(self) -> None:
        asset = self.any()
        if not Enrolment.objects.filter(asset=asset, ended_at=None).exists():
            window = self.draw.choice(self.windows)
            Enrolment.objects.create(asset=asset, window=window, by=cast.ana(), since=cast.NOW)

    def leaves(self) -> None:
        Enrolment.objects.filter(asset=self.any()).update(ended_at=cast.NOW)

    def forgets(self) -> None:
        self.draw.choice([Enrolment, AssetPatchState]).objects.filter(asset=self.any()).delete()

    def is_patched(self) -> None:
        state, verdict, behind = self.draw.choice(OUTCOMES)
        facts = {
            "last_state": state,
            "last_verdict": verdict,
            "last_behind": behind,
            "last_patched_at": cast.NOW,
        }
        AssetPatchState.objects.update_or_create(asset=self.any(), defaults=facts)

    def is_restored(self) -> None:
        AssetPatchState.objects.filter(asset=self.any()).update(
            restored_at=self.draw.choice([None, cast.NOW])
        )

    def joins(self) -> None:
        """A run or a request, with one asset or with two at once."""
        members = {self.any(), self.any()}
        run, request = self.draw.choice(self.runs), self.draw.choice(self.requests)
        if self.draw.random() < 0.5:
            found = [row(run, asset) for asset in members if not run.targets.filter(asset=asset).exists()]
            Target.objects.bulk_create(found)
        else:
            Covered.objects.bulk_create(
                [Covered(request=request, asset=asset) for asset in members], ignore_conflicts=True
            )

    def is_left_out(self) -> None:
        self.draw.choice([Target, Covered]).objects.filter(asset=self.any()).delete()

    def run_goes(self) -> None:
        if len(self.runs) > 1:
            self.runs.pop().delete()

    def goes(self) -> None:
        asset = self.any()
        for model in (Enrolment, Target, Covered):
            model.objects.filter(asset=asset).delete()  # type: ignore[attr-defined]
        asset.delete()
        self.assets = [cast.an_asset(), *(other for other in self.assets if other.pk)]

    def is_taken_back(self) -> None:
        with transaction.atomic():
            self.draw.choice([self.enrols, self.is_patched, self.changes, self.joins])()
            transaction.set_rollback(True)


ACTS: list[Callable[[Acts], None]] = [
    Acts.appears, Acts.changes, Acts.returns, Acts.enrols, Acts.leaves, Acts.forgets, Acts.is_patched, Acts.is_restored,
    Acts.goes, Acts.is_taken_back, Acts.joins, Acts.joins, Acts.is_left_out, Acts.run_goes,
]  # fmt: skip


@pytest.mark.django_db
@pytest.mark.parametrize("seed", range(8))
def test_after_any_acts_what_is_kept_is_what_the_rows_say(seed: int) -> None:
    acts = Acts(seed)
    for _ in range(60):
        acts.draw.choice(ACTS)(acts)
    assert differences() == []
    assert AssetStanding.objects.count() == Asset.objects.count() > 0
    for person in (cast.ana(), cast.bo(), a_leader()):
        seen = Asset.objects.visible_to(person).values("pk")
        runs = Run.objects.filter(targets__asset__in=seen).distinct()
        assert set(Run.objects.visible_to(person)) == set(runs)
        requests = ExceptionRequest.objects.filter(covered__asset__in=seen).distinct()
        assert set(ExceptionRequest.objects.visible_to(person)) == set(requests)
    beyond = Covered.objects.exclude(asset__in=Asset.objects.visible_to(cast.bo())).values("request")
    wanted = ExceptionRequest.objects.filter(covered__isnull=False).exclude(pk__in=beyond)
    assert set(waiting_for(cast.bo())) == set(wanted)


def a_leader() -> User:
    """By business unit and owner."""
    leader = User.objects.create(username="lena")
    for dimension, value in ((Dimension.BUSINESS_UNIT, "x"), (Dimension.OWNER, "payments-team")):
        Grant.objects.create(user=leader, role=Role.APPROVER, dimension=dimension, value=value)
    return leader


@pytest.mark.django_db
def test_a_look_that_changes_nothing_of_it_writes_nothing() -> None:
    asset = cast.an_asset()

    def version() -> Any:
        with connection.cursor() as cursor:
            cursor.execute("SELECT xmin, ctid FROM patching_assetstanding WHERE asset_id = %s", [asset.pk])
            return cursor.fetchone()

    before = version()
    with transaction.atomic():
        Asset.objects.update(last_seen_at=cast.NOW, state="stopped")
    assert version() == before


@pytest.mark.django_db
def test_what_was_written_past_the_triggers_is_found_and_mended() -> None:
    one, two, three = (cast.an_asset() for _ in range(3))
    with unguarded():
        AssetStanding.objects.filter(asset=one).update(severity=GRAVE, present=False)
        AssetStanding.objects.filter(asset=two).delete()
        Asset.objects.filter(pk=three.pk).update(application="intranet")
    said = "\n".join(differences())
    assert f"server {one.pk} present False where its rows say True, severity -1 where its rows say 1" in said
    assert f"server {two.pk} nothing, and it is there" in said
    assert f"server {three.pk} application 'payments' where its rows say 'intranet'" in said
    assert {found.invariant for found in of_the_portal()} == {"I15"}
    with pytest.raises(CommandError, match="--mend"):
        call_command("audit_standing", stdout=StringIO())
    call_command("audit_standing", mend=True, stdout=StringIO())
    out = StringIO()
    call_command("audit_standing", stdout=out)
    assert "3 servers stand in lists as their rows say." in out.getvalue()


@pytest.mark.django_db
def test_many_that_differ_are_counted() -> None:
    for _ in range(23):
        cast.an_asset()
    with unguarded():
        AssetStanding.objects.update(name="x")
    assert len(differences()) == 21
    assert "23 servers in all" in differences()[-1]


@pytest.mark.django_db
def test_a_new_outcome_ranks_as_the_code_says_after_the_next_migration(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    asset = cast.an_asset()
    AssetPatchState.objects.create(asset=asset, last_state=NEW[0], last_verdict=NEW[1])
    assert severity_of(asset) == GRAVE  # what nobody knows is never good
    monkeypatch.setitem(standing.TABLE, NEW, Standing("Mended in place", Group.NEEDS_YOU))
    follow_the_code()
    assert severity_of(asset) == SEVERITY[Group.NEEDS_YOU]
    assert differences() == []


@pytest.mark.django_db(transaction=True)
def test_two_who_change_one_server_at_once() -> None:
    asset, window, ana = cast.an_asset(), cast.a_window(), cast.ana()
    AssetPatchState.objects.create(asset=asset)

    def patched() -> None:
        try:
            AssetPatchState.objects.filter(asset=asset).update(last_state="done", last_verdict="patched")
        finally:
            connection.close()

    other = threading.Thread(target=patched)
    with transaction.atomic():
        Enrolment.objects.create(asset=asset, window=window, by=ana, since=cast.NOW)
        other.start()
        other.join(timeout=1)  # it waits for this transaction
    other.join(timeout=20)
    assert differences() == []
    assert group_at(severity_of(asset)) == Group.SUCCESS
