"""What came of a host that was judged. What it is called and how it looks stands in patching/standing.py."""

from __future__ import annotations

from enum import StrEnum


class Verdict(StrEnum):
    PATCHED = "patched"
    PATCHED_REBOOT_PENDING = "patched_reboot_pending"
    PARTLY = "partly"
    NOTHING_TO_DO = "nothing_to_do"
    FAILED = "failed"
    UNKNOWN = "unknown"
