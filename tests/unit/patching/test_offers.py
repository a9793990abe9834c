"""Issue 15's table: what a host says of its offers, the verdict that follows, and whether LastPatched is set."""

from __future__ import annotations

from typing import Any

import pytest

from patching.documents.host_facts import Release, Withheld
from patching.documents.host_report import Report
from patching.documents.report import validate
from patching.standing import Group, standing_of
from patching.states import TargetState, Verdict
from patching.verdicts import Evidence, Judgement, judge
from tests.unit.patching.made_reports import NEW, OLD, line, report, side

V = Verdict


def after(withheld: tuple[int | None, int | None] | None = None, **more: Any) -> dict[str, Any]:
    """A side after the work: all on offer is in; `withheld` by the host are (all, for security)."""
    found = side(**more)
    if withheld is not None:
        total, security = withheld
        names = [f"kept{n}" for n in range(total or 0)]
        found["packages"]["withheld"] = {"total": total, "security": security, "names": names}
    return found


def told(
    status: str = "patched", changed: int = 3, release: tuple[str, str, bool] | None = None, **more: Any
) -> dict[str, Any]:
    found = report(status, changed, done=bool(changed), **more)
    if release:
        found["os"]["release"] = dict(zip(("in_use", "newest", "pinned"), release, strict=True))
    return found


STAYS = {"running": NEW, "boot": "boot-1"}
BEFORE = side(NEW, "boot-1")
# what the host says: its report, the mode, the verdict, LastPatched, words of the sentence
TABLE: dict[str, tuple[dict[str, Any], str, Verdict, bool, str]] = {
    "nothing withheld": (told(after=after((0, 0))), "all", V.PATCHED, True, "3 packages changed, no update is left;"),
    "another kernel is the boot default": (
        told(after=after((0, 0), running=OLD, boots=OLD)), "all", V.PATCHED, True,
        f"It boots kernel {OLD} by its own choice, although {NEW} is installed.",
    ),
    "withheld, none for security": (
        told(after=after((2, 0))), "all", V.PATCHED, True,
        "3 packages changed, all on offer is in, 2 updates withheld by the host;",
    ),
    "withheld, none for security, nothing to do": (
        told("nothing_to_do", 0, before=BEFORE, after=after((1, 0), **STAYS)), "all", V.NOTHING_TO_DO, True,
        "Nothing was to be done: all on offer is in, 1 update withheld by the host.",
    ),
    "withheld for security": (
        told("partial", after=after((2, 1)), error="withheld_by_host"), "all", V.PARTLY, False,
        "3 packages changed, all on offer is in, but 2 updates withheld by the host, 1 for security: kept0, kept1.",
    ),
    "withheld for security, nothing else to do": (
        told("partial", 0, before=BEFORE, after=after((2, 1), **STAYS), error="withheld_by_host"), "all",
        V.PARTLY, False, "No package changed, all on offer is in, but 2 updates withheld by the host, 1 for security",
    ),
    "withheld for security, in a run for security": (
        told("partial", after=after((2, 1)), error="withheld_by_host"), "security", V.PARTLY, False, "1 for security",
    ),
    "withheld for security, and the host says patched": (
        told(after=after((2, 1))), "all", V.PARTLY, False,
        "2 updates withheld by the host, 1 for security: kept0, kept1.",
    ),
    "withheld, whether for security cannot be told": (
        told(after=after((2, None))), "all", V.PARTLY, False,
        "2 updates withheld by the host, whether one is for security is not known: kept0, kept1.",
    ),
    "what is withheld cannot be told": (
        told(after=after((None, None))), "all", V.PARTLY, False, "but what the host withholds is not known.",
    ),
    "withheld for security, and updates open": (
        told("partial", after=after((2, 1), left=1), error="updates_left"), "all", V.PARTLY, False, "updates_left.",
    ),
    "withheld for security, and a failed install": (
        told("failed", 0, before=BEFORE, after=after((2, 1), **STAYS), error="install_failed"), "all",
        V.FAILED, False, "It was install_failed.",
    ),
    "pinned, all of that release is in": (
        told(after=after((0, 0)), release=("2023.8.20250818", "2023.9.20251208", True)), "all", V.PATCHED, True,
        "It is pinned to release 2023.8.20250818; 2023.9.20251208 is out.",
    ),
    "pinned, nothing to do": (
        told("nothing_to_do", 0, before=BEFORE, after=after((0, 0), **STAYS), release=("9.4", "", True)), "all",
        V.NOTHING_TO_DO, True, "It is pinned to release 9.4; whether a later one is out is not known.",
    ),
    "pinned to the newest": (
        told(after=after((0, 0)), release=("2023.9", "2023.9", True)), "all", V.PATCHED, True, "kernel",
    ),
    "the newest kernel is the boot default, and another one runs": (
        told("reboot_pending", 3, before=side(OLD, "boot-1"), after=side(OLD, boots=NEW)), "all",
        V.PATCHED_REBOOT_PENDING, False, f"Kernel {NEW} is installed, but {OLD} still runs.",
    ),
    "a question without an end, after the work": (
        told("partial", after=after(left=None, security=None) | {"unanswered": ["updates"]}, error="not_measured"),
        "all", V.PARTLY, False, "It was not_measured.",
    ),
    "a list without rows, and nothing else to do": (
        told("failed", 0, before=BEFORE, after=after(left=None, security=None, **STAYS) | {"unanswered": ["updates"]},
             error="not_measured"), "all", V.FAILED, False, "It was not_measured.",
    ),
    "security not known, in a run for all": (
        told(after=after((0, 0), security=None)), "all", V.PATCHED, True, "no update is left",
    ),
    "security not known, in a run for security": (
        told(after=after((0, 0), security=None)), "security", V.PARTLY, False, "could not tell what is still open",
    ),
    "a report of a document that did not tell": (told(after=after()), "all", V.PATCHED, True, "no update is left"),
}  # fmt: skip


def judged(found: dict[str, Any], mode: str = "all", **more: Any) -> Judgement:
    validate(found)
    return judge(Evidence(patch=Report.of(found), ssm_status="Success", mode=mode, **more))


@pytest.mark.parametrize("case", TABLE)
def test_the_table(case: str) -> None:
    found, mode, verdict, proven, words = TABLE[case]
    result = judged(found, mode)
    assert result.verdict is verdict
    assert words in result.reason
    assert standing_of(TargetState.DONE, verdict).proven is proven


@pytest.mark.parametrize("case", [case for case in TABLE if "pinned to the newest" not in case])
@pytest.mark.parametrize("follows", [False, True])
def test_a_window_that_follows_the_newest_release_wants_attention(case: str, follows: bool) -> None:
    found, mode, verdict, proven, _ = TABLE[case]
    result = judged(found, mode, newest_release=follows)
    pinned = "pinned" in case
    assert (result.verdict, result.behind) == (verdict, follows and pinned)
    standing = standing_of(TargetState.DONE, result.verdict, result.behind)
    assert standing.proven is proven
    assert not result.behind or standing.group is Group.NEEDS_YOU


def test_the_newest_release_itself_is_not_behind() -> None:
    assert not judged(TABLE["pinned to the newest"][0], newest_release=True).behind
    assert "pinned" not in judged(TABLE["pinned to the newest"][0]).reason


def test_the_pre_check_tells_the_release_where_the_patch_does_not() -> None:
    check = Report.of(told("ready", 0, phase="precheck", after=None, release=("9.4", "", True)))
    found = judged(told(after=after((0, 0))), before=check, newest_release=True)
    assert (found.verdict, found.behind) == (V.PATCHED, True)
    assert "release 9.4" in found.reason


@pytest.mark.parametrize(
    ("withheld", "verdict"),
    [
        ((0, 0), V.PATCHED),
        ((2, 0), V.PATCHED),
        ((2, 1), V.PARTLY),
        ((2, None), V.PARTLY),
        ((None, None), V.PARTLY),
    ],
)
def test_the_result_line_tells_it_too(withheld: tuple[int | None, int | None], verdict: Verdict) -> None:
    found = line(withheld=Withheld(*withheld, ()))
    assert judge(Evidence(line=found, ssm_status="Success")).verdict is verdict


def test_what_the_window_leaves_out_is_told_beside_it() -> None:
    found = told(after=after((1, 0), left=2), aside=["a", "b"])
    assert "2 updates left out on purpose, 1 update withheld by the host" in judged(found).reason


@pytest.mark.parametrize("case", TABLE)
def test_reports_come_back_as_they_were(case: str) -> None:
    found = TABLE[case][0]
    assert Report.of(found).to_json() == found


def test_a_release_that_is_not_pinned_is_never_behind() -> None:
    assert not Release("latest", "", pinned=False).behind
