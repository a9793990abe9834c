"""Runs one script so that it can change nothing outside its host's directory. Started as a program of its own.

Where the kernel allows it: own mount, process, network and IPC namespaces, every file system read-only but the
host's directory (and an empty /tmp), and always the unprivileged uid. Uses the standard library alone, because it
starts with -I -S to be quick.
"""

from __future__ import annotations

import ctypes
import json
import os
import resource
import signal
import sys
from typing import Any, NoReturn

NOBODY = 65534
BASE = "/mnt"  # exists on every Linux; hidden by a tmpfs of our own
PLACES = {"host": f"{BASE}/host", "shims": f"{BASE}/shims", "ssm": f"{BASE}/ssm"}
# Without namespaces: open directories, because the uid may not pass the folders above them (/root).
HANDLES = {"host": 200, "shims": 201, "ssm": 202}
NEW_NAMESPACES = 0x00020000 | 0x08000000 | 0x20000000 | 0x40000000  # mount, ipc, pid, net
NEW_USER = 0x10000000
MS_NOSUID, MS_NODEV, MS_NOEXEC, MS_BIND, MS_REC, MS_PRIVATE = 2, 4, 8, 4096, 16384, 1 << 18
AT_RECURSIVE, AT_FDCWD, MOUNT_SETATTR = 0x8000, -100, 442
ATTR_RDONLY, ATTR_NOSUID = 1, 2
PR_SET_PDEATHSIG, PR_SET_NO_NEW_PRIVS = 1, 38

libc = ctypes.CDLL(None, use_errno=True)


class MountAttr(ctypes.Structure):
    """struct mount_attr of mount_setattr(2)."""

    _fields_ = [(name, ctypes.c_uint64) for name in ("attr_set", "attr_clr", "propagation", "userns_fd")]


def check(result: int, what: str) -> None:
    if result != 0:
        code = ctypes.get_errno()
        raise OSError(code, f"{what}: {os.strerror(code)}")


def mount(source: str, target: str, kind: str, flags: int, data: str = "") -> None:
    texts = [text.encode() or None for text in (source, target, kind)]
    check(libc.mount(*texts, ctypes.c_ulong(flags), data.encode() or None), f"mount {target}")


def set_attributes(path: str, flags: int, *, on: int = 0, off: int = 0) -> None:
    attr = MountAttr(on, off, 0, 0)
    size = ctypes.c_size_t(ctypes.sizeof(attr))
    arguments = (ctypes.c_int(AT_FDCWD), path.encode(), ctypes.c_uint(flags), ctypes.byref(attr), size)
    check(libc.syscall(ctypes.c_long(MOUNT_SETATTR), *arguments), f"mount_setattr {path}")


def die_with_parent() -> None:
    libc.prctl(PR_SET_PDEATHSIG, signal.SIGKILL, 0, 0, 0)


def enter_namespaces() -> None:
    user, group = os.geteuid(), os.getegid()
    check(libc.unshare(NEW_NAMESPACES | (NEW_USER if user else 0)), "unshare")
    if user:
        write("/proc/self/setgroups", "deny")
        write("/proc/self/uid_map", f"{NOBODY} {user} 1")
        write("/proc/self/gid_map", f"{NOBODY} {group} 1")


def write(path: str, text: str) -> None:
    with open(path, "w") as file:  # noqa: PTH123 - pathlib would double the start-up time
        file.write(text)


def build_file_system(spec: dict[str, Any]) -> None:
    """Everything read-only, the three places under BASE, the host's directory writable."""
    # Opened first: the mounts below may hide the places where they are.
    opened = {name: os.open(spec[name], os.O_PATH) for name in PLACES}
    mount("", "/", "", MS_REC | MS_PRIVATE)
    for target in (BASE, "/tmp"):
        mount("tmpfs", target, "tmpfs", MS_NOSUID | MS_NODEV, "size=16m,mode=1777")
    for name, target in PLACES.items():
        os.mkdir(target)  # noqa: PTH102 - pathlib would double the start-up time
        mount(f"/proc/self/fd/{opened[name]}", target, "", MS_BIND)
        os.close(opened[name])
    set_attributes("/", AT_RECURSIVE, on=ATTR_RDONLY | ATTR_NOSUID)
    for target in (PLACES["host"], "/tmp"):
        set_attributes(target, 0, off=ATTR_RDONLY)


def open_handles(spec: dict[str, Any]) -> None:
    """The three places as inherited handles."""
    for name, number in HANDLES.items():
        handle = os.open(spec[name], os.O_RDONLY | os.O_DIRECTORY)
        os.dup2(handle, number, inheritable=True)
        os.close(handle)


def become_nobody() -> None:
    if os.geteuid() == 0:
        os.setgroups([])
    if os.geteuid() in (0, NOBODY):
        os.setresgid(NOBODY, NOBODY, NOBODY)
        os.setresuid(NOBODY, NOBODY, NOBODY)
    libc.prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0)


def run_script(spec: dict[str, Any]) -> NoReturn:
    for number in (signal.SIGPIPE, signal.SIGINT, signal.SIGXFSZ):
        signal.signal(number, signal.SIG_DFL)
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    os.umask(0o022)
    os.setpgid(0, 0)
    signal.pthread_sigmask(signal.SIG_UNBLOCK, {signal.SIGTERM})
    os.chdir(spec["cwd"])
    os.execve("/bin/sh", ["sh", "-c", spec["script"]], spec["env"])


def first_process(spec: dict[str, Any], status: int) -> NoReturn:
    """Starts the script, tells its exit code, and lives on while anything it left behind runs."""
    if spec["namespaces"]:
        try:  # noqa: SIM105 - contextlib costs start-up time
            mount("proc", "/proc", "proc", MS_NOSUID | MS_NODEV | MS_NOEXEC)
        except OSError:
            pass  # containers mask /proc; the old one shows more, and allows no more
    become_nobody()
    die_with_parent()
    script = os.fork()
    if script == 0:
        os.close(status)
        run_script(spec)
    for number in (0, 1, 2):
        os.close(number)
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    kill_group_on_request(script)
    await_children(script, status)
    os._exit(0)


def kill_group_on_request(script: int) -> None:
    """As the agent cancels: SIGKILL to the script's process group, and to nothing else."""
    lead_a_group(script)
    signal.signal(signal.SIGTERM, lambda *_: kill_group(script))
    signal.pthread_sigmask(signal.SIG_UNBLOCK, {signal.SIGTERM})


def lead_a_group(script: int) -> None:
    try:  # noqa: SIM105 - contextlib costs start-up time
        os.setpgid(script, script)
    except OSError:
        pass  # it has done so itself, and may be another program by now


def kill_group(script: int) -> None:
    try:  # noqa: SIM105
        os.killpg(script, signal.SIGKILL)
    except ProcessLookupError:
        pass  # it has ended meanwhile


def tell(status: int, code: int) -> None:
    """Below 0: the signal that ended it. After a time-out nobody listens any more."""
    try:  # noqa: SIM105
        os.write(status, str(code).encode())
    except BrokenPipeError:
        pass


def await_children(script: int, status: int) -> None:
    while True:
        try:
            child, how = os.wait()
        except ChildProcessError:
            return
        if child == script:
            code = os.waitstatus_to_exitcode(how)
            tell(status, code)
            os.close(status)


def main() -> None:
    die_with_parent()
    signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGTERM})  # until there is a group to kill
    spec, status = json.loads(sys.argv[1]), int(sys.argv[2])
    if spec["namespaces"]:
        enter_namespaces()
        build_file_system(spec)
    else:
        open_handles(spec)
    first = os.fork()
    if first == 0:
        first_process(spec, status)
    for number in (0, 1, 2, status):
        os.close(number)
    signal.signal(signal.SIGTERM, lambda *_: os.kill(first, signal.SIGTERM))
    signal.pthread_sigmask(signal.SIG_UNBLOCK, {signal.SIGTERM})
    os.waitpid(first, 0)


if __name__ == "__main__":
    main()
