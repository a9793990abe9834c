"""AssumeRole as the scenario's accounts allow it."""

from __future__ import annotations

import re

from moto.core.responses import ActionResult
from moto.sts.responses import TokenResponse

from lab import iam
from lab import world as worlds
from lab.scenario import Account
from lab.web.errors import Refusal, RefusedCall

ROLE_ARN = re.compile(r"arn:aws[a-z-]*:iam::([0-9]{12}):role/([\w+=,.@/-]+)")
_assume_role = TokenResponse.assume_role


def assume_role(response: TokenResponse) -> ActionResult:
    """AssumeRole: the role must exist and trust this external id, else AccessDenied."""
    world = worlds.current()
    arn = response._get_param("RoleArn")
    found = ROLE_ARN.fullmatch(arn)
    account = world.scenario.accounts.get(found[1]) if found else None
    if account is None or found is None or not trusts(world, response, account, found[2]):
        raise denied(response, arn)
    answer = _assume_role(response)
    keys = answer.result["Credentials"]  # type: ignore[index]
    world.credentials.remember(keys.access_key_id, account.id, keys.session_token, found[2])
    return answer


def trusts(world: worlds.World, response: TokenResponse, account: Account, role_name: str) -> bool:
    """The role's trust policy: the portal's account, with the external id when one is agreed.

    Of a role that somebody made by hand the policy itself was evaluated before (lab/permissions.py).
    """
    if world.scenario.bare:
        return iam.role(account.id, role_name) is not None
    external_id = response._get_param("ExternalId") or ""
    return (
        role_name == account.role_name
        and response.current_account == world.scenario.portal_account
        and account.external_id in ("", external_id)
        and world.credentials.may_be_assumed(account.id)
    )


def denied(response: TokenResponse, arn: str) -> RefusedCall:
    user = f"arn:aws:iam::{response.current_account}:user/portal"
    message = f"User: {user} is not authorized to perform: sts:AssumeRole on resource: {arn}"
    return RefusedCall(Refusal(403, "AccessDenied", message))
