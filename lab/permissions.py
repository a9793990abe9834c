"""What the simulated AWS lets whom do: the policies of docs/iam-policy.json, attached as an installation attaches them.

Judged are calls to the results bucket, and of a session in a managed account those that write tags, switch power or
restore. Everything else that an account's keys may do, they may do here.
"""

from __future__ import annotations

import json
from dataclasses import replace
from typing import TYPE_CHECKING, Any
from urllib.parse import parse_qsl

from moto.s3.models import s3_backends

from aws.iam import Names, policy
from aws.policies import bucket_policy, instance_profile, trust_policy
from lab.policies import Request, allowed, effects
from lab.scenario import PORTAL_ROLE
from lab.web.calls import S3_PARTS, S3_VERBS, Call
from lab.web.errors import Refusal

if TYPE_CHECKING:
    from lab.fleet import Host
    from lab.scenario import Scenario
    from lab.world import World

EVERYTHING = {"Statement": [{"Effect": "Allow", "Action": "*", "Resource": "*"}]}
HOST_ROLE = "PatchedInstance"
JUDGED = {
    "CreateTags", "DeleteTags", "StartInstances", "StopInstances", "CreateReplaceRootVolumeTask",
}  # fmt: skip


def names(scenario: Scenario) -> Names:
    """The names of the simulated installation."""
    portal = scenario.portal_account
    return Names(
        bucket=scenario.results_bucket,
        accounts=tuple(scenario.accounts),
        portal_role_arn=f"arn:aws:iam::{portal}:role/{PORTAL_ROLE}",
    )


def guard_bucket(scenario: Scenario) -> None:
    """The bucket as docs/iam-policy.json wants it."""
    backend, bucket = s3_backends[scenario.portal_account]["aws"], scenario.results_bucket
    backend.put_bucket_policy(bucket, json.dumps(bucket_policy(names(scenario))).encode())
    backend.put_bucket_ownership_controls(bucket, "BucketOwnerEnforced")
    switches = ("BlockPublicAcls", "IgnorePublicAcls", "BlockPublicPolicy", "RestrictPublicBuckets")
    backend.put_public_access_block(bucket, dict.fromkeys(switches, "true"))
    backend.put_bucket_versioning(bucket, "Enabled")


def refusal(world: World, call: Call, environ: dict[str, Any]) -> Refusal | None:
    """Why AWS would not let the caller do it."""
    if call.protocol == "s3":
        return _of_the_bucket(world, call, environ)
    if call.operation == "AssumeRole":
        return _of_the_trust(world, call)
    if call.service == "ec2" and call.operation in JUDGED and world.credentials.is_session(call.access_key):
        return _of_the_role(world, call)
    return None


def may_store(world: World, host: Host, key: str) -> bool:
    """Whether the agent of a host may upload an object of this key into the results bucket."""
    account, arn, identity, context = _host(world, host)
    context |= {"aws:SecureTransport": "true", "s3:ObjectCreationOperation": "true"}
    resource = f"arn:aws:s3:::{world.scenario.results_bucket}/{key}"
    return _bucket_allows(world, Request(arn, account, "s3:PutObject", resource, context), identity)


def _of_the_bucket(world: World, call: Call, environ: dict[str, Any]) -> Refusal | None:
    bucket, _, key = environ.get("PATH_INFO", "").lstrip("/").partition("/")
    if bucket != world.scenario.results_bucket:
        return None
    account, arn, identity, context = _caller(world, call)
    action = action_of(environ["REQUEST_METHOD"], key, environ.get("QUERY_STRING", ""))
    context |= {"aws:SecureTransport": "true"}  # the lab has no TLS; its callers count as if they had it
    if action == "s3:PutObject":
        context |= {"s3:ObjectCreationOperation": "true"}
    if condition := environ.get("HTTP_IF_NONE_MATCH"):
        context |= {"s3:if-none-match": condition}
    resource = f"arn:aws:s3:::{bucket}/{key}" if key else f"arn:aws:s3:::{bucket}"
    if _bucket_allows(world, Request(arn, account, action, resource, context), identity):
        return None
    return Refusal(403, "AccessDenied", f"User: {arn} is not authorized to perform: {action} on {resource}")


def action_of(method: str, key: str, query: str) -> str:
    """IAM's name of an S3 call."""
    asked = dict(parse_qsl(query, keep_blank_values=True))
    if part := next((S3_PARTS[name] for name in asked if name in S3_PARTS), ""):
        return f"s3:{S3_VERBS[method]}{part}"
    if key:
        version = "Version" if "versionId" in asked and method in ("GET", "DELETE") else ""
        return f"s3:{S3_VERBS[method]}Object{version}"
    return {"PUT": "s3:CreateBucket", "DELETE": "s3:DeleteBucket"}.get(method, "s3:ListBucket")


def _bucket_allows(world: World, request: Request, identity: list[Any]) -> bool:
    owner = world.scenario.portal_account
    bucket = s3_backends[owner]["aws"].buckets.get(world.scenario.results_bucket)
    document = json.loads(bucket.policy) if bucket and bucket.policy else None
    return allowed(request, identity, document, owner=owner)


def _caller(world: World, call: Call) -> tuple[str, str, list[Any], dict[str, Any]]:
    """(account, ARN, its policies, what AWS knows of the session)."""
    made, portal = names(world.scenario), world.scenario.portal_account
    if host := world.credentials.host_of(call.access_key):
        return _host(world, host)
    if world.credentials.is_session(call.access_key):
        role = world.scenario.accounts[call.account].role_name
        return (
            call.account,
            f"arn:aws:iam::{call.account}:role/{role}",
            [policy(made)["managed_account_role"]],
            {},
        )
    if call.access_key == call.account != portal:
        return call.account, f"arn:aws:iam::{call.account}:user/admin", [EVERYTHING], {}
    # The portal's account named by its number is the portal's role with everything attached.
    own = EVERYTHING if call.access_key == portal else policy(made)["portal_role"]
    return portal, made.portal_role_arn, [own], {}


def _host(world: World, host: Host) -> tuple[str, str, list[Any], dict[str, Any]]:
    account, region = host.spec.account, host.spec.region
    itself = {"ec2:SourceInstanceArn": f"arn:aws:ec2:{region}:{account}:instance/{host.instance_id}"}
    attached = [instance_profile(names(world.scenario))] if host.spec.instance_profile else []
    return account, f"arn:aws:iam::{account}:role/{HOST_ROLE}", attached, itself


def _of_the_trust(world: World, call: Call) -> Refusal | None:
    """The trust policy of the role that is named; whether there is such a role is told elsewhere."""
    wanted = str(call.fields.get("RoleArn", ""))
    target = world.scenario.accounts.get((wanted.split(":") + [""] * 5)[4])
    if target is None:
        return None
    trust = trust_policy(replace(names(world.scenario), external_id=target.external_id))
    account, arn, _, _ = _caller(world, call)
    context = {"sts:ExternalId": given} if (given := str(call.fields.get("ExternalId", ""))) else {}
    if list(effects(trust, Request(arn, account, "sts:AssumeRole", wanted, context), names_principal=True)):
        return None
    message = f"User: {arn} is not authorized to perform: sts:AssumeRole on resource: {wanted}"
    return Refusal(403, "AccessDenied", message)


def _of_the_role(world: World, call: Call) -> Refusal | None:
    account, arn, identity, _ = _caller(world, call)
    place = world.fleet.at(account, call.region)
    for instance_id in call.instance_ids:
        tags = place[instance_id].tags if instance_id in place else {}
        context: dict[str, Any] = {f"aws:ResourceTag/{key}": value for key, value in tags.items()}
        if keys := list(call.tags):
            context["aws:TagKeys"] = keys
        resource = f"arn:aws:ec2:{call.region}:{account}:instance/{instance_id}"
        request = Request(arn, account, f"ec2:{call.operation}", resource, context)
        if instance_id in place and not allowed(request, identity):
            said = f"User: {arn} is not authorized to perform: {request.action} on resource: {resource}"
            return Refusal(
                403, "UnauthorizedOperation", f"You are not authorized to perform this operation. {said}"
            )
    return None
