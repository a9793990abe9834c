"""Kernels on one line: what tells them apart is kept, and the whole name is always there."""

from __future__ import annotations

import re

import pytest

from portal.web.names import kernel, shortened

AMAZON, RED_HAT = "6.1.112-122.189.amzn2023.x86_64", "5.14.0-427.13.1.el9_4.x86_64"


def words(html: str) -> str:
    return " ".join(re.sub(r"<[^>]+>", " ", html).split())


@pytest.mark.parametrize(
    ("name", "short"),
    [
        (AMAZON, "6.1.112-122.189.a…x86_64"),
        (RED_HAT, "5.14.0-427.13.1.e…x86_64"),
        ("6.1.0-25-cloud-amd64", "6.1.0-25-cloud-amd64"),
        ("x" * 25, "x" * 25),
        ("x" * 26, "x" * 17 + "…" + "x" * 6),
        ("", ""),
    ],
)
def test_the_middle_gives_way_and_only_where_it_saves_something(name: str, short: str) -> None:
    assert shortened(name, 17) == short


@pytest.mark.parametrize(
    ("before", "after", "brief", "told"),
    [
        ("", "", False, "–"),
        ("6.1.96", "", False, "6.1.96"),
        ("6.1.96", "6.1.96", False, "6.1.96"),
        ("6.1.96", "6.1.112", False, "6.1.96 → 6.1.112"),
        ("6.1.96", "6.1.112", True, "→ 6.1.112 6.1.96 → 6.1.112"),
        ("", "6.1.112", False, "unknown → 6.1.112"),
        (AMAZON, "", True, f"6.1.112-122.189.a…x86_64 {AMAZON}"),
        (RED_HAT, AMAZON, False, f"5.14.0-427.13.…x86_64 → 6.1.112-122.18…x86_64 {RED_HAT} → {AMAZON}"),
        (RED_HAT, AMAZON, True, f"→ 6.1.112-122.189.a…x86_64 {RED_HAT} → {AMAZON}"),
    ],
)
def test_the_line_and_the_whole_behind_it(before: str, after: str, brief: bool, told: str) -> None:
    assert words(kernel(before, after, brief=brief)) == told


def test_a_name_that_looks_like_html_is_only_text() -> None:
    html = kernel("<img src=x onerror=alert(1)>" * 3, "<b>")
    assert "<img" not in html
    assert "&lt;img" in html
