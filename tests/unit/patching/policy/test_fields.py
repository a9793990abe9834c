"""What each field of the policy takes, refuses and says: the same facts for form, refusal, page and audit trail."""

from __future__ import annotations

from dataclasses import fields
from typing import Any

import pytest

from patching.policy.fields import ABOUT, Fact, about, facts, plain
from patching.policy.run_policy import RunPolicy

ASKED = about(RunPolicy)
ODD: list[Any] = [
    None,
    "",
    "x",
    -1,
    10**30,
    1.5,
    True,
    [],
    [1],
    ["a", None],
    {},
    {"a": 1},
    [{}],
    [{"a": 1}],
    [[]],
    "é\n",
]


def told(**chosen: Any) -> dict[str, tuple[str, ...]]:
    return {fact.term: fact.lines for fact in facts(RunPolicy(**chosen))}


def test_every_field_says_what_it_is() -> None:
    assert [one.name for one in fields(RunPolicy) if ABOUT not in one.metadata] == []
    assert [name for name, one in ASKED.items() if not one.label or not one.may_be()] == []


@pytest.mark.parametrize("name", ASKED)
def test_a_default_is_allowed_and_comes_back_from_the_form_as_it_was(name: str) -> None:
    one, default = ASKED[name], getattr(RunPolicy(), name)
    assert one.refusal(default) == ""
    written = one.written(default)
    assert plain(one.read(written)) == plain(default) if isinstance(written, str) else written == default


@pytest.mark.parametrize("name", ASKED)
@pytest.mark.parametrize("value", ODD, ids=repr)
def test_whatever_json_holds_is_taken_or_refused_with_a_sentence(name: str, value: Any) -> None:
    why = ASKED[name].refusal(value)
    assert why == "" or (why.endswith(".") and (ASKED[name].label in why or why.startswith("Line ")))


@pytest.mark.parametrize(
    ("name", "value", "sentence"),
    [
        ("mode", "everything", "“What is installed” is 'everything'; choose all or security."),
        ("concurrency", 0, "“Servers at a time” is 0; choose 1 to 10,000."),
        ("concurrency", 10_001, "“Servers at a time” is 10001; choose 1 to 10,000."),
        ("concurrency", True, "“Servers at a time” is True; choose 1 to 10,000."),
        ("promote", "yes", "“Later waves get exactly what the first ones got” is 'yes'; choose true or false."),
        ("pre_script", "Drain", "“Script before” cannot be 'Drain'. Write the name of a script"),
        ("exclude", "a;b", "“Packages that stay as they are” cannot be 'a;b'. Write package names"),
        ("alarms", ["a" * 256], "is not the name of an alarm: 1 to 255 characters"),
        ("alarms", ["a"] * 101, "“CloudWatch alarms” has 101 names; give up to 100."),
        ("target_groups", ["arn:x"], "'arn:x' is not the name of a target group: 1 to 32 letters"),
        ("target_groups", "shop", "“Load balancer target groups” is 'shop'; give a list of names."),
        ("waves", [{"name": "Canary", "count": 0}], "Line 1: a wave of no servers proves nothing."),
        ("lead_s", 7 * 86_400 + 1, "choose 0 to 604,800."),
    ],
)  # fmt: skip
def test_what_is_refused_names_field_value_and_way_out(name: str, value: Any, sentence: str) -> None:
    assert sentence in ASKED[name].refusal(value)


@pytest.mark.parametrize(("name", "value"), [("concurrency", 1), ("concurrency", 10_000), ("alarms", ["a" * 255]),
                                             ("target_groups", ["g" * 32] * 20), ("min_free_mb", 0)])  # fmt: skip
def test_limits_themselves_are_allowed(name: str, value: Any) -> None:
    assert ASKED[name].refusal(value) == ""


def test_pages_are_silent_about_what_was_left_empty() -> None:
    assert list(told()) == [
        "Installs", "Reboot", "Repairs", "At a time", "Halts above", "Needs free", "Snapshot before",
    ]  # fmt: skip
    assert told()["Snapshot before"] == ("none",)


def test_pages_tell_what_belongs_together_in_one_line() -> None:
    canary = {"name": "Canary", "count": 2, "bake_s": 1800}
    seen = told(
        snapshot="root", snapshot_keep_days=1, waves=[canary], promote=True, target_groups=["shop", "blog"],
        stop_at_error_percent=5, concurrency=1,
    )  # fmt: skip
    assert seen["Snapshot before"] == ("of the root volume, kept 1 day",)
    assert seen["Waves"] == (
        "2 servers, then wait 30 min",
        "then the rest, with exactly what the first ones got",
    )
    assert seen["Target groups"] == ("shop, blog: 100 % healthy before the next servers",)
    assert (seen["Halts above"], seen["At a time"]) == (("5 % errors",), ("1 server",))


def test_what_belongs_to_something_unset_is_not_told() -> None:
    assert told(promote=True, healthy_percent=50, snapshot_keep_days=3) == told()


def test_names_for_machines_are_shown_as_such() -> None:
    assert Fact("Script before", ("drain",), mono=True) in facts(RunPolicy(pre_script="drain"))


def test_a_change_is_told_with_the_words_of_the_form_and_the_page() -> None:
    assert (
        ASKED["windows_method"]
        .change("portal", "aws")
        .startswith("Windows servers: our own document → AWS-InstallWindowsUpdates")
    )
    assert ASKED["waves"].change([], [{"name": "Canary", "percent": 10}]) == "Waves: nothing → 10 %"
    assert ASKED["promote"].change(False, True).endswith(": no → yes")
    assert ASKED["exclude"].change("", "docker-ce") == "Packages that stay as they are: nothing → docker-ce"
