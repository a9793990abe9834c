"""What surrounds every page: navigation, banners, theme and the reader's time zone."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any
from zoneinfo import ZoneInfo

from django.conf import settings
from django.http import HttpRequest
from django.urls import reverse
from django.utils.module_loading import import_string

from portal.tones import Tone

HOME = "/"  # the first page of all
THEMES = ("system", "light", "dark")
THEME_COOKIE = "theme"


@dataclass(frozen=True)
class NavEntry:
    """One link of the navigation. Section "" stands in the bar; any other is a heading under More.

    `count` is work that waits for this reader; 0 shows nothing.
    """

    label: str
    url_name: str
    count: int = 0
    section: str = ""
    order: int = 0


@dataclass(frozen=True)
class Banner:
    """One line across every page, e.g. the global pause. `template` renders what may be done about it."""

    text: str
    tone: str = Tone.ATTENTION
    template: str = ""
    context: dict[str, Any] = field(default_factory=dict)


@dataclass(frozen=True)
class Link:
    label: str
    url: str
    count: int
    current: bool


class Chrome:
    """Read lazily by the templates: a fragment that shows no navigation asks no provider."""

    def __init__(self, request: HttpRequest) -> None:
        self.request = request

    @cached_property
    def theme(self) -> str:
        chosen = self.request.COOKIES.get(THEME_COOKIE, "system")
        return chosen if chosen in THEMES else "system"

    @property
    def themes(self) -> tuple[str, ...]:
        return THEMES

    @cached_property
    def zone(self) -> ZoneInfo:
        name = getattr(getattr(self.request, "user", None), "time_zone", "") or settings.DISPLAY_TIME_ZONE
        return ZoneInfo(str(name))

    @cached_property
    def bar(self) -> list[Link]:
        return self._sections.get("", [])

    @property
    def address(self) -> str:
        """Of this page, for paper. By the portal's own name: that of the request may be a stranger's."""
        return f"{settings.PORTAL_URL}{self.request.get_full_path()}"

    @cached_property
    def waiting(self) -> Link | None:
        """The first link of the bar whose work waits for this reader."""
        return next((link for link in self.bar if link.count), None)

    @property
    def start(self) -> str:
        """Where the reader begins: with the work that waits, else with the first page of all."""
        return self.waiting.url if self.waiting else HOME

    @cached_property
    def more(self) -> dict[str, list[Link]]:
        return {name: links for name, links in self._sections.items() if name}

    @cached_property
    def more_is_current(self) -> bool:
        return any(link.current for links in self.more.values() for link in links)

    @cached_property
    def banners(self) -> list[Banner]:
        return [banner for provider in _providers("PORTAL_BANNERS") for banner in provider(self.request)]

    @cached_property
    def search_url(self) -> str:
        name = getattr(settings, "PORTAL_SEARCH", "")
        return reverse(name) if name else ""

    @cached_property
    def _sections(self) -> dict[str, list[Link]]:
        found = [entry for provider in _providers("PORTAL_NAV") for entry in provider(self.request)]
        found.sort(key=lambda entry: (entry.order, entry.label))
        urls = [reverse(entry.url_name) for entry in found]
        here = current_url(self.request.path, urls)
        sections: dict[str, list[Link]] = {}
        for entry, url in zip(found, urls, strict=True):
            link = Link(entry.label, url, entry.count, current=url == here)
            sections.setdefault(entry.section, []).append(link)
        return sections


def current_url(path: str, urls: list[str]) -> str:
    """The entry that holds this page: the longest address that the path begins with; '' if none does."""
    holding = [url for url in urls if path == url or (url != "/" and path.startswith(url))]
    return max(holding, key=len, default="")


def _providers(setting: str) -> list[Callable[[HttpRequest], list[Any]]]:
    return [import_string(path) for path in getattr(settings, setting, [])]
