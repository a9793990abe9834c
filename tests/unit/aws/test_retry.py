"""The SDK's retries are fixed in code: its default differed between versions, and a repeat may act twice."""

from __future__ import annotations

from typing import Any

import pytest
from botocore.session import Session

from aws.calls import Retry


@pytest.mark.parametrize(
    ("retry", "attempts", "seconds"),
    [
        (Retry.AGAIN, 3, (3, 8)),
        (Retry.ONCE, 1, (3, 20)),
        (Retry.HINT, 1, (2, 4)),
    ],
)
def test_no_variable_changes_mode_or_attempts(
    retry: Retry, attempts: int, seconds: tuple[int, int], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("AWS_RETRY_MODE", "adaptive")
    monkeypatch.setenv("AWS_MAX_ATTEMPTS", "9")
    client = Session().create_client(
        "ssm",
        region_name="eu-central-1",
        config=retry.config,
        aws_access_key_id="a",
        aws_secret_access_key="b",
    )
    used: Any = client.meta.config  # what the client really goes by, after the environment was read
    assert used.retries == {"mode": "standard", "total_max_attempts": attempts}
    assert (used.connect_timeout, used.read_timeout) == seconds
