"""Who covers what: scopes as database conditions, used by every list, page, export and search."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING, Any

from django.db.models import Count, Q, QuerySet, prefetch_related_objects

from portal.access.models import Grant, User
from portal.access.states import Dimension, Role

if TYPE_CHECKING:
    from django.contrib.auth.models import AnonymousUser

NOTHING = Q(pk__in=[])


def scope(user: User | AnonymousUser, *, roles: Iterable[Role] = tuple(Role), prefix: str = "") -> Q:
    """The condition that holds for assets covered by the user's grants of these roles.

    `prefix` is the path to the asset, e.g. `asset__`. Without a grant the condition matches no asset.
    """
    if not user.is_authenticated:
        return NOTHING
    wanted = set(roles)
    return scope_of((grant for grant in user.grants.all() if grant.role in wanted), prefix=prefix)


def scope_of(grants: Iterable[Grant], *, prefix: str = "") -> Q:
    condition = NOTHING
    for grant in grants:
        if grant.dimension == Dimension.EVERYTHING:
            return Q()
        condition |= Q(**{f"{prefix}{grant.dimension}": grant.value})
    return condition


def scope_of_rows(user: User | AnonymousUser) -> Q:
    """The same for rows that hold a `dimension` and a `value` of it, for users who do not cover everything."""
    values: dict[str, set[str]] = {}
    for grant in user.grants.all() if user.is_authenticated else ():
        values.setdefault(grant.dimension, set()).add(grant.value)
    condition = NOTHING
    for dimension, held in sorted(values.items()):
        condition |= Q(dimension=dimension, value__in=sorted(held))
    return condition


def covers(grants: Iterable[Grant], asset: object) -> bool:
    """The same question as `scope_of`, asked of one asset in memory."""
    return any(
        grant.dimension == Dimension.EVERYTHING or getattr(asset, grant.dimension) == grant.value
        for grant in grants
    )


def kinds_of(assets: QuerySet[Any]) -> list[Any]:
    """One stand-in for all assets that the same grants cover, for `covers`, with their `count`.

    Thousands of servers are of few kinds.
    """
    columns = [dimension.value for dimension in Dimension if dimension != Dimension.EVERYTHING]
    kinds = assets.order_by().values(*columns).annotate(count=Count("pk"))
    return list(kinds.values_list(*columns, "count", named=True))


def has_role(user: User | AnonymousUser, *roles: Role) -> bool:
    return user.is_authenticated and any(grant.role in roles for grant in user.grants.all())


def read_grants_once(user: User | AnonymousUser) -> None:
    """Loads the grants of this user object for all later questions of this module: one query a page, not one each."""
    if user.is_authenticated:
        prefetch_related_objects([user], "grants")


def people_with(role: Role) -> list[User]:
    return list(User.objects.filter(grants__role=role, is_active=True).distinct().order_by("username"))


def an_admin_is_left() -> bool:
    """Whether anybody who may sign in is a patch admin: without one nobody can change who rules the portal."""
    return User.objects.filter(grants__role=Role.ADMIN, is_active=True).exists()
