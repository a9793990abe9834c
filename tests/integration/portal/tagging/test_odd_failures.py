"""A batch of tags that fails in a way that nobody foresaw: the others are written, and it is not tried for ever."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest

from portal.tagging import writer
from portal.tags.models import InstanceRef, TagChange
from portal.tags.operations import request_tag
from tests.fakes import ACCOUNT, REGION, Clock, FakeCloud

pytestmark = pytest.mark.django_db


def test_the_others_are_written_and_it_ends(monkeypatch: pytest.MonkeyPatch) -> None:
    cloud = FakeCloud(Clock())
    for number in (1, 2):
        cloud.add(number)
        place = InstanceRef(ACCOUNT, REGION, f"i-{number:017x}")
        request_tag(
            instances=[place],
            key=f"key-{number}",
            value="x",
            reason="a test",
            run_id=None,
            by=None,
            now=cloud.clock(),
        )
    call = writer._call

    def failing(ec2: Any, batch: list[TagChange], key: str, value: str | None) -> None:
        if key == "key-1":
            raise ValueError("nobody\x00 foresaw it")
        call(ec2, batch, key, value)

    monkeypatch.setattr(writer, "_call", failing)
    assert writer.write_due(cloud=cloud, now=cloud.clock()) == 1
    waiting = TagChange.objects.get(key="key-1")
    assert (waiting.error, waiting.lease_until) == ("ValueError: nobody foresaw it", None)
    for _ in range(writer.MAX_ATTEMPTS):
        cloud.clock.now += timedelta(seconds=writer.LONGEST_WAIT_S + 1)
        writer.write_due(cloud=cloud, now=cloud.clock())
    waiting.refresh_from_db()
    assert waiting.state == "failed"
    assert waiting.error == f"Given up after {writer.MAX_ATTEMPTS} attempts: ValueError: nobody foresaw it"
