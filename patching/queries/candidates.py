"""From enrolled assets to planner candidates, and from exemptions to a plan."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime

from django.db.models import QuerySet

from exceptions.queries import exclusions
from patching.models import Enrolment, Window
from patching.planner import AUTO_SCALING_TAG, Candidate, Plan, plan
from patching.policy.run_policy import RunPolicy
from portal.inventory.models import Asset


def enrolled(window: Window) -> QuerySet[Asset]:
    active = Enrolment.objects.filter(window=window, ended_at=None)
    return Asset.objects.filter(pk__in=active.values("asset")).select_related("account").order_by("pk")


# What `candidate`, the waves and the exceptions look at, and what the page of a plan shows.
READ = (
    "account", "region", "instance_id", "name", "application", "environment", "platform", "os_name", "os_version",
    "state", "state_reason", "coverage_reasons", "root_device_type", "tags", "last_seen_at", "gone_at",
)  # fmt: skip


def read_lightly(assets: QuerySet[Asset]) -> QuerySet[Asset]:
    """For a plan of thousands: without the columns that it does not read, and each account once."""
    return assets.select_related(None).prefetch_related("account").only(*READ)


def late(window: Window, starts_at: datetime) -> set[int]:
    """Assets that joined after the start: they wait for the next run."""
    newer = Enrolment.objects.filter(window=window, ended_at=None, since__gt=starts_at)
    return set(newer.values_list("asset_id", flat=True))


def candidate(asset: Asset, *, late_ids: frozenset[int] | set[int] = frozenset()) -> Candidate:
    return Candidate(
        asset_id=asset.pk,
        account_id=asset.account.account_id,
        region=asset.region,
        instance_id=asset.instance_id,
        platform=asset.platform,
        state=asset.state,
        coverage_reasons=tuple(asset.coverage_reasons),
        root_device_type=asset.root_device_type,
        state_reason=asset.state_reason,
        auto_scaling_group=asset.tags.get(AUTO_SCALING_TAG, ""),
        gone=asset.gone_at is not None,
        enrolled_late=asset.pk in late_ids,
    )


def plan_for(
    assets: Iterable[Asset],
    starts_at: datetime,
    ends_at: datetime,
    policy: RunPolicy,
    late_ids: frozenset[int] | set[int] = frozenset(),
) -> Plan:
    """The plan for these assets in [starts_at, ends_at)."""
    assets = list(assets)
    exempt = exclusions(assets, starts_at, ends_at)
    candidates = (candidate(asset, late_ids=late_ids) for asset in assets)
    return plan(candidates, exempt, wake_hibernated=policy.hibernated == "wake")
