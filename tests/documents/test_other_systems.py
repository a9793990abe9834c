"""What no lab root has: old apt and rpm, kernels of Debian 13 and Oracle, dnf 5, agents with a short environment."""

from __future__ import annotations

import subprocess
import threading
from collections.abc import Callable
from typing import Any

import pytest

from lab.shims import template
from patching.documents import assemble
from tests.documents.shells import SHELLS, shell_of

Make = Callable[..., Any]
# these lines have no folder of a run: they ask without a limit
SYSTEM = 'ask() { shift; "$@"; }\n' + (assemble.HERE / "parts/system.sh").read_text()


def ask(host: Any, snippet: str, shell: str = "dash") -> str:
    """What a few lines print that may call the functions of parts/system.sh."""
    done = subprocess.run(
        [*shell_of(shell).split(), "-uc", f"{SYSTEM}\n{snippet}"],
        env=host._environment("command-1"),
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.stderr == ""
    return done.stdout.strip()


@pytest.mark.parametrize("shell", SHELLS)
@pytest.mark.parametrize(
    ("family", "kernel", "flavour"),
    [
        ("apt", "6.1.0-40-cloud-amd64", "cloud-amd64"),
        ("apt", "6.1.0-40-amd64", "amd64"),
        ("apt", "6.12.48+deb13-cloud-amd64", "cloud-amd64"),
        ("apt", "6.12.48+deb13-amd64", "amd64"),
        ("apt", "6.12.9+bpo-rt-amd64", "rt-amd64"),
        ("apt", "6.8.0-1016-aws", "aws"),
        ("apt", "6.8.0-1016-aws-64k", "aws-64k"),
        ("dnf", "5.14.0-427.13.1.el9_4.x86_64", "x86_64"),
        ("dnf", "5.15.0-206.153.7.el9uek.x86_64", "uek.x86_64"),
        ("dnf", "4.18.0-553.rt7.342.el8_10.x86_64", "rt.x86_64"),
        ("dnf", "5.14.0-427.13.1.el9_4.x86_64+rt", "x86_64+rt"),
        ("zypper", "6.4.0-150600.23.22-default", "default"),
    ],
)
def test_the_flavour_of_a_kernel(make_host: Make, shell: str, family: str, kernel: str, flavour: str) -> None:
    assert ask(make_host("debian12"), f"FAMILY={family}; flavour {kernel}", shell) == flavour


def test_debian_13s_other_kernels_ask_for_no_restart(make_host: Make) -> None:
    host = make_host("debian12")
    (host.root / "lab/kernel_running").write_text("6.12.43+deb13-cloud-amd64\n")
    for name in ("6.12.43+deb13-cloud-amd64", "6.12.48+deb13-amd64", "6.12.48+deb13-rt-amd64"):
        (host.root / f"boot/vmlinuz-{name}").touch()
    report = host.run("precheck").report
    assert report["status"] == "nothing_to_do"
    assert report["before"]["kernel"]["newest_installed"] == "6.12.43+deb13-cloud-amd64"


def test_oracles_newer_kernel_is_no_reason_to_restart_the_red_hat_one(make_host: Make) -> None:
    host = make_host("rhel9")
    (host.root / "boot/vmlinuz-5.15.0-206.153.7.el9uek.x86_64").touch()
    report = host.run("precheck").report
    assert (report["status"], report["reboot"]["reasons"]) == ("nothing_to_do", [])


# rpm before 4.16 takes the whole text for one version.
OLD_RPM = r"""case "$1" in --eval) ;; *) exec SHIM "$@" ;; esac
printf '%s\n' "$2" | sed "s/.*vercmp('//; s/')).*//; s/', '/ /" | sed 's/[-.:]/ /g' >"$0.words"
pair=${2#*vercmp(\'}; a=${pair%%\'*}; b=${pair#*, \'}; b=${b%%\'*}
awk -v a="$a" -v b="$b" 'BEGIN { n = split(a, x, /[-.:]/); m = split(b, y, /[-.:]/)
    for (i = 1; i <= n && i <= m; i++) if (x[i] + 0 != y[i] + 0) { print (x[i] + 0 > y[i] + 0 ? 1 : -1); exit }
    print (n > m ? 1 : n < m ? -1 : 0) }'"""


@pytest.mark.parametrize("shell", SHELLS)
@pytest.mark.parametrize(
    ("newer", "older"),
    [
        ("1.2.1-1", "1.2-3"),
        ("1:1.0-1", "2.0-1"),
        ("1.2-10", "1.2-9"),
        ("2:1.0-1", "1:9.0-9"),
    ],
)
def test_old_rpm_compares_epoch_version_and_release_apart(
    make_host: Make, shell: str, newer: str, older: str
) -> None:
    host = make_host("rhel9")
    host.tool("rpm", OLD_RPM.replace("SHIM", f"{template.BIN}/rpm"))
    snippet = (
        f"FAMILY=dnf; version_gt {newer} {older} && echo newer; version_gt {older} {newer} || echo older"
    )
    assert ask(host, snippet, shell).split() == ["newer", "older"]


def test_a_version_with_the_marks_of_a_program_is_never_evaluated(make_host: Make) -> None:
    host = make_host("rhel9")
    bad = "1.0-1'); os.execute('touch ran'); print('"
    assert ask(host, f'FAMILY=dnf; version_gt "{bad}" 1.0-0 || echo no') == "no"


@pytest.mark.parametrize(
    ("words", "code"),
    [
        ("Err:1 http://mirror.example.internal/os focal InRelease", "repository_unreachable"),
        ("W: Failed to fetch http://mirror.example.internal/os/InRelease  Could not connect", "repository_unreachable"),
        ("W: Some index files failed to download. They have been ignored, or old ones used.", "repository_unreachable"),
        # a definition that waives signatures: told by its own check
        ("W: GPG error: http://m/os focal InRelease: The signatures were invalid: NO_PUBKEY 01", ""),
        ("W: An error occurred during the signature verification. NO_PUBKEY 01", "repository_unsigned"),
        ("W: http://m/os/InRelease: Key is stored in legacy trusted.gpg keyring (/etc/apt/trusted.gpg)", ""),
        ("W: Target Packages (main/binary-amd64/Packages) is configured multiple times", ""),
    ],
)  # fmt: skip
def test_old_apt_that_calls_a_dead_repository_a_success(make_host: Make, words: str, code: str) -> None:
    """apt before 2.1 does not know Error-Mode and ends with 0: such a host would look up to date for ever."""
    host = make_host("ubuntu2404", pending=2)
    update = f'*" update "*) echo "Hit:2 http://other stable InRelease"; echo "{words}"; exit 0 ;;'
    host.tool("apt-get", f'case " $* " in {update} esac\nexec {template.BIN}/apt-get "$@"')
    report = host.run("precheck").report
    assert (report["status"], (report["error"] or {"code": ""})["code"]) == (
        "blocked" if code else "ready",
        code,
    )


@pytest.mark.parametrize(
    ("file", "text", "held"),
    [
        ("dnf/plugins/versionlock.list", "# by hand\n!kernel-0:5.14.0-1.*\nbash-0:5.1.8-9.el9.*\n", ["kernel", "bash"]),
        ("yum/pluginconf.d/versionlock.list", "0:httpd-tools-2.4.6-99.amzn2.*\n", ["httpd-tools"]),
        ("dnf/versionlock.toml", 'version = "1.0"\n[[packages]]\nname = "acl"\n', ["acl"]),
    ],
)  # fmt: skip
def test_locks_of_each_generation_of_dnf(make_host: Make, file: str, text: str, held: list[str]) -> None:
    host = make_host("rhel9")
    path = host.root / "etc" / file
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text)
    path.with_suffix(".conf").write_text("[main]\nenabled = 1\n")
    assert host.run("precheck").report["before"]["packages"]["held"] == held


def test_a_lock_plugin_that_is_off_holds_nothing(make_host: Make) -> None:
    host = make_host("rhel9", held=["bash"])
    (host.root / "etc/dnf/plugins/versionlock.conf").write_text("[main]\nenabled=0\n")
    assert host.run("precheck").report["before"]["packages"]["held"] == []


def test_an_explicit_epoch_of_zero_is_none(make_host: Make) -> None:
    """rpm tells it, dnf does not: one package would have two versions."""
    host = make_host("rhel9", pending=1)
    name = host.state("pending").split("\t")[0]
    line = 'while IFS=\'\t\' read -r n a v; do printf \'%s\\t%s\\t0:%s\\n\' "$n" "$a" "$v"; done'
    host.tool(
        "rpm", f'case $1 in -qa) {template.BIN}/rpm "$@" | {line} ;; *) exec {template.BIN}/rpm "$@" ;; esac'
    )
    (change,) = host.command("patch").report["changes"]
    assert (change["name"], ":" in change["from"], ":" in change["to"]) == (name, False, False)


@pytest.mark.parametrize("phase", ["precheck", "patch"])
def test_the_own_deadline_stays_below_the_documents_time_out(make_host: Make, phase: assemble.Phase) -> None:
    """The agent's kill leaves no report; the look afterwards takes a while too."""
    host = make_host("debian12", pending=1)
    host.tool("timeout", f'echo "$3" >>{host.root}/limits\nexec /usr/bin/timeout "$@"')
    assert host.run(phase, DeadlineSeconds="99999").codes == [0]
    limits = [int(line) for line in (host.root / "limits").read_text().split()]
    assert (800 if phase == "precheck" else 26_000) < max(limits) <= assemble.TIMEOUT_SECONDS[phase] - 600


def test_a_short_path_and_no_home_are_made_whole(make_host: Make) -> None:
    host = make_host("debian12", pending=1)
    host.tool("apt-get", f'echo "$PATH $HOME" >"{host.root}/seen"\nexec {template.BIN}/apt-get "$@"')
    assert host.run("precheck").codes == [0]
    path, home = (host.root / "seen").read_text().split()
    assert {f"{host.root}/{name}" for name in ("usr/sbin", "sbin", "usr/bin", "bin")} <= set(path.split(":"))
    assert home == f"{host.root}/root"


def test_another_file_with_the_same_inode_number_is_no_lock(make_host: Make) -> None:
    """The kernel's list of locks counts inodes of every disk."""
    host = make_host("debian12", pending=1)
    lock = host.root / "var/lib/dpkg/lock-frontend"
    (host.root / "proc/locks").write_text(f"1: POSIX  ADVISORY  WRITE 77 08:02:{lock.stat().st_ino} 0 EOF\n")
    handles = host.root / "proc/77/fd"
    handles.mkdir(parents=True)
    (handles / "3").symlink_to("/var/lib/mysql/ibdata1")
    assert host.run("precheck").status == "ready"
    (handles / "4").symlink_to("/var/lib/dpkg/lock-frontend")
    assert host.run("precheck").report["error"]["code"] == "lock_held"


def test_after_the_restart_other_package_work_is_waited_for(make_host: Make) -> None:
    """Timers that start with the host hold the lists for a while: the update list would be unknown."""
    host = make_host("debian12", pending=2, kernel_update=True)
    assert host.run("patch").codes == [194]
    template.reboot(host.root)
    host.fault("lock_held")
    host.tool(
        "apt-get",
        f'[ ! -e {host.root}/lab/faults/lock_held ] || {{ echo "E: Could not get lock"; exit 100; }}\n'
        f'exec {template.BIN}/apt-get "$@"',
    )
    timer = threading.Timer(3, host.fault, ("lock_held", False))
    timer.start()
    try:
        assert host.run("patch", LockWaitSeconds="60").status == "patched"
    finally:
        timer.join()
