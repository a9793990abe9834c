"""Keys of the evidence bucket, and finding what the agent stored there."""

from __future__ import annotations

from datetime import datetime, timedelta, timezone

import pytest
from django.conf import settings

from portal.evidence.store import outputs_of, read_output, report_key, store_report
from tests.fakes import Clock, FakeCloud, FakeObjects

HERE = {"bucket": "b", "prefix": "output/7", "command_id": "c-1"}


def output_of(cloud: FakeCloud, instance_id: str = "i-1") -> str | None:
    """What the portal reads of one host: the listing of its command, then its object."""
    key = outputs_of(FakeObjects(cloud), **HERE).get(instance_id)
    return key and read_output(FakeObjects(cloud), bucket="b", key=key, last_bytes=1_000)


@pytest.fixture
def cloud() -> FakeCloud:
    return FakeCloud(Clock())


@pytest.mark.parametrize("step", ["awsrunShellScript/patch", "awsrunPowerShellScript/0.patch"])
def test_the_output_is_found_where_the_agent_puts_it(cloud: FakeCloud, step: str) -> None:
    folder = f"output/7/c-1/i-1/{step}"
    cloud.stored = {
        f"{folder}/stderr": b"warning",
        f"{folder}/stdout": "Grüße".encode(),
        "output/7/c-1/i-10/x/stdout": b"another host",
        "output/7/c-2/i-1/x/stdout": b"another command",
    }
    assert output_of(cloud) == "Grüße"
    assert output_of(cloud, "i-10") == "another host"


def test_no_output_is_told_as_none(cloud: FakeCloud) -> None:
    cloud.stored = {"output/7/c-1/i-1/awsrunShellScript/patch/stderr": b"only errors",
                    "output/7/c-1/i-10/awsrunShellScript/patch/stdout": b"another host"}  # fmt: skip
    assert output_of(cloud) is None


def test_an_object_that_vanishes_between_list_and_read_is_none(cloud: FakeCloud) -> None:
    cloud.stored = {"output/7/c-1/i-1/awsrunShellScript/patch/stdout": b"x"}
    cloud.before = lambda name: cloud.stored.clear() if name == "GetObject" else None
    assert output_of(cloud) is None


def test_bytes_that_are_no_text_do_not_stop_the_reading(cloud: FakeCloud) -> None:
    cloud.stored = {"output/7/c-1/i-1/awsrunShellScript/patch/stdout": b"ok \xff\xfe end"}
    found = output_of(cloud)
    assert found is not None
    assert found.startswith("ok ")
    assert found.endswith(" end")


def test_a_report_is_kept_as_printed_under_the_day_in_utc(cloud: FakeCloud) -> None:
    late = datetime(2026, 12, 6, 0, 30, tzinfo=timezone(timedelta(hours=1)))
    facts = {"run_id": 7, "account_id": "111122223333", "phase": "patch", "dispatch_id": "d-1"}
    key = report_key(starts_at=late, instance_id="i-1", **facts)
    assert key.startswith("reports/date=2026-12-05/account=111122223333/run=7/phase=patch/")
    assert report_key(starts_at=late, instance_id="i-2", **facts) != key
    store_report(FakeObjects(cloud), key=key, raw=b"as printed \xff")
    assert cloud.stored == {key: b"as printed \xff"}
    assert settings.RESULTS_BUCKET
