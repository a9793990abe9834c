"""The one way to ask an identity provider for something: encrypted, within bounds of bytes and time, never led on."""

from __future__ import annotations

import time
from typing import Any

import requests

from portal.identity_providers.kinds import is_safe

LARGEST_BYTES = 1_000_000
SECONDS = 3.5  # for all that one sign-in asks, so that the request ends with a sentence and not by its budget
CONNECT_S = 2.0


class NotFetched(requests.RequestException):
    """`str()` says what was asked and why there is no answer."""


class BoundedSession(requests.Session):
    """A requests session for one sign-in. Raises NotFetched, or another requests.RequestException."""

    def __init__(self, seconds: float = SECONDS) -> None:
        super().__init__()
        self._ends_at = time.monotonic() + seconds

    def request(self, method: str, url: str, *args: Any, **named: Any) -> requests.Response:  # type: ignore[override]
        if not is_safe(url):
            raise NotFetched(f"{url} is neither https nor on this machine")
        left = self._left(url)
        named |= {"allow_redirects": False, "stream": True, "timeout": (min(CONNECT_S, left), left)}
        answer = super().request(method, url, *args, **named)
        if answer.is_redirect:
            raise NotFetched(f"{url} leads to another address")
        answer._content = self._read(answer, url)
        return answer

    def _read(self, answer: requests.Response, url: str) -> bytes:
        """An answer that trickles or never ends is left."""
        found = b""
        for piece in answer.iter_content(16_384):
            found += piece
            if len(found) > LARGEST_BYTES:
                raise NotFetched(f"{url} answers with more than {LARGEST_BYTES:,} bytes")
            self._left(url)
        return found

    def _left(self, url: str) -> float:
        left = self._ends_at - time.monotonic()
        if left <= 0:
            raise NotFetched(f"{url} took too long")
        return left
