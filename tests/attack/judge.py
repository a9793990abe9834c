"""One request, and what was wrong with its answer: an error of ours, a foreign row, markup of a host, a long wait."""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

from django.db import transaction

from tests.attack.tables import changed, contents
from tests.attack.world import MARKUP, OWN, World

SLOWEST_S = 5.0
REFUSED = {400, 401, 403, 404, 405, 409, 422, 429}


@dataclass(frozen=True)
class Attempt:
    """One request of one person. `data` is the query of a GET and the form of anything else."""

    who: str
    method: str
    path: str
    data: dict[str, Any] = field(default_factory=dict)
    headers: dict[str, str] = field(default_factory=dict)

    def __str__(self) -> str:
        return f"{self.who} {self.method} {self.path} {self.data!r:.300} {self.headers or ''}".rstrip()


@dataclass
class Verdicts:
    """What the whole attack came to."""

    requests: int = 0
    wrong: list[str] = field(default_factory=list)
    kinds: Counter[str] = field(default_factory=Counter)

    def blame(self, kind: str, words: str) -> None:
        self.kinds[kind] += 1
        self.wrong.append(f"{kind}: {words}")


@dataclass(frozen=True)
class Answer:
    status: int
    location: str
    text: str
    content_type: str
    written: list[str]

    @property
    def refused(self) -> bool:
        return self.status in REFUSED or (self.status == 302 and "/accounts/login/" in self.location)


class Judge:
    """Sends requests one by one, each undone afterwards, and keeps what was wrong."""

    def __init__(self, world: World) -> None:
        self.world, self.verdicts = world, Verdicts()
        self._before = contents()  # of every request: what one writes is undone before the next

    def send(self, attempt: Attempt, *, compare: bool = True) -> Answer:
        """The answer; whatever is wrong for every request is blamed here."""
        self.verdicts.requests += 1
        with undone():
            began = time.monotonic()
            answer = self._ask(attempt)
            took = time.monotonic() - began
            written = changed(self._before, contents()) if compare else []
        found = Answer(
            answer.status_code,
            answer.get("Location", ""),
            _text(answer),
            answer.get("Content-Type", ""),
            written,
        )
        self._judge(attempt, found, took)
        return found

    def _ask(self, attempt: Attempt) -> Any:
        client = self.world.client(attempt.who)
        return client.generic(attempt.method, *_encoded(attempt), headers=attempt.headers)

    def _judge(self, attempt: Attempt, answer: Answer, took: float) -> None:
        blame = self.verdicts.blame
        if answer.status >= 500:
            blame("5xx", f"{answer.status} for {attempt}")
        if took > SLOWEST_S:
            blame("slow", f"{took:.1f} s for {attempt}")
        for mark, people in OWN.items():
            if attempt.who not in people and mark in answer.text:
                blame("foreign row", f"{attempt.who} reads {mark} at {attempt}")
        if MARKUP in answer.text and "html" in answer.content_type:
            blame("markup", f"a host's words are markup at {attempt}")


@contextmanager
def undone() -> Iterator[None]:
    """Whatever is written inside is rolled back."""
    with transaction.atomic():
        yield
        transaction.set_rollback(True)


def _text(answer: Any) -> str:
    content = b"".join(answer) if answer.streaming else answer.content
    return content.decode(errors="replace")


def _encoded(attempt: Attempt) -> tuple[Any, ...]:
    """(path, body, content type) as Django's test client takes them; a GET carries its data in the address."""
    from urllib.parse import urlencode

    form = urlencode(attempt.data, doseq=True, errors="surrogatepass")
    if attempt.method in {"GET", "HEAD"}:
        joint = "&" if "?" in attempt.path else "?"
        return (f"{attempt.path}{joint}{form}" if form else attempt.path,)
    return attempt.path, form, attempt.headers.get("Content-Type", "application/x-www-form-urlencoded")
