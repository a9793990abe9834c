"""Who is exempt when, and what waits for whom."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from django.conf import settings
from django.db.models import Count, Exists, OuterRef, Q, QuerySet

from exceptions.models import Covered, ExceptionRequest
from exceptions.states import GRANTED, IN_FORCE, UNDECIDED, ExceptionState
from exceptions.tag_value import parse
from portal.access.models import Grant, User
from portal.access.queries import covers, scope_of
from portal.access.states import Role
from portal.inventory.models import Asset
from portal.tags.models import TagChange
from portal.tags.states import TagState

FAR = datetime.max.replace(tzinfo=UTC)
FEW = 5  # other requests that a page of one request names


@dataclass(frozen=True)
class Exclusion:
    """Why an asset must not be patched: a code for filters, a sentence for people."""

    code: str
    sentence: str
    request_id: int | None = None


def exclusions(assets: Iterable[Asset], starts_at: datetime, ends_at: datetime) -> dict[int, Exclusion]:
    """asset pk → why it is excluded in [starts_at, ends_at). Foreign tags exclude as well (fail closed)."""
    assets = list(assets)
    found = _foreign(assets, starts_at, ends_at)
    overlap = Covered.objects.filter(
        asset__in=[asset.pk for asset in assets],
        request__state__in=IN_FORCE,
        request__starts_at__lt=ends_at,
        request__ends_at__gt=starts_at,
    ).select_related("request")
    for row in overlap.order_by("-request__ends_at"):
        found[row.asset_id] = _excepted(row.request)
    return found


def _excepted(request: ExceptionRequest) -> Exclusion:
    last = f"{request.to_date:%-d %B %Y}"
    return Exclusion("excepted", f"It is excepted until {last} (exception {request.pk}).", request.pk)


def granted_of(asset: Asset, now: datetime) -> list[ExceptionRequest]:
    """In force or to come; the first is what `current_for` says."""
    rows = Covered.objects.filter(asset=asset, request__state__in=IN_FORCE, request__ends_at__gt=now)
    ordered = rows.select_related("request").order_by("request__starts_at", "-request__ends_at")
    return [row.request for row in ordered]


def exclusions_at(
    asset: Asset, requests: Sequence[ExceptionRequest], times: Iterable[tuple[datetime, datetime]]
) -> list[Exclusion | None]:
    """Why the asset is excluded in each [starts_at, ends_at), as `exclusions` says it. `requests`: those granted."""
    tagged = bool(_foreign_tagged([asset]))
    return [_excluded(asset, requests, tagged, *time) for time in times]


def _excluded(
    asset: Asset, requests: Sequence[ExceptionRequest], tagged: bool, starts_at: datetime, ends_at: datetime
) -> Exclusion | None:
    found = [row for row in requests if row.starts_at < ends_at and row.ends_at > starts_at]
    if found:
        return _excepted(found[0])
    return _foreign_at(asset, starts_at, ends_at) if tagged else None


def _foreign(assets: list[Asset], starts_at: datetime, ends_at: datetime) -> dict[int, Exclusion]:
    found = {asset.pk: _foreign_at(asset, starts_at, ends_at) for asset in _foreign_tagged(assets)}
    return {pk: exclusion for pk, exclusion in found.items() if exclusion}


def _foreign_at(asset: Asset, starts_at: datetime, ends_at: datetime) -> Exclusion | None:
    key = settings.TAG_KEYS["exception"]
    interval = parse(asset.tags[key])
    if not interval.overlaps(starts_at, ends_at):
        return None
    return Exclusion("foreign_exception", _foreign_sentence(key, asset.tags[key], interval.readable))


def bearing_foreign_tag(assets: Iterable[Asset], now: datetime) -> set[int]:
    """pks of assets with an exception tag that we did not write and that is not over yet."""
    if isinstance(assets, QuerySet):
        assets = assets.filter(tags__has_key=settings.TAG_KEYS["exception"])
    return set(_foreign(list(assets), now, FAR))


def _foreign_tagged(assets: list[Asset]) -> list[Asset]:
    key = settings.TAG_KEYS["exception"]
    tagged = [asset for asset in assets if key in asset.tags]
    requests = _requests(key, tagged)
    return [
        asset for asset in tagged if not _ours(asset.tags[key], asset, requests.get(asset.instance_id, []))
    ]


def _requests(key: str, tagged: list[Asset]) -> dict[str, list[TagChange]]:
    """instance id → our requests for the tag, the oldest first."""
    rows = TagChange.objects.filter(key=key, instance_id__in=[asset.instance_id for asset in tagged])
    requests: dict[str, list[TagChange]] = {}
    for row in rows.order_by("pk"):
        requests.setdefault(row.instance_id, []).append(row)
    return requests


def _ours(value: str, asset: Asset, requests: list[TagChange]) -> bool:
    """What we wrote says nothing beyond the requests; also while its removal is on its way or not yet read back."""
    if not requests:
        return False
    last = requests[-1]
    if last.value == value:
        return True
    stale = (
        last.finished_at is None or last.finished_at >= asset.last_seen_at or last.state == TagState.FAILED
    )
    return stale and any(row.value == value for row in requests)


def _foreign_sentence(key: str, value: str, readable: bool) -> str:
    if readable:
        return f"Its tag {key}={value} was set outside the portal and excepts it."
    return f"Its tag {key}={value[:60]!r} was set outside the portal and cannot be read, so it is left alone."


def current_for(assets: Iterable[Asset], now: datetime) -> dict[int, ExceptionRequest]:
    """asset pk → the request in force, or the next one, for lists."""
    rows = _in_force(now).filter(asset__in=[asset.pk for asset in assets]).select_related("request")
    return {row.asset_id: row.request for row in rows}


def current_of(assets: QuerySet[Asset], now: datetime) -> dict[int, int]:
    """asset pk → the pk of the request in force, or of the next one, for thousands."""
    rows = _in_force(now).filter(asset__in=assets.order_by().values("pk"))
    return dict(rows.values_list("asset_id", "request_id"))


def _in_force(now: datetime) -> QuerySet[Covered]:
    """One row an asset: of several requests the first to begin; of those that begin together the last to end."""
    rows = Covered.objects.filter(request__state__in=IN_FORCE, request__ends_at__gt=now)
    first = ("asset_id", "request__starts_at", "-request__ends_at", "request_id")
    return rows.order_by(*first).distinct("asset_id")


def granted_among(assets: QuerySet[Asset], now: datetime) -> int:
    """How many of these servers have an exception in force, or one that is to come."""
    return assets.filter(pk__in=_in_force(now).values("asset")).count()


def undecided_for(assets: QuerySet[Asset], user: User) -> QuerySet[ExceptionRequest]:
    """Requests of these assets that somebody still has to decide or to change; `shared`: how many of them."""
    return _sharing(assets, user).filter(state__in=UNDECIDED).order_by("submitted_at", "pk")


@dataclass(frozen=True)
class Related:
    """Other requests for servers of one request. Each bears `shared`: how many of its servers that is."""

    overlapping: list[ExceptionRequest]  # waiting or in force, on some of the same days
    earlier: list[ExceptionRequest]  # granted, and over before its days begin; the latest first
    earlier_count: int  # also of those that are not in the list


def related(request: ExceptionRequest, assets: QuerySet[Asset], user: User) -> Related:
    """What this person may see of the last year before the request, and of its own days."""
    others = _sharing(assets, user).exclude(pk=request.pk)
    same_days = others.filter(starts_at__lt=request.ends_at, ends_at__gt=request.starts_at)
    overlapping = same_days.filter(state__in=(*UNDECIDED, *IN_FORCE)).order_by("starts_at", "pk")
    a_year = request.starts_at - timedelta(days=365)
    earlier = others.filter(state__in=GRANTED, ends_at__gt=a_year, ends_at__lte=request.starts_at)
    latest = list(earlier.order_by("-ends_at", "-pk")[: FEW + 1])
    count = len(latest) if len(latest) <= FEW else earlier.count()
    return Related(list(overlapping[:FEW]), latest[:FEW], count)


def _sharing(assets: QuerySet[Asset], user: User) -> QuerySet[ExceptionRequest]:
    rows = ExceptionRequest.objects.visible_to(user).select_related("requested_by")
    shared = rows.filter(covered__asset__in=assets.order_by().values("pk"))
    return shared.annotate(shared=Count("covered"))


def approvers_of(kinds: Iterable[object], *, without: User) -> list[User]:
    """People who cover assets of all these kinds as approver, and are not the requester."""
    kinds = list(kinds)
    grants: dict[User, list[Grant]] = {}
    rows = Grant.objects.filter(role=Role.APPROVER, user__is_active=True).exclude(user=without)
    for grant in rows.select_related("user").order_by("user__username"):
        grants.setdefault(grant.user, []).append(grant)
    return [user for user, held in grants.items() if all(covers(held, kind) for kind in kinds)]


def waiting_for(user: User) -> QuerySet[ExceptionRequest]:
    """Submitted requests that this approver may decide; the oldest first."""
    grants = [grant for grant in user.grants.all() if grant.role == Role.APPROVER]
    waiting = ExceptionRequest.objects.filter(state=ExceptionState.SUBMITTED).exclude(requested_by=user)
    if within := scope_of(grants, prefix="asset__"):
        # Asked of the waiting ones that are seen: of each the first server beyond the scope is enough.
        seen = ExceptionRequest.objects.visible_to(user).filter(state=ExceptionState.SUBMITTED)
        beyond = Covered.objects.filter(request=OuterRef("pk")).exclude(within)
        waiting = waiting.filter(~Exists(beyond), pk__in=seen.values("pk"))
    return waiting.order_by("submitted_at", "pk")


def register(user: User, *, state: str = "", mine: str = "", q: str = "") -> QuerySet[ExceptionRequest]:
    """What this person may see of the register, filtered; unordered."""
    rows = ExceptionRequest.objects.visible_to(user).select_related("requested_by")
    if state:
        rows = rows.filter(state=state)
    if mine:
        rows = rows.filter(requested_by=user)
    if q:
        person = Q(requested_by__username__icontains=q) | Q(requested_by__last_name__icontains=q)
        rows = rows.filter(person | Q(requested_by__first_name__icontains=q) | Q(reason__icontains=q))
    return rows


def due(now: datetime) -> list[int]:
    """pks of requests that the clock has to move."""
    begin = Q(state=ExceptionState.APPROVED, starts_at__lte=now)
    end = Q(state__in=IN_FORCE, ends_at__lte=now)
    return list(ExceptionRequest.objects.filter(begin | end).order_by("pk").values_list("pk", flat=True))
