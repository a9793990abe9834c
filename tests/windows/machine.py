"""One Windows host made of a file: commands are sent to it, it restarts, loses power, and shows what was done to it."""

from __future__ import annotations

import json
import os
import re
import signal
import subprocess
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any
from uuid import uuid4

from patching.documents.assemble import PARAMETERS, Phase, script
from tests.outputs import report_in

HERE = Path(__file__).parent
SECURITY, UPGRADES, DEFINITIONS = (
    "0fa1201d-4330-4fa8-8ae9-b877473b6441",
    "3689bdc8-b205-4af4-8d4a-a63924c5e9d5",
    "e0789628-ce08-4437-be74-2495b842f43b",
)
# 3010 in the eight bits that Linux keeps of an exit code.
RESTART = 3010 % 256
KILLED = (-signal.SIGKILL, 128 + signal.SIGKILL)


def update(title: str, number: str = "", **more: Any) -> dict[str, Any]:
    """An update on offer; without a number it goes by its title."""
    plain: dict[str, Any] = {
        "id": str(uuid4()),
        "title": title,
        "numbers": [number] if number else [],
        "categories": [SECURITY],
        "severity": "",
        "state": "open",
        "seconds": 0,
    }
    return plain | more


def host(*updates: dict[str, Any], **more: Any) -> dict[str, Any]:
    plain: dict[str, Any] = {
        "updates": list(updates), "flags": [], "boots": 7, "boot": stamp(timedelta(days=9)), "free_bytes": 50 * 2**30,
        "hotfixes": ["KB5000001", "KB5000002"], "history": [], "update_service": "Manual", "search_code": 2,
        "search_s": 0, "search_errors": [], "dies_at": [], "empty": 0, "busy_until": 0, "servicing_until": 0,
        "servicing_s": 0, "refuses": "", "wmi_silent": False, "sticky": False,
    }  # fmt: skip
    return plain | more


def stamp(ago: timedelta) -> str:
    return (datetime.now(UTC) - ago).strftime("%Y-%m-%dT%H:%M:%SZ")


@dataclass
class Outcome:
    """All that the agent would hold of one command, its own restarts included."""

    codes: list[int] = field(default_factory=list)
    stdout: str = ""
    stderr: str = ""

    @property
    def report(self) -> dict[str, Any]:
        assert self.stderr == ""
        return report_in(self.stdout)

    @property
    def changed(self) -> list[str]:
        return sorted(one["name"] for one in self.report["changes"])

    @property
    def error(self) -> str:
        return str((self.report["error"] or {"code": ""})["code"])


class Machine:
    """A host below a folder of its own."""

    def __init__(self, folder: Path, pwsh: str, state: dict[str, Any]) -> None:
        self.folder, self.pwsh = folder, pwsh
        self.file = folder / "host.json"
        self.program_files = folder / "Program Files"
        self.program_files.mkdir()
        self.set(**state)

    @property
    def state(self) -> dict[str, Any]:
        found: dict[str, Any] = json.loads(self.file.read_text()) if self.file.exists() else {}
        return found

    def set(self, **more: Any) -> None:
        self.file.write_text(json.dumps(self.state | more))

    def deeds(self, word: str) -> int:
        told = self.file.with_name("host.json.deeds")
        lines = told.read_text().splitlines() if told.exists() else []
        return sum(line.startswith(word) for line in lines)

    def hook(self, name: str, text: str) -> None:
        folder = self.program_files / "PatchPortal" / "hooks"
        folder.mkdir(parents=True, exist_ok=True)
        (folder / f"{name}.ps1").write_text(text)

    def notes(self, dispatch: str) -> Path:
        return self.program_files / "PatchPortal" / "dispatches" / dispatch

    def restart(self) -> None:
        state = self.state
        for row in state["updates"]:
            if row["state"] == "waits":
                row["state"] = "open" if row.get("rolls_back") else "in"
        state["boots"] += bool(state["boots"])
        until = datetime.now(UTC).timestamp() + state["servicing_s"]
        flags = state["flags"] if state["sticky"] else []
        self.set(**state | {"boot": stamp(timedelta()), "flags": flags, "servicing_until": until})

    def send(
        self,
        phase: Phase = "patch",
        command: str = "",
        *,
        restarts: bool = True,
        seconds: int = 120,
        **given: str,
    ) -> Outcome:
        """One delivery with its own restarts; where the script is killed the agent begins it anew after a boot."""
        command = command or str(uuid4())
        path = self.folder / f"{command}.ps1"
        path.write_text("\ufeff" + pasted(phase, {"DispatchId": str(uuid4())} | given))
        outcome = Outcome()
        for _ in range(15):
            done = self._run(path, command, seconds)
            outcome.codes.append(done.returncode)
            outcome.stdout += done.stdout
            outcome.stderr += done.stderr
            if not (done.returncode in KILLED or (restarts and done.returncode == RESTART)):
                break
            self.restart()
        return outcome

    def _run(self, path: Path, command: str, seconds: int) -> subprocess.CompletedProcess[str]:
        words = [
            self.pwsh,
            "-NoLogo",
            "-NoProfile",
            "-NonInteractive",
            "-File",
            str(HERE / "agent.ps1"),
            str(path),
        ]
        process = subprocess.Popen(
            words, env=self._environment(command), stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
            stderr=subprocess.PIPE, text=True, errors="replace", start_new_session=True,
        )  # fmt: skip
        try:
            out, err = process.communicate(timeout=seconds)
        except subprocess.TimeoutExpired:
            os.killpg(process.pid, signal.SIGKILL)
            process.communicate()
            raise
        return subprocess.CompletedProcess(words, process.returncode, out, err)

    def _environment(self, command: str) -> dict[str, str]:
        return {
            "PATH": os.environ["PATH"], "HOME": str(self.folder), "TZ": "America/New_York",
            "LANG": os.environ.get("WINDOWS_LANG", "C.UTF-8"), "POWERSHELL_TELEMETRY_OPTOUT": "1",
            "WINDOWS_HOST": str(self.file), "WINDOWS_PWSH": self.pwsh, "SystemDrive": "C:",
            "SystemRoot": str(self.folder / "Windows"), "ProgramFiles": str(self.program_files),
            "SSM_COMMAND_ID": command, "AWS_SSM_INSTANCE_ID": "i-0123456789abcdef0",
        }  # fmt: skip


def pasted(phase: Phase, given: dict[str, str]) -> str:
    """The script with its parameters, refused as the agent refuses what a pattern does not admit."""
    values = {name: about.get("default", "") for name, about in PARAMETERS.items()} | given
    assert all(re.search(PARAMETERS[name]["allowedPattern"], value) for name, value in values.items())
    return re.sub(r"\{\{ (\w+) \}\}", lambda place: values[place[1]], script(phase, "windows"))
