"""Offering, changing and retiring windows; enrolling and leaving; the brake. Operations, without pages."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from datetime import UTC, datetime, time
from threading import Barrier
from typing import Any

import pytest
from django.db import IntegrityError, connection, transaction

from patching.models import Enrolment, SendingPause, Window
from patching.operations import pause as brake
from patching.operations import windows
from patching.operations.runs import plan_occurrence
from patching.window_facts import WindowFacts
from portal.access.rules import Conflict, Denied, Invalid
from portal.audit.models import AuditEvent
from portal.calendar.recurrence import Recurrence
from portal.tags.models import TagChange
from tests import cast

pytestmark = pytest.mark.django_db
NOW = cast.NOW
FACTS = WindowFacts(
    name="Third Sunday", schedule=Recurrence("monthly", 6, 3, time(2, 30), "Europe/Berlin"), duration_minutes=180,
    cutoff_minutes=30, policy={},
)  # fmt: skip
WHEN = {"frequency", "weekday", "nth", "start", "zone"}


def facts(window: WindowFacts = FACTS, **changed: Any) -> WindowFacts:
    """Those of the window with some of them, or of its schedule, changed."""
    when = {name: value for name, value in changed.items() if name in WHEN}
    rest = {name: value for name, value in changed.items() if name not in WHEN}
    return replace(window, schedule=replace(window.schedule, **when), **rest)


def offered(**changed: Any) -> Window:
    return windows.offer(facts(**changed), by=cast.ada(), now=NOW)


def inside(*assets: Any) -> list[str | None]:
    active = dict(Enrolment.objects.filter(ended_at=None).values_list("asset_id", "window__slug"))
    return [active.get(asset.pk) for asset in assets]


class TestOffer:
    def test_stores_it_with_its_author(self):
        window = offered(description="  For tests.  ", policy={"mode": "security"})
        assert (window.slug, window.description, window.run_policy.mode) == (
            "third-sunday",
            "For tests.",
            "security",
        )
        event = AuditEvent.objects.get(kind="window.offered")
        assert (event.actor, event.subject_id) == ("Ada", str(window.pk))

    @pytest.mark.parametrize(
        ("changed", "field", "sentence"),
        [
            ({"nth": None}, "nth", "Choose which such weekday"),
            ({"nth": 5}, "nth", "Choose which such weekday"),
            ({"nth": 0}, "nth", "Choose which such weekday"),
            ({"frequency": "weekly"}, "nth", "no position in the month"),
            ({"frequency": "daily"}, "frequency", "'daily' is not a frequency"),
            ({"weekday": 7}, "weekday", "Choose a day"),
            ({"zone": "Mars/Base"}, "time_zone", "'Mars/Base' is not a time zone"),
            ({"zone": ""}, "time_zone", "is not a time zone"),
            ({"zone": "../../etc/passwd"}, "time_zone", "is not a time zone"),
            ({"zone": "Europe"}, "time_zone", "is not a time zone"),
            ({"duration_minutes": 14}, "duration_minutes", "lasts 14 minutes"),
            ({"duration_minutes": 24 * 60 + 1}, "duration_minutes", "15 minutes to 24 hours"),
            ({"cutoff_minutes": 180}, "cutoff_minutes", "is not inside the window of 180 minutes"),
            ({"cutoff_minutes": 181}, "cutoff_minutes", "Choose 0 to 179"),
            ({"cutoff_minutes": -1}, "cutoff_minutes", "is not inside the window"),
            ({"policy": {"concurrency": 0}}, "concurrency", "choose 1 to 10,000"),
            ({"policy": {"stop_at_error_percent": 101}}, "stop_at_error_percent", "choose 1 to 100"),
            ({"policy": {"mode": "everything"}}, "mode", "choose all or security"),
            ({"policy": {"concurrency": "5"}}, "concurrency", "choose 1 to 10,000"),
            ({"policy": {"windows_method": "wsus"}}, "windows_method", "choose portal or aws"),
            ({"policy": {"windows_method": "aws", "exclude": "KB50*"}}, "windows_method", "KB numbers only"),
            ({"policy": {"windows_method": "aws", "pre_script": "drain"}}, "windows_method", "no scripts"),
            ({"policy": {"no_such_figure": 1}}, "policy", "no_such_figure"),
            ({"name": "ab"}, "name", "has 2 characters"),
            ({"name": "土曜日の夜"}, "slug", "No tag value can be made of this name"),
            ({"slug": "Not a slug!"}, "slug", "cannot be the tag value"),
            ({"slug": "a" * 61}, "slug", "up to 60 small letters"),
        ],
    )
    def test_refuses_what_is_no_window(self, changed, field, sentence):
        with pytest.raises(Invalid, match=sentence.replace("?", r"\?")) as refusal:
            offered(**changed)
        assert refusal.value.field == field
        assert not Window.objects.exists()

    @pytest.mark.parametrize("minutes", [15, 24 * 60])
    def test_takes_the_shortest_and_the_longest(self, minutes):
        assert offered(duration_minutes=minutes, cutoff_minutes=0).duration_minutes == minutes

    def test_a_name_in_any_script_with_a_written_tag_value(self):
        assert offered(name="土曜日の夜", slug="saturday-night").name == "土曜日の夜"

    def test_a_taken_name_or_tag_value(self):
        offered()
        with pytest.raises(Invalid, match="has this name already") as refusal:
            offered(name="third SUNDAY", slug="other")
        assert refusal.value.field == "name"
        with pytest.raises(Invalid, match="has the tag value third-sunday already") as refusal:
            offered(name="Another name", slug="third-sunday")
        assert refusal.value.field == "slug"

    def test_only_admins(self):
        for person in (cast.ana(), cast.bo(), cast.audrey()):
            with pytest.raises(Denied, match="This needs the role patch admin"):
                windows.offer(FACTS, by=person, now=NOW)
        assert not Window.objects.exists()


class TestEdit:
    def test_reaches_only_runs_that_are_not_made(self):
        window = cast.a_window()
        Enrolment.objects.create(
            asset=cast.an_asset(), window=window, by=cast.ana(), since=datetime(2026, 1, 1, tzinfo=UTC)
        )
        run = plan_occurrence(window, datetime(2026, 12, 5, 21, tzinfo=UTC), now=NOW)
        ends_at = run.ends_at
        changed = facts(WindowFacts.of(window), duration_minutes=600, policy={"mode": "security"})
        windows.edit(window=window, facts=changed, by=cast.ada(), now=NOW)
        run.refresh_from_db()
        assert (run.ends_at, run.run_policy.mode) == (ends_at, "all")
        event = AuditEvent.objects.get(kind="window.changed")
        assert event.detail["changed"] == {"duration_minutes": [240, 600], "mode": ["all", "security"]}
        assert sorted(event.changes) == [
            "Length in minutes: 240 → 600",
            "What is installed: all updates → security updates only",
        ]

    def test_what_is_refused_changes_nothing(self):
        window, other = cast.a_window(), cast.a_window(name="Taken")
        for changes, sentence in (({"name": "taken"}, "has this name already"),
                                  ({"slug": other.slug}, "The tag value stays"),
                                  ({"cutoff_minutes": 240}, "is not inside the window")):  # fmt: skip
            with pytest.raises(Invalid, match=sentence):
                windows.edit(
                    window=window, facts=facts(WindowFacts.of(window), **changes), by=cast.ada(), now=NOW
                )
        mine = facts(WindowFacts.of(window), name="Mine now")
        with pytest.raises(Denied):
            windows.edit(window=window, facts=mine, by=cast.ana(), now=NOW)
        before = (window.name, window.slug, window.cutoff_minutes)
        window.refresh_from_db()
        assert (window.name, window.slug, window.cutoff_minutes) == before

    def test_a_retired_window_takes_nobody_but_keeps_who_is_in(self):
        window, staying, late = cast.a_window(), cast.an_asset(), cast.an_asset()
        windows.enrol(assets=[staying], window=window, by=cast.ana(), now=NOW)
        window = windows.retire(window=window, by=cast.ada(), now=NOW)
        with pytest.raises(Denied, match="no longer on offer"):
            windows.enrol(assets=[late], window=window, by=cast.ana(), now=NOW)
        assert inside(staying, late) == [window.slug, None]


class TestEnrol:
    def test_moves_with_tag_and_audit_and_tells_where_from(self):
        old, new = cast.a_window(), cast.a_window()
        moved, fresh = cast.an_asset(), cast.an_asset()
        windows.enrol(assets=[moved], window=old, by=cast.ana(), now=NOW)
        assert windows.enrol(assets=[moved, fresh], window=new, by=cast.ana(), now=NOW) == 2
        assert inside(moved, fresh) == [new.slug, new.slug]
        assert Enrolment.objects.get(asset=moved, window=old).ended_at == NOW
        open_tags = TagChange.objects.filter(state="wanted").values_list("instance_id", "key", "value")
        assert set(open_tags) == {(a.instance_id, "PatchWindow", new.slug) for a in (moved, fresh)}
        assert AuditEvent.objects.filter(kind="asset.enrolled", actor="Ana").count() == 3

    def test_leaving_takes_the_tag_away(self):
        window, asset, outside = cast.a_window(), cast.an_asset(), cast.an_asset()
        windows.enrol(assets=[asset], window=window, by=cast.ana(), now=NOW)
        assert windows.leave(assets=[asset, outside], by=cast.ana(), now=NOW) == 1
        assert inside(asset) == [None]
        request = TagChange.objects.get(state="wanted")
        assert (request.instance_id, request.value) == (asset.instance_id, None)
        assert AuditEvent.objects.get(kind="asset.left").summary.endswith(f"left the window {window.name}")

    def test_one_foreign_server_refuses_all_and_names_none(self):
        window, mine = cast.a_window(), cast.an_asset()
        foreign = cast.an_asset(application="intranet", name="secret-host")
        for deed in (lambda: windows.enrol(assets=[mine, foreign], window=window, by=cast.ana(), now=NOW),
                     lambda: windows.leave(assets=[mine, foreign], by=cast.ana(), now=NOW),
                     lambda: windows.enrol(assets=[mine], window=window, by=cast.bo(), now=NOW),
                     lambda: windows.enrol(assets=[mine], window=window, by=cast.audrey(), now=NOW)):  # fmt: skip
            with pytest.raises(Denied, match="is not yours, or does not exist") as refusal:
                deed()
            assert "secret-host" not in str(refusal.value)
        assert not Enrolment.objects.exists()
        assert not TagChange.objects.exists()

    def test_nobody_and_the_gone_are_refused(self):
        window = cast.a_window()
        with pytest.raises(Invalid, match="Choose at least one server"):
            windows.enrol(assets=[], window=window, by=cast.ana(), now=NOW)
        with pytest.raises(Invalid, match="no longer exists"):
            windows.enrol(assets=[cast.an_asset(gone_at=NOW)], window=window, by=cast.ana(), now=NOW)

    def test_a_second_enrolment_from_elsewhere_is_a_conflict(self, monkeypatch):
        """Whoever slips past the lock meets the unique constraint, and the person reads a sentence."""
        window, asset = cast.a_window(), cast.an_asset()
        windows.enrol(assets=[asset], window=window, by=cast.ana(), now=NOW)
        monkeypatch.setattr(windows, "_end", lambda locked, now: None)
        with pytest.raises(Conflict, match="at the same moment"):
            windows.enrol(assets=[asset], window=cast.a_window(), by=cast.ana(), now=NOW)
        assert inside(asset) == [window.slug]

    def test_the_database_keeps_one_enrolment_an_asset(self):
        asset = cast.an_asset()
        Enrolment.objects.create(asset=asset, window=cast.a_window(), by=cast.ana(), since=NOW)
        with pytest.raises(IntegrityError), transaction.atomic():
            Enrolment.objects.create(asset=asset, window=cast.a_window(), by=cast.ana(), since=NOW)


@pytest.mark.django_db(transaction=True)
def test_two_owners_at_once_leave_one_enrolment_and_one_request():
    first, second = cast.a_window(), cast.a_window()
    assets, ana, ada = [cast.an_asset() for _ in range(5)], cast.ana(), cast.ada()
    together = Barrier(2)

    def enrol(window: Window, by: Any, chosen: list[Any]) -> None:
        together.wait(timeout=10)
        try:
            windows.enrol(assets=chosen, window=window, by=by, now=NOW)
        finally:
            connection.close()

    with ThreadPoolExecutor(2) as pool:
        deeds = [pool.submit(enrol, first, ana, assets), pool.submit(enrol, second, ada, assets[::-1])]
        for deed in deeds:
            deed.result(timeout=30)
    assert len(set(inside(*assets))) == 1
    assert Enrolment.objects.filter(ended_at=None).count() == 5
    requests = TagChange.objects.filter(state="wanted").values_list("value", flat=True)
    assert list(requests) == [inside(*assets)[0]] * 5


class TestPause:
    def test_is_one_row_with_reason_person_and_time(self):
        brake.pause(by=cast.ada(), reason="  Storage maintenance ", now=NOW)
        row = SendingPause.objects.get()
        assert (row.pk, row.paused, row.reason, row.by, row.since) == (
            1,
            True,
            "Storage maintenance",
            "Ada",
            NOW,
        )
        with pytest.raises(Conflict, match="is paused by Ada already: Storage maintenance"):
            brake.pause(by=cast.ada(), reason="again", now=NOW)
        brake.resume(by=cast.ada(), now=NOW)
        assert brake.current() is None
        with pytest.raises(Conflict, match="is not paused"):
            brake.resume(by=cast.ada(), now=NOW)
        kinds = AuditEvent.objects.order_by("pk").values_list("kind", flat=True)
        assert list(kinds) == ["sending.paused", "sending.resumed"]

    @pytest.mark.parametrize("reason", ["", "   ", "x" * 301, "a\x00b"])
    def test_needs_a_reason_that_fits(self, reason):
        with pytest.raises(Invalid):
            brake.pause(by=cast.ada(), reason=reason, now=NOW)
        assert brake.current() is None

    def test_only_admins(self):
        for deed in (
            lambda by: brake.pause(by=by, reason="x", now=NOW),
            lambda by: brake.resume(by=by, now=NOW),
        ):
            with pytest.raises(Denied, match="This needs the role patch admin"):
                deed(cast.ana())
