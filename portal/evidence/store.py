"""The evidence bucket: where host reports are kept as printed, and where SSM puts the output of commands."""

from __future__ import annotations

import secrets
from datetime import UTC, datetime
from itertools import islice

from django.conf import settings

from aws.errors import Missing
from aws.ports import ObjectStore

# Below a command's prefix: its fifty hosts store a stdout and a stderr for each step. Any host may write there.
MOST_KEYS = 1_000
OUTPUT = "output"  # the folder that hosts write to


def new_output_prefix(account_id: str) -> str:
    """Where the hosts of one command store their output: IAM lets them write below their own account's folder.

    The random part keeps hosts that are not in the command from finding the place; what is believed never rests on it.
    """
    return f"{OUTPUT}/{account_id}/{secrets.token_hex(16)}"


def report_key(
    *, run_id: int, starts_at: datetime, account_id: str, phase: str, instance_id: str, dispatch_id: str
) -> str:
    """Partitioned by date and account, as Athena and DuckDB read it."""
    day = starts_at.astimezone(UTC).date().isoformat()
    return (
        f"reports/date={day}/account={account_id}/run={run_id}/phase={phase}/{instance_id}-{dispatch_id}.txt"
    )


def store_report(objects: ObjectStore, *, key: str, raw: bytes) -> None:
    """The only writer of raw results. Raises CloudError."""
    objects.put(settings.RESULTS_BUCKET, key, raw, content_type="text/plain; charset=utf-8")


def outputs_of(objects: ObjectStore, *, bucket: str, prefix: str, command_id: str) -> dict[str, str]:
    """instance id → key of the whole stdout that its agent stored; those that stored none are not in it."""
    above = f"{prefix}/{command_id}/"
    first = islice(objects.keys(bucket, above), MOST_KEYS)
    keys = [key for key in first if key.endswith("/stdout")]
    return {key[len(above) :].partition("/")[0]: key for key in reversed(keys)}


def read_output(objects: ObjectStore, *, bucket: str, key: str, last_bytes: int) -> str | None:
    """The end of a stdout, or None when it is gone. Foreign bytes are replaced, not trusted."""
    try:
        return objects.get(bucket, key, last_bytes=last_bytes).decode("utf-8", "replace")
    except Missing:
        return None
