"""Which servers a request is about."""

from __future__ import annotations

from django.http import QueryDict

from portal.access.rules import Denied, Invalid
from portal.inventory.models import Asset
from portal.inventory.rules import NOT_YOURS
from portal.web.requests import SignedIn

MOST_ASSETS = 5000


def chosen_assets(request: SignedIn) -> list[Asset]:
    """The servers named by `ids` or `asset`, each once, by name; several may share one field, joined by commas.

    Raises Denied in the same words for somebody else's server as for one that does not exist.
    """
    ids = _ids(request)
    if len(ids) > MOST_ASSETS:
        raise Invalid(
            f"{len(ids):,} servers are too many at once; choose up to {MOST_ASSETS:,}.", field="assets"
        )
    seen = Asset.objects.visible_to(request.user).filter(pk__in=[int(pk) for pk in ids])
    found = list(seen.select_related("account").order_by("name", "pk"))
    if len(found) != len(ids):
        raise Denied(NOT_YOURS)
    return found


def _ids(request: SignedIn) -> set[str]:
    named = _named(request.POST) or _named(request.GET)
    ids = {part.strip().lstrip("0") for field in named for part in field.split(",") if part.strip()}
    strange = [pk for pk in ids if not (pk.isascii() and pk.isdecimal() and len(pk) < 19)]
    if strange:
        raise Denied(NOT_YOURS)
    return ids


def _named(fields: QueryDict) -> list[str]:
    return [*fields.getlist("ids"), *fields.getlist("asset")]
