"""Nonsense in every parameter, form, header, cursor and address, drawn by a seed."""

from __future__ import annotations

import ast
import base64
import json
import random
import re
from collections.abc import Iterator
from functools import cached_property
from pathlib import Path
from typing import Any
from urllib.parse import quote

from tests.attack.judge import Attempt, Judge, undone
from tests.attack.matrix import address, filled
from tests.attack.rules import PEOPLE, RULES

ROOT = Path(__file__).resolve().parents[2]
APPS = ("portal", "exceptions", "patching", "reports")
NUMBERS = [
    "0",
    "-1",
    "1.5",
    "1e3000000",
    "NaN",
    "Infinity",
    "9" * 18,
    "9" * 19,
    "9" * 5_000,
    "0x10",
    "٣",
    "²",
    "1_0",
    " 7 ",
]
DAYS = [
    "2026-02-30",
    "0000-00-00",
    "0001-01-01",
    "9999-12-31",
    "10000-01-01",
    "2026-12-05T25:61",
    "25:61",
    "24:00",
]
WORDS = [
    "", " ", "\x00", "a\x00b", "'", "' OR 1=1 --", "\\", "%", "%_%", "_" * 300, "<script>zx9()</script>", "{{7*7}}",
    "{% load x %}", "${jndi:x}", "$(id)", "`id`", "../../etc/passwd", "\u202e", "\ufeff", "\ud800", "😀" * 200,
    "a" * 100_000, "\r\nSet-Cookie: a=b", "Europe/Berlin", "Mars/Phobos", "../UTC", "null", "[]", '{"a": 1}',
]  # fmt: skip
LISTS = [["1"] * 900, ["", "1", "x"], ["1", "1"], ["a,b,,c", "2"]]
HEADERS = ["Host", "X-Forwarded-Host", "X-Forwarded-For", "X-Forwarded-Proto", "Referer", "Origin", "HX-Request",
           "HX-Target", "HX-Current-URL", "HX-Trigger", "Accept", "Accept-Language", "Accept-Encoding", "Cookie",
           "Content-Type", "If-None-Match", "If-Modified-Since", "Range", "User-Agent", "X-Request-ID",
           "X-HTTP-Method-Override", "Authorization"]  # fmt: skip
HEADER_VALUES = [
    "", "evil.example", "localhost:99999", "[::1", "a\x00b", "é", "a" * 9_000, "127.0.0.1, x", "-1", "bytes=0-",
    "text/html; charset=\x01", "multipart/form-data; boundary=", "application/json", "*/*;q=x", "Mon, 99 Foo",
    'theme="\\000"; sessionid="\\000aaaaaaaa"; csrftoken=é; messages=[[', "//evil.example", "javascript:zx9()",
]  # fmt: skip


class Fuzzer:
    """Endless attempts, the same for the same seed and world."""

    def __init__(self, judge: Judge, seed: int) -> None:
        self.judge, self.world, self.random = judge, judge.world, random.Random(seed)
        self.names = sorted(RULES)

    def play(self, count: int) -> None:
        for attempt, permitted in (self.one() for _ in range(count)):
            writes = attempt.method not in {"GET", "HEAD"} and not permitted
            answer = self.judge.send(attempt, compare=writes)
            if writes and answer.written:
                self.judge.verdicts.blame(
                    "unauthorised write", f"{attempt} changed {', '.join(answer.written)}"
                )

    def one(self) -> tuple[Attempt, bool]:
        """An attempt, and whether its person may write there."""
        pick = self.random.choice
        name = pick(self.names)
        rule = RULES[name]
        # Half of them reach the deepest code, as somebody who is let through.
        who = (
            pick(sorted(rule.reads | rule.writes or PEOPLE))
            if self.random.random() < 0.6
            else pick(sorted(PEOPLE))
        )
        path = address(self.world, name, rule) if self.random.random() < 0.9 else self.damaged(name)
        method = pick(["GET", "GET", "POST", "POST", "HEAD", "PUT", "DELETE"])
        fields = filled(self.world, rule.body) if method == "POST" else {}
        for _ in range(self.random.randint(1, 3)):
            fields[self.parameter(name, path)] = self.value()
        return Attempt(who, method, path, fields, self.headers()), who in rule.writes or name in OWN_ROWS

    def damaged(self, name: str) -> str:
        """The address with nonsense for each row that it names."""
        rule = RULES[name]
        path = address(self.world, name, rule)
        for row in rule.rows:
            nonsense = quote(str(self.value(lists=False)), errors="surrogatepass")[:3_000]
            path = path.replace(f"/{self.world.value(row)}/", f"/{nonsense}/")
        return path

    def value(self, *, lists: bool = True) -> Any:
        kinds: list[Any] = [NUMBERS, DAYS, WORDS, WORDS, self.cursors, self.ids]
        return self.random.choice(self.random.choice([*kinds, LISTS] if lists else kinds))

    def headers(self) -> dict[str, str]:
        if self.random.random() < 0.7:
            return {}
        return {self.random.choice(HEADERS): self.random.choice(HEADER_VALUES)}

    def parameter(self, name: str, path: str) -> str:
        known = self.on_page(name)
        return self.random.choice(known if known and self.random.random() < 0.7 else self.everywhere)

    @cached_property
    def ids(self) -> list[str]:
        """Rows that exist: of payments and of the intranet alike."""
        return [str(value) for value in self.world.values.values()]

    @cached_property
    def cursors(self) -> list[str]:
        """Unsigned ones of each type, cut and changed signed ones, and whole ones of other lists."""
        values: list[Any] = [1, "a", None, [1], {}, {"Decimal": "1e3000000"}, {"datetime": "x"}, 1e308, True]
        made = [json.dumps([0, ["-pk"], [value]]) for value in values]
        unsigned = [base64.urlsafe_b64encode(text.encode()).decode() for text in made]
        signed = sorted(set(re.findall(r"cursor=([^&\"]+)", self.page_of_many)))
        return [*unsigned, *signed, *(text[:-3] for text in signed), *(text[::-1] for text in signed)]

    @cached_property
    def page_of_many(self) -> str:
        from tests import cast

        with undone():
            for _ in range(60):
                cast.an_asset()
            return self.world.client("ada").get("/").content.decode()

    @cached_property
    def everywhere(self) -> list[str]:
        """Each parameter that a view reads by name."""
        files = [path for app in APPS for path in (ROOT / app).rglob("*.py")]
        return sorted({name for path in files for name in _read_in(path)} | {"cursor"})

    @cached_property
    def _pages(self) -> dict[str, list[str]]:
        return {}

    def on_page(self, name: str) -> list[str]:
        """The fields and links of the page itself, as its permitted reader gets it."""
        if name not in self._pages:
            rule = RULES[name]
            who = sorted(rule.reads)[0] if rule.reads else "ada"
            answer = self.judge.send(
                Attempt(who, "GET", address(self.world, name, rule), filled(self.world, rule.body))
            )
            fields = re.findall(r"<(?:input|select|textarea|button)[^>]*?name=\"([^\"]+)\"", answer.text)
            self._pages[name] = sorted({*fields, *re.findall(r"[?&;](\w+)=", answer.text)})
        return self._pages[name]


# Addresses where everybody may change what is their own: a write there proves nothing against a person.
OWN_ROWS = {"account_logout", "account_login", "account_reset_password", "account_change_password",
            "account_reset_password_from_key", "exceptions:ask", "patching:enrol", "patching:leave",
            "notify:read"}  # fmt: skip


def _read_in(path: Path) -> Iterator[str]:
    """`name` of each `….GET.get("name")`, `….POST.getlist("name")` and form field of the file."""
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute) and node.args:
            of, first = node.func.value, node.args[0]
            if (
                isinstance(of, ast.Attribute)
                and of.attr in {"GET", "POST"}
                and isinstance(first, ast.Constant)
            ):
                yield str(first.value)
        if isinstance(node, ast.ClassDef) and node.name.endswith(("Form", "Filter")):
            yield from (
                item.targets[0].id
                for item in node.body
                if isinstance(item, ast.Assign) and isinstance(item.targets[0], ast.Name)
            )
