"""AWS-InstallWindowsUpdates, which a policy may choose for Windows servers instead of our own document.

It prints no report and has no guard on the host, and it can end with exit code 1 after updates that went in and a
restart that happened (aws/amazon-ssm-agent#681). So our pre-check document looks before it and again after it, and
the two looks are made into one report that is judged like any other: by what is open and by the boot time.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import replace

from aws.iam import Names
from patching.documents.host_report import Change, Error, Report, ReportStatus, Side

NAME = Names.windows_document
VERSION = "$DEFAULT"
WARNING = (
    "Windows servers are patched by AWS-InstallWindowsUpdates: these servers have no guard against a second "
    "delivery of the command. A re-scan and the boot time judge them, not the exit code."
)
NOTE = "Patched by AWS-InstallWindowsUpdates, without a guard against a second delivery; judged by a re-scan."


def chosen(method: str, platform: str) -> bool:
    """Whether servers of this platform are patched by AWS's document under this policy."""
    return method == "aws" and platform == "windows"


def kb_numbers(exclude: str) -> list[str]:
    """The KB numbers of an exclude list of names; Linux packages stand there too."""
    return [name for name in exclude.split(",") if re.fullmatch(r"KB[0-9]+", name)]


def refusal(*, exclude: str, pre_script: str, post_script: str) -> str:
    """Why a policy asks more than AWS's document can do; empty when it does not."""
    if pre_script or post_script:
        return (
            f"{NAME} runs no scripts before or after. Leave them out, or let our own document patch Windows."
        )
    unclear = [name for name in exclude.split(",") if re.match(r"KB.*[*?]|[*?]", name)]
    if unclear:
        return f"{NAME} leaves out KB numbers only: write KB5031364 and the like instead of {unclear[0]}."
    return ""


def parameters(*, mode: str, reboot: str, excluded: Sequence[str] = ()) -> dict[str, list[str]]:
    """What the document takes; `excluded` are KB numbers like KB5031364."""
    found = {"Action": ["Install"], "AllowReboot": ["True" if reboot == "if-needed" else "False"]}
    if mode == "security":
        found["Categories"] = ["SecurityUpdates"]
    if excluded:
        found["ExcludeKbs"] = [",".join(excluded)]
    return found


def report_of_looks(check: Report | None, look: Report, *, mode: str) -> Report:
    """A patch report made of the look before and the look after. Without a look before nothing counts as changed."""
    before, after = (check.before if check else None), look.before
    changes = vanished(before, after)
    done = bool(before and after and after.restarted_since(before))
    left = still_open(look, mode)
    return replace(
        look,
        phase="patch",
        before=before,
        after=after,
        changes=changes,
        status=status(left, bool(changes), needed=look.reboot.needed, done=done),
        error=error(left, look),
        reboot=replace(look.reboot, done=done),
        lengths={**look.lengths, **true_length(before, after, changes)},
    )


def still_open(look: Report, mode: str) -> int | None:
    """How many updates should have gone in and did not; None when the look could not tell."""
    count = look.before.packages.pending(mode) if look.before else None
    return None if count is None else max(0, count - look.held_back_count)


def vanished(before: Side | None, after: Side | None) -> tuple[Change, ...]:
    """Updates that were offered before and are not offered any more: put in, or replaced by one that was."""
    if before is None or after is None or after.packages.upgradable is None:
        return ()
    still = {(update.name, update.new) for update in after.available}
    gone = [update for update in before.available if (update.name, update.new) not in still]
    return tuple(Change(one.name, one.arch, one.old, one.new, "kb", one.security) for one in gone)


def status(left: int | None, changed: bool, *, needed: bool, done: bool) -> ReportStatus:
    if left is None or left > 0:
        return ReportStatus.PARTIAL if changed else ReportStatus.FAILED
    if needed:
        return ReportStatus.REBOOT_PENDING
    return ReportStatus.PATCHED if changed or done else ReportStatus.NOTHING_TO_DO


def error(left: int | None, look: Report) -> Error | None:
    if left is None:
        unknown = "The re-scan could not tell what is still open."
        return look.error or Error("update_service_unavailable", unknown)
    if left == 0 or look.before is None:
        return None
    held_back = set(look.held_back or ())
    names = [update.name for update in look.before.available if update.name not in held_back]
    return Error("updates_left", f"Still open after the re-scan: {' '.join(names[:20])}"[:600])


def true_length(before: Side | None, after: Side | None, changes: Sequence[Change]) -> dict[str, int]:
    """How many updates went in, where the list before was cut: as many as are offered no more."""
    if before is None or after is None or "available" not in before.lengths:
        return {}
    counts = (before.packages.upgradable, after.packages.upgradable)
    if counts[0] is None or counts[1] is None:
        return {}
    return {"changes": max(counts[0] - counts[1], len(changes))}
