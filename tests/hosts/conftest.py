"""Real package managers in namespaces. Needs root and apt; elsewhere skipped with the reason, in CI a failure."""

from __future__ import annotations

import os
import re
import shutil
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import pytest

from lab.hosts.machine import Finished, Job, Stopper
from lab.hosts.root import RootMachine
from lab.roots import images, tools
from lab.scenario import HostSpec
from patching.documents.assemble import PARAMETERS, Phase, name_of, parameters_of, script
from patching.documents.host_report import Report
from patching.documents.output import parse_result_line
from patching.verdicts import Evidence, Judgement, judge
from tests.outputs import report_in

DISPATCH = "3f0e6a52-9d5b-4c1e-8a77-0c2f4b1d9e10"
VALUES = {
    "DispatchId": DISPATCH,
    "LockWaitSeconds": "1",
    "MinFreeMb": "500",
    "DeadlineSeconds": "300",
    "Fixes": "all",
}
REBOOT_ASKED = 194
OPERATING_SYSTEMS = ("debian12", "ubuntu2404", "amzn2023", "rhel9", "sles15")


@dataclass
class Outcome:
    """What SSM would hold of one command: each execution's exit code, and all that was printed, appended."""

    codes: list[int] = field(default_factory=list)
    stdout: str = ""
    stderr: str = ""
    timed_out: bool = False

    @property
    def report(self) -> dict[str, Any]:
        return report_in(self.stdout)

    @property
    def status(self) -> str:
        return str(self.report["status"])

    @property
    def error(self) -> str:
        return str((self.report["error"] or {"code": ""})["code"])

    def check(self, name: str) -> dict[str, Any]:
        return next(check for check in self.report["checks"] if check["name"] == name)


class RootHost:
    """One host under test, driven as the agent drives it."""

    def __init__(self, folder: Path, spec: HostSpec) -> None:
        self.spec = spec
        self.patience = 300  # seconds for one question to a tool
        self._upper = folder / "root" / "upper"
        self.machine = RootMachine(folder / "root", folder / "agent", spec, "i-0123456789abcdef0")

    def command(
        self, phase: Phase, command_id: str = "command-1", timeout_s: float = 150, **values: str
    ) -> Outcome:
        """The whole command: the host restarts on 194 and runs the same step again."""
        outcome = Outcome()
        while not outcome.codes or outcome.codes[-1] == REBOOT_ASKED:
            assert len(outcome.codes) < 6, "the document asks for a restart for ever"
            again = bool(outcome.codes)
            if again:
                self.machine.reboot()
            done = self.machine.run(self.job(phase, command_id, timeout_s, again, values), Stopper())
            outcome = Outcome(
                [*outcome.codes, done.code], done.stdout.decode(), done.stderr.decode(), done.timed_out
            )
        return outcome

    def job(
        self, phase: Phase, command_id: str, timeout_s: float, again: bool, values: dict[str, str]
    ) -> Job:
        assert set(values) <= parameters_of(name_of(phase, "linux")), "SSM refuses what is not declared"
        chosen = {name: spec.get("default", "") for name, spec in PARAMETERS.items()} | VALUES | values
        text = re.sub(r"\{\{ (\w+) \}\}", lambda found: chosen[found[1]], script(phase, "linux"))
        text = re.sub("^PATIENCE=300", f"PATIENCE={self.patience}", text, flags=re.M)
        return Job(command_id, "eu-central-1", f"PatchPortal-{phase}", phase, text, chosen, timeout_s, again)

    def give(self, folder: Path, place: str) -> None:
        """Put a copy of a folder of this machine into the host, which restarts for it."""
        self.ask("true")
        self.machine.close()
        shutil.copytree(folder, self._upper / place.lstrip("/"))

    def fault(self, name: str, on: bool = True, content: str = "") -> None:
        self.machine.set_fault(name, on, content)

    def ask(self, question: str) -> str:
        """What the host's own tools print; a failing tool fails the test."""
        done = self.inside(question)
        assert done.code == 0, f"{question}: {done.stderr.decode()}"
        return done.stdout.decode()

    def inside(self, question: str) -> Finished:
        return self.machine.inside(question)


def verdict(precheck: Outcome | None, patch: Outcome, *, ssm: str = "", mode: str = "all") -> Judgement:
    """The product's own judgement of what a command left behind."""
    told = ssm or ("Success" if patch.codes[-1] == 0 else "Failed")
    evidence = Evidence(
        before=Report.of(precheck.report) if precheck else None,
        line=parse_result_line(patch.stdout),
        ssm_status=told,
        ssm_status_details="ExecutionTimedOut" if told == "TimedOut" else told,
        mode=mode,
    )
    has_report = "PATCH-PORTAL-REPORT>>>" in patch.stdout
    return judge(replace(evidence, patch=Report.of(patch.report)) if has_report else evidence)


@pytest.fixture(scope="session")
def roots() -> None:
    """The images of all operating systems; xdist's workers share them, the first one builds."""
    if why := tools.refusal():
        if os.environ.get("CI"):
            pytest.fail(f"In CI root hosts must run. {why}")
        pytest.skip(why)
    images.prepare(OPERATING_SYSTEMS)


@pytest.fixture
def make_host(roots: None, tmp_path: Path) -> Iterator[Callable[..., RootHost]]:
    """A factory of hosts with everything pending: make_host("debian12", faults=("lock_held",))."""
    made: list[RootHost] = []

    def make(os_name: str, **keys: Any) -> RootHost:
        wanted = {"pending": 5, "security": 2, "kernel_update": True} | keys
        name = f"{os_name}-{len(made)}"
        host = RootHost(
            tmp_path / name, HostSpec(name, "111122223333", "eu-central-1", os_name, "root", **wanted)
        )
        made.append(host)
        return host

    yield make
    for host in made:
        host.machine.close()
