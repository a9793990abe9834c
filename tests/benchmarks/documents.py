"""What our patch document costs over the bare package manager, on clones of the same real roots."""

from __future__ import annotations

import re
import statistics
import sys
import tempfile
import time
from pathlib import Path

from lab.hosts.machine import Job, Stopper
from lab.hosts.root import RootMachine
from lab.roots import images, tools
from lab.scenario import HostSpec
from patching.documents.assemble import PARAMETERS, script

ROUNDS = 3
# A package whose installation takes a while, as real updates do; the small ones alone take a second.
SLOW_SECONDS = 30
BARE = {
    "debian12": "export DEBIAN_FRONTEND=noninteractive; apt-get update && apt-get -y "
    "-o Dpkg::Options::=--force-confdef -o Dpkg::Options::=--force-confold dist-upgrade",
    "amzn2023": "dnf -y --refresh upgrade",
    "sles15": "zypper --non-interactive refresh && zypper --non-interactive update --auto-agree-with-licenses",
}
VALUES = {
    "DispatchId": "3f0e6a52-9d5b-4c1e-8a77-0c2f4b1d9e10",
    "RebootPolicy": "never",
    "Fixes": "all",
    "MinFreeMb": "500",
}


came_up: list[float] = []  # seconds from a name to a host that answers


def clone(folder: Path, os_name: str, slow_s: int) -> RootMachine:
    """A host that is up, whose slow package takes this long."""
    spec = HostSpec(folder.name, "111122223333", "eu-central-1", os_name, "root", pending=5, security=2)
    machine = RootMachine(folder / "root", folder / "agent", spec, "i-0123456789abcdef0")
    began = time.perf_counter()
    machine.inside("true")
    came_up.append(time.perf_counter() - began)
    machine.inside(f"mkdir -p /etc/lab && echo {slow_s} >/etc/lab/slow-seconds")
    return machine


def took(machine: RootMachine, text: str) -> float:
    """Seconds of one run; raises when it failed."""
    job = Job("command-1", "eu-central-1", "PatchPortal-Patch-Linux", "patch", text, {}, 600)
    began = time.perf_counter()
    done = machine.run(job, Stopper())
    seconds = time.perf_counter() - began
    if done.code != 0:
        raise RuntimeError(
            f"It ended with {done.code}: {done.stderr.decode()[-500:]} {done.stdout.decode()[-500:]}"
        )
    return seconds


def ours() -> str:
    values = {name: facts.get("default", "") for name, facts in PARAMETERS.items()} | VALUES
    return re.sub(r"\{\{ (\w+) \}\}", lambda found: values[found[1]], script("patch", "linux"))


def measure(os_name: str, slow_s: int) -> tuple[float, float]:
    """(bare, ours) as medians of runs that took turns, each on a fresh clone."""
    times: dict[str, list[float]] = {"bare": [], "ours": []}
    for number in range(ROUNDS):
        for name, text in (("bare", BARE[os_name]), ("ours", ours())):
            with tempfile.TemporaryDirectory() as folder:
                machine = clone(Path(folder) / f"{name}{number}", os_name, slow_s)
                try:
                    times[name].append(took(machine, text))
                finally:
                    machine.close()
    return statistics.median(times["bare"]), statistics.median(times["ours"])


def main() -> int:
    if why := tools.refusal():
        print(why, file=sys.stderr)
        return 1
    images.prepare(tuple(BARE))
    print("## documents: our patch document over the bare upgrade\n")
    print(
        f"Refresh and upgrade of six packages on clones of one root, {ROUNDS} turns each, medians; one package's own"
    )
    print(
        f"installation takes {SLOW_SECONDS} s (a short upgrade by real measures), or 0 s. The reboot is left out.\n"
    )
    print("| system | installation takes | bare | ours | ours − bare | ratio |\n|---|---|---|---|---|---|")
    for os_name in BARE:
        for slow_s in (SLOW_SECONDS, 0):
            bare, own = measure(os_name, slow_s)
            print(
                f"| {os_name} | {slow_s} s more | {bare:.1f} s | {own:.1f} s | {own - bare:.1f} s | {own / bare:.2f} |",
                flush=True,
            )
    print(f"\nA clone is up and answers after {statistics.median(came_up):.2f} s (median of {len(came_up)}).")
    return 0


if __name__ == "__main__":
    sys.exit(main())
