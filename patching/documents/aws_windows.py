"""AWS-InstallWindowsUpdates, which a policy may choose for Windows servers instead of our own document.

It prints no report and has no guard on the host, and it can end with exit code 1 after updates that went in and a
restart that happened (aws/amazon-ssm-agent#681). So our pre-check document looks before it and again after it, and
the two looks are made into one report that is judged like any other: by what is open and by the boot time.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import Any

NAME = "AWS-InstallWindowsUpdates"
VERSION = "$DEFAULT"
WARNING = (
    "Windows servers are patched by AWS-InstallWindowsUpdates: these servers have no guard against a second "
    "delivery of the command. A re-scan and the boot time judge them, not the exit code."
)
NOTE = "Patched by AWS-InstallWindowsUpdates, without a guard against a second delivery; judged by a re-scan."

Report = Mapping[str, Any]


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


def report_of_looks(check: Report | None, look: Report, *, mode: str) -> dict[str, Any]:
    """A patch report made of the look before and the look after. Without a look before nothing counts as changed."""
    before = check["before"] if check else None
    after = look["before"]
    changes = vanished(before, after)
    done = bool(before and after and before["boot_id"] != after["boot_id"])
    left = still_open(look, mode)
    needed = bool(look["reboot"]["needed"])
    return {
        **look,
        "phase": "patch",
        "before": before,
        "after": after,
        "changes": changes,
        "status": status(left, bool(changes), needed=needed, done=done),
        "error": error(left, look),
        "reboot": {"needed": needed, "reasons": look["reboot"]["reasons"], "done": done},
        "truncated": truncated(check, look, changes),
    }


def still_open(look: Report, mode: str) -> int | None:
    """How many updates should have gone in and did not; None when the look could not tell."""
    side = look["before"]
    count: int | None = side["packages"]["security" if mode == "security" else "upgradable"] if side else None
    aside = look["truncated"].get("aside", len(look.get("aside", ())))
    return None if count is None else max(0, count - aside)


def vanished(before: Report | None, after: Report | None) -> list[dict[str, Any]]:
    """Updates that were offered before and are not offered any more: put in, or replaced by one that was."""
    if before is None or after is None or after["packages"]["upgradable"] is None:
        return []
    still = {(update["name"], update["to"]) for update in after["available"]}
    gone = [update for update in before["available"] if (update["name"], update["to"]) not in still]
    return [{**update, "kind": "kb"} for update in gone]


def status(left: int | None, changed: bool, *, needed: bool, done: bool) -> str:
    if left is None or left > 0:
        return "partial" if changed else "failed"
    if needed:
        return "reboot_pending"
    return "patched" if changed or done else "nothing_to_do"


def error(left: int | None, look: Report) -> dict[str, str] | None:
    if left is None:
        told: dict[str, str] | None = look["error"]
        unknown = "The re-scan could not tell what is still open."
        return told or {"code": "update_service_unavailable", "detail": unknown}
    if left == 0:
        return None
    aside = set(look.get("aside", ()))
    open_ = [update["name"] for update in look["before"]["available"] if update["name"] not in aside]
    names = " ".join(open_[:20])
    return {"code": "updates_left", "detail": f"Still open after the re-scan: {names}"[:600]}


def truncated(check: Report | None, look: Report, changes: Sequence[object]) -> dict[str, int]:
    """The true lengths of cut lists; the looks call both their lists `before`."""
    mine = {key: count for key, count in look["truncated"].items() if not key.startswith("before.")}
    after = {
        f"after.{key[7:]}": count for key, count in look["truncated"].items() if key.startswith("before.")
    }
    before = {
        key: count for key, count in (check or {}).get("truncated", {}).items() if key.startswith("before.")
    }
    found: dict[str, int] = {**mine, **before, **after}
    if "before.available" in before and look["before"] and check and check["before"]:
        counts = [side["packages"]["upgradable"] for side in (check["before"], look["before"])]
        if None not in counts:
            found["changes"] = max(counts[0] - counts[1], len(changes))
    return found
