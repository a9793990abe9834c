"""Windows hosts of the AWS in memory: our pre-check looks at them, AWS-InstallWindowsUpdates patches them."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import Any

from aws.ports import Command, Invocation, SendRequest
from patching.documents import aws_windows
from tests.fake_ssm import FakeSsm
from tests.fakes import FakeCloud, FakeHost
from tests.outputs import printed


@dataclass
class Windows:
    """What one Windows host is like, and how AWS's document behaves on it."""

    open: list[str] = field(default_factory=lambda: ["KB5031364", "KB890830"])
    boots: int = 0
    installs: bool = True
    ends: tuple[str, str] = ("Success", "Success")
    runs: list[str] = field(default_factory=list)  # command ids: nothing on the host stops a second one
    told: list[dict[str, Any]] = field(default_factory=list)  # the parameters of each run
    searches: bool = True


class WindowsCloud(FakeCloud):
    """Every host in it is a Windows host; `machines` by instance id."""

    machines: dict[str, Windows]

    def windows(self, number: int, **facts: Any) -> Windows:
        if not hasattr(self, "machines"):
            self.machines = {}
        host = self.add(number, platform="windows")
        self.machines[host.instance.instance_id] = Windows(**facts)
        return self.machines[host.instance.instance_id]

    def ssm(self, account_id: str, region: str) -> WindowsSsm:
        return WindowsSsm(self, account_id, region)


class WindowsSsm(FakeSsm):
    cloud: WindowsCloud

    def _execute(self, host: FakeHost, request: SendRequest, command: Command) -> None:
        machine = self.cloud.machines[host.instance.instance_id]
        if request.document_name == aws_windows.NAME:
            patch(machine, request, command)
            text = "| Info | Searching for Windows Updates.\n"
        else:
            text = look(machine, host, request, command)
        place = f"{command.command_id}/{host.instance.instance_id}/awsrunPowerShellScript/s/stdout"
        self.cloud.stored[f"{request.output_prefix}/{place}"] = text.encode()
        self.cloud.printed[command.command_id, host.instance.instance_id] = text

    def _invocations(self, command_id: str) -> list[Invocation]:
        _, request = self.cloud.commands[command_id]
        found = super()._invocations(command_id)
        if request.document_name != aws_windows.NAME:
            return found
        ends = [self.cloud.machines[item.instance_id].ends for item in found]
        pairs = zip(found, ends, strict=True)
        return [replace(item, status=end[0], status_details=end[1]) for item, end in pairs]


def patch(machine: Windows, request: SendRequest, command: Command) -> None:
    machine.runs.append(command.command_id)
    machine.told.append(dict(request.parameters))
    excluded = ",".join(request.parameters.get("ExcludeKbs", ())).split(",")
    left = [name for name in machine.open if name in excluded]
    if machine.installs and machine.open != left:
        machine.open, machine.boots = left, machine.boots + 1


def look(machine: Windows, host: FakeHost, request: SendRequest, command: Command) -> str:
    """The report of our pre-check document."""
    count = len(machine.open) if machine.searches else None
    title = {"arch": "", "from": "", "to": "an update", "security": True}
    build = {
        "running": "10.0.1",
        "installed": ["10.0.1"],
        "newest_installed": "10.0.1",
        "newest_available": "",
    }
    blind = {"code": "update_service_unavailable", "detail": "The search for updates failed."}
    dispatch = request.parameters["DispatchId"][0]
    kept_out = request.parameters.get("Exclude", [""])[0].split(",")
    report = {
        "schema": 1, "dispatch": dispatch, "command_id": command.command_id,
        "instance_id": host.instance.instance_id, "document_hash": "", "phase": "precheck",
        "status": "ready" if machine.searches else "blocked", "error": None if machine.searches else blind,
        "os": {"id": "windows", "version": "10.0.20348", "name": "Windows Server 2022"}, "boot_count": 0,
        "host_time": "2026-12-05T20:00:00Z", "checks": [],
        "before": {
            "kernel": build, "boot_id": f"boot-{machine.boots}", "uptime_s": 60,
            "packages": {"installed": 9, "upgradable": count, "security": count, "held": []},
            "broken": [], "duplicates": [],
            "available": [{"name": name, **title} for name in machine.open] if machine.searches else [],
        },
        "after": None, "changes": [], "services": [], "aside": [name for name in machine.open if name in kept_out],
        "reboot": {"needed": False, "reasons": [], "done": False}, "took_s": 1, "truncated": {},
    }  # fmt: skip
    return printed(report)
