"""The parts of the report that a simulated Windows host prints."""

from __future__ import annotations

import base64
import gzip
import hashlib
import json
from typing import Any

from lab.hosts.machine import Job

SCRIPTED = "scenario: windows answers are scripted"
FAILURE = "0x80070643"  # an update's own installer failed
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
        return {"code": "install_failed", "detail": f"Windows Update ended with {FAILURE} for one update."}
    return None


def failures(updates: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """As the document tells each update that did not go in."""
    return [{"name": kb["name"], "to": "available", "step": "install", "code": FAILURE} for kb in updates]


def checks(*, full: bool) -> list[dict[str, Any]]:
    disk = "137 MB free on C:" if full else "41 GB free on C:"
    found = [
        ("supported_os", True, "Windows Server 2022"),
        ("disk_space", not full, disk),
        ("update_service", True, "The Windows Update service answers. Updates come from Microsoft."),
    ]
    return [{"name": name, "ok": ok, "detail": detail, "fix": NO_FIX} for name, ok, detail in found]


def block(report: dict[str, Any], names: list[str]) -> str:
    """The result line, the report and the packages, after the plain word that this is scripted."""
    text, packed = compact(report), packages(report, names)
    sums = {"report": digest(text), "packages": digest(packed) if packed else ""}
    pieces = [SCRIPTED, f"PATCH-PORTAL-RESULT {compact({**result_line(report), 'sha256': sums})}"]
    pieces.append(between("REPORT", report["dispatch"], text))
    if packed:
        pieces.append(between("PACKAGES", report["dispatch"], packed))
    return "\n".join(pieces) + "\n"


def packages(report: dict[str, Any], names: list[str]) -> str:
    """Base64 of gzip of the installed updates; empty where the report shows no side, or an earlier state."""
    side = report["after"] or report["before"]
    if side is None or side["packages"]["installed"] != len(names):
        return ""
    lines = "".join(f"{name}\t\t\n" for name in sorted(names))
    return base64.b64encode(gzip.compress(lines.encode("ascii"), mtime=0)).decode("ascii")


def between(name: str, dispatch: str, text: str) -> str:
    return f"<<<PATCH-PORTAL-{name} {dispatch}\n{text}\nPATCH-PORTAL-{name}>>>"


def digest(text: str) -> str:
    return hashlib.sha256(text.encode("ascii")).hexdigest()


def result_line(report: dict[str, Any]) -> dict[str, Any]:
    side = report["after"] or report["before"] or UNSEEN
    counts = {key: side["packages"][key] for key in ("installed", "upgradable", "security")}
    return {
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


def compact(value: Any) -> str:
    return json.dumps(value, separators=(",", ":"))
