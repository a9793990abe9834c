"""What a package manager could have told, and what only a host that lies or is broken tells."""

from __future__ import annotations

import pytest

from patching.documents.host_report import Change
from patching.package_words import LONGEST, MOST_PER_HOST, credible, oddity


def change(name: str = "openssl", to: str = "3.0.14-1", arch: str = "amd64", old: str = "3.0.11-1") -> Change:
    return Change(name, arch, old, to, "upgrade", security=False)


REAL = (
    ("libstdc++6", "12.2.0-14+deb12u1"), ("g++", "4:12.2.0-3"), ("linux-image-6.1.0-26-amd64", "6.1.112-1"),
    ("base-files", "12.4+deb12u8"), ("libc6:i386", "2.36-9+deb12u9"), ("0ad", "0.0.26~rc1-1"),
    ("vim", "2:9.0.1378-2"), ("kernel-core", "5.14.0-427.13.1.el9_4"), ("NetworkManager", "1:1.46.0-13.el9"),
    ("python3.11-libs", "3.11.7-1.el9"), ("gtk2", "2.24.33-8.el9"), ("foo", "1.0^20240101git1234-1.fc40"),
    ("kernel-default", "6.4.0-150600.23.17.1"), ("compat-openssl11", "1:1.1.1k-4.el9"), ("libX11", "1.7.0-9.el9"),
    ("texlive-collection-fontsrecommended", "9:20200406-26.el9"), ("_fonts", "1-1"),
)  # fmt: skip
LIES = (
    ("open ssl", "1-1"), ("", "1-1"), ("-rf", "1-1"), ("--allow-unauthenticated", "1-1"), ("a" * 101, "1-1"),
    ("openssl", "1" * 280), ("openssl", "1-1 curl=2"), ("openssl", "1-1,curl=2"), ("openssl", "$(reboot)"),
    ("openssl", "1;reboot-1"), ("../../etc", "1-1"), ("openssl\n", "1-1"), ("openssl", "1-1\n"), ("opénssl", "1-1"),
    ("Open-SSL", "nodash"), ("a=b", "1-1"), ("openssl", "`id`"), ("*", "1-1"), ("openssl", "-1"),
)  # fmt: skip


@pytest.mark.parametrize(("name", "version"), REAL)
def test_what_package_managers_tell_is_kept(name: str, version: str) -> None:
    assert oddity(change(name, version, old=version), "linux") == ""
    assert oddity(change(name, version, old=""), "linux") == ""


@pytest.mark.parametrize(("name", "version"), LIES, ids=range(len(LIES)))
def test_what_none_could_tell_is_dropped_and_said(name: str, version: str) -> None:
    kept, said = credible([change(), change(name, version)], "linux")
    assert kept == [change()]
    assert said.startswith("1 package change that it reported is dropped: ")
    assert len(said) < 300


def test_an_architecture_and_an_old_version_are_looked_at_too() -> None:
    assert "is not an architecture" in oddity(change(arch="amd64; id"), "linux")
    assert oddity(change(old="x y"), "linux")
    assert oddity(change(arch="x" * (LONGEST + 1)), "linux") == "the architecture has 101 characters"


def test_a_flood_is_cut_and_said() -> None:
    flood = [change(f"pkg{number}") for number in range(MOST_PER_HOST + 5)] + [change("a b")] * 3
    kept, said = credible(flood, "linux")
    assert len(kept) == MOST_PER_HOST
    assert said.startswith(
        "3 package changes that it reported are dropped: 'a b 3.0.11-1 3.0.14-1' is not a package, and"
    )
    assert said.endswith(f"Only the first {MOST_PER_HOST} of {MOST_PER_HOST + 5} package changes are listed.")


def test_updates_of_windows_have_titles() -> None:
    title = change(
        "KB5031234", "2026-11 Cumulative Update for Windows Server 2022 (KB5031234)", arch="", old=""
    )
    assert credible([title], "windows") == ([title], "")
    assert credible([change(" ")], "windows")[0] == []
