"""Every address × method × person: who reads, who writes, and that nobody else does either."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import product
from typing import Any
from urllib.parse import urlencode

from django.urls import reverse

from tests.attack.judge import Attempt, Judge
from tests.attack.rules import PEOPLE, RULES, Rule
from tests.attack.world import World

READING, WRITING = ("GET", "HEAD"), ("POST", "PUT", "PATCH", "DELETE", "OPTIONS", "TRACE")


def play(judge: Judge, methods: Sequence[str] = (*READING, *WRITING)) -> None:
    """Sends the matrix; about 5,000 requests with all the methods."""
    for name, rule in sorted(RULES.items()):
        for who, method in product(sorted(PEOPLE), methods):
            form = {} if method in READING else filled(judge.world, rule.body)
            check(judge, name, rule, Attempt(who, method, address(judge.world, name, rule), form))


def address(world: World, name: str, rule: Rule) -> str:
    path = reverse(name, args=[world.value(row) for row in rule.rows])
    return f"{path}?{urlencode(filled(world, rule.query))}" if rule.query else path


def filled(world: World, fields: dict[str, Any]) -> dict[str, Any]:
    """The form with the world's rows in place of their names in braces."""
    return {key: str(text).format_map(world.values) for key, text in fields.items()}


def check(judge: Judge, name: str, rule: Rule, attempt: Attempt) -> None:
    answer, blame = judge.send(attempt), judge.verdicts.blame
    if attempt.method == "POST" and attempt.who in rule.writes:
        if not answer.written:
            blame(
                "no write",
                f"{attempt} should have changed something, and its refusal would prove nothing ({answer.status})",
            )
        return
    if answer.written:
        blame("unauthorised write", f"{attempt} changed {', '.join(answer.written)}")
    if attempt.method not in READING or (attempt.method == "HEAD" and answer.status in {405, 429}):
        return
    if attempt.who in rule.reads and answer.refused:
        blame("refused reader", f"{attempt} was answered with {answer.status}")
    if attempt.who not in rule.reads and not answer.refused:
        blame("unauthorised read", f"{attempt} was answered with {answer.status}")
