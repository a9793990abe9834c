"""The namespaces of one root host. A program of its own: `boot` holds a host up, `enter` runs one thing in it.

A host lives as long as its first process, and that as long as the lab holds the other end of its standard input:
whatever way the lab ends, the kernel then ends every process and mount of the host. Uses the standard library
alone, because it starts with -I -S to be quick.
"""

from __future__ import annotations

import ctypes
import fcntl
import json
import os
import shutil
import signal
import socket
import struct
import subprocess
import sys
import time
from pathlib import Path
from typing import Any, NoReturn

NAMESPACES = (
    0x00020000 | 0x04000000 | 0x08000000 | 0x20000000 | 0x40000000 | 0x80
)  # mount, uts, ipc, pid, net, time
MS_RDONLY, MS_NOSUID, MS_NODEV, MS_NOEXEC, MS_REMOUNT, MS_BIND, MS_REC, MS_PRIVATE = (
    *(1, 2, 4, 8, 32),
    *(4096, 16384, 1 << 18),
)
PR_SET_PDEATHSIG = 1
SIOCSIFFLAGS, IFF_UP = 0x8914, 1
DEVICES = ("null", "zero", "full", "random", "urandom", "tty")
LINKS = {"fd": "/proc/self/fd", "stdin": "fd/0", "stdout": "fd/1", "stderr": "fd/2", "ptmx": "pts/ptmx"}
libc = ctypes.CDLL(None, use_errno=True)


def mount(source: str, target: str, kind: str, flags: int = 0, data: str = "") -> None:
    texts = [text.encode() or None for text in (source, target, kind)]
    if libc.mount(*texts, ctypes.c_ulong(flags), data.encode() or None):
        number = ctypes.get_errno()
        raise OSError(number, f"mount {kind} {target}: {os.strerror(number)}")


def check(result: int, what: str) -> None:
    if result < 0:
        number = ctypes.get_errno()
        raise OSError(number, f"{what}: {os.strerror(number)}")


def touch(path: str) -> str:
    os.close(os.open(path, os.O_CREAT | os.O_WRONLY, 0o644))
    return path


def file_systems(spec: dict[str, Any]) -> None:
    """The host's root in `merged`: the overlay, and what a kernel gives."""
    mount("", "/", "", MS_REC | MS_PRIVATE)
    root, upper, work = spec["merged"], spec["upper"], spec["work"]
    if spec["small"]:
        mount("tmpfs", spec["disk"], "tmpfs", 0, spec["small"])
        subprocess.run(["cp", "-a", upper, f"{spec['disk']}/upper"], check=True)
        os.makedirs(f"{spec['disk']}/work")  # noqa: PTH103 - pathlib would double the start-up time
        upper, work = f"{spec['disk']}/upper", f"{spec['disk']}/work"
    lower = ":".join(spec["lower"])
    mount("overlay", root, "overlay", 0, f"lowerdir={lower},upperdir={upper},workdir={work}")
    mount("proc", f"{root}/proc", "proc", MS_NOSUID | MS_NODEV | MS_NOEXEC)
    mount("tmpfs", f"{root}/run", "tmpfs", MS_NOSUID | MS_NODEV, "mode=755")
    for source, target, flags in spec["binds"]:
        mount(source, root + target, "", MS_BIND)
        if flags:
            mount("", root + target, "", MS_BIND | MS_REMOUNT | flags)
    devices(f"{root}/dev")


def devices(place: str) -> None:
    mount("tmpfs", place, "tmpfs", MS_NOSUID, "mode=755")
    for name in DEVICES:
        mount(f"/dev/{name}", touch(f"{place}/{name}"), "", MS_BIND)
    for name in ("pts", "shm"):
        os.mkdir(f"{place}/{name}")  # noqa: PTH102
    mount(
        "devpts", f"{place}/pts", "devpts", MS_NOSUID | MS_NOEXEC, "newinstance,ptmxmode=0666,mode=620,gid=5"
    )
    mount("tmpfs", f"{place}/shm", "tmpfs", MS_NOSUID | MS_NODEV)
    for name, target in LINKS.items():
        os.symlink(target, f"{place}/{name}")  # noqa: PTH211


def loopback_up() -> None:
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as control:
        fcntl.ioctl(control, SIOCSIFFLAGS, struct.pack("16sH14x", b"lo", IFF_UP))


def start_kernel(root: str) -> None:
    """As the boot loader does: by the host's boot menu; without one the highest version in /boot."""
    sys.path.append(os.path.join(os.path.dirname(__file__), "..", "shims"))  # noqa: PTH118, PTH120
    import grub  # here alone: most starts are no restart

    names = [name[8:] for name in os.listdir(f"{root}/boot") if name.startswith("vmlinuz-")]  # noqa: PTH208
    if names:
        with open(f"{root}/etc/lab/kernel", "w") as file:  # noqa: PTH123
            file.write((grub.boot(Path(root)) or max(names, key=grub.order)) + "\n")


def count_uptime_from(booted_s: int) -> None:
    """What is started from here on has an uptime that counts from that moment of the machine's own boot clock."""
    up = int(time.clock_gettime(time.CLOCK_BOOTTIME))
    with open("/proc/self/timens_offsets", "w") as file:  # noqa: PTH123
        file.write(f"boottime {max(-booted_s, -up)} 0\n")


def boot(spec: dict[str, Any]) -> None:
    """Prints the first process's id and, when the host is up, `up`."""
    check(libc.unshare(NAMESPACES), "unshare")
    count_uptime_from(spec["booted_s"])
    told, tell = os.pipe()
    first = os.fork()
    if first == 0:
        libc.prctl(PR_SET_PDEATHSIG, signal.SIGKILL, 0, 0, 0)
        os.read(told, 1)  # the id is printed before `up`
        first_process(spec)
    print(first, flush=True)
    os.write(tell, b"\n")
    for number in (0, 1):
        os.close(number)
    os.waitpid(first, 0)


def first_process(spec: dict[str, Any]) -> NoReturn:
    file_systems(spec)
    socket.sethostname(spec["hostname"])
    loopback_up()
    if spec["restarted"]:
        start_kernel(spec["merged"])
    print("up", flush=True)
    os.close(1)
    signal.signal(signal.SIGCHLD, signal.SIG_IGN)  # nobody waits for what is left behind
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, signal.SIG_IGN)
    orderly = os.read(0, 1)
    if orderly and spec["small"]:
        keep_small_disk(spec)
    os._exit(0)


def keep_small_disk(spec: dict[str, Any]) -> None:
    signal.signal(signal.SIGCHLD, signal.SIG_DFL)
    shutil.rmtree(spec["upper"])
    subprocess.run(["cp", "-a", f"{spec['disk']}/upper", spec["upper"]], check=True)


def enter(spec: dict[str, Any], status: int) -> None:
    """Run `command` in the host and tell its exit code on `status`."""
    handle = os.pidfd_open(spec["pid"])
    check(libc.setns(handle, NAMESPACES), "setns")
    os.close(handle)
    for source, target, kind, flags, data in spec["mounts"]:
        inner = spec["merged"] + source if source.startswith("/") else source
        os.makedirs(spec["merged"] + target, exist_ok=True)  # noqa: PTH103
        mount(inner, spec["merged"] + target, kind, flags, data)
    child = os.fork()
    if child == 0:
        os.close(status)
        inside(spec)
    for number in (0, 1, 2):
        os.close(number)
    code = os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])
    os.write(status, str(code).encode())  # below 0: the signal that ended it


def inside(spec: dict[str, Any]) -> NoReturn:
    os.chroot(spec["merged"])
    os.chdir("/")
    os.umask(0o022)
    for number in (signal.SIGPIPE, signal.SIGINT, signal.SIGXFSZ):
        signal.signal(number, signal.SIG_DFL)
    os.execve(spec["command"][0], spec["command"], spec["env"])


def main() -> None:
    spec = json.loads(sys.argv[2])
    if sys.argv[1] == "boot":
        boot(spec)
    else:
        enter(spec, int(sys.argv[3]))


if __name__ == "__main__":
    main()
