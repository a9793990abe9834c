"""Tags and filters that every template has: times, numbers, state pills, icons, charts, pager, month grid.

All of them are plain Python (no sub-templates) where they are used in rows, because a list holds fifty.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import date, datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

from django import template
from django.conf import settings
from django.forms import BoundField
from django.template import Context
from django.urls import reverse
from django.utils import timezone
from django.utils.html import format_html, format_html_join
from django.utils.safestring import SafeString

from portal import sentences
from portal.tones import Tone
from portal.web import charts, moments, names
from portal.web.chrome import Chrome
from portal.web.month import Month
from portal.web.paging import Page

register = template.Library()

TONES = frozenset(Tone)
NOTHING = SafeString('<span class="quiet">–</span>')


def icon_svg(name: str) -> SafeString:
    return format_html('<svg class="icon" aria-hidden="true"><use href="#i-{}"/></svg>', name)


def pill_html(label: Any, tone: str = Tone.UNKNOWN, url: str = "") -> SafeString:
    """Shape, colour and word of a state. Raises ValueError for a tone that is none of the five."""
    if tone not in TONES:
        raise ValueError(f"{tone!r} is not a tone; use one of {', '.join(Tone)}.")
    shape = icon_svg(f"state-{tone}")
    if url:
        return format_html('<a class="pill {}" href="{}">{}{}</a>', tone, url, shape, label)
    return format_html('<span class="pill {}">{}{}</span>', tone, shape, label)


@register.simple_tag
def icon(name: str) -> SafeString:
    """An icon of the sprite; it is decoration, so the words beside it must say the same."""
    return icon_svg(name)


@register.simple_tag
def state_pill(label: Any, tone: str = Tone.UNKNOWN, url: str = "") -> SafeString:
    return pill_html(label, tone, url)


@register.simple_tag
def why(sentence: Any) -> SafeString:
    """The line under a state that says why; nothing where there is nothing to say."""
    return format_html('<span class="why">{}</span>', sentence) if sentence else SafeString("")


@register.simple_tag
def kernel(before: str | None, after: str | None = "", brief: bool = False) -> SafeString:
    """One kernel, or the way from one to another, on one line: shortened in the middle, whole where it is looked at."""
    return names.kernel(before or "", after or "", brief=brief)


@register.simple_tag
def cut(name: Any) -> SafeString:
    """A name on one line: what does not fit is in its title."""
    return format_html('<span class="cut-name" title="{}">{}</span>', name, name)


@register.simple_tag(takes_context=True)
def when(
    context: Context, moment: datetime | None, zone: Any = None, style: str = "auto", empty: str = "never"
) -> SafeString:
    """The one way to show a time. Styles: auto, full, day, clock, distance; zone: name or ZoneInfo."""
    if not moment:
        return format_html('<span class="quiet">{}</span>', empty)
    return moments.moment_html(moment, zone=_zone(context, zone), now=timezone.now(), style=style)


@register.simple_tag(takes_context=True)
def whens(context: Context, times: Iterable[datetime], zone: Any = None, style: str = "full") -> SafeString:
    """Several times in a row, as `when` shows each."""
    return format_html_join("; ", "{}", ((when(context, moment, zone, style),) for moment in times))


@register.simple_tag
def few(things: Sequence[Any], address: str = "", most: int = 6, total: int = 0) -> SafeString:
    """The names of the first ones and how many more there are; `address` names the page of one, to link to it.

    `total`: how many there are, where `things` are only the first ones. Names stand for themselves.
    """
    first, total = things[:most], total or len(things)
    named = [
        (reverse(address, args=[thing.pk]) if address else "", getattr(thing, "label", thing))
        for thing in first
    ]
    shown = [format_html('<a href="{}">{}</a>', url, label) if url else label for url, label in named]
    more = f" and {total - len(first):,} more" if total > len(first) else ""
    return format_html("{}{}", format_html_join(", ", "{}", ((name,) for name in shown)), more)


@register.simple_tag(takes_context=True)
def between(context: Context, start: datetime, end: datetime, zone: Any = None) -> SafeString:
    """From–to in local time, UTC in the title."""
    words = moments.interval_words(start, end, zone=_zone(context, zone), now=timezone.now())
    title = f"{moments.utc_words(start)} – {moments.utc_words(end)}"
    return format_html(
        '<time datetime="{}" title="{}">{}</time>', start.isoformat(timespec="seconds"), title, words
    )


@register.filter
def of_field(sentence: Any, label: Any) -> str:
    """A form's sentence where the field is not beside it: its label ahead, unless the sentence begins with it."""
    named = str(sentence).lstrip("“").startswith(str(label))
    return str(sentence) if named else f"{label}: {sentence}"


@register.filter
def is_optional(field: BoundField) -> bool:
    """Whether it may stay empty. A field that only one of the form's buttons asks for says `needed`."""
    return not field.field.required and not getattr(field.field, "needed", False)


@register.filter
def utc(moment: datetime | None) -> str:
    return moments.utc_words(moment) if moment else ""


@register.filter
def duration(length: timedelta | float | None) -> str:
    """A timedelta or a count of seconds in words."""
    if length is None:
        return ""
    return moments.duration_words(
        length if isinstance(length, timedelta) else timedelta(seconds=float(length))
    )


@register.filter
def number(value: float | str | None) -> str | SafeString:
    """1240 → 1,240; nothing → a dash, because nothing is not zero. Components hand numbers over as text."""
    return NOTHING if value is None or value == "" else charts.number(float(value))


@register.filter
def percent(part: float, whole: float) -> str:
    """`38 %`; a share of nothing is a dash. 100 % is said only when all are there."""
    if not whole:
        return "–"
    share = part / whole * 100
    return f"{int(share) if 99 < share < 100 else round(share)} %"


@register.filter
def counted(count: int, noun: str) -> str:
    """`{{ 1|counted:"server" }}` → 1 server; other plurals as "entry,entries"."""
    return sentences.counted(count, noun)


@register.filter
def inside(words: str) -> str:
    """The beginning of a sentence in the middle of another."""
    return sentences.inside_a_sentence(str(words))


@register.simple_tag(takes_context=True)
def sort_header(context: Context, field: str, label: str, css: str = "") -> SafeString:
    """A column head that sorts: first click ascending, second descending. The address keeps the filters."""
    query = context["request"].GET.copy()
    now = query.get("sort", "")
    query["sort"] = f"-{field}" if now == field else field
    query.pop("cursor", None)
    state = {field: "ascending", f"-{field}": "descending"}.get(now, "none")
    return format_html(
        '<th scope="col" class="{}" aria-sort="{}"><a class="sort" href="?{}">{}{}</a></th>',
        css,
        state,
        query.urlencode(),
        label,
        icon_svg({"ascending": "up", "descending": "down"}.get(state, "sort")),
    )


@register.simple_tag
def stacked_bar(parts: Iterable[Any], title: str) -> SafeString:
    return charts.stacked_bar(charts.parts_of(parts), title)


@register.simple_tag
def donut(parts: Iterable[Any], title: str, middle: str = "") -> SafeString:
    return charts.donut(charts.parts_of(parts), title, middle)


@register.simple_tag
def bar_chart(parts: Iterable[Any], title: str) -> SafeString:
    return charts.bars(charts.parts_of(parts), title)


@register.simple_tag
def line_chart(points: Sequence[tuple[str, float]], title: str, tone: str = "accent") -> SafeString:
    return charts.line(points, title, tone)


@register.simple_tag
def heat_strip(cells: Iterable[Any], title: str) -> SafeString:
    return charts.heat_strip(charts.parts_of(cells), title)


@register.inclusion_tag("web/_legend.html")
def legend(parts: Iterable[Any]) -> dict[str, Any]:
    """The figures of a chart as text: shape, count, word; a link where the part has one."""
    return {"parts": charts.parts_of(parts)}


@register.inclusion_tag("web/_pager.html", takes_context=True)
def pager(context: Context, page: Page, total: int | None = None, capped: bool = False) -> dict[str, Any]:
    return {"page": page, "total": total, "capped": capped, "request": context["request"]}


@register.inclusion_tag("web/_month.html", takes_context=True)
def month_grid(context: Context, month: Month, label: str = "") -> dict[str, Any]:
    return {"month": month, "label": label, "request": context["request"]}


@register.filter
def month_value(day: date) -> str:
    return f"{day:%Y-%m}"


def _zone(context: Context, zone: Any) -> ZoneInfo:
    if zone:
        return zone if isinstance(zone, ZoneInfo) else ZoneInfo(str(zone))
    chrome = context.get("chrome")
    return chrome.zone if isinstance(chrome, Chrome) else ZoneInfo(settings.DISPLAY_TIME_ZONE)
