"""A template's layout does not reach the browser, and nothing that a reader sees changes by it."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from django.conf import settings
from django.template import Context, Engine, Template, engines
from django.template.loader import get_template

from portal.web.loader import Loader
from portal.web.whitespace import BLOCK_COMPONENTS, BLOCK_LEVEL, collapsed

COMPONENTS = Path(settings.BASE_DIR) / "templates" / "components"

SOURCES = {
    "rows": ("<ul>\n  <li>\n    one\n  </li>\n  <li>two</li>\n</ul>\n", "<ul><li>one</li><li>two</li></ul>"),
    "words": ("<p>\n  one\n  two {{ three }}\n</p>", "<p>one two {{ three }}</p>"),
    "inline": ("<p>\n  <b>one</b>\n  <i>two</i>,\n  three\n</p>", "<p><b>one</b> <i>two</i>, three</p>"),
    "blank": ("<b> one </b> <b>two</b>", "<b> one </b> <b>two</b>"),
    "alone": ("one\n{% if a %}\n  two\n{% endif %}\nthree", "one {% if a %}two {% endif %}three"),
    "edge": ("<td>\n  {% if a %}\n    one\n  {% else %}\n    two\n  {% endif %}\n</td>",
             "<td>{% if a %}one{% else %}two{% endif %}</td>"),
    "start": ("<td>{% if a %}\none{% endif %}</td>", "<td>{% if a %}one{% endif %}</td>"),
    "loop": ("<p>\n  {% for a in b %}\n    <a>x</a>\n  {% endfor %}\n</p>",
             "<p>{% for a in b %}<a>x</a> {% endfor %}</p>"),
    "glued": ("one{% if a %},\n  two{% endif %}.", "one{% if a %}, two{% endif %}."),
    "attributes": ('<a\n  href="x"\n  {% if a %}\n    title="y"\n  {% endif %}\n  {{ more }}\n>z</a>',
                   '<a href="x"{% if a %} title="y"{% endif %} {{ more }}>z</a>'),
    "marks": ('<a t="a > b"\n  x="{% if a > b %}">\n  z</a>', '<a t="a > b" x="{% if a > b %}">z</a>'),
    "hidden": ('one\n<input type="hidden">\ntwo', 'one<input type="hidden">two'),
    "token": ("<form>\n  {% csrf_token %}\n  one\n</form>", "<form>{% csrf_token %}one</form>"),
    "remark": ("<p>\n  {# why #}\n  one\n</p>", "<p>{# why #}one</p>"),
    "written": ("<pre>\n a\n  b\n</pre>\n", "<pre>\n a\n  b\n</pre>"),
    "typed": ("<p>\n  <textarea\n    name='a'>\n\n b</textarea>\n</p>", "<p><textarea name='a'>\n\n b</textarea></p>"),
    "script": ("<script>\n// one\ntwo\n</script>", "<script>\n// one\ntwo\n</script>"),
}  # fmt: skip


@pytest.mark.parametrize("name", SOURCES)
def test_a_line_break_is_nothing_or_one_blank(name: str) -> None:
    source, expected = SOURCES[name]
    assert collapsed(source) == expected


@pytest.mark.parametrize("name", SOURCES)
def test_it_changes_nothing_that_it_has_already_changed(name: str) -> None:
    expected = SOURCES[name][1]
    assert collapsed(expected) == expected


@pytest.mark.parametrize("a", [True, False])
def test_words_never_run_together_whichever_branch_is_taken(a: bool) -> None:
    source = (
        "<p>\n  Leave\n  {% if a %}\n    <b>one</b>\n  {% else %}\n    all\n  {% endif %}\n  as it is.\n</p>"
    )
    html = Template(collapsed(source)).render(Context({"a": a}))
    assert re.sub("<[^>]+>", "", html).split() == ["Leave", "one" if a else "all", "as", "it", "is."]
    assert "  " not in html


def test_every_template_comes_through_the_loader_and_is_kept() -> None:
    page = get_template("base.html")
    assert isinstance(page.template.origin.loader, Loader)  # type: ignore[attr-defined]
    assert "\n" not in page.template.source  # type: ignore[attr-defined]
    assert get_template("base.html").template is page.template  # type: ignore[attr-defined]


def test_a_component_comes_through_it_too() -> None:
    html = get_template("web/error.html").render(
        {"title": "Gone", "status": 404, "sentence": "It is not here."}
    )
    assert '<div class="head"><div><p class="quiet">Error 404</p><h1>Gone</h1>' in html


def test_a_mail_keeps_its_lines() -> None:
    engine: Engine = engines["django"].engine  # type: ignore[attr-defined]
    name = "account/email/password_reset_key_message.txt"
    assert engine.get_template(name).source == (COMPONENTS.parent / name).read_text()


@pytest.mark.parametrize("file", sorted(COMPONENTS.glob("*.html")), ids=lambda file: file.stem)
def test_the_loader_knows_which_components_are_block_level(file: Path) -> None:
    drawn = re.sub(r"<c-vars[^>]*?/>|\{%.*?%\}", "", file.read_text(), flags=re.DOTALL).strip()
    tag, drawn_by_tag = re.match(r"<(\w+)", drawn), {"pill": "span", "toast": "div", "tab": "a"}
    outermost = drawn_by_tag.get(file.stem) or (tag[1] if tag else "")
    listed = f"c-{file.stem.replace('_', '-')}" in BLOCK_COMPONENTS
    assert listed == (outermost in BLOCK_LEVEL or file.stem in {"stat", "field"}), outermost
