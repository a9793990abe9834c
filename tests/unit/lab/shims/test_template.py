"""Shim hosts: one name, one host; faults and restarts change what they say; tools answer as real ones."""

from __future__ import annotations

import shutil
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import pytest

from lab.shims import template
from lab.shims.catalogue import SYSTEMS, newer

HOST: dict[str, Any] = {
    "name": "pay-api-1",
    "instance_id": "i-1",
    "os": "debian12",
    "pending": 9,
    "security": 4,
}
VERCMP = template.BIN.parent / "vercmp.awk"


def call(root: Path, *command: str) -> subprocess.CompletedProcess[str]:
    environment = template.environment(root, command_id="c", instance_id="i-1", region="eu-central-1")
    program = shutil.which(command[0], path=environment["PATH"])
    assert program is not None
    return subprocess.run(
        [program, *command[1:]], env=environment, capture_output=True, text=True, check=False
    )


def files(root: Path) -> dict[str, bytes]:
    found = (path for path in root.rglob("*") if path.is_file() and path.name != "stat")
    return {str(path.relative_to(root)): path.read_bytes() for path in found}


@pytest.mark.parametrize("os", sorted(SYSTEMS))
def test_the_same_name_gives_the_same_host(tmp_path: Path, os: str) -> None:
    for folder in ("a", "b"):
        template.populate(tmp_path / folder, HOST | {"os": os, "kernel_update": True})
    template.populate(tmp_path / "c", HOST | {"os": os, "kernel_update": True, "name": "other"})
    assert files(tmp_path / "a") == files(tmp_path / "b") != files(tmp_path / "c")
    pending = [line.split("\t") for line in (tmp_path / "a/lab/pending").read_text().splitlines()]
    assert len(pending) == 9
    assert (
        sum(row[4] == "1" and row[5] == "upgrade" and row[0] != SYSTEMS[os].kernel_meta for row in pending)
        == 4
    )


def test_a_host_takes_milliseconds(tmp_path: Path) -> None:
    started = time.process_time()
    for number in range(50):
        template.populate(tmp_path / str(number), HOST | {"name": f"h{number}"})
    assert (time.process_time() - started) / 50 < 0.01


def test_a_restart_runs_the_newest_kernel_and_empties_run(tmp_path: Path) -> None:
    template.populate(tmp_path, HOST | {"kernel_update": True})
    boot = (tmp_path / "proc/sys/kernel/random/boot_id").read_text()
    assert call(tmp_path, "apt-get", "-y", "dist-upgrade").returncode == 0
    assert (tmp_path / "run/reboot-required").exists()
    assert call(tmp_path, "uname", "-r").stdout == "6.1.0-40-cloud-amd64\n"
    template.reboot(tmp_path)
    assert call(tmp_path, "uname", "-r").stdout == "6.1.0-41-cloud-amd64\n"
    assert not (tmp_path / "run/reboot-required").exists()
    assert (tmp_path / "proc/sys/kernel/random/boot_id").read_text() != boot


def test_an_unknown_fault_is_refused(tmp_path: Path) -> None:
    template.populate(tmp_path, HOST)
    with pytest.raises(ValueError, match="'earthquake' is not a fault"):
        template.set_fault(tmp_path, "earthquake", True)


def test_an_unreachable_repository_is_forgiven_by_plain_apt_get_update(tmp_path: Path) -> None:
    template.populate(tmp_path, HOST | {"faults": ["repo_broken"]})
    assert call(tmp_path, "apt-get", "update").returncode == 0
    assert call(tmp_path, "apt-get", "-o", "APT::Update::Error-Mode=any", "update").returncode == 100
    template.set_fault(tmp_path, "repo_broken", False)
    assert call(tmp_path, "apt-get", "-o", "APT::Update::Error-Mode=any", "update").returncode == 0


def test_dnf_exit_codes(tmp_path: Path) -> None:
    template.populate(tmp_path, HOST | {"os": "rhel9"})
    assert call(tmp_path, "dnf", "-q", "check-update").returncode == 100
    assert call(tmp_path, "dnf", "-y", "upgrade").returncode == 0
    assert call(tmp_path, "dnf", "-q", "check-update").returncode == 0
    template.set_fault(tmp_path, "repo_broken_unfixable", True)
    assert call(tmp_path, "dnf", "-q", "check-update").returncode == 1


def test_zypper_with_a_dead_repository_says_106_and_no_updates(tmp_path: Path) -> None:
    template.populate(tmp_path, HOST | {"os": "sles15", "faults": ["repo_broken_unfixable"]})
    answer = call(tmp_path, "zypper", "--non-interactive", "--xmlout", "list-updates")
    assert (answer.returncode, "<update " in answer.stdout) == (106, False)


@pytest.mark.parametrize(
    ("one", "two", "order"),
    [
        ("6.1.0-41-cloud-amd64", "6.1.0-40-cloud-amd64", "1"),
        ("6.1.0-9", "6.1.0-41", "-1"),
        ("5.14.0-427.13.1.el9_4.x86_64", "5.14.0-427.el9.x86_64", "1"),
        ("1.0~rc1-1", "1.0-1", "-1"),
        ("1:1.0-1", "2.0-1", "1"),
        ("1.0-1", "1.0-1", "0"),
        ("1.0a", "1.0", "1"),
    ],
)
def test_versions_are_ordered_as_the_package_tools_do(one: str, two: str, order: str) -> None:
    command = ["awk", "-v", f"a={one}", "-v", f"b={two}", "-v", "op=print", "-f", str(VERCMP)]
    done = subprocess.run(command, stdin=subprocess.DEVNULL, capture_output=True, text=True, check=True)
    assert done.stdout.strip() == order


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ("3.0.14-1~deb12u1", "3.0.14-1~deb12u2"),
        ("5.1.8-9.el9", "5.1.8-10.el9"),
        ("252-32.el9_4", "252-33.el9_4"),
        ("8.5.0-1.amzn2023.0.4", "8.5.0-1.amzn2023.0.5"),
        ("252.23-2.amzn2023", "252.23-3.amzn2023"),
    ],
)
def test_the_next_version_keeps_the_distribution(old: str, new: str) -> None:
    assert newer(old) == new


def test_shellcheck_finds_nothing_in_the_shims() -> None:
    tool = Path(sys.executable).parent / "shellcheck"
    shims = sorted(template.BIN.iterdir())
    root = Path(__file__).resolve().parents[4]
    done = subprocess.run([tool, "-x", *shims], cwd=root, capture_output=True, text=True, check=False)
    assert (done.returncode, done.stdout) == (0, "")


@pytest.mark.parametrize(
    ("system", "told"),
    [
        ("debian12", ("Debian GNU/Linux", "12")),
        ("amzn2023", ("Amazon Linux", "2023")),
        ("rhel9", ("Red Hat Enterprise Linux", "9.4")),
    ],
)
def test_the_agent_tells_name_and_version_apart(system: str, told: tuple[str, str]) -> None:
    assert (SYSTEMS[system].platform_name, SYSTEMS[system].platform_version) == told
