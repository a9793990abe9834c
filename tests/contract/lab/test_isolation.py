"""Scripts change nothing outside their host's directory, under root too (architecture.md §7)."""

from __future__ import annotations

import hashlib
import os
import stat
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from lab.hosts import sandbox, sandbox_child
from lab.hosts.kinds import machine_for
from lab.hosts.machine import Job, Machine, Stopper
from lab.hosts.shim import TamperedHost
from lab.scenario import HostSpec

# What a hostile or broken document would do. $1 is a folder that everyone may write to.
HOSTILE = """
for place in {open} /tmp /var/tmp /dev/shm /etc /usr/bin /root {shims} "$HOME" {neighbour}; do
    echo changed >"$place/canary"; rm -rf "$place/canary"; touch "$place/{new}"; chmod 777 "$place"
done 2>/dev/null
rm -rf {open}/* {neighbour}/* {shims}/* /var/tmp/* /etc/* 2>/dev/null
ln -s {open}/canary "$PATCH_PORTAL_ROOT/link"; echo changed >"$PATCH_PORTAL_ROOT/link"
mount -o remount,rw / 2>/dev/null; mount --bind / "$PATCH_PORTAL_ROOT" 2>/dev/null
kill -9 {pid} 2>/dev/null; kill -9 -1 2>/dev/null
"""
INSIDE = 'echo changed >"$PATCH_PORTAL_ROOT/mine"; cat "$PATCH_PORTAL_ROOT/mine"; id -u\n'
needs_namespaces = pytest.mark.skipif(
    not sandbox.namespaces(), reason="this machine allows no namespaces: only file permissions protect it"
)


@pytest.fixture
def place() -> Iterator[Path]:
    """A folder outside pytest's own, whose parents anybody may pass: a script could reach it."""
    with tempfile.TemporaryDirectory(dir="/var/tmp", prefix="lab-") as name:
        path = Path(name)
        path.chmod(0o755)
        yield path


def host(place: Path, name: str = "host", os_name: str = "debian12") -> Machine:
    spec = HostSpec(name=name, account="111122223333", region="eu-central-1", os=os_name, pending=3)
    return machine_for(place / name, place / f"agent-{name}", spec, "i-1")


def run(machine: Machine, script: str, timeout_s: float = 20) -> str:
    job = Job("command", "eu-central-1", "Doc", "step", script, {}, timeout_s)
    return machine.run(job, Stopper()).stdout.decode()


def fingerprint(path: Path) -> dict[str, tuple[int, str]]:
    """Every file below a folder: its mode and its content."""
    found = {}
    for one in (path, *sorted(path.rglob("*"))):
        mode = one.lstat().st_mode
        data = one.read_bytes() if stat.S_ISREG(mode) else b""
        found[str(one.relative_to(path))] = (mode, hashlib.sha256(data).hexdigest())
    return found


@needs_namespaces
def test_a_hostile_document_changes_nothing_outside(place: Path) -> None:
    open_to_all, neighbour = place / "open", place / "neighbour"
    open_to_all.mkdir()
    open_to_all.chmod(0o777)
    (open_to_all / "canary").write_text("whole")
    (open_to_all / "canary").chmod(0o666)
    run(host(place, "neighbour"), INSIDE)
    watched = (open_to_all, neighbour, sandbox.SHIMS)
    before = [fingerprint(path) for path in watched]
    bystander = subprocess.Popen(["sleep", "60"], user=65534 if os.geteuid() == 0 else None)
    try:
        names = {"open": open_to_all, "neighbour": neighbour, "shims": sandbox.SHIMS}
        run(host(place), HOSTILE.format(**names, pid=bystander.pid, new=f"new-{place.name}"))
        assert bystander.poll() is None
    finally:
        bystander.kill()
        bystander.wait()
    assert [fingerprint(path) for path in watched] == before
    for path in ("/tmp", "/var/tmp", "/dev/shm", "/etc", "/usr/bin"):
        assert not (Path(path) / f"new-{place.name}").exists()


def test_the_hostile_document_would_do_harm_outside(place: Path) -> None:
    # The test above proves something only if the script works where nothing holds it.
    open_to_all = place / "open"
    open_to_all.mkdir()
    (open_to_all / "canary").write_text("whole")
    script = f"echo changed >{open_to_all}/canary; rm -rf {open_to_all}/*"
    subprocess.run(["/bin/sh", "-c", script], check=True)
    assert list(open_to_all.iterdir()) == []


@needs_namespaces
def test_inside_its_host_a_script_writes_as_nobody(place: Path) -> None:
    assert run(host(place), INSIDE).split() == ["changed", "65534"]
    owner = (place / "host/mine").stat().st_uid
    assert owner == (65534 if os.geteuid() == 0 else os.geteuid())


def test_without_namespaces_the_uid_protects(place: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sandbox, "namespaces", lambda: False)
    (place / "canary").write_text("whole")
    place.chmod(0o700)  # a clone below /root: the uid could not even pass the folders above the host
    assert run(host(place), f"echo changed >{place}/canary\n{INSIDE}").split()[0] == "changed"
    if os.geteuid() == 0:
        assert (place / "canary").read_text() == "whole"
        assert (place / "host/mine").stat().st_uid == 65534


@needs_namespaces
def test_nothing_a_script_leaves_behind_lives_on(place: Path) -> None:
    mark = f"{os.getpid()}.5"
    run(host(place), f"setsid sleep {mark} >/dev/null 2>&1 &\nexit 0")
    left = subprocess.run(["pgrep", "-f", f"sleep {mark}"], capture_output=True, text=True, check=False)
    assert left.stdout == ""


def test_a_script_dies_with_the_lab(place: Path) -> None:
    mark = f"{os.getpid()}.25"
    code = (
        "import sys; from pathlib import Path; from tests.contract.lab.test_isolation import host, run\n"
        f"run(host(Path({str(place)!r})), 'sleep {mark}', 60)"
    )
    lab = subprocess.Popen([sys.executable, "-c", code], cwd=Path(__file__).parents[3])
    find = ["pgrep", "-f", f"^sleep {mark}"]
    try:
        for _ in range(200):
            if subprocess.run(find, capture_output=True, check=False).returncode == 0:
                break
        else:
            pytest.fail("the script never began")
    finally:
        lab.kill()
        lab.wait()
    for _ in range(200):
        if subprocess.run(find, capture_output=True, check=False).returncode != 0:
            return
    pytest.fail("the script outlived the lab")


def test_links_in_place_of_state_are_not_followed(place: Path) -> None:
    machine = host(place)
    (place / "outside").write_text("whole")
    run(
        machine,
        'cd "$PATCH_PORTAL_ROOT/lab"; ln -sf ../../outside boot_id; ln -s ../../../outside faults/hang',
    )
    machine.set_fault("hang", True)
    with pytest.raises(TamperedHost):
        machine.reboot()
    assert (place / "outside").read_text() == "whole"


def test_a_linked_fault_folder_is_refused(place: Path) -> None:
    machine = host(place)
    (place / "elsewhere").mkdir()
    run(machine, 'cd "$PATCH_PORTAL_ROOT/lab"; rm -rf faults; ln -s ../../elsewhere faults')
    with pytest.raises(OSError, match=r"Not a directory|Too many levels"):
        machine.set_fault("hang", True)
    assert list((place / "elsewhere").iterdir()) == []


def test_the_sandbox_needs_only_the_standard_library() -> None:
    # It is started with -I -S: an import of anything else would end every script.
    done = subprocess.run(
        [sys.executable, "-I", "-S", "-c", f"import runpy; runpy.run_path({sandbox_child.__file__!r})"],
        check=False,
        capture_output=True,
    )
    assert (done.returncode, done.stderr) == (0, b"")
