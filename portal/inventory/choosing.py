"""Which servers a request is about: named one by one, or by a selection that was kept."""

from __future__ import annotations

import uuid
from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import cached_property

from django.db.models import BigIntegerField, F, Func, QuerySet
from django.http import QueryDict

from portal.access.models import User
from portal.access.rules import Denied, Invalid
from portal.inventory.models import Asset, AssetQuerySet, Selection
from portal.inventory.rules import NOT_YOURS
from portal.web.requests import SignedIn

MOST_NAMED = 5000
OVER = "This choice of servers is over: it is kept for a day. Choose them again in the list."


@dataclass(frozen=True)
class Chosen:
    """The chosen servers that the person may see now, by name; what a page shows of them is counted by the database."""

    rows: QuerySet[Asset]
    field: str  # the hidden field that names them again, and its value
    value: str
    key: uuid.UUID | None = None  # of the selection, where it is one
    gone: Sequence[str] = ()  # what those were called that were chosen and cannot be seen any more

    @cached_property
    def count(self) -> int:
        return self.rows.count()

    @cached_property
    def only(self) -> Asset | None:
        """The server, where it is one."""
        return self.rows.first() if self.count == 1 else None


def chosen(request: SignedIn) -> Chosen:
    """Raises Denied in the same words for somebody else's server as for one that does not exist."""
    key = request.POST.get("selection") or request.GET.get("selection")
    return selected(request.user, key) if key else _named(request)


def _named(request: SignedIn) -> Chosen:
    """By `ids` or `asset`, each once; several may share one field, joined by commas."""
    ids = _ids(request)
    if len(ids) > MOST_NAMED:
        raise Invalid(
            f"{len(ids):,} servers are too many at once; choose up to {MOST_NAMED:,}.", field="assets"
        )
    rows = _visible(request.user).filter(pk__in=[int(pk) for pk in ids])
    found = Chosen(rows, "ids", ",".join(ids))
    if found.count != len(ids):
        raise Denied(NOT_YOURS)
    return found


def selected(user: User, key: str) -> Chosen:
    """By a selection of this person; those that have gone, or are no longer theirs, are named by what they were.

    Raises Invalid where there is no such selection any more.
    """
    selection = Selection.objects.filter(key=_uuid(key), user=user)
    kept = selection.first()
    if kept is None:
        raise Invalid(OVER, field="selection")
    ids = Func(F("asset_ids"), function="unnest", output_field=BigIntegerField(), set_returning=True)
    rows = _visible(user).present().filter(pk__in=selection.values(pk_of=ids))
    found = Chosen(rows, "selection", str(kept.key), kept.key)
    return found if found.count == len(kept.asset_ids) else replace(found, gone=_gone(kept, found.rows))


def _gone(kept: Selection, rows: QuerySet[Asset]) -> list[str]:
    there = set(rows.order_by().values_list("pk", flat=True))
    return [label for pk, label in zip(kept.asset_ids, kept.labels, strict=True) if pk not in there]


def _visible(user: User) -> AssetQuerySet:
    rows: AssetQuerySet = Asset.objects.visible_to(user).order_by("name", "pk")
    return rows


def _uuid(key: str) -> uuid.UUID:
    try:
        return uuid.UUID(key)
    except ValueError as error:
        raise Invalid(OVER, field="selection") from error


def _ids(request: SignedIn) -> list[str]:
    named = _fields(request.POST) or _fields(request.GET)
    ids = {part.strip().lstrip("0") for field in named for part in field.split(",") if part.strip()}
    strange = [pk for pk in ids if not (pk.isascii() and pk.isdecimal() and len(pk) < 19)]
    if strange:
        raise Denied(NOT_YOURS)
    return sorted(ids, key=int)


def _fields(fields: QueryDict) -> list[str]:
    return [*fields.getlist("ids"), *fields.getlist("asset")]
