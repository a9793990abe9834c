"""Swap in use: when it is told, and that taking it back can never cost the host memory or its swap."""

from __future__ import annotations

import os
import signal
import subprocess
import time
from collections.abc import Callable
from typing import Any

import pytest

from lab.shims import template
from tests.documents.shells import SHELLS
from tests.documents.test_checks import check

Make = Callable[..., Any]
UNLIMITED = "9223372036854771712"


def swapping(make_host: Make, shell: str = "") -> Any:
    """A host whose swap is full, as its files show once a shim has run."""
    host = make_host("debian12", shell=shell, pending=1, faults=["swap_full"])
    subprocess.run(
        [template.BIN / "uname"], env=host._environment("command-0"), stdout=subprocess.DEVNULL, check=True
    )
    return host


def meminfo(host: Any, *, total: int, free: int, available: int | None) -> None:
    """Figures in MB."""
    lines = {"MemAvailable": available, "SwapTotal": total, "SwapFree": free}
    text = "".join(f"{name}: {mb * 1024} kB\n" for name, mb in lines.items() if mb is not None)
    (host.root / "proc/meminfo").write_text(text)


def noting(host: Any, swapoff: str = "exit 0", swapon: str = "exit 0") -> None:
    """Tools that note each call, and change nothing on the host but what the script says."""
    for name, text in (("swapoff", swapoff), ("swapon", swapon)):
        host.tool(name, f'echo "{name} $*" >>"{host.root}/calls"\n{text}')


def calls(host: Any) -> list[str]:
    noted = host.root / "calls"
    return noted.read_text().replace(str(host.root), "").splitlines() if noted.exists() else []


def repaired(host: Any, **values: str) -> dict[str, Any]:
    outcome = host.run("precheck", Fixes="all", **values)
    assert (outcome.status, outcome.stderr) == ("ready", "")
    return check(outcome.report, "swap")


@pytest.mark.parametrize(
    ("free", "ok", "shell"),
    [(1000, True, "dash"), (201, True, "bash"), (200, False, "busybox sh"), (0, False, "dash")],
)
def test_swap_is_told_from_four_fifths_on(make_host: Make, free: int, ok: bool, shell: str) -> None:
    host = make_host("debian12", shell=shell, pending=1)
    meminfo(host, total=1000, free=free, available=2000)
    found = check(host.run("precheck").report, "swap")
    assert found["ok"] is ok
    assert found["detail"].startswith(f"{1000 - free} of 1000 MB of swap are in use; 2000 MB of memory")


def test_a_host_without_swap_passes_with_a_sentence(make_host: Make) -> None:
    found = check(make_host("debian12").run("precheck").report, "swap")
    assert (found["ok"], found["detail"]) == (True, "This host has no swap.")


@pytest.mark.parametrize("text", ["", "SwapTotal: 1024 kB\n", "SwapTotal: ? kB\nSwapFree: ? kB\n"])
def test_figures_that_are_not_there_are_never_called_none(make_host: Make, text: str) -> None:
    host = make_host("debian12", pending=1)
    (host.root / "proc/meminfo").write_text(text)
    assert check(host.run("precheck").report, "swap")["detail"].startswith("Not measured: ")


def test_the_patch_does_not_ask_for_swap(make_host: Make) -> None:
    report = make_host("debian12", pending=1, faults=["swap_full"]).command("patch").report
    assert "swap" not in {entry["name"] for entry in report["checks"]}


def test_swap_is_emptied_and_comes_on_again(make_host: Make) -> None:
    host = swapping(make_host)
    found = repaired(host)
    assert found["fix"] == {"tried": True, "ok": True, "detail": "Took back into memory what was in swap."}
    assert found["detail"].startswith("0 of 2047 MB of swap are in use")
    assert (host.root / "lab/swap").exists()


@pytest.mark.parametrize(
    ("available", "tried", "shell"),
    [(1512, True, "dash"), (1511, False, "bash"), (1511, False, "busybox sh"), (None, False, "dash")],
)
def test_without_room_in_memory_swap_stays(
    make_host: Make, available: int | None, tried: bool, shell: str
) -> None:
    host = swapping(make_host, shell)
    noting(host)
    meminfo(host, total=1000, free=0, available=available)
    found = check(host.run("precheck", Fixes="all").report, "swap")
    assert calls(host) == (["swapoff /swapfile", "swapon /swapfile"] if tried else [])
    assert found["fix"]["detail"].startswith("Not tried: 1512 MB") is not tried
    assert not found["fix"]["ok"]


@pytest.mark.parametrize(
    ("name", "limit", "tried"),
    [
        ("memory.max", "max", True),
        ("memory.max", "1073741824", False),
        ("memory.limit_in_bytes", UNLIMITED, True),
        ("memory.limit_in_bytes", "536870912", False),
    ],
)
def test_where_a_group_has_a_limit_of_its_own_swap_stays(
    make_host: Make, name: str, limit: str, tried: bool
) -> None:
    host = swapping(make_host)
    group = host.root / "sys/fs/cgroup/system.slice/shop.service"
    group.mkdir(parents=True)
    (group / name).write_text(f"{limit}\n")
    found = repaired(host)
    assert found["ok"] is tried
    assert found["fix"]["detail"].startswith("Not tried: groups of processes") is not tried


def test_limits_that_cannot_be_read_are_limits(make_host: Make) -> None:
    host = swapping(make_host)
    (host.root / "sys/fs/cgroup/memory.max").mkdir(parents=True)  # cat refuses it
    assert repaired(host)["fix"]["detail"].startswith("Not tried: groups of processes")


@pytest.mark.parametrize(
    ("areas", "called"),
    [
        ("/dev/zram0 partition 1024 1000 100", []),
        ("/dev/sdb1 partition 1024 0 -2", []),
        ("/dev/sdb1 partition 1024 9 -2", ["swapoff /dev/sdb1", "swapon /dev/sdb1"]),
        ("/dev/sdb1 partition 1024 9 5", ["swapoff /dev/sdb1", "swapon -p 5 /dev/sdb1"]),
    ],
)
def test_each_area_on_a_disk_comes_back_as_it_was(make_host: Make, areas: str, called: list[str]) -> None:
    host = swapping(make_host)
    noting(host)
    (host.root / "proc/swaps").write_text(f"Filename Type Size Used Priority\n{areas}\n")
    found = repaired(host)
    assert calls(host) == called
    assert called or found["fix"]["detail"].startswith("Not tried: the kernel names no swap file")


def test_a_swapoff_that_fails_is_told_and_ends_the_fix(make_host: Make) -> None:
    host = swapping(make_host)
    noting(host, swapoff='echo "swapoff: failed: Cannot allocate memory" >&2; exit 4')
    found = repaired(host)
    assert (calls(host), found["fix"]["ok"]) == (["swapoff /swapfile"], False)
    assert found["fix"]["detail"].endswith("Cannot allocate memory")


@pytest.mark.parametrize("shell", SHELLS)
def test_a_swapoff_that_takes_too_long_is_stopped(make_host: Make, shell: str) -> None:
    host = swapping(make_host, shell)
    noting(host, swapoff=f'trap "echo stopped >>{host.root}/calls; exit 4" TERM; sleep 60 & wait')
    started = time.monotonic()
    found = check(host.run("precheck", Fixes="all", DeadlineSeconds="4").report, "swap")
    assert time.monotonic() - started < 30
    assert calls(host) == ["swapoff /swapfile", "stopped"]
    assert (found["fix"]["tried"], found["fix"]["ok"]) == (True, False)
    assert found["fix"]["detail"] == "Stopped: taking back what is in swap took too long."


def test_swap_that_does_not_come_on_again_is_no_repair(make_host: Make) -> None:
    host = swapping(make_host)
    host.tool("swapon", "exit 255")
    found = repaired(host)
    assert (found["ok"], found["fix"]["ok"]) == (False, False)
    assert found["detail"] == "Only 0 of 2047 MB of swap are on."


def test_swap_comes_on_again_after_the_script_was_killed(make_host: Make) -> None:
    host = swapping(make_host)
    noting(host, swapoff="sleep 2")
    script = subprocess.Popen(
        ["/bin/sh", str(host._write_script("precheck", {"Fixes": "all"}))],
        env=host._environment("command-1"), stdout=subprocess.DEVNULL, start_new_session=True,
    )  # fmt: skip
    wait_for(lambda: calls(host) == ["swapoff /swapfile"])
    os.killpg(script.pid, signal.SIGKILL)
    script.wait()
    wait_for(lambda: calls(host) == ["swapoff /swapfile", "swapon /swapfile"])


def wait_for(condition: Callable[[], bool]) -> None:
    until = time.monotonic() + 30
    while not condition():
        assert time.monotonic() < until
        time.sleep(0.02)
