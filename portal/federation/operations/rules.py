"""The rules of roles: every change is an admin's and audited; it counts from each person's next sign-in."""

from __future__ import annotations

import unicodedata
from datetime import datetime
from typing import Any

from django.db import transaction
from django.db.models import Max

from portal.access.models import User
from portal.access.rules import Conflict, Invalid, check_role
from portal.access.states import Role
from portal.audit.operations import Entry, record
from portal.federation.models import RoleRule
from portal.federation.rules import check_rule
from portal.federation.words import rule_words
from portal.notify.operations import notify
from portal.people.rules import check_second_admin, needs_second_admin, second_admins

MOST = 500
FIELDS = ("provider", "claim", "value", "role", "dimension", "scope")


@transaction.atomic
def add_rule(*, by: User, now: datetime, **said: str) -> RoleRule:
    """Comes last."""
    check_role(by, Role.ADMIN)
    facts = _checked(said)
    rules = _locked()
    if len(rules) >= MOST:
        raise Invalid(
            f"There are {MOST} rules, which is the most. Use a * in place of several.", field="value"
        )
    if any(all(getattr(rule, name) == facts[name] for name in FIELDS) for rule in rules):
        raise Invalid("There is such a rule already.", field="value")
    last = RoleRule.objects.aggregate(last=Max("position"))["last"] or 0
    rule = RoleRule.objects.create(position=last + 1, **facts)
    _record("added", rule, f"Added the rule: {rule_words(rule)}", by)
    return _second_admin(rule, by)


@transaction.atomic
def change_rule(*, rule: RoleRule, by: User, now: datetime, **said: str) -> RoleRule:
    check_role(by, Role.ADMIN)
    facts = _checked(said)
    _locked()
    before = _one(rule.pk)
    old = rule_words(before)
    changed = {
        name: [getattr(before, name), new] for name, new in facts.items() if getattr(before, name) != new
    }
    if not changed:
        raise Invalid("Nothing differs from what is stored.", field="value")
    RoleRule.objects.filter(pk=rule.pk).update(**facts, asked_by=None)
    after = _one(rule.pk)
    _record("changed", rule, f"Changed a rule from: {old} to: {rule_words(after)}", by, changed=changed)
    return _second_admin(after, by)


@transaction.atomic
def agree_to_rule(*, rule: RoleRule, said: str, by: User, now: datetime) -> None:
    """The second admin's word to the rule as it was shown to them, `said`. Raises Denied for whoever wrote it."""
    check_role(by, Role.ADMIN)
    _locked()
    found = _one(rule.pk)
    if found.asked_by is None or rule_words(found) != said:
        raise Conflict("The rule was agreed to or changed meanwhile. Look at the list.")
    check_second_admin(by, asked_by=found.asked_by)
    RoleRule.objects.filter(pk=rule.pk).update(asked_by=None)
    summary = f"{by.display_name} agreed to the rule of {found.asked_by.display_name}: {said}"
    _record("agreed", rule, summary, by)


@transaction.atomic
def remove_rule(*, rule: RoleRule, by: User, now: datetime) -> None:
    check_role(by, Role.ADMIN)
    _locked()
    found = _one(rule.pk)
    found.delete()
    _record("removed", rule, f"Removed the rule: {rule_words(rule)}", by)


@transaction.atomic
def move_rule(*, rule: RoleRule, up: bool, by: User, now: datetime) -> None:
    """One place up or down. Raises Conflict at either end."""
    check_role(by, Role.ADMIN)
    rules = _locked()
    here = next((place for place, other in enumerate(rules) if other.pk == rule.pk), None)
    there = None if here is None else here + (-1 if up else 1)
    if here is None or there is None or not 0 <= there < len(rules):
        raise Conflict("The rule is gone, or at the end already. Look at the list.")
    rules[here], rules[there] = rules[there], rules[here]
    for position, moved in enumerate(rules, start=1):
        moved.position = position
    RoleRule.objects.bulk_update(rules, ["position"])
    where = f"{'up' if up else 'down'} to place {there + 1}"
    _record("moved", rule, f"Moved a rule {where}: {rule_words(rule)}", by)


def _second_admin(rule: RoleRule, by: User) -> RoleRule:
    """Lets a rule that gives the approver's right wait for another admin, or says that there is none."""
    if not needs_second_admin(rule.role):
        return rule
    if second_admins(by):
        rule.asked_by = by
        rule.save(update_fields=["asked_by"])
        notify(
            "role_rule.waits",
            rule,
            said=f"{by.display_name} wrote a rule that waits for you: {rule_words(rule)}.",
            by=by,
        )
    else:
        said = f"{by.display_name} alone wrote a rule: {rule_words(rule)}; there is no second admin"
        _record("alone", rule, said, by)
        notify("person.granted_alone", rule, said=f"{said}.", by=by)
    return rule


def _checked(said: dict[str, str]) -> dict[str, str]:
    """As it is stored: one spelling for each text, and no scope where there is no role."""
    facts = {name: unicodedata.normalize("NFC", said.get(name, "")).strip() for name in FIELDS}
    check_rule(**{name: facts[name] for name in FIELDS if name != "provider"})
    return facts if facts["role"] else facts | {"dimension": "", "scope": ""}


def _locked() -> list[RoleRule]:
    """All rules; two admins who change them at once wait for each other."""
    return list(RoleRule.objects.select_for_update().order_by("position", "pk"))


def _one(pk: int) -> RoleRule:
    found = RoleRule.objects.filter(pk=pk).first()
    if found is None:
        raise Conflict("Somebody removed this rule. Look at the list.")
    return found


def _record(what: str, rule: RoleRule, summary: str, by: User, **detail: Any) -> None:
    record(Entry(f"role_rule.{what}", "role_rule", str(rule.pk), summary, detail=detail), by=by)
