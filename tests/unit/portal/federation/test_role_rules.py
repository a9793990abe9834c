"""Rules of roles: what fits, in which order, and how it is explained."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from portal.access.rules import Invalid
from portal.federation.claims import flat
from portal.federation.models import RoleRule
from portal.federation.refusal import Refused
from portal.federation.role_rules import judge
from portal.federation.rules import check_rule


def rule(
    value: str, role: str = "owner", dimension: str = "application", scope: str = "payments", **more: str
) -> RoleRule:
    return RoleRule(
        **({"claim": "groups", "value": value, "role": role, "dimension": dimension, "scope": scope} | more)
    )


def words(rules: list[RoleRule], groups: list[str], provider: str = "okta") -> list[str]:
    return [match.words for match in judge(rules, provider, {"groups": groups}).matches]


def test_a_group_gives_its_role_and_says_so() -> None:
    assert words([rule("payments-owners")], ["staff", "payments-owners"]) == [
        "payments-owners → asset owner of application payments"
    ]


def test_a_star_stands_for_the_part_of_the_fleet() -> None:
    rules = [
        rule("*-owners", scope="*"),
        rule("bl-*", role="approver", dimension="business_unit", scope="unit *"),
    ]
    assert words(rules, ["shop-owners", "bl-north", "-owners", "owners"]) == [
        "shop-owners → asset owner of application shop",
        "bl-north → business leader of business unit unit north",
    ]


def test_a_rule_without_a_role_ends_the_reading() -> None:
    rules = [rule("a"), rule("contractors", role="", dimension="", scope=""), rule("b", scope="shop")]
    assert words(rules, ["a", "b", "contractors"]) == [
        "a → asset owner of application payments", "contractors → no role, and no later rule counts",
    ]  # fmt: skip
    assert len(words(rules, ["a", "b"])) == 2


def test_a_rule_of_another_provider_does_not_count() -> None:
    rules = [rule("a", provider="entra"), rule("a", scope="shop", provider="okta"), rule("a", scope="all")]
    assert words(rules, ["a"]) == [
        "a → asset owner of application shop",
        "a → asset owner of application all",
    ]


@pytest.mark.parametrize(
    "group", ["Payments-owners", "payments-owners ", "payments-ownersx", "xpayments-owners", "*"]
)
def test_nearly_the_name_is_not_the_name(group: str) -> None:
    assert words([rule("payments-owners")], [group]) == []


@pytest.mark.parametrize("group", ["支付-负责人", "владельцы", "مالكو", "Zahlungs-Eigentümer"])
def test_groups_of_any_script(group: str) -> None:
    assert len(words([rule(group)], [group])) == 1


def test_two_spellings_of_one_letter_are_one() -> None:
    assert words([rule("caf\u00e9")], flat({"groups": ["cafe\u0301"]})["groups"]) != []


def test_what_is_missing_and_what_is_unused_is_said() -> None:
    found = judge([rule("a"), rule("b", claim="roles")], "okta", {"groups": ["a", "c"]})
    assert (found.missing, found.unused, found.note) == (["roles"], ["c"], "")
    entra = judge([rule("a")], "entra", flat({"_claim_names": {"groups": "src1"}}))
    assert "more than 200" in entra.note
    assert entra.rights == {}


@given(st.text(max_size=30), st.text(max_size=30))
def test_a_star_takes_exactly_what_is_between(before: str, middle: str) -> None:
    """Whatever the group is called, what the star stands for and its surroundings make up the name."""
    prefix, said = before.replace("*", ""), middle.strip()
    found = judge([rule(f"{prefix}*-x", scope="*")], "", {"groups": [f"{prefix}{said}-x"]}).rights
    assert [right.value for right in found] == ([said] if said else [])


SHAPES: list[tuple[dict[str, Any], dict[str, list[str]]]] = [
    ({"groups": "one"}, {"groups": ["one"]}),
    ({"groups": ["a", 7, True, None, {"x": 1}]}, {"groups": ["a", "7", "true"]}),
    ({"realm_access": {"roles": ["a"]}}, {"realm_access.roles": ["a"]}),
    ({"cognito:groups": ["a"], "nonce": "n", "exp": 1, "iat": 2}, {"cognito:groups": ["a"]}),
    ({"name": "A\u0000na\u202e \x07"}, {"name": ["Ana"]}),
    ({"deep": {"a": {"b": {"c": "d"}}}}, {"deep.a.b": []}),
]


@pytest.mark.parametrize(("said", "shape"), SHAPES)
def test_claims_have_one_shape(said: dict[str, Any], shape: dict[str, list[str]]) -> None:
    assert flat(said) == shape


@pytest.mark.parametrize(
    "said", [{"groups": ["g"] * 1001}, {"name": "x" * 501}, {f"c{n}": "x" for n in range(201)}]
)
def test_more_than_a_person_can_be_is_refused(said: dict[str, Any]) -> None:
    with pytest.raises(Refused):
        flat(said)


WRONG = [
    ({"claim": ""}, "claim"),
    ({"value": ""}, "value"),
    ({"value": "a*b*"}, "value"),
    ({"scope": "*"}, "scope"),
    ({"scope": ""}, "scope"),
    ({"role": "emperor"}, "role"),
    ({"role": "admin"}, "dimension"),
    ({"role": "", "dimension": ""}, "scope"),
]


@pytest.mark.parametrize(("said", "field"), WRONG)
def test_a_rule_that_cannot_be_meant_is_refused_by_field(said: dict[str, str], field: str) -> None:
    good = {"claim": "groups", "value": "a", "role": "owner", "dimension": "application", "scope": "payments"}
    check_rule(**good)
    with pytest.raises(Invalid) as refusal:
        check_rule(**(good | said))
    assert refusal.value.field == field
