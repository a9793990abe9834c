"""The timeline of one server: each event has the meaning of the state that it tells of, and no name twice."""

from __future__ import annotations

from typing import Any

import pytest
from django.test import Client
from django.urls import reverse

from patching.standing import TABLE
from patching.states import HOLD, PROPOSAL, RESTORE, SNAPSHOT, TARGET, TargetState
from patching.words import said_once
from portal.audit.models import AuditEvent
from portal.inventory.models import Asset
from portal.tones import Tone
from reports.queries.timeline import Event, event_of
from tests import cast

KINDS = [
    (machine.kind(state), facts.tone)
    for machine in (TARGET, HOLD, SNAPSHOT, RESTORE, PROPOSAL)
    for state, facts in machine.states.items()
    if machine.kind(state) and machine.kind(state) != "target.done"
]
# an event keeps the verdict; that a host is behind in its release, its sentence tells
OUTCOMES = [
    (verdict, standing)
    for (state, verdict, behind), standing in TABLE.items()
    if state == TargetState.DONE and not behind
]


def told(kind: str, summary: str = "pay-1: something", actor: str = "", **detail: Any) -> Event:
    row = AuditEvent(
        actor=actor or "Patch Portal",
        actor_id=7 if actor else None,
        kind=kind,
        summary=summary,
        detail=detail,
    )
    return event_of(row, Asset(name="pay-1", instance_id="i-1"))


@pytest.mark.parametrize(
    ("kind", "tone"), [*KINDS, ("exception.approved", "active"), ("exception.revoked", "unknown")]
)
def test_an_event_has_the_tone_of_its_state(kind: str, tone: str) -> None:
    assert told(kind).tone == tone


@pytest.mark.parametrize(("verdict", "standing"), OUTCOMES)
def test_what_a_server_ended_with_is_its_verdict(verdict: str, standing: Any) -> None:
    event = told("target.done", "pay-1: done. The log says more.", code=verdict or "checked")
    assert (event.tone, event.said) == (standing.tone, f"{standing.word}. The log says more.")


def test_a_verdict_of_a_later_version_is_never_good() -> None:
    assert told("target.done", code="mended_in_place").tone == Tone.DANGER


@pytest.mark.parametrize(("kind", "tone"), [("asset.enrolled", ""), ("of.a.later.version", ""),
                                            ("target.disagreement", "attention"), ("report.unkept", "attention"),
                                            ("target.retried", "unknown"), ("fix.reopened", "attention")])  # fmt: skip
def test_other_events(kind: str, tone: str) -> None:
    assert told(kind).tone == tone


def test_neither_the_servers_own_name_nor_the_portals_is_repeated() -> None:
    for summary, said in (
        ("pay-1: started and kept", "Started and kept"),
        ("pay-1 is enrolled in Saturday night", "Enrolled in Saturday night"),
        ("pay-1 left the window Saturday night", "Left the window Saturday night"),
        ("pay-12: lost", "pay-12: lost"),
        ("exception 3: approved", "exception 3: approved"),
    ):
        assert told("power.held", summary).said == said
    assert (told("power.held").actor, told("asset.enrolled", actor="Ana").actor) == ("", "Ana")


@pytest.mark.django_db
def test_the_page_of_a_server_shows_them() -> None:
    asset = cast.an_asset(name="pay-2")
    AuditEvent.objects.create(
        actor="Patch Portal", kind="target.lost", subject_type="asset", subject_id=str(asset.pk),
        summary="pay-2: lost. No answer.",
    )  # fmt: skip
    client = Client()
    client.force_login(cast.ana())
    page = client.get(reverse("reports:server", args=[asset.pk])).content.decode()
    assert '<li class="danger">' in page
    assert "Lost. No answer." in page
    assert "pay-2: lost" not in page
    assert "Patch Portal:" not in page


class Row:
    """As much of a target as its sentence takes."""

    def __init__(self, reason: str, agreement: str = "") -> None:
        self.reason, self.agreement = reason, agreement


def test_a_sentence_stands_once_on_a_page_and_the_others_lead_to_it() -> None:
    first, other, again, empty, silent = (
        Row("No answer."),
        Row("Disk full."),
        Row("No answer."),
        Row(""),
        Row(""),
    )
    disagrees = Row("No answer.", "ssm_failed_host_patched")
    rows = [{"target": row, "tone": "danger"} for row in (first, other, again, empty, silent, disagrees)]
    better = {"target": Row("No answer."), "tone": "attention"}
    shown = said_once([*rows, better])
    assert [row["said_by"] for row in shown] == [None, None, first, None, None, None, None]
