"""Packages that stand in two versions after an install that was killed: what the fixes take out, and what never."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from lab.shims import template
from tests.documents.test_checks import check

Make = Callable[..., Any]


def test_dnf_takes_out_nothing_but_the_older_versions(make_host: Make) -> None:
    host = make_host("rhel9", pending=0, faults=["db_broken"])
    host.run("precheck")
    rows = host.state("packages").splitlines()
    fix = check(host.run("precheck", Fixes="all").report, "package_db")["fix"]
    assert fix["ok"]
    assert fix["detail"].startswith("Took out the older versions of ")
    assert host.state("packages").splitlines() == rows[1:]  # the older one stands first


@pytest.mark.parametrize(
    "plan",
    [
        "Removing:\n bash  x86_64  1-1  @System  1 M\nRemoving dependent packages:\n shop  noarch  1-1  @own  2 M",
        "Removing:\n shop  noarch  1-1  @own  2 M",
        "Removing:\n a-shop-with-a-name-that-does-not-fit-on-one-line\n       noarch  1-1  @own  2 M",
        "Removing:\n bash  x86_64  1-1  @System  1 M\nRemoving unused dependencies:\n tool  noarch  1  @own  2 M",
        "Reinstalling:\n bash  x86_64  1-1  updates  1 M\n     replacing  shop.noarch 1.0-1",
        "Reinstalling:\n bash  x86_64  1-1  updates  1 M\nDowngrading:\n bash  x86_64  1-1  updates  1 M",
    ],
)
def test_dnf_leaves_duplicates_alone_when_more_would_go(make_host: Make, plan: str) -> None:
    host = make_host("rhel9", faults=["db_broken"])
    host.run("precheck")
    first = host.state("packages").split("\t")[1]
    host.tool(
        "dnf",
        f"""case " $* " in *" --assumeno "*) cat <<'END'
{plan.replace("bash", first)}

Transaction Summary
END
exit 1 ;; *" remove --duplicates"*) echo x >"{host.root}/removed" ;; esac
exec {template.BIN}/dnf "$@\"""",
    )
    report = host.run("precheck", Fixes="all").report
    assert check(report, "package_db")["fix"]["detail"].startswith(
        "Not tried: the plan touches more than the older versions: "
    )
    assert not (host.root / "removed").exists()
    assert (report["status"], report["error"]["code"]) == ("blocked", "package_db_broken")


def test_dnf_reinstalls_the_newest_over_the_older(make_host: Make) -> None:
    """As dnf 4.14 plans it where the newest is in a repository (recorded)."""
    host = make_host("rhel9", faults=["db_broken"])
    host.run("precheck")
    first = host.state("packages").split("\t")[1]
    host.tool(
        "dnf",
        f"""case " $* " in *" --assumeno "*) cat <<'END'
Last metadata expiration check: 0:00:01 ago on Tue Nov 24 01:02:27 2026.
Dependencies resolved.
================================================================================
 Package           Architecture      Version           Repository          Size
================================================================================
Reinstalling:
 {first}            x86_64            9:2.0-1             updates            5.9 k
     replacing  {first}.x86_64 1.0-1

Transaction Summary
================================================================================

Total size: 5.9 k
END
exit 1 ;; esac
exec {template.BIN}/dnf "$@\"""",
    )
    assert check(host.run("precheck", Fixes="all").report, "package_db")["fix"]["ok"]


def test_dnf_that_finds_no_way_is_not_made_to_go(make_host: Make) -> None:
    host = make_host("rhel9", faults=["db_broken"])
    host.tool(
        "dnf",
        f"""case " $* " in *" --assumeno "*)
    printf 'Error: \\n Problem: problem with installed package shop-1.0-1.noarch\\n' >&2; exit 1 ;;
*" -y remove "*) echo x >"{host.root}/removed" ;; esac
exec {template.BIN}/dnf "$@\"""",
    )
    fix = check(host.run("precheck", Fixes="all").report, "package_db")["fix"]
    assert (
        fix["detail"]
        == "Not tried: dnf finds no way:  Problem: problem with installed package shop-1.0-1.noarch"
    )
    assert not (host.root / "removed").exists()


def test_zypper_takes_the_older_versions_out_and_installs_the_newest_again(make_host: Make) -> None:
    host = make_host("sles15", faults=["db_broken"])
    host.tool("zypper", f"""echo "$*" >>"{host.root}/asked"; exec {template.BIN}/zypper "$@\"""")
    fix = check(host.run("precheck", Fixes="all").report, "package_db")["fix"]
    assert fix["ok"], fix
    assert fix["detail"].startswith("Took out the older versions of ")
    assert " install --force " in (host.root / "asked").read_text()


@pytest.mark.parametrize(
    ("plan", "words"),
    [
        ("<to-remove><solvable type='package'>", "finds no way"),
        (
            '<to-install><solvable type="package" name="shop" edition="1" arch="noarch">',
            "touches more than the older versions: shop",
        ),
    ],
)  # fmt: skip
def test_zypper_is_not_let_do_more_than_that(make_host: Make, plan: str, words: str) -> None:
    host = make_host("sles15", faults=["db_broken"])
    end = "exit 4" if "no way" in words else "exit 0"
    host.tool(
        "zypper",
        f"""case " $* " in
    *" verify --dry-run "*) echo '{plan}'; {end} ;;
    *" verify "*) : >"{host.root}/verified" ;;
esac
exec {template.BIN}/zypper "$@\"""",
    )
    report = host.run("precheck", Fixes="all").report
    assert words in check(report, "package_db")["fix"]["detail"]
    assert report["error"]["code"] == "package_db_broken"
    assert not (host.root / "verified").exists()
