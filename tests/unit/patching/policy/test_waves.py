"""Waves as a person writes them, and the sentence for what is not one."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from patching.policy.waves import WaveRefused, WaveRule, parse, words

LINES = {
    "2 servers, then wait 30 min": WaveRule("Canary", count=2, bake_s=1800),
    "1 server": WaveRule("Canary", count=1),
    "5": WaveRule("Canary", count=5),
    "10 %": WaveRule("Canary", percent=10),
    "10%, then wait 5 minutes; stop above 0 %": WaveRule("Canary", percent=10, bake_s=300, stop_at_error_percent=0),
    "Environment = test, dev": WaveRule("Canary", tag="Environment", values=("test", "dev")),
    "First: Environment = test; then wait 60 min": WaveRule("First", tag="Environment", values=("test",), bake_s=3600),
}  # fmt: skip


@pytest.mark.parametrize("line", LINES)
def test_a_line_is_a_wave(line: str) -> None:
    assert parse(line) == (LINES[line],)


@pytest.mark.parametrize("line", LINES)
def test_the_words_are_read_back(line: str) -> None:
    rules = parse(f"{line}\n\n 25 %\n")
    assert parse(words(rules)) == rules
    assert tuple(WaveRule.from_json(rule.to_json()) for rule in rules) == rules


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("a few", "Line 1, 'a few', does not describe a wave. Write `2 servers"),
        ("2\n10 % then wait long", "Line 2, '10 % then wait long', does not describe a wave"),
        ("0 servers", "Line 1: a wave of no servers proves nothing"),
        ("0 %", "Line 1: a share lies between 1 and 100 %"),
        ("101 %", "Line 1: a share lies between 1 and 100 %"),
        ("2, stop above 200 %", "Line 1: a share lies between 1 and 100 %"),
        ("Environment = ,", "Line 1: no value of the tag Environment is named"),
        ("2, then wait 721 min", "Line 1: 720 minutes are the longest wait"),
        ("1\n" * 21, "There are 21 waves; at most 20 are allowed"),
    ],
)
def test_what_is_no_wave_is_told_with_its_line(text: str, said: str) -> None:
    with pytest.raises(WaveRefused, match=said.replace("(", r"\(")):
        parse(text)


@given(st.text(max_size=200))
def test_any_text_is_read_or_refused(text: str) -> None:
    try:
        rules = parse(text)
    except WaveRefused:
        return
    assert all(sum((rule.count is not None, rule.percent is not None, bool(rule.tag))) == 1 for rule in rules)
