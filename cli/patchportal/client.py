"""One question to the API, and pages of many answers."""

from __future__ import annotations

import json
from collections.abc import Iterator
from http.client import HTTPException
from typing import Any
from urllib.error import HTTPError, URLError
from urllib.parse import urlencode, urlsplit
from urllib.request import HTTPRedirectHandler, OpenerDirector, Request, build_opener

from patchportal.failures import Unreachable, WrongUse, refused

TIMEOUT_S = 65.0  # an export may take the portal a minute
MOST_BYTES = 64 * 1024 * 1024
PAGE = 500
MOST_PAGES = 2_000
HERE = {"localhost", "127.0.0.1", "::1"}


class NoRedirects(HTTPRedirectHandler):
    """Another address would be sent the token."""

    def redirect_request(self, *_: Any, **__: Any) -> None:
        return None


class Portal:
    """`url` is the portal's address, `token` what stands in for the person."""

    def __init__(self, url: str, token: str) -> None:
        self.url, self._token = checked(url), token
        self._opener: OpenerDirector = build_opener(NoRedirects)

    def get(self, path: str, **query: str | int | None) -> Any:
        """The answer to `/api/v1/<path>`. Raises Failure with the portal's sentence."""
        asked = urlencode({name: value for name, value in query.items() if value not in (None, "")})
        return self._ask(f"{self.url}/api/v1/{path}{f'?{asked}' if asked else ''}")

    def every(self, path: str, **query: str | int | None) -> Iterator[dict[str, Any]]:
        """The items of a list, page by page."""
        answer = self.get(path, size=PAGE, **query)
        for _ in range(MOST_PAGES):
            yield from answer["items"]
            if not answer["next"]:
                return
            answer = self._ask(self._own(answer["next"]))
        raise WrongUse(f"There are more than {PAGE * MOST_PAGES:,} rows. Narrow the list down with a filter.")

    def _own(self, address: str) -> str:
        """The next page at the address that was asked: behind a proxy the portal may know itself by another."""
        there = urlsplit(address)
        return f"{self.url}{there.path}?{there.query}"

    def _ask(self, address: str) -> Any:
        headers = {"Authorization": f"Bearer {self._token}", "Accept": "application/json"}
        try:
            with self._opener.open(Request(address, headers=headers), timeout=TIMEOUT_S) as answer:
                return _read(answer.read(MOST_BYTES + 1))
        except HTTPError as error:
            raise refused(error.code, _sentence(error)) from error
        except (URLError, HTTPException, OSError) as error:
            why = getattr(error, "reason", None) or error
            raise Unreachable(f"{self.url} does not answer: {why}. Is the address right?") from error


def checked(url: str) -> str:
    """The address without its last slash. Raises WrongUse where a token would be sent in the clear."""
    there = urlsplit(url)
    if there.scheme not in {"http", "https"} or not there.hostname:
        raise WrongUse(f"{url!r} is no address of a portal, e.g. https://patch.example.com.")
    if there.scheme == "http" and there.hostname not in HERE:
        raise WrongUse(f"{url} would send your token unencrypted. Use https.")
    return url.rstrip("/")


def _read(body: bytes) -> Any:
    if len(body) > MOST_BYTES:
        raise Unreachable("The answer is longer than 64 MB. Narrow it down with a filter.")
    try:
        return json.loads(body)
    except ValueError as error:
        raise Unreachable("What answers there is no Patch Portal: it sent no JSON.") from error


def _sentence(error: HTTPError) -> str:
    try:
        return str(json.loads(error.read(MOST_BYTES))["detail"])
    except (ValueError, KeyError, TypeError, OSError):
        return f"The portal answered with {error.code} and no reason."
