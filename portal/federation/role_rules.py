"""What the rules make of a person's claims, and why: pure, so that trying them is the same as applying them."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field

from portal.access.states import Dimension, Role
from portal.federation.claims import Claims
from portal.federation.models import RoleRule

ANY = "*"
# Entra ID sends this in place of the groups of a person who has more than 200.
TOO_MANY_GROUPS = "_claim_names.groups"
LEFT_OUT = (
    "Entra ID left the groups out because the person has more than 200. "
    "Let it send only the groups that are assigned to the application."
)


@dataclass(frozen=True)
class Right:
    """A role over a part of the fleet, not yet anybody's."""

    role: str
    dimension: str
    value: str

    @property
    def words(self) -> str:
        """E.g. `asset owner of application payments`."""
        role, over = Role(self.role).label.lower(), Dimension(self.dimension).label.lower()
        return f"{role} of {over} {self.value}".rstrip()


@dataclass(frozen=True)
class Match:
    """A value that a rule fits, and what comes of it; no right where the rule ends the reading."""

    rule: RoleRule
    said: str
    right: Right | None

    @property
    def words(self) -> str:
        return f"{self.said} → {self.right.words if self.right else 'no role, and no later rule counts'}"


@dataclass
class Judgement:
    """`missing`: claims that rules ask for and that were not sent. `unused`: values of such claims that fit no rule."""

    matches: list[Match] = field(default_factory=list)
    missing: list[str] = field(default_factory=list)
    unused: list[str] = field(default_factory=list)
    note: str = ""

    @property
    def rights(self) -> dict[Right, Match]:
        """Each right once, with the first match that gives it."""
        found: dict[Right, Match] = {}
        for match in self.matches:
            if match.right:
                found.setdefault(match.right, match)
        return found


def judge(rules: Iterable[RoleRule], provider_id: str, claims: Claims) -> Judgement:
    """Reads the rules of this provider in their order."""
    fitting = [rule for rule in rules if rule.provider in {"", provider_id}]
    found = Judgement(missing=sorted({rule.claim for rule in fitting} - claims.keys()))
    found.note = LEFT_OUT if TOO_MANY_GROUPS in claims else ""
    for rule in fitting:
        new = [match for said in claims.get(rule.claim, []) if (match := _match(rule, said))]
        found.matches += new
        if new and not rule.role:
            break
    used = {(match.rule.claim, match.said) for match in found.matches}
    named = dict.fromkeys(rule.claim for rule in fitting)
    found.unused = [said for claim in named for said in claims.get(claim, []) if (claim, said) not in used]
    return found


def _match(rule: RoleRule, said: str) -> Match | None:
    stands_for = _fits(rule.value, said)
    if stands_for is None:
        return None
    if not rule.role:
        return Match(rule, said, None)
    scope = rule.scope.replace(ANY, stands_for)[:256].strip()
    if rule.dimension != Dimension.EVERYTHING and not scope:
        return None  # the * stands for nothing, which names no part of the fleet
    return Match(rule, said, Right(rule.role, rule.dimension, scope))


def _fits(pattern: str, said: str) -> str | None:
    """What the `*` of the pattern stands for ('' without one); None where it does not fit. Case counts."""
    before, star, after = pattern.partition(ANY)
    if not star:
        return "" if pattern == said else None
    long_enough = len(said) >= len(before) + len(after)
    if long_enough and said.startswith(before) and said.endswith(after):
        return said[len(before) : len(said) - len(after)]
    return None
