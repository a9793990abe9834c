"""The one way in for what AWS, a tag or an agent says of an instance: what cannot be kept as told is bounded, and said.

The bounds are the columns' own, so a longer column needs no second change.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import UTC, datetime
from typing import Any

from django.conf import settings
from django.db import models

from aws.plain import plain
from aws.ports import Instance, ManagedNode
from aws.states import PingStatus
from portal.inventory.models import Account, Asset
from portal.inventory.rules import coverage, platform
from portal.isolation import Told
from portal.tags.models import TagChange

READ_FIELDS = ["owner", "application", "environment", "business_unit", "cluster"]
TOLD_FIELDS = [
    "region", "instance_id", "state", "state_reason", "platform", "os_name", "os_version", "instance_type", "image_id",
    "availability_zone", "private_ip", "instance_profile_arn", "root_device_type", "launch_time", "ssm_status",
    "agent_version", "last_ping_at",
]  # fmt: skip
EARLIEST, LATEST = datetime(2000, 1, 1, tzinfo=UTC), datetime(2100, 1, 1, tzinfo=UTC)
# By these a row is found again: cut to size it would be another instance.
IDENTITY = frozenset({"instance_id", "region"})
MOST_TOLD = 10
KEY_LENGTH = TagChange._meta.get_field("key").max_length
VALUE_LENGTH = TagChange._meta.get_field("value").max_length


class Unstorable(Told):
    """The instance cannot be kept at all; the message says why."""


def asset_from(
    account: Account, item: Instance, node: ManagedNode | None, known: Asset | None, now: datetime
) -> Asset:
    """What is seen now; what Systems Manager does not tell of a stopped host is kept from before. Raises Unstorable."""
    if not item.instance_id:
        raise Unstorable("it has no instance id")
    tags, told = bound_tags(item.tags)
    row = Asset(
        account=account, region=item.region, instance_id=item.instance_id, state=item.state,
        state_reason=item.state_reason, platform=platform(item, node, known.os_name if known else ""),
        instance_type=item.instance_type, image_id=item.image_id, availability_zone=item.availability_zone,
        private_ip=item.private_ip, instance_profile_arn=item.instance_profile_arn,
        root_device_type=item.root_device_type, launch_time=item.launch_time, tags=tags, name=tags.get("Name", ""),
        **{field: tags.get(settings.TAG_KEYS[field], "") for field in READ_FIELDS}, **_of_the_agent(node, known),
        results_denied_at=known.results_denied_at if known else None,
        first_seen_at=known.first_seen_at if known else now, last_seen_at=now, gone_at=None,
    )  # fmt: skip
    row.oddities = summed_up(told + bound(row, TOLD_FIELDS))
    reasons = coverage(
        item, node, owner=row.owner, seen_by_ssm=bool(known and known.agent_version),
        results_denied_at=row.results_denied_at, odd=bool(row.oddities),
    )  # fmt: skip
    row.coverage, row.coverage_reasons = (reasons[0] if reasons else ""), list(reasons)
    return row


def _of_the_agent(node: ManagedNode | None, known: Asset | None) -> dict[str, Any]:
    if node:
        return {
            "os_name": node.platform_name, "os_version": node.platform_version, "ssm_status": node.ping_status,
            "agent_version": node.agent_version, "last_ping_at": node.last_ping_at,
        }  # fmt: skip
    if known is None:
        return {}
    kept = {name: getattr(known, name) for name in ("os_name", "os_version", "agent_version", "last_ping_at")}
    return kept | {"ssm_status": PingStatus.CONNECTION_LOST if known.agent_version else ""}


def bound(row: Asset, names: Iterable[str]) -> list[str]:
    """Makes these fields storable, in place; a sentence for each that is not kept as it was told. Raises Unstorable."""
    told: list[str] = []
    for name in names:
        field: Any = Asset._meta.get_field(name)
        value = getattr(row, name)
        kept = _kept(field, value)
        if kept is value or kept == value:
            continue
        if name in IDENTITY:
            raise Unstorable(
                f"its {field.verbose_name} has {len(value)} characters or odd ones, {len(kept)} can be kept"
            )
        told.append(_said(str(field.verbose_name), value, kept))
        setattr(row, name, kept)
    return told


def bound_tags(told: Mapping[str, str]) -> tuple[dict[str, str], list[str]]:
    """Tags that can be stored, and a sentence for each that was changed for it.

    A key as it was told wins over one that was mended into it.
    """
    kept = {key: (text(key, KEY_LENGTH), text(value, VALUE_LENGTH)) for key, value in told.items()}
    mended = {key: value for as_told, (key, value) in kept.items() if key != as_told}
    right = {key: value for as_told, (key, value) in kept.items() if key == as_told}
    changed = [
        _said(f"tag {key}", value, kept_value)
        if key == as_told
        else f"The tag key {key} is not kept as it was told."
        for (as_told, value), (key, kept_value) in zip(told.items(), kept.values(), strict=True)
        if (as_told, value) != (key, kept_value)
    ]
    return mended | right, changed


def text(value: object, most: int | None) -> str:
    """What is kept of a text: no character that cannot be stored or would mislead, and not more than fits."""
    whole = value if isinstance(value, str) else str(value)
    if whole.isascii() and whole.isprintable() and len(whole) <= (most or len(whole)):
        return whole
    return plain(whole)[:most]


def summed_up(told: list[str]) -> list[str]:
    """The first of many sentences, and how many there are beside them."""
    more = len(told) - MOST_TOLD
    return [*told[:MOST_TOLD], f"And {more} more."] if more > 0 else told


def _kept(field: Any, value: Any) -> Any:
    if isinstance(field, models.CharField):
        return text(value, field.max_length)
    if isinstance(field, models.DateTimeField):
        return value if value is None or EARLIEST <= value <= LATEST else None
    return value  # tags come through `bound_tags`; the others are the portal's own


def _said(name: str, value: Any, kept: Any) -> str:
    """E.g. `The os name has 201 characters, 200 are kept.`"""
    if isinstance(value, datetime):
        return f"The {name} {value:%Y-%m-%d} cannot be true and is not kept."
    if isinstance(value, str) and len(plain(value)) > len(kept):
        return f"The {name} has {len(value):,} characters, {len(kept)} are kept."
    return f"The {name} holds characters that no text has; they are left out."
