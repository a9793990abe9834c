"""AssociateIamInstanceProfile: what lets an agent register and a host store its output."""

from __future__ import annotations

import secrets

from moto.core.responses import ActionResult
from moto.ec2.responses import EC2Response
from moto.iam.models import Role

from lab import iam
from lab import world as worlds
from lab.ec2.errors import EC2ClientError, named
from lab.policies import Request, allowed


def associate_iam_instance_profile(response: EC2Response) -> ActionResult:
    """One profile per instance; it must exist. A running agent registers by it within the minute, here at once."""
    world, account = worlds.current(), response.current_account
    wanted = response._get_param("IamInstanceProfile", {})
    name = wanted.get("Name") or str(wanted.get("Arn", "")).rpartition("/")[2]
    role = iam.role_of_profile(account, name)
    if role is None:
        raise EC2ClientError(
            "InvalidParameterValue", f"Value ({name}) for parameter iamInstanceProfile.name is invalid."
        )
    with world.lock:
        (host,) = named(world.fleet.at(account, response.region), [response._get_param("InstanceId")])
        if host.has_profile:
            raise EC2ClientError(
                "IncorrectState", f"There is an existing association for instance {host.instance_id}"
            )
        host.profile, host.profile_registers = name, _may_register(account, role)
    arn = f"arn:aws:iam::{account}:instance-profile/{name}"
    made = {
        "AssociationId": f"iip-assoc-{secrets.token_hex(8)}",
        "InstanceId": host.instance_id,
        "IamInstanceProfile": {"Arn": arn, "Id": "AIPA0ASSOCIATED000000"},
        "State": "associating",
    }
    return ActionResult({"IamInstanceProfileAssociation": made})


def _may_register(account: str, role: Role) -> bool:
    asked = Request(role.arn, account, "ssm:UpdateInstanceInformation", "*")
    return allowed(asked, iam.policies_of(role))
