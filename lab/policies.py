"""Evaluates IAM and bucket policies as AWS does: an explicit deny ends it, and across accounts both sides must allow.

Only the elements and operators that are in use; an unknown one is an error, never a yes.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from fnmatch import fnmatchcase
from typing import Any

Document = Mapping[str, Any]
_VARIABLE = re.compile(r"\$\{([^}]+)\}")
KNOWN = {"Sid", "Effect", "Principal", "Action", "Resource", "NotResource", "Condition"}


@dataclass(frozen=True)
class Request:
    """Who asks for what. `context` holds the condition keys that AWS would fill in; absent ones are not there."""

    principal_arn: str
    account: str
    action: str
    resource: str
    context: Mapping[str, str | list[str]] = field(default_factory=dict)

    def value(self, key: str) -> str | list[str] | None:
        own: dict[str, str] = {"aws:PrincipalArn": self.principal_arn, "aws:PrincipalAccount": self.account}
        return own.get(key, self.context.get(key))


def allowed(
    request: Request, identity: Iterable[Document], resource: Document | None = None, *, owner: str = ""
) -> bool:
    """`identity` are the policies of the caller, `resource` the one of what is touched, in the account `owner`."""
    by_caller = [effect for document in identity for effect in effects(document, request)]
    by_resource = list(effects(resource or {}, request, names_principal=True))
    if "Deny" in by_caller + by_resource:
        return False
    if "Allow" in by_resource and owner in ("", request.account):
        return True
    across = bool(by_resource) or owner in ("", request.account)
    return "Allow" in by_caller and across


def effects(document: Document, request: Request, *, names_principal: bool = False) -> Iterable[str]:
    """Allow and Deny of the statements that speak of this request; Delegate where one names the caller's account.

    Naming an account lets that account's own policies decide; it gives its roles nothing by itself.
    """
    for statement in document.get("Statement", ()):
        if unknown := set(statement) - KNOWN:
            raise ValueError(f"the lab does not know {', '.join(sorted(unknown))} in a policy")
        if (
            (not names_principal or _names(statement["Principal"], request))
            and _matches(statement["Action"], request.action)
            and _touches(statement, request)
            and all(_holds(name, keys, request) for name, keys in statement.get("Condition", {}).items())
        ):
            whole = names_principal and _names_account(statement["Principal"], request)
            yield "Delegate" if whole and statement["Effect"] == "Allow" else statement["Effect"]


def listed(value: Any) -> list[Any]:
    """A policy writes one value without its list."""
    return value if isinstance(value, list) else [value]


def _names(principal: Any, request: Request) -> bool:
    if principal == "*" or _names_account(principal, request):
        return True
    return any(name in ("*", request.principal_arn) for name in listed(principal.get("AWS", [])))


def _names_account(principal: Any, request: Request) -> bool:
    if principal == "*":
        return False
    root = f"arn:{request.principal_arn.split(':')[1]}:iam::{request.account}:root"
    return any(name in (root, request.account) for name in listed(principal.get("AWS", [])))


def _matches(patterns: Any, text: str) -> bool:
    return any(fnmatchcase(text, pattern.replace("[", "[[]")) for pattern in listed(patterns))


def _touches(statement: Document, request: Request) -> bool:
    def filled(pattern: str) -> str:
        return _VARIABLE.sub(lambda found: str(request.value(found[1]) or ""), pattern)

    if "NotResource" in statement:
        return not _matches([filled(one) for one in listed(statement["NotResource"])], request.resource)
    # The trust policy of a role names no resource: it is the role's own.
    return _matches([filled(one) for one in listed(statement.get("Resource", "*"))], request.resource)


def _holds(operator: str, keys: Mapping[str, Any], request: Request) -> bool:
    return all(_holds_for(operator, request.value(key), listed(wanted)) for key, wanted in keys.items())


def _holds_for(operator: str, found: str | list[str] | None, wanted: list[str]) -> bool:
    if operator == "Null":
        return (found is None) == (wanted == ["true"])
    if operator == "ForAllValues:StringEquals":  # true of no values, too
        return all(value in wanted for value in listed(found or []))
    if operator == "ArnNotEquals":  # true where there is nothing to compare
        return found is None or not _matches(wanted, str(found))
    if found is None:
        return False
    if operator in ("StringEquals", "Bool"):
        return found in wanted
    if operator in ("StringLike", "ArnEquals"):
        return _matches(wanted, str(found))
    raise ValueError(f"the lab does not know the condition {operator}")
