"""Reports and result lines as a host prints them, each fact of which a test may change."""

from __future__ import annotations

from typing import Any

from patching.documents.result_line import ResultLine

OLD, NEW = "6.1.0-40-cloud-amd64", "6.1.0-41-cloud-amd64"


def side(
    running: str = NEW, boot: str = "boot-2", left: int | None = 0, security: int | None = 0, broken: int = 0,
    boots: str | None = None,
) -> dict[str, Any]:  # fmt: skip
    """boots: the kernel of the next start; None: the document did not tell."""
    return {
        "kernel": {
            "running": running,
            "installed": [OLD, NEW],
            "newest_installed": NEW,
            "newest_available": NEW,
            **({} if boots is None else {"boot_default": boots}),
        },
        "boot_id": boot,
        "uptime_s": 60,
        "packages": {"installed": 40, "upgradable": left, "security": security, "held": []},
        "broken": [f"pkg{i}" for i in range(broken)],
        "duplicates": [],
        "available": [],
    }


def change(index: int) -> dict[str, Any]:
    return {
        "name": f"p{index}",
        "arch": "amd64",
        "from": "1",
        "to": "2",
        "kind": "upgrade",
        "security": False,
    }


def report(
    status: str = "patched",
    changed: int = 3,
    after: dict[str, Any] | None = None,
    error: str = "",
    needed: bool = False,
    done: bool = True,
    before: dict[str, Any] | None = None,
    **more: Any,
) -> dict[str, Any]:
    return {
        "schema": 1,
        "dispatch": "3f0e6a52-9d5b-4c1e-8a77-0c2f4b1d9e10",
        "command_id": "c",
        "instance_id": "i-1",
        "document_hash": "",
        "phase": "patch",
        "status": status,
        "error": {"code": error, "detail": f"It was {error}."} if error else None,
        "os": {"id": "debian", "version": "12", "name": "Debian"},
        "boot_count": 1,
        "host_time": "2026-11-23T22:00:00Z",
        "checks": [],
        "before": before or side(OLD, "boot-1", 3),
        "after": after,
        "changes": [change(i) for i in range(changed)],
        "services": [],
        "reboot": {"needed": needed, "reasons": ["kernel"] if needed or done else [], "done": done},
        "took_s": 9,
        "truncated": {},
    } | more


def line(**changed: Any) -> ResultLine:
    values: dict[str, Any] = {
        "dispatch": "d",
        "phase": "patch",
        "status": "patched",
        "error": "",
        "kernel_running": NEW,
        "kernel_newest": NEW,
        "boot_id": "b",
        "installed": 9,
        "upgradable": 0,
        "security": 0,
        "changed": 2,
        "broken": 0,
        "reboot_needed": False,
        "reboot_done": True,
        "took_s": 3,
    }
    return ResultLine(**values | changed)
