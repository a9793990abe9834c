"""Evidence: where a report is kept, that it is written once, and that a changed one is told."""

from __future__ import annotations

import hashlib
from datetime import datetime, timedelta, timezone

import pytest

from portal.evidence.store import EvidenceAltered, Kept, digest, read_report, report_key, store_report
from tests.fake_s3 import FakeObjects
from tests.fakes import Clock, FakeCloud

FACTS = {"run_id": 7, "account_id": "111122223333", "phase": "patch", "dispatch_id": "d-1"}
LATE = datetime(2026, 12, 6, 0, 30, tzinfo=timezone(timedelta(hours=1)))
RAW = b"as printed \xff"


@pytest.fixture
def cloud() -> FakeCloud:
    return FakeCloud(Clock())


@pytest.fixture
def objects(cloud: FakeCloud) -> FakeObjects:
    return FakeObjects(cloud)


def key_of(raw: bytes, instance_id: str = "i-1") -> str:
    return report_key(starts_at=LATE, instance_id=instance_id, sha256=digest(raw), **FACTS)


def test_the_key_tells_account_and_day_in_utc_and_depends_on_the_content() -> None:
    key = key_of(RAW)
    assert key.startswith("evidence/111122223333/date=2026-12-05/run=7/phase=patch/i-1-d-1-")
    assert len({key, key_of(RAW, "i-2"), key_of(b"another")}) == 3


def test_a_report_is_kept_as_printed_with_its_sha256(cloud: FakeCloud, objects: FakeObjects) -> None:
    kept = store_report(objects, key="k", raw=RAW)
    assert kept == Kept("k", hashlib.sha256(RAW).hexdigest())
    assert cloud.stored == {"k": RAW}
    assert read_report(objects, kept) == RAW


def test_the_same_report_twice_is_one_object(cloud: FakeCloud, objects: FakeObjects) -> None:
    """A crash between the object and its row: the next look writes it again."""
    assert store_report(objects, key="k", raw=RAW) == store_report(objects, key="k", raw=RAW)
    assert cloud.stored == {"k": RAW}


@pytest.mark.parametrize("planted", [b"", b"forged", RAW + b" ", b"x" * 3_000_000])
def test_what_lies_there_already_is_never_written_over(
    cloud: FakeCloud, objects: FakeObjects, planted: bytes
) -> None:
    cloud.stored["k"] = planted
    with pytest.raises(EvidenceAltered, match="k is not what the portal stored: its SHA-256 is"):
        store_report(objects, key="k", raw=RAW)
    assert cloud.stored == {"k": planted}


def test_a_changed_or_removed_object_is_told_not_shown(cloud: FakeCloud, objects: FakeObjects) -> None:
    kept = store_report(objects, key="k", raw=RAW)
    cloud.stored["k"] = b"patched, agrees"
    with pytest.raises(EvidenceAltered, match=f"{kept.sha256} was stored"):
        read_report(objects, kept)
    del cloud.stored["k"]
    with pytest.raises(EvidenceAltered, match="k is not in the bucket patch-portal-results any more"):
        read_report(objects, kept)
