"""Runs the assembled scripts as the SSM agent does, on simulated hosts."""

from __future__ import annotations

import re
import subprocess
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest

from lab.shims import template
from patching.documents.assemble import PARAMETERS, Phase, name_of, parameters_of, script
from patching.documents.output import parse_result_line
from patching.documents.packages import InstalledPackage, parse_packages
from patching.documents.result_line import ResultLine
from tests.documents.shells import awk_of, shell_of
from tests.outputs import report_in

DISPATCH = "3f0e6a52-9d5b-4c1e-8a77-0c2f4b1d9e10"
VALUES = {
    "DispatchId": DISPATCH,
    "LockWaitSeconds": "0",
    "MinFreeMb": "500",
    "DeadlineSeconds": "300",
    "DocumentHash": "ab" * 32,
}
REBOOT_ASKED = 194


@dataclass
class Outcome:
    """What SSM would hold of one command: every run's exit code, and all that was printed, appended."""

    codes: list[int] = field(default_factory=list)
    stdout: str = ""
    stderr: str = ""

    @property
    def report(self) -> dict[str, Any]:
        return report_in(self.stdout)

    @property
    def line(self) -> ResultLine:
        line = parse_result_line(self.stdout)
        assert line is not None
        return line

    @property
    def packages(self) -> list[InstalledPackage]:
        return parse_packages(self.stdout, self.line)

    @property
    def head(self) -> str:
        """What stands before the first block."""
        return self.stdout[: self.stdout.index("<<<PATCH")]

    def block(self, kind: str) -> str:
        """One block with its markers."""
        begin, end = (
            self.stdout.index(mark) for mark in (f"<<<PATCH-PORTAL-{kind}", f"PATCH-PORTAL-{kind}>>>")
        )
        return self.stdout[begin : end + len(f"PATCH-PORTAL-{kind}>>>")]

    @property
    def status(self) -> str:
        return str(self.report["status"])


@dataclass
class ShimHost:
    root: Path
    shell: str = "/bin/sh"
    patience: int = 0  # seconds for one question to a tool, where it is not the documents' own

    def run(
        self, phase: Phase, command_id: str = "command-1", folder: Path | None = None, **values: str
    ) -> Outcome:
        """One execution of the step, without any reboot. From a `folder` it runs as old agents do it: without ids."""
        environment = self._environment(command_id)
        if folder:
            environment = {name: value for name, value in environment.items() if "SSM" not in name}
        done = subprocess.run(
            [*self.shell.split(), str(self._write_script(phase, values, folder))],
            env=environment,
            capture_output=True,
            text=True,
            stdin=subprocess.DEVNULL,
            timeout=60,
            check=False,
        )
        return Outcome([done.returncode], done.stdout, done.stderr)

    def command(
        self, phase: Phase, command_id: str = "command-1", restarts: bool = True, **values: str
    ) -> Outcome:
        """The whole command: the agent restarts the host on 194 and runs the same step again."""
        outcome = Outcome()
        while not outcome.codes or outcome.codes[-1] == REBOOT_ASKED:
            assert len(outcome.codes) < 6, "the document asks for a restart for ever"
            if outcome.codes and restarts:
                template.reboot(self.root)
            run = self.run(phase, command_id, **values)
            outcome = Outcome(
                outcome.codes + run.codes, outcome.stdout + run.stdout, outcome.stderr + run.stderr
            )
        return outcome

    def fault(self, name: str, on: bool = True, content: str = "") -> None:
        template.set_fault(self.root, name, on, content)

    def tool(self, name: str, text: str) -> None:
        """Put a tool in front of the shims, to answer with recorded output."""
        path = self.root / "tools" / name
        path.parent.mkdir(exist_ok=True)
        path.write_text(f"#!/bin/sh\n{text}\n")
        path.chmod(0o755)

    def hanging(self, name: str, word: str, after: str = "", deaf: bool = False) -> None:
        """A tool that hangs where one of its arguments is `word`, once the host has the file `after`."""
        here = self.root / "tools" / name
        hang = "trap '' TERM; sleep 600" if deaf else "sleep 600"
        self.tool(
            name,
            f"""case " $* " in *" {word} "*) [ ! -e "{self.root / after}" ] || {{ {hang}; }} ;; esac
PATH=${{PATH#"{here.parent}":}} exec {name} "$@\"""",
        )

    def state(self, name: str) -> str:
        return (self.root / "lab" / name).read_text()

    def _write_script(self, phase: Phase, values: dict[str, str], folder: Path | None = None) -> Path:
        assert set(values) <= parameters_of(name_of(phase, "linux")), (
            "SSM refuses parameters that are not declared"
        )
        chosen = {name: spec.get("default", "") for name, spec in PARAMETERS.items()} | VALUES | values
        path = (folder or self.root / "tmp") / "_script.sh"
        path.parent.mkdir(parents=True, exist_ok=True)
        text = re.sub(r"\{\{ (\w+) \}\}", lambda found: chosen[found[1]], script(phase, "linux"))
        path.write_text(re.sub("^PATIENCE=300", f"PATIENCE={self.patience or 300}", text, flags=re.M))
        return path

    def _environment(self, command_id: str) -> dict[str, str]:
        values = template.environment(
            self.root, command_id=command_id, instance_id="i-0123456789abcdef0", region="eu-central-1"
        )
        return values | {"PATH": f"{self.root / 'tools'}:{values['PATH']}"}


@pytest.fixture
def make_host(tmp_path: Path) -> Callable[..., ShimHost]:
    """A factory of hosts: make_host("debian12", pending=5, faults=[...])."""

    def make(os: str, name: str = "web-1", shell: str = "", **keys: Any) -> ShimHost:
        root = tmp_path / f"{name}-{os}"
        template.populate(root, {"name": name, "instance_id": "i-0123456789abcdef0", "os": os, **keys})
        if not shell:
            return ShimHost(root)
        host = ShimHost(root, shell_of(shell))
        host.tool("awk", f'exec {awk_of(shell)} "$@"')
        return host

    return make
