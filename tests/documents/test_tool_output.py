"""The scripts read what real package tools print, traps included. Answers follow recorded output of each tool."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from lab.shims import template

Make = Callable[..., Any]


def available(report: dict[str, Any]) -> list[tuple[str, str, str, str, bool]]:
    return [
        tuple(p[k] for k in ("name", "arch", "from", "to", "security")) for p in report["before"]["available"]
    ]


def test_apt_simulation_with_two_origins_and_a_new_package(make_host: Make) -> None:
    host = make_host("debian12")
    host.tool(
        "apt-get",
        """case " $* " in *" -s "*) cat <<'END'
NOTE: This is only a simulation!
Inst base-files [10.3+deb10u4] (10.3+deb10u13 Debian:10.13/oldstable [amd64])
Inst dpkg [1.19.7] (1.19.8 Debian:10.13/oldstable, Debian-Security:10/oldstable [amd64]) []
Inst linux-image-6.1.0-50-cloud-amd64 (6.1.190-1 Debian:12.12/stable [amd64])
Conf dpkg [1.19.7] (1.19.8 Debian:10.13/oldstable, Debian-Security:10/oldstable [amd64])
Remv gone-lib [1.0-1]
2 upgraded, 1 newly installed, 1 to remove and 0 not upgraded.
END
;; *" update "*) echo "Hit:1 http://deb.example.internal stable InRelease" ;; esac""",
    )
    report = host.run("precheck").report
    assert available(report) == [
        ("base-files", "amd64", "10.3+deb10u4", "10.3+deb10u13", False),
        ("dpkg", "amd64", "1.19.7", "1.19.8", True),
        ("linux-image-6.1.0-50-cloud-amd64", "amd64", "", "6.1.190-1", False),
    ]
    assert report["before"]["kernel"]["newest_available"] == "6.1.0-50-cloud-amd64"


def test_a_kernel_of_another_flavour_is_no_reason_for_a_reboot(make_host: Make) -> None:
    host = make_host("debian12")
    (host.root / "boot/vmlinuz-6.12.0-99-rt-amd64").touch()
    report = host.run("precheck").report
    assert report["status"] == "nothing_to_do"
    assert report["before"]["kernel"]["newest_installed"] == "6.1.0-40-cloud-amd64"


def test_dnf_noise_wrapped_names_and_obsoletes(make_host: Make) -> None:
    host = make_host("rhel9")
    host.tool(
        "dnf",
        f"""case " $* " in
*" --security "*) echo; echo "bash.x86_64 5.1.8-10.el9 baseos"; exit 100 ;;
*check-update*) cat <<'END'
Updating Subscription Management repositories.
Security: kernel-core-5.14.0-427.el9 is the currently running version
Loading mirror speeds from cached hostfile
 * base: mirror.example.internal

bash.x86_64                     5.1.8-10.el9               baseos
abrt-addon-kerneloops-with-a-name-that-does-not-fit.x86_64
                                2.0.8-21.el9               updates
bind-utils.x86_64               32:9.16.23-19.el9_4.1      updates
Obsoleting Packages
grub2-tools.x86_64              1:2.06-80.el9              baseos
END
exit 100 ;; esac
exec {template.BIN}/dnf "$@\"""",
    )
    assert available(host.run("precheck").report) == [
        ("bash", "x86_64", "5.1.8-9.el9", "5.1.8-10.el9", True),
        ("abrt-addon-kerneloops-with-a-name-that-does-not-fit", "x86_64", "", "2.0.8-21.el9", False),
        ("bind-utils", "x86_64", "32:9.16.23-18.el9_4.1", "32:9.16.23-19.el9_4.1", False),
    ]


@pytest.mark.parametrize("code", [1, 200])
def test_dnf_check_update_that_fails_is_unknown_not_zero(make_host: Make, code: int) -> None:
    host = make_host("rhel9")
    host.tool("dnf", f'case " $* " in *check-update*) exit {code} ;; esac')
    report = host.run("precheck").report
    assert (report["status"], report["error"]["code"]) == ("blocked", "repository_unreachable")


def test_two_versions_of_one_package_after_a_killed_rpm_are_told(make_host: Make) -> None:
    host = make_host("rhel9")
    with (host.root / "lab/packages").open("a") as packages:
        packages.write("ii\tbash\tx86_64\t5.1.8-10.el9\n")
    report = host.run("precheck").report
    assert (report["status"], report["error"]["code"]) == ("blocked", "package_db_broken")
    assert report["before"]["duplicates"] == ["bash.x86_64"]


def test_dnf_check_is_asked_after_a_failed_install_only(make_host: Make) -> None:
    """A transaction that was cut off may leave more than duplicates: requirements that nothing fills."""
    lacks, gone = (
        "libfoo-9-1.2-3.el9.x86_64 has missing requires of x",
        "old-1-1.noarch is obsoleted by new-2-1",
    )
    answer = f"""case " $* " in *" check "*)
    echo asked >>"$PATCH_PORTAL_ROOT/asked"; printf '{lacks}\\n{gone}\\n'; exit 1 ;; esac
exec {template.BIN}/dnf "$@\""""
    well = make_host("rhel9", name="well", pending=2)
    well.tool("dnf", answer)
    assert (well.command("patch").status, (well.root / "asked").exists()) == ("patched", False)
    ill = make_host("rhel9", name="ill", pending=3, faults=["update_fails"])
    ill.tool("dnf", answer)
    report = ill.command("patch").report
    assert {"libfoo-9", "old"} <= set(report["after"]["broken"])
    assert report["error"]["code"] == "packages_left_broken"


def test_zypper_that_skips_a_repository_is_no_answer(make_host: Make) -> None:
    """zypper says 106 and "No updates found" when a repository is dead."""
    host = make_host("sles15")
    host.tool("zypper", 'case " $* " in *list-updates*) echo "No updates found."; exit 106 ;; esac')
    report = host.run("precheck").report
    assert (report["status"], report["before"]["packages"]["upgradable"]) == ("blocked", None)


def test_zypper_xml_over_several_lines(make_host: Make) -> None:
    host = make_host("sles15")
    host.tool(
        "zypper",
        f"""case " $* " in *" install "*) exit 0 ;; *list-updates*) cat <<'END'
<?xml version='1.0'?>
<stream><update-status version="0.6"><update-list>
<update kind="package" name="glibc" edition="2.38-150600.14.8.2"
        edition-old="2.38-150600.14.5.1" arch="x86_64"><summary>Standard "C" libraries</summary></update>
</update-list></update-status></stream>
END
exit 0 ;;
esac
exec {template.BIN}/zypper "$@\"""",
    )
    assert available(host.run("precheck").report) == [
        ("glibc", "x86_64", "2.38-150600.14.5.1", "2.38-150600.14.8.2", False)
    ]


def test_zypper_that_updated_itself_is_run_again(make_host: Make) -> None:
    host = make_host("sles15", pending=3)
    host.tool(
        "zypper",
        f"""case " $* " in *" update --auto"*)
    echo x >>{host.root}/runs
    [ "$(wc -l <{host.root}/runs)" -gt 1 ] || exit 103 ;;
esac
exec {template.BIN}/zypper "$@\"""",
    )
    assert host.command("patch").status == "patched"
    assert (host.root / "runs").read_text() == "x\nx\n"


def test_control_characters_and_foreign_letters_do_not_break_the_report(make_host: Make) -> None:
    host = make_host("debian12", pending=1)
    (host.root / "etc/os-release").write_bytes(b'ID=debian\nPRETTY_NAME="D\xc3\xa9bian \\\\ \x1b[31m \\"x"\n')
    outcome = host.run("precheck")
    assert outcome.stdout.isascii()
    assert "\x1b" not in outcome.stdout
    assert outcome.report["os"]["name"].startswith("D??bian \\\\ ?[31m")
