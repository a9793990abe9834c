"""Who may act on servers: enrol them, or ask for an exception."""

from __future__ import annotations

from django.db.models import QuerySet

from portal.access.models import User
from portal.access.queries import scope_of
from portal.access.rules import Denied, Invalid
from portal.access.states import Role
from portal.inventory.models import Asset
from portal.inventory.rules import NOT_YOURS


def check_owned(assets: QuerySet[Asset], by: User) -> None:
    """Somebody else's server is refused in the same words as one that does not exist."""
    if not assets.exists():
        raise Invalid("Choose at least one server.", field="assets")
    covered = scope_of(by.grants_now(Role.OWNER, Role.ADMIN))
    if assets.exclude(pk__in=assets.order_by().filter(covered).values("pk")).exists():
        raise Denied(NOT_YOURS)
    gone = [asset.label for asset in assets.exclude(gone_at=None)[:5]]
    if gone:
        raise Invalid(f"{', '.join(gone)} no longer exists. Leave it out.", field="assets")
