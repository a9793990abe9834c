from __future__ import annotations

import re
from datetime import UTC, datetime

import pytest
from django.contrib.auth.models import AnonymousUser
from django.http import QueryDict
from django.template import Context, Template
from django.test import RequestFactory

from portal.web.charts import Part, parts_of, widths
from portal.web.chrome import Chrome, NavEntry, current_url
from portal.web.filters import chips_of
from portal.web.gallery import SampleForm
from portal.web.templatetags import portal_ui


def rendered(source: str, **context: object) -> str:
    return Template(source).render(Context(context))


def test_a_state_is_shape_colour_and_word() -> None:
    html = rendered("{% state_pill label 'danger' %}", label="<Failed>")
    assert 'class="pill danger"' in html
    assert "#i-state-danger" in html
    assert "&lt;Failed&gt;" in html


def test_a_tone_without_a_colour_is_refused() -> None:
    with pytest.raises(ValueError, match="'red' is not a tone"):
        portal_ui.pill_html("Failed", "red")


def test_no_time_is_said_and_not_left_blank() -> None:
    assert rendered("{% when nothing %}", nothing=None) == '<span class="quiet">never</span>'


def test_a_time_is_shown_in_the_zone_asked_for() -> None:
    moment = datetime(2020, 7, 1, 12, tzinfo=UTC)
    assert "14:00 Berlin" in rendered("{% when moment zone='Europe/Berlin' style='full' %}", moment=moment)


def test_a_component_shows_a_time_too() -> None:
    moment = datetime(2020, 7, 1, 12, tzinfo=UTC)
    html = rendered("{% when moment zone='UTC' style='full' %}", moment=moment)
    assert "Wed 1 Jul 2020, 12:00 UTC" in html


def test_numbers_have_separators_and_nothing_is_a_dash() -> None:
    assert portal_ui.number(1240) == "1,240"
    assert portal_ui.number("412") == "412"
    assert "–" in portal_ui.number(None)


def test_all_but_one_is_not_all() -> None:
    assert portal_ui.percent(1239, 1240) == "99 %"
    assert portal_ui.percent(1240, 1240) == "100 %"
    assert portal_ui.percent(0, 0) == "–"


def test_one_is_singular() -> None:
    assert [portal_ui.counted(n, "server") for n in (0, 1, 2000)] == [
        "0 servers",
        "1 server",
        "2,000 servers",
    ]
    assert portal_ui.counted(2, "entry,entries") == "2 entries"


def test_small_shares_stay_visible_and_the_bar_is_full() -> None:
    found = widths([100_000, 1, 0])
    assert found[1] >= 6
    assert found[2] == 0
    assert sum(found) == pytest.approx(1000)


def test_charts_hold_no_inline_style_and_say_their_numbers() -> None:
    html = rendered(
        "{% stacked_bar parts 'Tonight' %}{% donut parts 'Tonight' %}", parts=[("failed", 9, "danger")]
    )
    assert "style=" not in html
    assert html.count('aria-label="Tonight: 9 failed"') == 2


def test_a_chart_refuses_an_unknown_meaning() -> None:
    with pytest.raises(ValueError, match="is not a tone"):
        parts_of([Part("x", 1, "purple")])


def test_chips_say_the_words_and_take_one_filter_off() -> None:
    query = QueryDict("window=sat&reason=x&kind=audit&until=2026-12-12&sort=name&cursor=abc")
    chips = {chip.label: chip for chip in chips_of(SampleForm(query), query)}
    assert chips["Window"].value == "Saturday production, 22:00"
    assert "window=" not in chips["Window"].remove_url
    assert "sort=name" in chips["Window"].remove_url
    assert "cursor" not in chips["Window"].remove_url


def test_the_longest_address_is_the_current_one() -> None:
    assert current_url("/runs/7/", ["/", "/runs/", "/runs/7/"]) == "/runs/7/"
    assert current_url("/other/", ["/", "/runs/"]) == ""


def test_navigation_comes_from_the_apps_in_order(settings: object, monkeypatch: pytest.MonkeyPatch) -> None:
    entries = [
        NavEntry("B", "web:design", order=2),
        NavEntry("A", "account_login", order=1, section="Set-up"),
    ]
    monkeypatch.setattr("portal.web.chrome._providers", lambda name: [lambda request: entries])
    chrome = Chrome(RequestFactory().get("/design/"))
    assert [(link.label, link.current) for link in chrome.bar] == [("B", True)]
    assert [link.label for link in chrome.more["Set-up"]] == ["A"]


def test_a_broken_theme_cookie_means_the_system() -> None:
    request = RequestFactory().get("/")
    request.COOKIES["theme"] = '"><script>'
    request.user = AnonymousUser()
    assert Chrome(request).theme == "system"


def test_every_icon_that_is_asked_for_is_in_the_sprite() -> None:
    from pathlib import Path

    from django.conf import settings

    folder = Path(settings.BASE_DIR) / "templates"
    sprite = set(re.findall(r'id="i-([\w-]+)"', (folder / "web/_sprite.html").read_text()))
    asked = {
        name
        for file in folder.rglob("*.html")
        for name in re.findall(r"(?:{% icon \"|icon_name=\"|#i-)([\w-]+)\"", file.read_text())
        if not name.endswith("-")
    }
    assert asked <= sprite


def test_a_sentence_that_begins_with_its_field_is_not_labelled_twice():
    assert (
        portal_ui.of_field("“Length” is 3; give 15 or more.", "Length") == "“Length” is 3; give 15 or more."
    )
    assert portal_ui.of_field("Write a reason.", "Reason") == "Reason: Write a reason."
