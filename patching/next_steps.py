"""What to do about a server whose check failed, and who can do it. Pure; the sentences stand on pages."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

from patching.states import TargetState


class Who(StrEnum):
    """Read as the end of `This is for …`."""

    OWNER = "the owner of the server"
    SYSTEM = "whoever looks after its operating system"
    AWS = "whoever runs its AWS account"
    ADMIN = "a patch admin"


@dataclass(frozen=True)
class NextStep:
    what: str
    who: Who


def next_step(state: str, code: str) -> NextStep | None:
    """None for a server whose check did not fail. `code`: its reason code."""
    return STEPS.get(code, UNKNOWN) if state == TargetState.BLOCKED else None


# A host can be of another version than the portal.
UNKNOWN = NextStep("Mend what its reason names.", Who.OWNER)
# reason code of a failed check → what mends it. Those of the host first, as docs/checks.md has them.
STEPS = {
    "unsupported_os": NextStep(
        "Move it to a system that is supported, or take it out of its window.", Who.OWNER
    ),
    "filesystem_unusable": NextStep("Look at the volume, and mount it so that it can be written to.", Who.SYSTEM),
    "disk_full": NextStep("Free space on the volume that is named, or enlarge it.", Who.OWNER),
    "inodes_full": NextStep("Delete the many small files on the volume that is named.", Who.OWNER),
    "memory_low": NextStep("Stop what uses the memory, or take a larger instance type.", Who.OWNER),
    "lock_held": NextStep("Wait for the other package work, or move it out of the window.", Who.SYSTEM),
    "package_db_broken": NextStep("Repair its package database.", Who.SYSTEM),
    "repository_unreachable": NextStep(
        "Look at its way to the repository: name, proxy, security group, subscription.", Who.SYSTEM
    ),
    "repository_unsigned": NextStep("Install the repository's current key.", Who.SYSTEM),
    "repository_changed": NextStep("Accept the release's new name once on the server.", Who.SYSTEM),
    "base_repository_missing": NextStep("Switch its vendor's base repository on.", Who.SYSTEM),
    "security_unknown": NextStep(
        "Add a repository that tells which updates are for security, or choose a window that installs all.",
        Who.SYSTEM,
    ),
    "update_service_unavailable": NextStep("Allow the Windows Update service to start.", Who.SYSTEM),
    "tool_unresponsive": NextStep("Find out why the tool that is named does not answer.", Who.SYSTEM),
    "deadline_exceeded": NextStep("Find out what made the check so slow.", Who.SYSTEM),
    "check_failed": NextStep("Read its report, and mend what it names.", Who.SYSTEM),
    "no_report": NextStep(
        "Look at its SSM agent: the command ended without an answer.", Who.SYSTEM
    ),
    "not_managed": NextStep("Start its SSM agent, and give it an instance profile.", Who.SYSTEM),
    "connection_lost": NextStep("Start its SSM agent, or mend its way to Systems Manager.", Who.SYSTEM),
    "stopped_meanwhile": NextStep("Leave it running, or leave it stopped until the run starts it.", Who.OWNER),
    "not_started": NextStep("Find out why EC2 does not start it.", Who.AWS),
    "no_snapshot": NextStep("Allow the portal to take a snapshot of its root volume.", Who.AWS),
    "account_refused": NextStep("Give the portal's role the permission that is named.", Who.AWS),
    "document_refused": NextStep("Allow the portal to publish its documents there.", Who.AWS),
    "tag_refused": NextStep("Allow the portal to write its tags there.", Who.AWS),
    "refused": NextStep("Read why AWS refused its command, and allow it.", Who.AWS),
    "place_silent": NextStep("Wait until AWS answers there again.", Who.ADMIN),
}  # fmt: skip
