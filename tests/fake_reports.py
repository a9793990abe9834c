"""The report that a host of the AWS in memory prints, valid by the committed schema."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

from aws.ports import SendRequest
from tests.outputs import printed

if TYPE_CHECKING:
    from tests.fakes import FakeHost

BEGIN = datetime(2026, 12, 5, 20, tzinfo=UTC)  # by the clock of a host


def side(kernel: str, upgradable: int) -> dict[str, Any]:
    package = {"name": "openssl", "arch": "amd64", "from": "3.0.11", "to": "3.0.14", "security": True}
    return {
        "kernel": {
            "running": kernel,
            "installed": [kernel],
            "newest_installed": kernel,
            "newest_available": "6.1.112",
        },
        "boot_id": f"boot-{kernel}",
        "uptime_s": 100,
        "packages": {"installed": 200, "upgradable": upgradable, "security": min(upgradable, 1), "held": []},
        "available": [package] * min(upgradable, 3),
        "broken": [],
        "duplicates": [],
    }


AFTER = {"patched": side("6.1.112", 0), "nothing_to_do": side("6.1.96", 0)}


def report(**told: Any) -> dict[str, Any]:
    """A report of a host that has nothing to say but what is `told`."""
    return {
        "schema": 1,
        "dispatch": "3f0e6a52-9d5b-4c1e-8a77-0c2f4b1d9e10",
        "command_id": "c",
        "instance_id": "i-1",
        "document_hash": "ab",
        "phase": "patch",
        "status": "patched",
        "error": None,
        "os": {"id": "debian", "version": "12", "name": "Debian GNU/Linux 12"},
        "boot_count": 0,
        "host_time": f"{BEGIN:%Y-%m-%dT%H:%M:%SZ}",
        "checks": [],
        "before": None,
        "after": None,
        "changes": [],
        "services": [],
        "reboot": {"needed": False, "reasons": [], "done": False},
        "took_s": 3,
        "truncated": {},
    } | told


def report_text(host: FakeHost, request: SendRequest, command_id: str, phase: str) -> str:
    """What the document prints, valid by the committed schema."""
    status = host.patch if phase == "patch" else host.precheck
    looked_at = request.parameters.get("AfterDispatch", [""])[0]
    if looked_at:  # the look back: as the command would have ended, or that it never began
        status = host.patch if looked_at in host.executed else "failed"
    ends = bool(looked_at) or phase == "patch"
    blocked = {"code": "disk_full", "detail": "Only 12 MB are free on /, 900 MB are needed."}
    openssl = {
        "name": "openssl",
        "arch": "amd64",
        "from": "3.0.11",
        "to": "3.0.14",
        "kind": "upgrade",
        "security": True,
    }
    told = report(
        dispatch=request.parameters["DispatchId"][0],
        command_id=command_id,
        instance_id=host.instance.instance_id,
        phase=phase,
        status=status,
        error=blocked if status in {"blocked", "failed"} else None,
        checks=host.checks if phase == "precheck" else [],
        before=side("6.1.96", host.pending),
        after=AFTER.get(status, side("6.1.96", host.pending) if looked_at else None) if ends else None,
        changes=([openssl] if host.changes is None else host.changes) if ends and status == "patched" else [],
        reboot={"needed": False, "reasons": [], "done": ends and status == "patched"},
    )
    if host.clock_stepped_s:
        told["clock"] = {"stepped_s": host.clock_stepped_s}
        told["host_time"] = f"{BEGIN + timedelta(seconds=host.clock_stepped_s):%Y-%m-%dT%H:%M:%SZ}"
    if host.release and phase == "precheck":
        told["os"] = told["os"] | {"release": host.release}
    for place in ("before", "after"):
        if host.withheld and told[place]:
            told[place] = withholding(told[place], *host.withheld)
    return printed(told)


def withholding(side: dict[str, Any], total: int, security: int) -> dict[str, Any]:
    withheld = {"total": total, "security": security, "names": [f"kept{number}" for number in range(total)]}
    return side | {"packages": side["packages"] | {"withheld": withheld}}
