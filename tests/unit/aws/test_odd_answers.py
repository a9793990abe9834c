"""Answers of AWS that are not as documented: each entry stands alone."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta, timezone
from typing import Any

import pytest

from aws.ec2 import in_utc, read_instance
from aws.plain import plain
from aws.ports import Instance, Unreadable
from tests.unit.aws.test_translate import told

GOOD: dict[str, Any] = {
    "InstanceId": "i-1",
    "State": {"Name": "running"},
    "Tags": [{"Key": "Name", "Value": "a"}],
}
BAD = ({"State": None}, {"State": {}}, {"Tags": 7}, {"Tags": [{"Key": "Name"}]}, {"LaunchTime": "yesterday"},
       {"Placement": "x"}, {"Tags": [None]})  # fmt: skip


def test_a_good_entry_is_an_instance() -> None:
    found = read_instance(GOOD, "111122223333", "eu-central-1")
    assert isinstance(found, Instance)
    assert found.tags == {"Name": "a"}


@pytest.mark.parametrize("change", BAD, ids=range(len(BAD)))
def test_a_bad_entry_is_named_and_raises_nothing(change: dict[str, Any]) -> None:
    found = read_instance(GOOD | change, "111122223333", "eu-central-1")
    assert isinstance(found, Unreadable)
    assert found.instance_id == "i-1"
    assert found.why.startswith("EC2 told of it what cannot be read: ")


@pytest.mark.parametrize(
    ("told", "platform"),
    [
        ({"Platform": "windows"}, "windows"), ({"Platform": "Windows"}, "windows"), ({}, "linux"),
        ({"PlatformDetails": "Windows BYOL"}, "windows"), ({"PlatformDetails": "Linux/UNIX"}, "linux"),
        ({"PlatformDetails": "Windows with SQL Server Standard"}, "windows"), ({"Platform": None}, "linux"),
        ({"Platform": "", "PlatformDetails": "Windows"}, "windows"),
    ],
)  # fmt: skip
def test_windows_is_known_by_either_word(told: dict[str, Any], platform: str) -> None:
    found = read_instance(GOOD | told, "111122223333", "eu-central-1")
    assert isinstance(found, Instance)
    assert found.platform == platform


@pytest.mark.parametrize(("year", "ahead"), [(1, 14), (9999, -12)])
def test_an_instant_outside_the_calendar_is_none(year: int, ahead: int) -> None:
    zone = timezone(timedelta(hours=ahead))
    edge = datetime(year, 1, 1, tzinfo=zone) if ahead > 0 else datetime(year, 12, 31, 23, tzinfo=zone)
    assert in_utc(edge) is None
    assert in_utc(datetime(2026, 1, 1, tzinfo=UTC)) == datetime(2026, 1, 1, tzinfo=UTC)


def test_a_message_of_aws_can_be_stored_and_read() -> None:
    error = told("AccessDenied", 403, "no\x00t \x1b[31mallowed\udcff " + "x" * 50_000)
    assert "not [31mallowed x" in str(error)
    assert len(str(error)) < 2_000
    assert plain(str(error)) == str(error)
