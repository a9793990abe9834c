"""Every address of the site, filled in with rows that are there, and its dearest filters."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any
from uuid import UUID

from tests.benchmarks.history import History

# What costs most: searches that find nothing, whole reports, and the audit trail from its far end.
FILTERS = {
    "reports:my-servers": (
        "q=zzzz",
        "sort=-application",
        "state=success",
        "window=window-03",
        "account=222200000001",
    ),
    "reports:run-report": ("q=zzzz", "state=done"),
    "reports:packages": ("q=zzzz",),
    "reports:search": ("q=app01", "q=zzzz"),
    "patching:runs": ("q=zzzz", "state=patching"),
    "patching:run": ("q=zzzz", "show=danger"),
    "patching:plan": ("at=now",),
    "exceptions:register": ("q=zzzz",),
    "inventory:coverage": ("q=zzzz",),
    "audit:events": (
        "q=zzzz",
        "actor=zzzz",
        "kind=window",
        "q=app01-000041",
        "since=2020-01-01&until=2020-02-01",
    ),
}


@dataclass
class Site:
    """Keys of rows that stand for their kind."""

    history: History
    cookies: dict[str, str] = field(default_factory=dict)

    @property
    def large(self) -> int:
        return self.history.all_runs[-1].pk

    @property
    def usual(self) -> int:
        """A run under way."""
        return next(run.pk for run in reversed(self.history.all_runs) if run.state == "patching")

    @property
    def names(self) -> dict[str, int]:
        return {"large": self.large, "usual": self.usual}

    def arguments(self) -> dict[str, list[Any]]:
        """What stands for each placeholder of an address; runs are there twice, a usual one and the largest."""
        from patching.models import HostReport

        server = HostReport.objects.filter(target__asset=41).latest("pk").pk
        snapshot = UUID(int=self.history.all_runs[-1].target)
        return {"report": [server], "slug": ["window-03"], "uuid": [snapshot], "digest": ["none"], "grant": [1],
                "run": [self.usual, self.large], "server": [41], "case": [11, 10], "person": [self.history.keys["ana"]],
                "account": [1], "fault": [41]}  # fmt: skip


# What `pk` means, by how the address begins.
PK = {"runs/": "run", "servers/": "server", "exceptions/": "case", "people/": "person", "aws-accounts/": "account",
      "recurring-faults/": "fault", "snapshots/": "uuid"}  # fmt: skip


def addresses(site: Site) -> Iterator[tuple[str, str]]:
    """(name, address) of every page that has a name in a namespace of ours, and of its dearest filters."""
    from django.urls import URLResolver, get_resolver

    known = site.arguments()

    def walk(resolver: URLResolver, before: str, space: str) -> Iterator[tuple[str, str]]:
        for entry in resolver.url_patterns:
            route = before + str(entry.pattern)
            if isinstance(entry, URLResolver):
                yield from walk(entry, route, entry.namespace or space)
            elif entry.name and space:
                for address in filled(route, known):
                    yield f"{space}:{entry.name}", address
                    yield from (
                        (f"{space}:{entry.name}", f"{address}?{q}")
                        for q in FILTERS.get(f"{space}:{entry.name}", ())
                    )

    return walk(get_resolver(), "/", "")


def filled(route: str, known: dict[str, list[Any]]) -> list[str]:
    """The route with its placeholders filled in, once for each row that stands for the kind."""
    start = route.find("<")
    if start < 0:
        return [route]
    end = route.index(">")
    name = route[start + 1 : end].partition(":")[2]
    kind = (
        next((kind for begins, kind in PK.items() if route.startswith(f"/{begins}")), "")
        if name == "pk"
        else name
    )
    assert kind in known, f"No row stands for {name} of {route}; teach this benchmark."
    return [
        more for value in known[kind] for more in filled(f"{route[:start]}{value}{route[end + 1 :]}", known)
    ]
