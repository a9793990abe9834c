"""The parts of the report that a simulated Windows host prints."""

from __future__ import annotations

import json
from typing import Any

from lab.hosts.machine import Job

SCRIPTED = "scenario: windows answers are scripted"
NO_FIX = {"tried": False, "ok": False, "detail": ""}
UNSEEN: dict[str, Any] = {
    "kernel": {"running": "", "newest_installed": ""},
    "boot_id": "",
    "packages": {"installed": None, "upgradable": None, "security": None},
}


def reboot_facts(job: Job, state: dict[str, Any], boots: int) -> dict[str, Any]:
    waits = state["waits_for_reboot"]
    reasons = ["windows_update"] if boots or waits else []
    return {"needed": waits, "reasons": reasons, "done": job.step == "patch" and boots > 0 and not waits}


def error(*, full: bool, failed: bool) -> dict[str, str] | None:
    if full:
        return {"code": "disk_full", "detail": "137 MB are free on C:; the policy wants more."}
    if failed:
        return {"code": "install_failed", "detail": "Windows Update ended with 0x80070643 for one update."}
    return None


def checks(*, full: bool) -> list[dict[str, Any]]:
    disk = "137 MB free on C:" if full else "41 GB free on C:"
    found = [
        ("supported_os", True, "Windows Server 2022"),
        ("disk_space", not full, disk),
        ("update_service", True, "The Windows Update service answers"),
    ]
    return [{"name": name, "ok": ok, "detail": detail, "fix": NO_FIX} for name, ok, detail in found]


def block(report: dict[str, Any]) -> str:
    """The result line and the report between its markers, after the plain word that this is scripted."""
    side = report["after"] or report["before"] or UNSEEN
    counts = {key: side["packages"][key] for key in ("installed", "upgradable", "security")}
    line = {
        "schema": 1,
        "dispatch": report["dispatch"],
        "phase": report["phase"],
        "status": report["status"],
        "error": report["error"]["code"] if report["error"] else "",
        "kernel": {"running": side["kernel"]["running"], "newest": side["kernel"]["newest_installed"]},
        "boot_id": side["boot_id"],
        "packages": {**counts, "changed": len(report["changes"]), "broken": 0, "aside": len(report["aside"])},
        "reboot": {"needed": report["reboot"]["needed"], "done": report["reboot"]["done"]},
        "took_s": report["took_s"],
    }
    lines = [
        SCRIPTED,
        f"PATCH-PORTAL-RESULT {compact(line)}",
        f"<<<PATCH-PORTAL-REPORT {report['dispatch']}",
        compact(report),
        "PATCH-PORTAL-REPORT>>>",
    ]
    return "\n".join(lines) + "\n"


def compact(value: Any) -> str:
    return json.dumps(value, separators=(",", ":"))
