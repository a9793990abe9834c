"""Reading an object within bounds, whatever the service sends."""

from __future__ import annotations

import tracemalloc
from contextlib import AbstractContextManager, nullcontext
from typing import Any

import pytest

from aws import s3
from aws.errors import TooSlow


class Body:
    """A stream of 3 GB: the service took no notice of the range."""

    def __init__(self, seconds: float = 0.0) -> None:
        self.left, self.given, self.closed = 3_000_000_000, 0, False
        self.seconds, self.now = seconds, 0.0

    def read(self, most: int) -> bytes:
        size = min(most, self.left, 8_192)
        self.left, self.given, self.now = self.left - size, self.given + size, self.now + self.seconds
        return b"x" * size

    def close(self) -> None:
        self.closed = True


class Calls:
    def __init__(self, body: Body) -> None:
        self.body = body
        self.asked: dict[str, Any] = {}

    def call(self, operation: str, **asked: Any) -> dict[str, Any]:
        self.asked = asked
        return {"Body": self.body}

    def telling(self, operation: str) -> AbstractContextManager[None]:
        return nullcontext()


def get(body: Body, **limits: Any) -> bytes:
    calls: Any = Calls(body)
    read = s3.S3Adapter(calls, lambda: "111122223333").get("bucket", "key", **limits)
    assert calls.asked["ExpectedBucketOwner"] == "111122223333"
    assert calls.asked["Range"] == f"bytes=-{limits['last_bytes']}"
    return read


def test_no_more_is_read_than_was_asked_for() -> None:
    body = Body()
    tracemalloc.start()
    try:
        assert len(get(body, last_bytes=500_000, within_s=20)) == 500_000
        assert tracemalloc.get_traced_memory()[1] < 2_000_000
    finally:
        tracemalloc.stop()
    assert body.given == 500_000
    assert body.closed


def test_a_body_that_trickles_ends_with_its_time(monkeypatch: pytest.MonkeyPatch) -> None:
    body = Body(seconds=3.0)
    monkeypatch.setattr(s3.time, "monotonic", lambda: body.now)
    with pytest.raises(TooSlow):
        get(body, last_bytes=500_000, within_s=20)
    assert body.given <= 8 * 8_192
    assert body.closed
