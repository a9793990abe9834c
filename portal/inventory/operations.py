"""From AWS to assets: paged, idempotent, and one broken account never stops the others."""

from __future__ import annotations

import json
from collections.abc import Iterable
from datetime import datetime, timedelta

from django.conf import settings
from django.db import connection, transaction

from aws.errors import CloudError
from aws.ports import STATES_GONE, Cloud, Instance, ManagedNode
from portal.access.models import User
from portal.access.rules import Invalid, check_role
from portal.access.states import Role
from portal.audit.operations import Entry, record, record_all
from portal.inventory.models import Account, Asset
from portal.inventory.rules import check_account_fields, coverage, drift, drift_sentence, worst_first
from portal.tags.queries import written

READ_FIELDS = ["owner", "application", "environment", "business_unit", "cluster"]
SYNCED_FIELDS = [
    "region", "name", "state", "platform", "os_name", "os_version", "instance_type", "image_id", "availability_zone",
    "private_ip", "instance_profile_arn", "root_device_type", "launch_time", "tags", *READ_FIELDS, "ssm_status",
    "agent_version", "last_ping_at", "coverage", "coverage_reasons", "last_seen_at", "gone_at",
    "tag_drift",
]  # fmt: skip
WATCHED_TAGS = ("window", "exception")  # those that last, and that other tools act on
# A tag may be written while the instances are being listed: only older ones are compared.
SETTLED = timedelta(minutes=2)


def sync_all(*, cloud: Cloud, now: datetime) -> dict[str, str]:
    """Every active account; returns account id → the sentence of its failure, for those that failed."""
    failures = {}
    for account in Account.objects.filter(active=True):
        if sentence := sync_account(account, cloud=cloud, now=now):
            failures[account.account_id] = sentence
    return failures


def sync_account(account: Account, *, cloud: Cloud, now: datetime) -> str:
    """All regions of one account; a region that fails keeps its assets as they were. Returns what failed."""
    failures = []
    for region in account.regions:
        try:
            instances = list(cloud.ec2(account.account_id, region).describe_instances())
            nodes = {node.instance_id: node for node in cloud.ssm(account.account_id, region).managed_nodes()}
        except CloudError as error:
            failures.append(f"{region}: {error}")
            continue
        store(account, region, instances, nodes, now=now)
    _note_sync(account, " ".join(failures), now)
    return " ".join(failures)


@transaction.atomic
def _note_sync(account: Account, sentence: str, now: datetime) -> None:
    if sentence != account.sync_error:
        summary = f"{account.name}: {sentence}" if sentence else f"{account.name} can be read again"
        record(Entry("account.sync", "account", account.account_id, summary), by=None)
    synced = {} if sentence else {"synced_at": now}
    Account.objects.filter(pk=account.pk).update(sync_error=sentence, **synced)


@transaction.atomic
def store(
    account: Account, region: str, instances: list[Instance], nodes: dict[str, ManagedNode], *, now: datetime
) -> None:
    """Upserts what was listed and keeps what vanished as gone; the listing must be complete."""
    known = {asset.instance_id: asset for asset in Asset.objects.filter(account=account, region=region)}
    present = [item for item in instances if item.state not in STATES_GONE]
    rows = [
        asset_from(account, item, nodes.get(item.instance_id), known.get(item.instance_id), now)
        for item in present
    ]
    _note_drift(rows, known, now)
    Asset.objects.bulk_create(
        rows,
        update_conflicts=True,
        unique_fields=["account", "instance_id"],
        update_fields=SYNCED_FIELDS,
        batch_size=1000,
    )
    here = {item.instance_id for item in present}
    vanished = [
        asset.pk for asset in known.values() if asset.instance_id not in here and asset.gone_at is None
    ]
    Asset.objects.filter(pk__in=vanished).update(gone_at=now, state="terminated")


def _note_drift(rows: list[Asset], known: dict[str, Asset], now: datetime) -> None:
    """Marks the tags that somebody changed outside the portal; audits each change once."""
    keys = [settings.TAG_KEYS[name] for name in WATCHED_TAGS]
    ours = written(keys, [row.instance_id for row in rows], before=now - SETTLED)
    entries = []
    for row in rows:
        row.tag_drift = drift(row.tags, ours.get(row.instance_id, {}))
        before = known[row.instance_id].tag_drift if row.instance_id in known else {}
        fresh = [key for key, change in row.tag_drift.items() if before.get(key) != change]
        entries += [_drift_entry(row, key) for key in fresh]
    record_all(entries, by=None)


def _drift_entry(row: Asset, key: str) -> Entry:
    change = row.tag_drift[key]
    summary = f"{row.label}: {drift_sentence(key, change)}. It was changed outside the portal"
    return Entry("tag.drift", "instance", row.instance_id, summary, detail={"key": key, **change})


def asset_from(
    account: Account, item: Instance, node: ManagedNode | None, known: Asset | None, now: datetime
) -> Asset:
    """What is seen now; what Systems Manager does not tell of a stopped host is kept from before."""
    read = {field: _clean(item.tags.get(settings.TAG_KEYS[field], "")) for field in READ_FIELDS}
    reasons = coverage(
        item,
        node,
        owner=read["owner"],
        seen_by_ssm=bool(known and known.agent_version),
        results_denied_at=known.results_denied_at if known else None,
    )
    return Asset(
        account=account,
        region=item.region,
        instance_id=item.instance_id,
        name=_clean(item.tags.get("Name", "")),
        state=item.state,
        platform=item.platform,
        os_name=node.platform_name if node else (known.os_name if known else ""),
        os_version=node.platform_version if node else (known.os_version if known else ""),
        instance_type=item.instance_type,
        image_id=item.image_id,
        availability_zone=item.availability_zone,
        private_ip=item.private_ip,
        instance_profile_arn=item.instance_profile_arn,
        root_device_type=item.root_device_type,
        launch_time=item.launch_time,
        tags={_clean(key): _clean(value) for key, value in item.tags.items()},
        **read,
        ssm_status=node.ping_status if node else _silent_status(known),
        agent_version=node.agent_version if node else (known.agent_version if known else ""),
        last_ping_at=node.last_ping_at if node else (known.last_ping_at if known else None),
        results_denied_at=known.results_denied_at if known else None,
        coverage=reasons[0] if reasons else "",
        coverage_reasons=list(reasons),
        first_seen_at=known.first_seen_at if known else now,
        last_seen_at=now,
        gone_at=None,
    )


def _silent_status(known: Asset | None) -> str:
    return "ConnectionLost" if known and known.agent_version else ""


def _clean(text: str) -> str:
    """PostgreSQL stores any text but NUL."""
    return text.replace("\x00", "")


@transaction.atomic
def refresh(*, instances: Iterable[Instance], now: datetime) -> None:
    """Power state and tags of a few instances, read again right before a decision."""
    seen = {(item.account_id, item.instance_id): item for item in instances}
    accounts, ids = {account for account, _ in seen}, [instance_id for _, instance_id in seen]
    rows = Asset.objects.filter(account__account_id__in=accounts, instance_id__in=ids)
    rows = rows.select_related("account").select_for_update(of=("self",)).order_by("pk")
    known = [row for row in rows if (row.account.account_id, row.instance_id) in seen]
    changed = [row for row in known if _changed(row, seen[row.account.account_id, row.instance_id], now)]
    _write(changed)
    Asset.objects.filter(pk__in=[row.pk for row in known]).update(last_seen_at=now)


def note_stopping(asset_ids: Iterable[int]) -> None:
    """EC2 has just taken our StopInstances: the next plan must not wait for a sync to know that they sleep."""
    Asset.objects.filter(pk__in=list(asset_ids)).update(state="stopping")


def _write(changed: list[Asset]) -> None:
    """Django's own bulk update takes longer to put its statement together than AWS leaves between two commands."""
    facts = "state = %s, tags = %s::jsonb, launch_time = %s, gone_at = %s"
    statement = f"UPDATE {Asset._meta.db_table} SET {facts} WHERE id = %s"
    with connection.cursor() as cursor:
        cursor.executemany(
            statement,
            [(row.state, json.dumps(row.tags), row.launch_time, row.gone_at, row.pk) for row in changed],
        )


def _changed(row: Asset, item: Instance, now: datetime) -> bool:
    """Puts on the row what EC2 shows now; whether that was news."""
    tags = {_clean(key): _clean(value) for key, value in item.tags.items()}
    gone_at = now if item.state in STATES_GONE else row.gone_at
    before = (row.state, row.tags, row.launch_time, row.gone_at)
    row.state, row.tags, row.launch_time, row.gone_at = item.state, tags, item.launch_time, gone_at
    return before != (row.state, row.tags, row.launch_time, row.gone_at)


def mark_results_denied(*, asset_ids: Iterable[int], now: datetime) -> None:
    """The host ran the document, but its full report never reached the bucket."""
    for asset in Asset.objects.filter(pk__in=list(asset_ids), results_denied_at=None):
        asset.results_denied_at = now
        asset.coverage_reasons = worst_first([*asset.coverage_reasons, "results_denied"])
        asset.coverage = asset.coverage_reasons[0]
        asset.save(update_fields=["results_denied_at", "coverage_reasons", "coverage"])


def clear_results_denied(*, asset_ids: Iterable[int], now: datetime) -> None:
    for asset in Asset.objects.filter(pk__in=list(asset_ids)).exclude(results_denied_at=None):
        asset.results_denied_at = None
        asset.coverage_reasons = [reason for reason in asset.coverage_reasons if reason != "results_denied"]
        asset.coverage = asset.coverage_reasons[0] if asset.coverage_reasons else ""
        asset.save(update_fields=["results_denied_at", "coverage_reasons", "coverage"])


@transaction.atomic
def add_account(
    *,
    account_id: str,
    name: str,
    role_name: str,
    external_id: str,
    regions: list[str],
    by: User,
    now: datetime,
) -> Account:
    """Connects an account; admins only. Whether the role works is told by `checks.try_account`."""
    check_role(by, Role.ADMIN)
    check_account_fields(account_id, role_name, regions)
    if Account.objects.filter(account_id=account_id).exists():
        raise Invalid(
            f"The account {account_id} is connected already; open it to change it.", field="account_id"
        )
    account = Account.objects.create(
        account_id=account_id, name=name.strip() or account_id, role_name=role_name,
        external_id=external_id.strip(), regions=regions,
    )  # fmt: skip
    record(Entry("account.added", "account", account_id, f"Connected the account {account}"), by=by)
    return account


@transaction.atomic
def change_account(
    *, account: Account, name: str, role_name: str, external_id: str, regions: list[str], active: bool,
    by: User, now: datetime,
) -> Account:  # fmt: skip
    check_role(by, Role.ADMIN)
    check_account_fields(account.account_id, role_name, regions)
    account.name, account.role_name, account.external_id = name.strip(), role_name, external_id.strip()
    account.regions, account.active = regions, active
    account.save()
    record(Entry("account.changed", "account", account.account_id, f"Changed the account {account}"), by=by)
    return account
