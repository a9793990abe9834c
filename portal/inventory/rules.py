"""Pure judgement of an instance: can it be patched, does anybody answer for it, and if not, why."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from datetime import datetime

from aws.ports import Instance, ManagedNode
from aws.regions import known_regions, partition_of
from aws.states import InstanceState, PingStatus
from portal.access.rules import Conflict, Invalid
from portal.inventory.states import Coverage

LINUX_NAMES = (
    "debian", "ubuntu", "amazon", "red hat", "rhel", "rocky", "alma", "centos", "oracle", "suse", "sles", "opensuse",
    "fedora",
)  # fmt: skip
# The same words for somebody else's asset and for one that does not exist.
NOT_YOURS = "One of the chosen servers is not yours, or does not exist. Choose from your own list."


def coverage(
    instance: Instance,
    node: ManagedNode | None,
    *,
    owner: str,
    seen_by_ssm: bool = False,
    results_denied_at: datetime | None = None,
    odd: bool = False,
) -> list[Coverage]:
    """Every reason, the most hindering first. A stopped host is not blamed for a silent agent.

    A host that answers needs no profile: Systems Manager's default host configuration does without.
    """
    answers = node is not None and node.ping_status == PingStatus.ONLINE
    checks = [
        (Coverage.NO_INSTANCE_PROFILE, not instance.instance_profile_arn and not answers),
        (Coverage.NO_AGENT, instance.state == InstanceState.RUNNING and node is None and not seen_by_ssm),
        (Coverage.OFFLINE, instance.state == InstanceState.RUNNING and _silent(node, seen_by_ssm)),
        (Coverage.UNKNOWN_PLATFORM, node is not None and not known_platform(node)),
        (Coverage.RESULTS_DENIED, results_denied_at is not None),
        (Coverage.ODD_FACTS, odd),
        (Coverage.NO_OWNER, not owner),
    ]
    return [reason for reason, holds in checks if holds]


def worst_first(reasons: Iterable[str]) -> list[str]:
    order = [reason.value for reason in Coverage]
    return sorted(set(reasons), key=order.index)


def _silent(node: ManagedNode | None, seen_by_ssm: bool) -> bool:
    return node.ping_status != PingStatus.ONLINE if node else seen_by_ssm


def known_platform(node: ManagedNode) -> bool:
    """Whether the portal has a document for it. An agent that does not tell its system yet counts as known."""
    if node.platform_type == "Windows" or not node.platform_name:
        return True
    return node.platform_type == "Linux" and any(name in node.platform_name.lower() for name in LINUX_NAMES)


def platform(instance: Instance, node: ManagedNode | None, os_name: str) -> str:
    """windows or linux: by the agent's word, which comes from the system itself; `os_name` is what it said before.

    EC2 tells what the image was registered as: of a Windows brought along or imported it may say Linux.
    """
    if node is not None and node.platform_type in ("Windows", "Linux"):
        return node.platform_type.lower()
    if node is None and os_name:
        return "windows" if "windows" in os_name.lower() else "linux"
    return instance.platform


def drift(tags: Mapping[str, str], written: Mapping[str, str | None]) -> dict[str, dict[str, str | None]]:
    """Keys that somebody changed outside the portal: key → what the portal wrote, what AWS shows (None: no tag)."""
    return {
        key: {"written": value, "found": tags.get(key)}
        for key, value in written.items()
        if tags.get(key) != value
    }


def drift_sentence(key: str, change: Mapping[str, str | None]) -> str:
    """E.g. `PatchWindow is sunday; the portal wrote saturday`."""
    found, written = change["found"], change["written"]
    is_now = f"{key} is gone" if found is None else f"{key} is {found or 'empty'}"
    return f"{is_now}; the portal " + (
        "had removed it" if written is None else f"wrote {written or 'nothing'}"
    )


def check_account_fields(account_id: str, role_name: str, regions: list[str]) -> None:
    """Raises Invalid for what AWS could never accept."""
    if not re.fullmatch(r"[0-9]{12}", account_id):
        raise Invalid(
            f"The account id {account_id!r} is not 12 digits, e.g. 111122223333.", field="account_id"
        )
    if not re.fullmatch(r"[A-Za-z0-9_+=,.@-]{1,64}", role_name):
        raise Invalid(
            f"The role name {role_name!r} is not a role's name, e.g. PatchPortal.", field="role_name"
        )
    for region in regions:
        if region not in known_regions():
            raise Invalid(
                f"{region!r} is no region that the portal's AWS SDK knows, e.g. eu-central-1; "
                "a new one comes with an update of the portal.",
                field="regions",
            )
    if not regions:
        raise Invalid("Name at least one region, e.g. eu-central-1.", field="regions")


def check_partition(regions: Iterable[str], portal_region: str) -> None:
    """Raises Invalid for a region that no role of the portal's partition reaches: GovCloud, China, sovereign clouds."""
    own = partition_of(portal_region)
    for region in regions:
        if (other := partition_of(region)) != own:
            raise Invalid(
                f"{region} belongs to the partition {other}, and the portal in {portal_region} to {own}: no role "
                "reaches from one into the other. Servers there need a portal of their own.",
                field="regions",
            )


def check_role_can_be_made(role_name: str, external_id: str, portal_role: str) -> None:
    """Raises Conflict while a template would make a role that opens for nobody, or for anybody."""
    if not role_name:
        raise Conflict("The portal enters this account with its own credentials; it needs no role there.")
    if not portal_role:
        raise Conflict(
            "AWS_PORTAL_ROLE_ARN is not set, so the template could not say who may enter the role. "
            "Set it to the ARN of the role that the portal runs with, and start the portal again."
        )
    if not external_id:
        raise Conflict(
            "No external id is agreed with this account, so anybody could send the portal into it. "
            "Open the account and save it: the portal computes one then."
        )
