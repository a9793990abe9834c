"""What the updates on offer prove: those that a host keeps from itself, and the release that it is bound to. Pure."""

from __future__ import annotations

from patching.documents.host_facts import Release, Withheld
from patching.documents.host_report import Report
from patching.documents.result_line import ResultLine

WITHHELD = "withheld_by_host"  # the error of a host that is right but for what it withholds
NAMED = 5  # packages that a sentence names


def withheld_after(report: Report | None, line: ResultLine | None) -> Withheld | None:
    """After the work; None: documents of old did not tell."""
    if report is not None:
        return report.after.packages.withheld if report.after else None
    return line.withheld if line else None


def keeps_security_back(withheld: Withheld | None) -> bool:
    """Unknown is not none: a host that may withhold a security update is not proven patched."""
    return withheld is not None and withheld.security != 0


def release_of(*reports: Report | None) -> Release | None:
    """Of the first that tells it: the pre-check asks, the patch does not ask again."""
    return next((report.os.release for report in reports if report and report.os.release), None)


def withheld_words(withheld: Withheld | None) -> str:
    """E.g. `2 updates withheld by the host`; empty: none."""
    if withheld is None or withheld.total == 0:
        return ""
    if withheld.total is None:
        return "what the host withholds is not known"
    return f"{withheld.total:,} update{'' if withheld.total == 1 else 's'} withheld by the host"


def security_back_words(withheld: Withheld) -> str:
    """Why a host is not proven patched, e.g. `2 updates withheld by the host, 1 for security: kernel-core, lablib`."""
    if withheld.total is None:
        return withheld_words(withheld)
    security = "whether one is for security is not known"
    if withheld.security is not None:
        security = f"{withheld.security:,} for security"
    shown = withheld.names[:NAMED]
    more = " and more" if len(shown) < withheld.total else ""
    names = f": {', '.join(shown)}{more}" if shown else ""
    return f"{withheld_words(withheld)}, {security}{names}"


def release_words(release: Release | None) -> str:
    """A sentence with a blank ahead, where a host stays at a release that is not proven to be the newest."""
    if release is None or not release.behind:
        return ""
    other = f"{release.newest} is out" if release.newest else "whether a later one is out is not known"
    return f" It is pinned to release {release.in_use}; {other}."
