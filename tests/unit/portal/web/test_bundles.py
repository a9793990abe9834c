from __future__ import annotations

import gzip
import re

import pytest
from django.test import Client

from portal.web.bundles import bundle, script_url, stylesheet_url


@pytest.mark.parametrize(("address", "kind"), [(stylesheet_url, "text/css"), (script_url, "text/javascript")])
def test_it_is_served_to_anybody_for_ever(address: object, kind: str) -> None:
    answer = Client().get(address(), headers={"Accept-Encoding": "gzip"})  # type: ignore[operator]
    assert answer.status_code == 200
    assert answer["Content-Type"].startswith(kind)
    assert "immutable" in answer["Cache-Control"]
    assert answer["Content-Encoding"] == "gzip"
    assert gzip.decompress(answer.content) in (bundle("css").text, bundle("js").text)


def test_without_gzip_the_text_comes_plain() -> None:
    answer = Client().get(stylesheet_url(), headers={"Accept-Encoding": "identity"})
    assert answer.content == bundle("css").text
    assert "Content-Encoding" not in answer


def test_an_address_from_before_an_update_is_answered_but_not_kept() -> None:
    answer = Client().get("/bundle/app.0123456789ab.css")
    assert answer.status_code == 200
    assert answer["Cache-Control"] == "no-cache"


def test_the_order_of_layers_comes_first_and_every_rule_lies_in_a_layer() -> None:
    text = re.sub(r"/\*.*?\*/", "", bundle("css").text.decode(), flags=re.DOTALL)
    assert text.lstrip().startswith("@layer reset, tokens, base, layout, components, pages, overrides;")
    depth, heads = 0, []
    for piece in re.findall(r"[{}]|[^{};]+[;]?", text):
        if piece in "{}":
            depth += 1 if piece == "{" else -1
        elif depth == 0 and piece.strip():
            heads.append(piece.strip())
    assert depth == 0
    assert [head for head in heads if not head.startswith("@layer ")] == []


def test_a_first_visit_stays_light() -> None:
    assert len(bundle("css").zipped) < 16_000
    assert len(bundle("js").zipped) < 6_000
