"""Reads a scenario: the accounts and hosts of a simulated fleet. Wrong ones are refused with a sentence."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import yaml

from lab import agent_versions
from lab.shims.template import FAULTS as ON_THE_HOST

OPERATING_SYSTEMS = ("debian12", "ubuntu2404", "amzn2023", "rhel9", "sles15", "windows2022")
# Those of the host itself, and those of its agent and of what AWS does with it.
FAULTS = ON_THE_HOST | {
    "offline",
    "filesystem_readonly",
    "reboot_lost",
    "results_denied",
    "false_failure",
    "results_unreachable",
    "delivered_twice",
    "agent_disk_full",
    "ssm_absent",
    "start_no_capacity",
    "start_host_full",
    "start_reservation_full",
    "start_key_disabled",
    "spot_interrupted",
    "stop_protected",
    "hibernate_not_ready",
    "snapshot_refused",
    "restore_fails",
}
KINDS = ("shim", "root", "scenario")
STATES = ("running", "stopped", "hibernated")
AGENTS = ("online", "absent", "offline")
RESULTS_BUCKET = "patch-portal-results"
PORTAL_ROLE = "PatchPortalServer"  # what the portal runs with, in its own account
RESULTS_REGION = "eu-central-1"
_ACCOUNT_ID = re.compile(r"[0-9]{12}")
_AGENT_VERSION = re.compile(r"[0-9]+(\.[0-9]+){3}")


class ScenarioError(ValueError):
    """The scenario cannot be used; the message names the entry and what it may be."""


@dataclass(frozen=True)
class Account:
    """One simulated AWS account and the role that opens it."""

    id: str
    role_name: str = "PatchPortal"
    external_id: str = ""
    regions: tuple[str, ...] = (RESULTS_REGION,)


@dataclass(frozen=True)
class HostSpec:
    """One host as the scenario describes it, before anything happened to it."""

    name: str
    account: str
    region: str
    os: str = "debian12"
    kind: str = "shim"
    state: str = "running"
    agent: str = "online"
    agent_version: str = agent_versions.CURRENT
    instance_profile: bool = True
    pending: int = 0
    security: int = 0
    kernel_update: bool = False
    faults: tuple[str, ...] = ()
    held: tuple[str, ...] = ()
    tags: Mapping[str, str] = field(default_factory=dict)
    root_device: str = "ebs"
    platform_details: str = ""  # what EC2 calls an image that is not what runs: Linux/UNIX, Windows BYOL
    hibernation: bool = False  # enabled at its launch


@dataclass(frozen=True)
class Scenario:
    """A whole fleet. `name` goes into the instance ids."""

    name: str
    accounts: Mapping[str, Account]
    hosts: tuple[HostSpec, ...]
    portal_account: str
    results_bucket: str = RESULTS_BUCKET
    bare: bool = (
        False  # no bucket and no role is there: somebody makes them, and AWS judges by what they made
    )


def load(source: Mapping[str, Any] | Path) -> Scenario:
    """The scenario of a YAML (or JSON) file or a mapping. Raises ScenarioError."""
    raw = _read(source) if isinstance(source, Path) else source
    if not isinstance(raw, Mapping) or not raw.get("accounts"):
        raise ScenarioError("A scenario needs `accounts`: a list of {id, role_name, external_id, regions}.")
    accounts = {account.id: account for account in map(_account, raw["accounts"])}
    portal = str(raw.get("portal_account") or next(iter(accounts)))
    defaults = raw.get("defaults") or {}
    hosts = [host for group in raw.get("hosts") or () for host in _hosts(_with(defaults, group), accounts)]
    return Scenario(
        name=str(raw.get("name", "")),
        accounts=accounts,
        hosts=tuple(hosts),
        portal_account=portal,
        results_bucket=str(raw.get("results_bucket", RESULTS_BUCKET)),
        bare=bool(raw.get("bare", False)),
    )


def _with(defaults: Mapping[str, Any], group: Mapping[str, Any]) -> dict[str, Any]:
    """Tags of the defaults come beside a group's own."""
    both = {**defaults, **group}
    tags = [part.get("tags") or {} for part in (defaults, group)]
    if all(isinstance(one, Mapping) for one in tags):
        both["tags"] = {**tags[0], **tags[1]}
    return both


def _read(path: Path) -> Any:
    try:
        return yaml.safe_load(path.read_text())
    except yaml.YAMLError as problem:
        raise ScenarioError(f"{path} is not valid YAML: {' '.join(str(problem).split())}") from problem


def _account(raw: Mapping[str, Any]) -> Account:
    account_id = str(raw.get("id", ""))
    if not _ACCOUNT_ID.fullmatch(account_id):
        raise ScenarioError(f"Account id {account_id!r}: it has 12 digits; quote it, or YAML reads a number.")
    return Account(
        id=account_id,
        role_name=str(raw.get("role_name", Account.role_name)),
        external_id=str(raw.get("external_id", "")),
        regions=tuple(raw.get("regions") or Account.regions),
    )


def _hosts(raw: Mapping[str, Any], accounts: Mapping[str, Account]) -> list[HostSpec]:
    known = HostSpec.__dataclass_fields__.keys()
    if unknown := set(raw) - known - {"count"}:
        raise ScenarioError(f"Host {raw.get('name')!r}: unknown entry {', '.join(sorted(unknown))}.")
    if missing := {"account", "region"} - set(raw):
        raise ScenarioError(f"Host {raw.get('name')!r}: {' and '.join(sorted(missing))} must be given.")
    entries: dict[str, Any] = {
        key: tuple(value) if isinstance(value, list) else value for key, value in raw.items()
    }
    entries["tags"] = _tags(raw)
    name, count = str(entries.get("name") or ""), entries.pop("count", None)
    names = [name] if count is None else [f"{name}-{i:02d}" for i in range(1, int(count) + 1)]
    return [_checked(HostSpec(**{**entries, "name": one}), accounts) for one in names]


def _tags(raw: Mapping[str, Any]) -> dict[str, str]:
    tags = raw.get("tags") or {}
    if not isinstance(tags, Mapping):
        raise ScenarioError(f"Host {raw.get('name')!r}: tags are a mapping like {{Owner: payments}}.")
    return {str(key): str(value) for key, value in tags.items()}


def _checked(host: HostSpec, accounts: Mapping[str, Account]) -> HostSpec:
    allowed = {
        "account": tuple(accounts),
        "os": OPERATING_SYSTEMS,
        "kind": KINDS,
        "state": STATES,
        "agent": AGENTS,
    }
    for entry, values in allowed.items():
        if getattr(host, entry) not in values:
            raise ScenarioError(
                f"Host {host.name!r}: {entry} is {getattr(host, entry)!r}; one of {', '.join(values)}."
            )
    if not _AGENT_VERSION.fullmatch(host.agent_version):
        raise ScenarioError(f"Host {host.name!r}: agent_version is four numbers like 3.3.2746.0.")
    if host.region not in accounts[host.account].regions:
        raise ScenarioError(f"Host {host.name!r}: region {host.region!r} is not one of its account's.")
    if host.state == "hibernated" and not host.hibernation:
        raise ScenarioError(f"Host {host.name!r}: only one with hibernation: true can be hibernated.")
    if unknown := set(host.faults) - FAULTS:
        raise ScenarioError(f"Host {host.name!r}: unknown fault {', '.join(sorted(unknown))}.")
    if host.os.startswith("windows") != (host.kind == "scenario"):
        raise ScenarioError(f"Host {host.name!r}: Windows hosts, and only they, have kind: scenario.")
    return host
