"""AssumeRole as the scenario's accounts allow it."""

from __future__ import annotations

import re

from moto.core.exceptions import ServiceException
from moto.core.responses import ActionResult
from moto.sts.exceptions import STSClientError
from moto.sts.responses import TokenResponse

from lab import world as worlds

ROLE_ARN = re.compile(r"arn:aws[a-z-]*:iam::([0-9]{12}):role/([\w+=,.@/-]+)")
_assume_role = TokenResponse.assume_role


def assume_role(response: TokenResponse) -> ActionResult:
    """AssumeRole: the role must exist and trust this external id, else AccessDenied."""
    world = worlds.current()
    arn = response._get_param("RoleArn")
    found = ROLE_ARN.fullmatch(arn)
    account = world.scenario.accounts.get(found[1]) if found else None
    external_id = response._get_param("ExternalId") or ""
    known = account is not None and found is not None and found[2] == account.role_name
    trusted = known and account is not None and account.external_id == external_id
    if not trusted or not world.credentials.may_be_assumed(account.id if account else ""):
        raise denied(response, arn)
    answer = _assume_role(response)
    keys = answer.result["Credentials"]  # type: ignore[index]
    world.credentials.remember(keys.access_key_id, account.id if account else "", keys.session_token)
    return answer


def denied(response: TokenResponse, arn: str) -> ServiceException:
    user = f"arn:aws:iam::{response.current_account}:user/portal"
    return STSClientError(
        "AccessDenied",
        f"User: {user} is not authorized to perform: sts:AssumeRole on resource: {arn}",
    )
