"""Pure judgement of an instance: can it be patched, does anybody answer for it, and if not, why."""

from __future__ import annotations

import re
from datetime import datetime

from aws.ports import Instance, ManagedNode
from portal.access.rules import Invalid
from portal.inventory.states import Coverage

LINUX_NAMES = (
    "debian", "ubuntu", "amazon", "red hat", "rhel", "rocky", "alma", "centos", "oracle", "suse", "sles", "opensuse",
    "fedora",
)  # fmt: skip


def coverage(
    instance: Instance,
    node: ManagedNode | None,
    *,
    owner: str,
    seen_by_ssm: bool = False,
    results_denied_at: datetime | None = None,
) -> list[Coverage]:
    """Every reason, the most hindering first. A stopped host is not blamed for a silent agent."""
    checks = [
        (Coverage.NO_INSTANCE_PROFILE, not instance.instance_profile_arn),
        (Coverage.NO_AGENT, instance.state == "running" and node is None and not seen_by_ssm),
        (Coverage.OFFLINE, instance.state == "running" and _silent(node, seen_by_ssm)),
        (Coverage.UNKNOWN_PLATFORM, node is not None and not known_platform(node)),
        (Coverage.RESULTS_DENIED, results_denied_at is not None),
        (Coverage.NO_OWNER, not owner),
    ]
    return [reason for reason, holds in checks if holds]


def _silent(node: ManagedNode | None, seen_by_ssm: bool) -> bool:
    return node.ping_status != "Online" if node else seen_by_ssm


def known_platform(node: ManagedNode) -> bool:
    """Whether the portal has a document for it. An agent that does not tell its system yet counts as known."""
    if node.platform_type == "Windows" or not node.platform_name:
        return True
    return node.platform_type == "Linux" and any(name in node.platform_name.lower() for name in LINUX_NAMES)


def check_account_fields(account_id: str, role_name: str, regions: list[str]) -> None:
    """Raises Invalid for what AWS could never accept."""
    if not re.fullmatch(r"\d{12}", account_id):
        raise Invalid(
            f"The account id {account_id!r} is not 12 digits, e.g. 111122223333.", field="account_id"
        )
    if not re.fullmatch(r"[\w+=,.@-]{1,64}", role_name):
        raise Invalid(
            f"The role name {role_name!r} is not a role's name, e.g. PatchPortal.", field="role_name"
        )
    for region in regions:
        if not re.fullmatch(r"[a-z]{2}(-[a-z]+)+-\d", region):
            raise Invalid(f"{region!r} is not a region, e.g. eu-central-1.", field="regions")
    if not regions:
        raise Invalid("Name at least one region, e.g. eu-central-1.", field="regions")
