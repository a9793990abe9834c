"""Repositories that cannot be read, are missing or unsigned: named, and never with a password."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from lab.shims import template
from tests.documents.test_checks import check

Make = Callable[..., Any]


def test_the_repository_that_failed_is_named_without_its_password(make_host: Make) -> None:
    host = make_host("debian12", pending=3)
    host.tool(
        "apt-get",
        """case " $* " in *" update "*)
    echo "Hit:1 http://good.example.internal/os stable InRelease"
    echo "Err:2 https://robot:secret@bad.example.internal/extra stable InRelease"
    echo "E: Failed to fetch https://robot:secret@bad.example.internal/extra/dists/stable/InRelease  Timed out"
    exit 100 ;; esac""",
    )
    detail = host.run("precheck").report["error"]["detail"]
    assert "(https://bad.example.internal/extra stable)" in detail
    assert "good.example" not in detail
    assert "secret" not in detail


def test_no_error_tells_a_password(make_host: Make) -> None:
    host = make_host("rhel9", pending=3)
    words = "Error: Cannot download https://robot:secret@mirror.example.internal/repodata"
    host.tool("dnf", f'case " $* " in *check-update*) echo "{words}" >&2; exit 1 ;; esac')
    outcome = host.run("precheck")
    assert "https://mirror.example.internal/repodata" in outcome.report["error"]["detail"]
    assert "secret" not in outcome.stdout


@pytest.mark.parametrize(
    ("os", "tool", "words", "name"),
    [
        (
            "rhel9",
            "dnf",
            "Error: Failed to download metadata for repo 'epel': Cannot download repomd.xml",
            "epel",
        ),
        ("rhel9", "dnf", "Cannot find a valid baseurl for repo: base/7/x86_64", "base/7/x86_64"),
        ("sles15", "zypper", "Repository 'SLE-Module' is invalid.", "SLE-Module"),
    ],
)
def test_dnf_and_zypper_name_the_repository(
    make_host: Make, os: str, tool: str, words: str, name: str
) -> None:
    host = make_host(os, pending=3)
    host.tool(tool, f'case " $* " in *makecache*|*refresh*) echo "{words}" >&2; exit 4 ;; esac')
    error = host.run("precheck").report["error"]
    assert (error["code"], f"({name})" in error["detail"]) == ("repository_unreachable", True)


ZYPPER_REFRESH = """\
Retrieving repository 'Dead Repo' metadata [.error]
Repository 'Dead Repo' is invalid.
[dead|http://robot@127.0.0.1:9/x] Valid metadata not found at specified URL
 - Download (curl) error for 'http://robot@127.0.0.1:9/x/content':
Error code: Connection failed
Error message: Failed to connect to 127.0.0.1 port 9 after 0 ms
Skipping repository 'Dead Repo' because of the above error.
Repository 'updates' is up to date.
Retrieving repository 'other' metadata [.done]
Building repository 'other' cache [....done]
Some of the repositories have not been refreshed because of an error.
"""


def test_zyppers_words_of_healthy_repositories_are_no_complaint(make_host: Make) -> None:
    host = make_host("sles15", pending=1)
    (host.root / "refresh.txt").write_text(ZYPPER_REFRESH)
    host.tool("zypper", f'case " $* " in *" refresh "*) cat {host.root}/refresh.txt; exit 4 ;; esac')
    assert host.run("precheck").report["error"]["detail"] == (
        "A package repository did not answer (Dead Repo): "
        "Error message: Failed to connect to 127.0.0.1 port 9 after 0 ms"
    )


@pytest.mark.parametrize(
    ("os", "tool", "words", "code"),
    [
        ("rhel9", "dnf", 'There are no enabled repositories in "/etc/yum.repos.d".', 0),
        ("rhel9", "dnf", "There are no enabled repos.", 1),
        ("sles15", "zypper", "Warning: No repositories defined.", 6),
    ],
)
def test_no_repository_at_all_is_told_so(make_host: Make, os: str, tool: str, words: str, code: int) -> None:
    host = make_host(os)
    host.tool(tool, f"case \" $* \" in *makecache*|*refresh*) echo '{words}'; exit {code} ;; esac")
    error = host.run("precheck").report["error"]
    assert error == {"code": "repository_unreachable", "detail": "No package repository is configured."}


def test_apt_without_any_repository_is_no_host_without_updates(make_host: Make) -> None:
    """apt-get update exits 0 and says nothing: it would look up to date for ever."""
    host = make_host("debian12")
    host.tool("apt-get", "exit 0")
    report = host.run("precheck").report
    assert (report["status"], report["error"]["code"]) == ("blocked", "repository_unreachable")
    assert report["error"]["detail"] == "No package repository is configured."


@pytest.mark.parametrize("shell", ["dash", "busybox sh"])
@pytest.mark.parametrize(
    ("os", "path", "text", "unsigned"),
    [
        (
            "debian12",
            "etc/apt/sources.list",
            "deb [signed-by=/k trusted=yes] http://a stable main",
            "http://a",
        ),
        ("debian12", "etc/apt/sources.list", "# deb [trusted=yes] http://a stable main", ""),
        (
            "debian12",
            "etc/apt/sources.list.d/x.sources",
            "Types: deb\nURIs: http://b\nTrusted: yes\n",
            "http://b",
        ),
        ("debian12", "etc/apt/sources.list.d/x.sources", "URIs: http://b\nTrusted: yes\nEnabled: no\n", ""),
        ("rhel9", "etc/yum.repos.d/x.repo", "[x]\nenabled = 1\ngpgcheck = 0\n", "x"),
        ("rhel9", "etc/yum.repos.d/x.repo", "[x]\nenabled=0\ngpgcheck=0\n", ""),
        ("rhel9", "etc/yum.repos.d/x.repo", "[x]\nbaseurl=http://x\n", "x"),
        ("rhel9", "etc/yum.repos.d/x.repo", "[x]\nrepo_gpgcheck=1\ngpgcheck=0\n", ""),
        ("rhel9", "etc/dnf/dnf.conf", "[main]\ngpgcheck=1\n[x]\nbaseurl=http://x\n", ""),
        ("sles15", "etc/zypp/repos.d/x.repo", "[x]\nenabled=1\n", ""),
        ("sles15", "etc/zypp/repos.d/x.repo", "[x]\nenabled=1\ngpgcheck=0\n", "x"),
    ],
)
def test_a_definition_without_signatures_is_told(
    make_host: Make, os: str, path: str, text: str, unsigned: str, shell: str
) -> None:
    host = make_host(os, shell=shell)
    (host.root / path).parent.mkdir(parents=True, exist_ok=True)
    (host.root / path).write_text(text)
    found = check(host.run("precheck").report, "repository_signing")
    assert found["ok"] is (unsigned == "")
    if unsigned:
        assert found["detail"] == f"Taken without any signature: {unsigned} "


def test_a_cache_that_has_not_expired_hides_no_dead_repository(make_host: Make) -> None:
    """dnf asks no repository while its cache is fresh."""
    host = make_host("rhel9", pending=1)
    host.tool("dnf", f'echo "$*" >>"{host.root}/calls"\nexec {template.BIN}/dnf "$@"')
    host.run("precheck")
    first, *others = (host.root / "calls").read_text().splitlines()
    assert {"check-update", "--refresh", "--setopt=*.skip_if_unavailable=False"} <= set(first.split())
    assert not any("--refresh" in line for line in others)
