"""The evidence bucket: what is kept of hosts' reports, each object written once and known by its SHA-256."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from datetime import UTC, datetime

from django.conf import settings

from aws.errors import Missing
from aws.iam import EVIDENCE
from aws.ports import ObjectStore

READ_WITHIN_S = 20.0
MOST_BYTES = 2_000_000  # no report that is kept comes near it


class EvidenceAltered(Exception):
    """What lies in the bucket is not what the portal stored; the message is the sentence for the page."""


@dataclass(frozen=True)
class Kept:
    """Where a report lies, and what its bytes hash to."""

    key: str
    sha256: str


def report_key(
    *,
    run_id: int,
    starts_at: datetime,
    account_id: str,
    phase: str,
    instance_id: str,
    dispatch_id: str,
    sha256: str,
) -> str:
    """Partitioned by account and date, as Athena and DuckDB read it; other content has another key."""
    day = starts_at.astimezone(UTC).date().isoformat()
    folder = f"{EVIDENCE}/{account_id}/date={day}/run={run_id}/phase={phase}"
    return f"{folder}/{instance_id}-{dispatch_id}-{sha256[:16]}.txt"


def digest(raw: bytes) -> str:
    """SHA-256 in hex."""
    return hashlib.sha256(raw).hexdigest()


def store_report(objects: ObjectStore, *, key: str, raw: bytes) -> Kept:
    """The only writer of raw results; the same report twice is stored once.

    Raises CloudError, and EvidenceAltered when something else lies under the key.
    """
    bucket, sha256 = settings.RESULTS_BUCKET, digest(raw)
    if not objects.put_once(bucket, key, raw, content_type="text/plain; charset=utf-8"):
        read_report(objects, Kept(key, sha256))
    return Kept(key, sha256)


def read_report(objects: ObjectStore, kept: Kept) -> bytes:
    """The report as it was stored. Raises EvidenceAltered where it is another one or gone, and CloudError."""
    bucket = settings.RESULTS_BUCKET
    try:
        raw = objects.get(bucket, kept.key, last_bytes=MOST_BYTES, within_s=READ_WITHIN_S)
    except Missing:
        raise EvidenceAltered(
            f"{kept.key} is not in the bucket {settings.RESULTS_BUCKET} any more."
        ) from None
    if digest(raw) != kept.sha256:
        raise EvidenceAltered(
            f"{kept.key} is not what the portal stored: its SHA-256 is {digest(raw)}, and {kept.sha256} was stored."
        )
    return raw
