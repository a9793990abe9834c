"""What the days of a request mean for its servers: known by the app that patches them, which this one cannot import."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from importlib import import_module
from typing import Any, Protocol, cast

from django.conf import settings

from exceptions.models import ExceptionRequest
from portal.inventory.models import Asset


@dataclass(frozen=True)
class Consequences:
    """`decide_by`: the next start that a decision would still change; None where no start falls into the days.

    `template` renders facts (`<c-fact>`) from `context`.
    """

    decide_by: datetime | None
    template: str
    context: Mapping[str, Any]


class Teller(Protocol):
    """The module that settings.EXCEPTION_CONSEQUENCES names."""

    def of(
        self, request: ExceptionRequest, assets: Sequence[Asset], now: datetime
    ) -> Consequences: ...  # pragma: no cover

    def deadlines(self, requests: Iterable[ExceptionRequest], now: datetime) -> Mapping[int, datetime]:
        """request pk → until when to decide; absent where no start falls into its days."""
        ...  # pragma: no cover


def teller() -> Teller:
    return cast(Teller, import_module(settings.EXCEPTION_CONSEQUENCES))
