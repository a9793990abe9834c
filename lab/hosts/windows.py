"""A Windows machine: there is none, so it answers from its scenario, and says so before every report."""

from __future__ import annotations

import json
import random
import shutil
import time
import uuid
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from lab.hosts import windows_aws, windows_choice
from lab.hosts.machine import KILLED, Finished, Job, Stopper
from lab.hosts.windows_report import SCRIPTED, block, checks, error, failures, reboot_facts
from lab.scenario import HostSpec

BUILD, NEXT_BUILD = "10.0.20348.2700", windows_aws.NEXT_BUILD
BAD = ("failed", "partial", "blocked")  # Systems Manager shall say Failed where the host says so
SCAN_SECONDS, INSTALL_SECONDS = 0.3, 0.6


class WindowsMachine:
    """Knows its pending updates (KB numbers), asks for one reboot after installing, runs nothing."""

    platform_type = "Windows"
    platform_name = "Microsoft Windows Server 2022 Datacenter"
    platform_version = "10.0.20348"
    reboot_codes = frozenset({3010})

    def __init__(self, root: Path, agent: Path, spec: HostSpec, instance_id: str) -> None:
        self._root, self._agent, self._spec, self._instance_id = root, agent, spec, instance_id
        self._faults = set(spec.faults)

    def run(self, job: Job, stopper: Stopper) -> Finished:
        """Answer Patch Portal's own documents; any other script ends with code 1 and says why."""
        folder = self._agent / job.command_id / job.step
        folder.mkdir(parents=True, exist_ok=True)
        if not job.again:
            (folder / "stdout").write_text("")
        hang = "hang" in self._faults and job.step == "patch"
        if wait(job.timeout_s if hang else SCAN_SECONDS, stopper) or hang:
            return Finished(KILLED, folder, timed_out=not stopper.why, stopped=stopper.why)
        state = self._state()
        text, code = self._answer(job, state)
        self._save(state)
        with (folder / "stdout").open("a") as file:
            file.write(text)
        return Finished(code, folder)

    def forget(self, command_id: str) -> None:
        """The agent's copies of script and output go."""
        shutil.rmtree(self._agent / command_id, ignore_errors=True)

    def reboot(self) -> None:
        """Another boot id; what waited for the reboot is done."""
        state = self._state()
        state["boots"] += 1
        state["waits_for_reboot"] = False
        self._save(state)

    def cut_power(self) -> None:
        """Nothing of it runs between two steps."""

    def adopt_faults(self, names: set[str]) -> None:
        """The faults that an earlier start left."""
        self._faults = set(names)

    def set_fault(self, name: str, on: bool, content: str = "") -> None:
        """disk_full, update_fails, hang and false_failure change the answers; others are ignored."""
        (self._faults.add if on else self._faults.discard)(name)

    def close(self) -> None:
        """Nothing of it runs between two steps."""

    def _answer(self, job: Job, state: dict[str, Any]) -> tuple[str, int]:
        if job.document_name == windows_aws.NAME:
            text, code = windows_aws.play(state, job.command_id, job.parameters, self._faults)
            return f"{SCRIPTED}\n{text}", code
        dispatch = job.parameters.get("DispatchId", "")
        if job.step not in ("precheck", "patch") or not dispatch:
            return f"{SCRIPTED}\nOnly the documents of Patch Portal have an answer here.\n", 1
        if job.step == "patch" and (said := self._guard(job, state)):
            return said, 1 if self._ended_badly(job, state) else 0
        if job.step == "precheck":
            return self._precheck(job, state), 0
        return self._patch(job, state)

    def _guard(self, job: Job, state: dict[str, Any]) -> str:
        """The stored result, or duplicate_running for another command; empty when this command may go on."""
        record = state["dispatches"].setdefault(
            job.parameters["DispatchId"], {"boots": 0, "owner": job.command_id}
        )
        if record.get("result"):
            return str(record["result"])
        if record["owner"] == job.command_id:
            return ""
        said = {
            "code": "duplicate_delivery",
            "detail": "Another command is already working on this dispatch.",
        }
        return self._render(
            job,
            state,
            "duplicate_running",
            before=None,
            after=None,
            changes=[],
            boots=0,
            full=False,
            error=said,
        )

    def _ended_badly(self, job: Job, state: dict[str, Any]) -> bool:
        return state["dispatches"][job.parameters["DispatchId"]].get("status") in BAD

    def _precheck(self, job: Job, state: dict[str, Any]) -> str:
        full = self._disk_full(job)
        status = (
            "blocked"
            if full
            else "ready"
            if state["pending"] or state["waits_for_reboot"]
            else "nothing_to_do"
        )
        before = self._side(state)
        return self._render(job, state, status, before=before, after=None, changes=[], boots=0, full=full)

    def _patch(self, job: Job, state: dict[str, Any]) -> tuple[str, int]:
        record = state["dispatches"][job.parameters["DispatchId"]]
        if "before" not in record:
            record["before"] = self._side(state)
            record["changes"] = self._install(job, state)
        may = job.parameters.get("RebootPolicy", "if-needed") == "if-needed"
        if state["waits_for_reboot"] and may and record["boots"] == 0:
            record["boots"] = 1
            return f"{SCRIPTED}; restarting\n", 3010
        record["result"] = self._result(job, state, record)
        return record["result"], 1 if record["status"] in BAD else 0

    def _install(self, job: Job, state: dict[str, Any]) -> list[dict[str, Any]]:
        if self._disk_full(job):
            return []
        time.sleep(INSTALL_SECONDS)
        wanted = windows_choice.wanted(state["pending"], job.parameters)
        failing = wanted[:1] if "update_fails" in self._faults else []
        done = [kb for kb in wanted if kb not in failing]
        windows_aws.install(state, done)
        return [{**kb, "from": "", "to": "installed", "kind": "kb"} for kb in done]

    def _result(self, job: Job, state: dict[str, Any], record: dict[str, Any]) -> str:
        full, changes = self._disk_full(job), record["changes"]
        failed = "update_fails" in self._faults and bool(state["pending"])
        status = "blocked" if full else "patched" if changes else "nothing_to_do"
        if state["waits_for_reboot"]:
            status = "reboot_pending"
        if failed:
            status = "partial" if changes else "failed"
        record["status"] = status
        sides = {"before": record["before"], "after": None if full else self._side(state)}
        failing = windows_choice.wanted(state["pending"], job.parameters)[:1] if failed and not full else []
        return self._render(
            job, state, status, changes=changes, boots=record["boots"], full=full, failed=failed,
            failures=failures(failing), **sides
        )  # fmt: skip

    def _render(
        self,
        job: Job,
        state: dict[str, Any],
        status: str,
        *,
        boots: int,
        full: bool,
        failed: bool = False,
        **parts: Any,
    ) -> str:
        report = {
            "schema": 1,
            "dispatch": job.parameters["DispatchId"],
            "command_id": job.command_id,
            "instance_id": self._instance_id,
            "document_hash": job.parameters.get("DocumentHash", ""),
            "phase": job.step,
            "status": status,
            "error": error(full=full, failed=failed),
            "os": {"id": "windows", "version": self.platform_version, "name": self.platform_name},
            "boot_count": boots,
            "host_time": datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%SZ"),
            "checks": checks(full=full),
            "services": [],
            "aside": windows_choice.aside(state["pending"], job.parameters),
            "reboot": reboot_facts(job, state, boots),
            "took_s": 1,
            "truncated": {},
            **parts,
        }
        return block(report, state["installed"])

    def _side(self, state: dict[str, Any]) -> dict[str, Any]:
        running = BUILD if state["waits_for_reboot"] else state["build"]
        return {
            "kernel": {
                "running": running,
                "installed": sorted({running, state["build"]}),
                "newest_installed": state["build"],
                "newest_available": NEXT_BUILD if state["pending"] else state["build"],
            },
            "boot_id": str(uuid.uuid5(uuid.NAMESPACE_DNS, f"{self._instance_id}/{state['boots']}")),
            "uptime_s": 60 if state["boots"] else 30 * 86400,
            "packages": {
                "installed": len(state["installed"]),
                "upgradable": len(state["pending"]),
                "security": sum(kb["security"] for kb in state["pending"]),
                "held": [],
            },
            "broken": [],
            "duplicates": [],
            "available": [{**kb, "from": "", "to": "available"} for kb in state["pending"]],
        }

    def _disk_full(self, job: Job) -> bool:
        """Clearing the update cache, where fixes are allowed, helps against disk_full alone."""
        if job.parameters.get("Fixes", "none") != "none":
            self._faults.discard("disk_full")
        return bool({"disk_full", "disk_full_unfixable"} & self._faults)

    def _state(self) -> dict[str, Any]:
        path = self._root / "windows.json"
        if path.exists():
            found: dict[str, Any] = json.loads(path.read_text())
            return found
        return first_state(self._spec, self._instance_id)

    def _save(self, state: dict[str, Any]) -> None:
        self._root.mkdir(parents=True, exist_ok=True)
        fresh = self._root / "windows.json.new"
        fresh.write_text(json.dumps(state))
        fresh.replace(self._root / "windows.json")


def first_state(spec: HostSpec, instance_id: str) -> dict[str, Any]:
    """The updates that wait, the same ones at every start."""
    numbers = random.Random(instance_id).sample(range(5_040_000, 5_049_999), spec.pending)
    pending = [
        {"name": f"KB{number}", "arch": "x64", "security": i < spec.security}
        for i, number in enumerate(sorted(numbers))
    ]
    old = [f"KB{number}" for number in range(5_030_216, 5_030_230)]
    state = {"boots": 0, "waits_for_reboot": False, "build": BUILD, "dispatches": {}}
    return {**state, "pending": pending, "installed": old}


def wait(seconds: float, stopper: Stopper) -> bool:
    """Let time pass; True when stopped meanwhile."""
    end = time.monotonic() + seconds
    while (left := end - time.monotonic()) > 0 and not stopper.why:
        time.sleep(min(left, 0.05))
    return bool(stopper.why)
