"""From AWS to assets: paged, idempotent, and one broken account never stops the others."""

from __future__ import annotations

import json
from collections.abc import Iterable
from datetime import datetime, timedelta

from django.conf import settings
from django.db import Error, InterfaceError, OperationalError, connection, transaction

from aws.ports import Cloud, Instance, ManagedNode, Unreadable
from aws.states import GONE, HIBERNATED, InstanceState
from portal.access.models import User
from portal.access.rules import Invalid, check_role
from portal.access.states import Role
from portal.audit.changes import old_and_new
from portal.audit.operations import Entry, record, record_all
from portal.inventory.external_ids import external_id_for
from portal.inventory.intake import READ_FIELDS, asset_from, bound, bound_tags
from portal.inventory.models import Account, Asset
from portal.inventory.rules import check_account_fields, check_partition, drift, drift_sentence, worst_first
from portal.inventory.words import unstored_sentence
from portal.isolation import isolated, sentence
from portal.tags.queries import written

SYNCED_FIELDS = [
    "region", "name", "state", "state_reason", "platform", "os_name", "os_version", "instance_type", "image_id",
    "availability_zone", "private_ip", "instance_profile_arn", "root_device_type", "launch_time", "tags",
    *READ_FIELDS, "ssm_status", "agent_version", "last_ping_at", "coverage", "coverage_reasons", "last_seen_at",
    "gone_at", "tag_drift", "oddities",
]  # fmt: skip
WATCHED_TAGS = ("window", "exception")  # those that last, and that other tools act on
# A tag may be written while the instances are being listed: only older ones are compared.
SETTINGS = ("name", "role_name", "external_id", "regions", "active")  # of an account; AWS gives its number
SETTLED = timedelta(minutes=2)


def sync_all(*, cloud: Cloud, now: datetime) -> dict[str, str]:
    """Every active account; returns account id → the sentence of its failure, for those that failed."""
    failures: dict[str, str] = {}
    for account in Account.objects.filter(active=True):
        failed: list[str] = []
        with isolated("account_not_read", failed.append, account=account.account_id):
            failed += filter(None, [sync_account(account, cloud=cloud, now=now)])
        if failed:
            failures[account.account_id] = failed[0]
    return failures


def sync_account(account: Account, *, cloud: Cloud, now: datetime) -> str:
    """All regions of one account; a region that fails keeps its assets as they were. Returns what failed."""
    failures: list[str] = []
    unstored: dict[str, str] = {}
    for region in account.regions:
        failed: list[str] = []
        with isolated("region_not_read", failed.append, account=account.account_id, region=region):
            unstored |= _sync_region(account, region, cloud=cloud, now=now)
        failures += [f"{region}: {said}" for said in failed]
    told = " ".join(failures), unstored_sentence(unstored)
    _note_sync(account, *told, now)
    return " ".join(filter(None, told))


def _sync_region(account: Account, region: str, *, cloud: Cloud, now: datetime) -> dict[str, str]:
    """Instance id → why it could not be stored."""
    listed = list(cloud.ec2(account.account_id, region).describe_instances())
    nodes = {node.instance_id: node for node in cloud.ssm(account.account_id, region).managed_nodes()}
    return store(account, region, listed, nodes, now=now)


@transaction.atomic
def _note_sync(account: Account, failed: str, unstored: str, now: datetime) -> None:
    """Who was read is read, also where single servers of it could not be stored."""
    if (failed, unstored) != (account.sync_error, account.unstored):
        said = f"{failed} {unstored}".strip()
        summary = f"{account.name}: {said}" if said else f"{account.name} can be read again"
        record(Entry("account.sync", "account", account.account_id, summary), by=None)
    synced = {} if failed else {"synced_at": now}
    Account.objects.filter(pk=account.pk).update(sync_error=failed, unstored=unstored, **synced)


@transaction.atomic
def store(
    account: Account, region: str, listed: list[Instance | Unreadable], nodes: dict[str, ManagedNode], *,
    now: datetime,
) -> dict[str, str]:  # fmt: skip
    """Upserts what was listed and keeps what vanished as gone; the listing must be complete.

    Returns instance id → why it could not be stored: each stands alone, and its row stays as it was.
    """
    known = {asset.instance_id: asset for asset in Asset.objects.filter(account=account, region=region)}
    unstored = {item.instance_id: item.why for item in listed if isinstance(item, Unreadable)}
    present = {
        item.instance_id: item for item in listed if isinstance(item, Instance) and item.state not in GONE
    }
    rows = _rows(account, present.values(), nodes, known, unstored, now)
    _note_drift(rows, known, now)
    unstored |= _upsert(rows)
    here = present.keys() | unstored.keys()
    vanished = [
        asset.pk for asset in known.values() if asset.instance_id not in here and asset.gone_at is None
    ]
    Asset.objects.filter(pk__in=vanished).update(gone_at=now, state=InstanceState.TERMINATED)
    return unstored


def _rows(
    account: Account, present: Iterable[Instance], nodes: dict[str, ManagedNode], known: dict[str, Asset],
    unstored: dict[str, str], now: datetime,
) -> list[Asset]:  # fmt: skip
    rows: list[Asset] = []
    for item in present:
        failed: list[str] = []
        with isolated("server_not_stored", failed.append, instance=item.instance_id):
            rows.append(
                asset_from(account, item, nodes.get(item.instance_id), known.get(item.instance_id), now)
            )
        unstored.update((item.instance_id, said) for said in failed)
    return rows


def _upsert(rows: list[Asset]) -> dict[str, str]:
    """Instance id → why. What the database refuses is halved until the row that is to blame stands alone."""
    try:
        with transaction.atomic():
            Asset.objects.bulk_create(
                rows, update_conflicts=True, unique_fields=["account", "instance_id"], update_fields=SYNCED_FIELDS,
                batch_size=1000,
            )  # fmt: skip
    except (OperationalError, InterfaceError):  # the database itself is in trouble: that is no row's fault
        raise
    except (Error, ValueError, TypeError) as error:
        if len(rows) == 1:
            return {rows[0].instance_id: sentence(error)}
        middle = len(rows) // 2
        return _upsert(rows[:middle]) | _upsert(rows[middle:])
    return {}


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


def note_stopping(asset_ids: Iterable[int], *, hibernated: bool) -> None:
    """EC2 has just taken our StopInstances: the next plan must not wait for a sync to know how they sleep."""
    reason = HIBERNATED if hibernated else ""
    sleeping = Asset.objects.filter(pk__in=list(asset_ids))
    sleeping.update(state=InstanceState.STOPPING, state_reason=reason)


def _write(changed: list[Asset]) -> None:
    """Django's own bulk update takes longer to put its statement together than AWS leaves between two commands."""
    facts = "state = %s, state_reason = %s, tags = %s::jsonb, launch_time = %s, gone_at = %s"
    statement = f"UPDATE {Asset._meta.db_table} SET {facts} WHERE id = %s"
    with connection.cursor() as cursor:
        cursor.executemany(
            statement,
            [
                (row.state, row.state_reason, json.dumps(row.tags), row.launch_time, row.gone_at, row.pk)
                for row in changed
            ],
        )


def _changed(row: Asset, item: Instance, now: datetime) -> bool:
    """Puts on the row what EC2 shows now; whether that was news."""
    tags, _ = bound_tags(item.tags)
    gone_at = now if item.state in GONE else row.gone_at
    before = (row.state, row.state_reason, row.tags, row.launch_time, row.gone_at)
    row.state, row.state_reason, row.tags = item.state, item.state_reason, tags
    row.launch_time, row.gone_at = item.launch_time, gone_at
    bound(row, ["state", "state_reason", "launch_time"])
    return before != (row.state, row.state_reason, row.tags, row.launch_time, row.gone_at)


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
    regions: list[str],
    by: User,
    now: datetime,
) -> Account:
    """Connects an account; admins only. Whether the role works is told by `checks.try_account`."""
    check_role(by, Role.ADMIN)
    check_account_fields(account_id, role_name, regions)
    check_partition(regions, settings.AWS_PORTAL_REGION)
    if Account.objects.filter(account_id=account_id).exists():
        raise Invalid(
            f"The account {account_id} is connected already; open it to change it.", field="account_id"
        )
    account = Account.objects.create(
        account_id=account_id, name=name.strip() or account_id, role_name=role_name,
        external_id=external_id_for(account_id), regions=regions,
    )  # fmt: skip
    record(Entry("account.added", "account", account_id, f"Connected the account {account}"), by=by)
    return account


@transaction.atomic
def change_account(
    *, account: Account, name: str, role_name: str, regions: list[str], active: bool, by: User, now: datetime,
) -> Account:  # fmt: skip
    """An account without an external id gets one: AWS lets it pass where a role does not ask for it yet."""
    check_role(by, Role.ADMIN)
    check_account_fields(account.account_id, role_name, regions)
    check_partition(regions, settings.AWS_PORTAL_REGION)
    before = {name: getattr(account, name) for name in SETTINGS}
    account.name, account.role_name = name.strip(), role_name
    account.external_id = account.external_id or external_id_for(account.account_id)
    account.regions, account.active = regions, active
    account.save()
    after = {name: getattr(account, name) for name in SETTINGS}
    detail = old_and_new(before, after, secret={"external_id"})
    said = f"Changed the account {account}"
    record(Entry("account.changed", "account", account.account_id, said, detail=detail), by=by)
    return account
