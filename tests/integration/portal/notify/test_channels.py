"""A notification reaches every channel, and a new channel is a folder that nobody else has to know."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from datetime import datetime
from pathlib import Path
from typing import Any

import pytest
from django.core import mail

from portal.notify import channels as folder
from portal.notify.channels import channels
from portal.notify.channels.mail.channel import CHANNEL as MAIL
from portal.notify.kinds import KindError
from portal.notify.models import Notification, SecurityNotice
from portal.notify.operations import notify, send_due
from tests import cast

pytestmark = pytest.mark.django_db
PLANTED = """
KEPT, SENT = [], []

class Planted:
    def keep(self, delivery):
        KEPT.append((delivery.kind.name, [person.username for person in delivery.people], delivery.sentence))

    def send_due(self, *, now):
        SENT.append(now)

CHANNEL = Planted()
"""


@pytest.fixture
def planted(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Any]:
    """A channel more, as somebody would add one; its name makes it the first."""
    (tmp_path / "a_planted").mkdir()
    (tmp_path / "a_planted" / "__init__.py").touch()
    (tmp_path / "a_planted" / "channel.py").write_text(PLANTED)
    monkeypatch.setattr(folder, "__path__", [*folder.__path__, str(tmp_path)])
    channels.cache_clear()
    channels()
    yield sys.modules["portal.notify.channels.a_planted.channel"]
    channels.cache_clear()
    for name in ("portal.notify.channels.a_planted.channel", "portal.notify.channels.a_planted"):
        del sys.modules[name]
    del folder.a_planted  # type: ignore[attr-defined]


def test_each_folder_is_a_channel() -> None:
    here = {path.parent.name for path in Path(folder.__file__).parent.glob("*/__init__.py")}
    assert {"inbox", "mail"} <= here
    assert {type(channel).__module__.split(".")[-2] for channel in channels()} == here


def test_a_folder_more_is_a_channel_more(planted: Any) -> None:
    notify("person.granted", cast.ana(), said="You own more.")
    assert planted.KEPT == [("person.granted", ["ana"], "You own more.")]
    assert Notification.objects.get().sentence == "You own more."
    send_due(now=cast.NOW)
    assert planted.SENT == [cast.NOW]


def test_a_channel_that_fails_keeps_none_from_its_turn(planted: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    def broken(*, now: datetime) -> None:
        raise OSError("The disk is full.")

    monkeypatch.setattr(planted.CHANNEL, "send_due", broken)
    monkeypatch.setattr(MAIL, "send_due", lambda *, now: planted.SENT.append("next"))
    send_due(now=cast.NOW)
    assert planted.SENT == ["next"]


def test_a_kind_that_nobody_declares_reaches_nobody(planted: Any) -> None:
    with pytest.raises(KindError, match="No app declares"):
        notify("person.grunted", cast.ana(), said="You own more.")
    assert not planted.KEPT
    assert not Notification.objects.exists()


def test_who_did_it_is_not_told_and_an_empty_sentence_tells_nobody(planted: Any) -> None:
    notify("person.granted", cast.ana(), said="")
    assert not planted.KEPT
    notify("person.granted", cast.ana(), said="You own more.", by=cast.ana())
    assert planted.KEPT == [("person.granted", [], "You own more.")]
    assert not Notification.objects.exists()


def test_only_what_concerns_the_person_goes_by_mail(settings: Any) -> None:
    settings.EMAIL_HOST = "mail.example.com"
    ana = cast.ana()
    notify("person.changed", ana, said="Another address.", also_at="old@example.com")
    assert set(SecurityNotice.objects.values_list("address", flat=True)) == {ana.email, "old@example.com"}
    send_due(now=SecurityNotice.objects.latest("pk").created_at)
    assert sorted(message.to[0] for message in mail.outbox) == sorted([ana.email, "old@example.com"])


def test_an_unread_notification_has_the_tone_of_its_kind() -> None:
    assert Notification(kind="exception.rejected").tone == "danger"
    assert Notification(kind="of an older portal").tone == "unknown"
