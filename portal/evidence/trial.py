"""Whether reports can be kept: one small object a day is written into the results bucket and read back."""

from __future__ import annotations

from datetime import date

from django.conf import settings

from aws.iam import EVIDENCE, OUTPUT
from aws.ports import ObjectStore
from portal.evidence.store import EvidenceAltered, read_report, store_report

__all__ = ["EvidenceAltered", "list_outputs", "write_and_read"]


def write_and_read(objects: ObjectStore, *, day: date) -> None:
    """Raises CloudError, and EvidenceAltered where something else lies there. On later tries of a day AWS judges the
    write, and refuses only to write the same object over."""
    raw = f"Patch Portal tried on {day:%Y-%m-%d} whether it can keep reports here.\n".encode()
    kept = store_report(objects, key=f"{EVIDENCE}/trial/{day:%Y-%m-%d}.txt", raw=raw)
    read_report(objects, kept)


def list_outputs(objects: ObjectStore) -> None:
    """Raises CloudError where the portal may not see what hosts have stored."""
    next(objects.keys(settings.RESULTS_BUCKET, f"{OUTPUT}/", most=1), None)
