"""The faults of real hosts: each ends with the right verdict and reason, and none as a false success."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from patching.states import Verdict
from tests.hosts.conftest import Outcome, RootHost, verdict

pytestmark = pytest.mark.timeout(600)
Make = Callable[..., RootHost]
ONE_OF_EACH_TOOL = ("debian12", "rhel9", "sles15")
STILL_OLD = {
    "debian12": "dpkg-query -W -f '${Package} ${Version}\\n' labapp",
    "rhel9": "rpm -q --qf '%{NAME} %{VERSION}-%{RELEASE}\\n' labapp",
    "sles15": "rpm -q --qf '%{NAME} %{VERSION}-%{RELEASE}\\n' labapp",
}


def nothing_happened(host: RootHost, patch: Outcome, error: str) -> None:
    """Blocked with this error before anything was installed."""
    assert (patch.status, patch.error) == ("blocked", error)
    assert patch.report["changes"] == []
    assert host.ask(STILL_OLD[host.spec.os]) == "labapp 1.0-1\n"
    judged = verdict(None, patch)
    assert judged.verdict == Verdict.FAILED
    assert patch.report["error"]["detail"] in judged.reason


@pytest.mark.parametrize("os_name", ONE_OF_EACH_TOOL)
def test_a_disk_that_is_too_small(make_host: Make, os_name: str) -> None:
    host = make_host(os_name, faults=("disk_full_unfixable",))
    told = host.command("precheck", "command-0")
    assert (told.status, told.error) == ("blocked", "disk_full")
    fix = told.check("disk_space")["fix"]
    assert (fix["tried"], fix["ok"]) == (True, False)
    assert fix["detail"]
    nothing_happened(host, host.command("patch"), "disk_full")


@pytest.mark.parametrize("os_name", ONE_OF_EACH_TOOL)
def test_a_disk_that_fills_in_the_middle(make_host: Make, os_name: str) -> None:
    """The check is off: dpkg finds out while it unpacks, rpm before it begins."""
    host = make_host(os_name, kernel_update=False, tags={"Lab": "labbig"})
    host.fault("disk_full_unfixable", content="40")
    patch = host.command("patch", MinFreeMb="0")
    assert (patch.status in ("partial", "failed"), patch.codes) == (True, [1])
    judged = verdict(None, patch)
    assert judged.verdict in (Verdict.PARTLY, Verdict.FAILED)
    assert any(words in judged.reason for words in ("No space left", "more space", "enough free space")), (
        judged
    )


@pytest.mark.parametrize("os_name", ONE_OF_EACH_TOOL)
def test_a_repository_that_does_not_answer(make_host: Make, os_name: str) -> None:
    host = make_host(os_name, kernel_update=False, faults=("repo_broken_unfixable",))
    nothing_happened(host, host.command("patch"), "repository_unreachable")


# A definition more, of a repository that nobody answers for.
DEAD = {
    "debian12": "echo 'deb [trusted=yes] http://127.0.0.1:9/ lab main' >/etc/apt/sources.list.d/dead.list",
    "rhel9": "printf '[dead]\\nname=dead\\nbaseurl=http://127.0.0.1:9/\\n' >/etc/yum.repos.d/dead.repo",
    "sles15": "printf '[dead]\\nname=dead\\nbaseurl=http://127.0.0.1:9/\\nenabled=1\\nautorefresh=1\\n' "
    ">/etc/zypp/repos.d/dead.repo",
}


@pytest.mark.parametrize("os_name", ONE_OF_EACH_TOOL)
def test_one_dead_repository_among_good_ones(make_host: Make, os_name: str) -> None:
    """apt-get update exits 0 then, zypper says that there are no updates, and dnf may pass over it."""
    host = make_host(os_name, kernel_update=False)
    host.ask(DEAD[os_name])
    patch = host.command("patch")
    nothing_happened(host, patch, "repository_unreachable")
    assert "127.0.0.1:9" in patch.report["error"]["detail"] or "(dead)" in patch.report["error"]["detail"]


@pytest.mark.parametrize("os_name", ONE_OF_EACH_TOOL)
def test_the_approved_repository_definition_is_put_back(make_host: Make, os_name: str) -> None:
    host = make_host(os_name, kernel_update=False, faults=("repo_broken",))
    assert host.command("precheck", "command-0").check("repositories")["fix"]["ok"] is True
    assert verdict(None, host.command("patch")).verdict == Verdict.PATCHED
    assert host.ask(STILL_OLD[os_name]) == "labapp 1.1-1\n"


@pytest.mark.parametrize(
    ("os_name", "error"),
    [("debian12", "repository_unsigned"), ("rhel9", ""), ("sles15", "repository_unsigned")],
)
def test_a_repository_signed_by_a_stranger(make_host: Make, os_name: str, error: str) -> None:
    host = make_host(os_name, kernel_update=False, faults=("repo_unsigned",))
    patch = host.command("patch")
    assert host.ask(STILL_OLD[os_name]) == "labapp 1.0-1\n"
    if error:
        nothing_happened(host, patch, error)
        return
    # dnf looks at signatures only when it has downloaded the packages
    assert (patch.status, patch.error, patch.report["changes"]) == ("failed", "install_failed", [])
    assert verdict(None, patch).verdict == Verdict.FAILED
    assert "GPG" in patch.report["error"]["detail"]


@pytest.mark.parametrize("os_name", ONE_OF_EACH_TOOL)
def test_a_lock_that_somebody_holds(make_host: Make, os_name: str) -> None:
    host = make_host(os_name, kernel_update=False, faults=("lock_held",))
    patch = host.command("patch")
    nothing_happened(host, patch, "lock_held")
    holder = host.ask("cat /run/lab-lock-holder")
    assert f"Process {holder} (" in patch.check("package_lock")["detail"]


def test_a_postinst_that_fails(make_host: Make) -> None:
    """apt has nothing more to do afterwards; only dpkg knows that a package is half configured."""
    host = make_host("debian12", faults=("update_fails",))
    patch = host.command("patch")
    assert host.ask("dpkg-query -W -f '${db:Status-Abbrev}' labbroken").strip() == "iF"
    assert (patch.status, patch.error) == ("partial", "packages_left_broken")
    assert patch.report["after"]["broken"] == ["labbroken"]
    judged = verdict(None, patch)
    assert judged.verdict == Verdict.PARTLY
    assert "labbroken" in judged.reason


# As somebody's own update left it: dpkg asked about a configuration file, and nobody answered.
UNANSWERED = "dpkg --unpack /srv/repo/pool/updates/labconf_*.deb; ! dpkg --configure -a </dev/null"


@pytest.mark.parametrize("more", ["true", UNANSWERED])
def test_packages_half_configured_before(make_host: Make, more: str) -> None:
    host = make_host("debian12", kernel_update=False, faults=("db_broken",))
    host.ask(f"({more}) >/dev/null 2>&1")
    assert host.ask("dpkg --audit") != ""
    assert host.command("precheck", "command-0").check("package_db")["fix"]["ok"] is True
    assert verdict(None, host.command("patch")).verdict == Verdict.PATCHED
    assert host.ask("dpkg --audit") == ""
    assert "colour = green" in host.ask("cat /etc/labconf.conf")


@pytest.mark.parametrize("os_name", ["rhel9", "sles15"])
def test_duplicates_of_a_killed_transaction_before(make_host: Make, os_name: str) -> None:
    """The patch itself repairs nothing; the pre-check has the older versions taken out."""
    host = make_host(os_name, kernel_update=False, faults=("db_broken",))
    patch = host.command("patch", "command-0", DispatchId="7b1d0c44-3a52-4b7e-9a10-5f6e7d8c9b02")
    assert (patch.status, patch.error, patch.report["changes"]) == ("blocked", "package_db_broken", [])
    assert "labapp" in verdict(None, patch).reason
    assert host.command("precheck", "command-2").check("package_db")["fix"]["ok"] is True
    assert verdict(None, host.command("patch", "command-3")).verdict == Verdict.PATCHED
    assert host.ask("rpm -q labapp").split() == ["labapp-1.1-1.noarch"]
    # its files are those of the version that stays
    assert host.ask("cat /usr/share/labapp/version").split() == ["1.1"]


@pytest.mark.parametrize("os_name", ONE_OF_EACH_TOOL)
def test_a_pre_script_that_fails(make_host: Make, os_name: str) -> None:
    host = make_host(os_name, kernel_update=False)
    host.fault("update_fails", content="labpre")
    patch = host.command("patch")
    judged = verdict(None, patch)
    assert judged.verdict == Verdict.PARTLY
    assert "labpre" in judged.reason
    assert set(patch.report["after"]["broken"]) <= {"labpre"}  # the others are whole
    assert "labpre 1.0-1" in host.ask(STILL_OLD[os_name].replace("labapp", "labpre"))


@pytest.mark.parametrize("os_name", ["rhel9", "sles15"])
def test_a_post_script_that_fails_is_only_a_warning_to_rpm(make_host: Make, os_name: str) -> None:
    host = make_host(os_name, kernel_update=False)
    host.fault("update_fails", content="labbroken")
    patch = host.command("patch")
    assert host.ask("rpm -q --qf '%{VERSION}' labbroken") == "1.1"
    judged = verdict(None, patch)
    assert judged.verdict == Verdict.PARTLY, judged
    assert "labbroken" in judged.reason
