"""People who use the portal as one should, and how long they wait."""

from __future__ import annotations

import http.client
import re
import sys
import threading
import time
from dataclasses import dataclass
from urllib.parse import urlencode

HOST, PATIENCE_S = "127.0.0.1", 10.0
LOOKS_S = 0.2  # at a page, before the next is opened
PAGES = ("/", "/runs/", "/audit/", "/accounts/password/change/")


@dataclass(frozen=True)
class Person:
    """Somebody who is signed in."""

    cookies: str


def signed_in(port: int, name: str, password: str) -> Person:
    """Signs in through the form. Raises RuntimeError when the portal does not let them in."""
    form = asked(port, "/accounts/login/")
    token = re.search(r'name="csrfmiddlewaretoken" value="(\w+)"', form.body)
    assert token, "The sign-in page has no form."
    fields = {"login": name, "password": password, "csrfmiddlewaretoken": token[1]}
    headers = {"Cookie": form.cookies, "Content-Type": "application/x-www-form-urlencoded"}
    answer = asked(port, "/accounts/login/", urlencode(fields), headers)
    if answer.status != 302:
        raise RuntimeError(f"{name} was not signed in: {answer.status}.")
    return Person(answer.cookies)


@dataclass(frozen=True)
class Answer:
    status: int
    body: str
    cookies: str


def asked(port: int, path: str, body: str = "", headers: dict[str, str] | None = None) -> Answer:
    connection = http.client.HTTPConnection(HOST, port, timeout=PATIENCE_S)
    try:
        connection.request("POST" if body else "GET", path, body or None, headers or {})
        answer = connection.getresponse()
        cookies = [value.partition(";")[0] for value in answer.msg.get_all("Set-Cookie", [])]
        return Answer(answer.status, answer.read().decode(), "; ".join(cookies))
    finally:
        connection.close()


def visits(port: int, person: Person, *, readers: int, seconds: float) -> tuple[list[float], int]:
    """(seconds of each page that came, how many did not) of `readers` people side by side."""
    waited: list[float] = []
    failed: list[str] = []
    deadline = time.monotonic() + seconds
    threads = [
        threading.Thread(target=_visit, args=(port, person, deadline, waited, failed)) for _ in range(readers)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    if failed:
        print("\n".join(sorted(set(failed))), file=sys.stderr)
    return waited, len(failed)


def _visit(port: int, person: Person, deadline: float, waited: list[float], failed: list[str]) -> None:
    number = 0
    while time.monotonic() < deadline:
        path, number = PAGES[number % len(PAGES)], number + 1
        began = time.monotonic()
        try:
            status = asked(port, path, headers={"Cookie": person.cookies}).status
        except (OSError, http.client.HTTPException) as error:
            failed.append(f"{path}: {error}")
            continue
        if status == 200:
            waited.append(time.monotonic() - began)
        else:
            failed.append(f"{path}: {status}")
        time.sleep(LOOKS_S)
