"""The machine itself: isolation, restarts, and that nothing stays behind."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from lab.hosts.kinds import machine_for
from lab.hosts.machine import Job, Machine, Stopper
from lab.hosts.root import RootMachine
from lab.scenario import HostSpec
from tests.hosts.conftest import RootHost

pytestmark = pytest.mark.timeout(600)
Make = Callable[..., RootHost]
# Brings a host up, says so, and waits to be killed.
LONELY = """
import sys, time
from pathlib import Path
from lab.hosts.root import RootMachine
from lab.scenario import HostSpec
folder = Path(sys.argv[1])
machine = RootMachine(folder / "root", folder / "agent", HostSpec("lonely", "1", "r", kind="root"), "i-1")
machine.inside("sleep 3000 >/dev/null 2>&1 </dev/null &")
print("up", flush=True)
time.sleep(3000)
"""


def job(script: str, **keys: object) -> Job:
    return Job("command-1", "eu-central-1", "document", "step", script, {}, 20, **keys)  # type: ignore[arg-type]


def test_the_scenario_chooses_it(tmp_path: Path) -> None:
    machine: Machine = machine_for(
        tmp_path / "r", tmp_path / "a", HostSpec("x", "1", "r", kind="root"), "i-1"
    )
    assert isinstance(machine, RootMachine)
    assert not (tmp_path / "r").exists()  # thousands cost nothing before their first run


def test_a_script_has_the_agents_environment_and_nothing_of_ours(make_host: Make) -> None:
    host = make_host("rhel9")
    done = host.machine.run(job("env; hostname; ls /work /home 2>/dev/null"), Stopper())
    text = done.stdout.decode()
    assert "AWS_SSM_INSTANCE_ID=i-0123456789abcdef0\n" in text
    assert "SSM_COMMAND_ID=command-1\n" in text
    told = {"AWS_SSM_PLATFORM_NAME=Red Hat Enterprise Linux", "AWS_SSM_PLATFORM_VERSION=9.4"}
    assert told <= set(text.splitlines())
    assert "rhel9-0\n" in text
    names = {line.partition("=")[0] for line in text.splitlines() if "=" in line}
    assert names <= {"PATH", "PWD", "_", "SHLVL", "OLDPWD"} | {name for name in names if "SSM" in name}


def test_hosts_share_their_image_and_nothing_else(make_host: Make) -> None:
    one, other = make_host("debian12"), make_host("debian12")
    one.ask("echo mine >/etc/only-here; rm /usr/share/labapp/version")
    assert other.inside("cat /etc/only-here").code != 0
    assert other.ask("cat /usr/share/labapp/version") == "1.0-1"
    assert "labapp" not in other.ask("ps ax")
    assert other.inside("touch /srv/repo/x").code != 0  # the repositories are everybody's
    assert one.ask(
        "cat /sys/class/net/eth0/address 2>/dev/null; tail -n +3 /proc/net/dev | cut -d: -f1"
    ).split() == ["lo"]


def test_a_restart_is_a_real_one(make_host: Make) -> None:
    host = make_host("debian12")
    host.ask("touch /run/flag /etc/flag; sleep 3000 >/dev/null 2>&1 & echo")
    boot = host.ask("cat /proc/sys/kernel/random/boot_id")
    uptime = "awk '$1 == \"btime\" { print $2 }' /proc/stat"
    started = int(host.ask(uptime))
    host.machine.reboot()
    assert host.inside("test -e /run/flag").code == 1
    assert host.ask("cat /etc/flag") == ""
    assert host.inside("pgrep -x sleep").code == 1
    assert host.ask("cat /proc/sys/kernel/random/boot_id") != boot
    assert int(host.ask(uptime)) > started + 86400


def test_output_is_appended_after_a_restart(make_host: Make) -> None:
    host = make_host("sles15")
    assert host.machine.run(job("echo first; exit 194"), Stopper()).code == 194
    host.machine.reboot()
    assert host.machine.run(job("echo second", again=True), Stopper()).stdout == b"first\nsecond\n"
    assert host.machine.run(job("echo third"), Stopper()).stdout == b"third\n"


def test_time_out_and_stop_kill_the_script(make_host: Make) -> None:
    host = make_host("debian12")
    host.ask("true")
    late = host.machine.run(Job("c", "r", "d", "s", "sleep 3000", {}, 0.5), Stopper())
    assert (late.code, late.timed_out) == (137, True)
    stopper = Stopper()
    stopper.stop("cancel")
    assert host.machine.run(job("sleep 3000"), stopper).stopped == "cancel"
    assert host.inside("pgrep -x sleep").code == 1


def test_a_small_disk_keeps_its_content_over_a_restart(make_host: Make) -> None:
    host = make_host("debian12", faults=("disk_full_unfixable",))
    host.ask("echo kept >/root/file")
    assert int(host.ask("df -Pk / | awk 'NR == 2 { print $2 }'")) == 40 * 1024
    host.machine.reboot()
    assert host.ask("cat /root/file") == "kept\n"
    host.fault("disk_full_unfixable", on=False)
    assert host.ask("cat /root/file") == "kept\n"
    assert int(host.ask("df -Pk / | awk 'NR == 2 { print $2 }'")) > 40 * 1024


def test_nothing_stays_when_the_lab_is_killed(roots: None, tmp_path: Path) -> None:
    lab = subprocess.Popen(
        [sys.executable, "-c", LONELY, str(tmp_path)], stdout=subprocess.PIPE, cwd=Path(__file__).parents[2]
    )
    assert lab.stdout is not None
    with lab.stdout as stream:
        assert stream.readline() == b"up\n"
    assert str(tmp_path) not in Path("/proc/mounts").read_text()
    assert processes_of(tmp_path)
    os.kill(lab.pid, signal.SIGKILL)
    lab.wait()
    end = time.monotonic() + 20
    while processes_of(tmp_path) and time.monotonic() < end:
        time.sleep(0.1)
    assert processes_of(tmp_path) == []


def processes_of(folder: Path) -> list[str]:
    """What still runs with this folder as its root or on its command line."""
    found = []
    for process in Path("/proc").glob("[0-9]*"):
        try:
            words = (process / "cmdline").read_bytes().decode(errors="replace")
            root = str((process / "root").readlink())
        except OSError:
            continue
        if process.name != str(os.getpid()) and (str(folder) in root or str(folder) in words):
            found.append(words)
    return found
