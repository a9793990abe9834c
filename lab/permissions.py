"""What the simulated AWS lets whom do: the policies of docs/iam-policy.json, attached as an installation attaches them.

Judged are calls to the results bucket, and of a session in a managed account those that write tags, switch power or
restore. Everything else that an account's keys may do, they may do here, unless `/lab/deny` takes it from them. In a
scenario where nothing is set up every call of a role is judged by the policies that somebody put on it.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import replace
from typing import TYPE_CHECKING, Any
from urllib.parse import parse_qsl

from moto.s3.models import s3_backends

from aws.iam import Names, policy
from aws.policies import bucket_policy, instance_profile, trust_policy
from lab import iam
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
OF_INSTANCES = {
    "CreateTags", "DeleteTags", "StartInstances", "StopInstances", "CreateReplaceRootVolumeTask", "SendCommand",
}  # fmt: skip
JUDGED = {("ec2", operation) for operation in OF_INSTANCES}
OF_DOCUMENTS = {
    "SendCommand", "CreateDocument", "UpdateDocument", "UpdateDocumentDefaultVersion", "DescribeDocument",
    "GetDocument",
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
    if world.credentials.is_session(call.access_key) and call.service in ("ec2", "ssm"):
        return _of_the_role(world, call)
    return _of_all_that_is_left(world, call)


def may_store(world: World, host: Host, bucket: str, key: str) -> bool:
    """Whether the agent of a host may upload an object of this key into the bucket."""
    account, arn, identity, context = _host(world, host)
    context |= {"aws:SecureTransport": "true", "s3:ObjectCreationOperation": "true"}
    resource = f"arn:aws:s3:::{bucket}/{key}"
    return _bucket_allows(bucket, Request(arn, account, "s3:PutObject", resource, context), identity)


def _of_the_bucket(world: World, call: Call, environ: dict[str, Any]) -> Refusal | None:
    bucket, _, key = environ.get("PATH_INFO", "").lstrip("/").partition("/")
    owner = _owner(bucket)
    expected = environ.get("HTTP_X_AMZ_EXPECTED_BUCKET_OWNER", "")
    if owner and expected and owner != expected:
        return Refusal(403, "AccessDenied", "Access Denied")
    judged = world.scenario.bare or bucket == world.scenario.results_bucket
    if not owner or not judged:
        return None
    account, arn, identity, context = _caller(world, call)
    action = action_of(environ["REQUEST_METHOD"], key, environ.get("QUERY_STRING", ""))
    context |= {"aws:SecureTransport": "true"}  # the lab has no TLS; its callers count as if they had it
    if action == "s3:PutObject":
        context |= {"s3:ObjectCreationOperation": "true"}
    if condition := environ.get("HTTP_IF_NONE_MATCH"):
        context |= {"s3:if-none-match": condition}
    resource = f"arn:aws:s3:::{bucket}/{key}" if key else f"arn:aws:s3:::{bucket}"
    if _bucket_allows(bucket, Request(arn, account, action, resource, context), identity):
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


def _bucket_allows(bucket: str, request: Request, identity: list[Any]) -> bool:
    owner = _owner(bucket)
    found = s3_backends[owner]["aws"].buckets.get(bucket) if owner else None
    document = json.loads(found.policy) if found and found.policy else None
    return allowed(request, identity, document, owner=owner)


def _owner(bucket: str) -> str:
    """The account that has it; '' where nobody has."""
    _, account = s3_backends.bucket_accounts.get(bucket, ("", ""))
    return str(account)


def _caller(world: World, call: Call) -> tuple[str, str, list[Any], dict[str, Any]]:
    """(account, ARN, its policies, what AWS knows of the session)."""
    account, arn, identity, context = _principal(world, call)
    return account, arn, [*identity, *_denied(world, account)], context


def _denied(world: World, account: str) -> list[Any]:
    actions = sorted(world.denied.get(account, ()))
    return [{"Statement": [{"Effect": "Deny", "Action": actions, "Resource": "*"}]}] if actions else []


def _principal(world: World, call: Call) -> tuple[str, str, list[Any], dict[str, Any]]:
    made, portal = names(world.scenario), world.scenario.portal_account
    if host := world.credentials.host_of(call.access_key):
        return _host(world, host)
    if world.credentials.is_session(call.access_key):
        role = world.credentials.role_of(call.access_key)
        arn = f"arn:aws:iam::{call.account}:role/{role}"
        return call.account, arn, _policies(world, call.account, role), {}
    if call.access_key == call.account != portal or world.scenario.bare:
        return call.account, f"arn:aws:iam::{call.account}:user/admin", [EVERYTHING], {}
    # The portal's account named by its number is the portal's role with everything attached.
    own = EVERYTHING if call.access_key == portal else policy(made)["portal_role"]
    return portal, made.portal_role_arn, [own], {}


def _policies(world: World, account: str, role: str) -> list[Any]:
    if not world.scenario.bare:
        return [policy(names(world.scenario))["managed_account_role"]]
    found = iam.role(account, role)
    return iam.policies_of(found) if found else []


def _host(world: World, host: Host) -> tuple[str, str, list[Any], dict[str, Any]]:
    account, region = host.spec.account, host.spec.region
    itself = {"ec2:SourceInstanceArn": f"arn:aws:ec2:{region}:{account}:instance/{host.instance_id}"}
    if role := iam.role_of_profile(account, host.profile):
        return account, role.arn, iam.policies_of(role), itself
    attached = [instance_profile(names(world.scenario))] if host.spec.instance_profile else []
    return account, f"arn:aws:iam::{account}:role/{HOST_ROLE}", attached, itself


def _of_the_trust(world: World, call: Call) -> Refusal | None:
    """The trust policy of the role that is named; whether there is such a role is told elsewhere."""
    wanted = str(call.fields.get("RoleArn", ""))
    account_id = (wanted.split(":") + [""] * 5)[4]
    trust = _trust(world, account_id, wanted.rpartition("/")[2])
    if trust is None:
        return None
    account, arn, identity, _ = _caller(world, call)
    context = {"sts:ExternalId": given} if (given := str(call.fields.get("ExternalId", ""))) else {}
    request = Request(arn, account, "sts:AssumeRole", wanted, context)
    if list(effects(trust, request, names_principal=True)) and (
        not world.scenario.bare or allowed(request, identity, trust, owner=account_id)
    ):
        return None
    message = f"User: {arn} is not authorized to perform: sts:AssumeRole on resource: {wanted}"
    return Refusal(403, "AccessDenied", message)


def _trust(world: World, account: str, role_name: str) -> dict[str, Any] | None:
    target = world.scenario.accounts.get(account)
    if world.scenario.bare:
        found = iam.role(account, role_name)
        return iam.trust_of(found) if found else None
    return trust_policy(replace(names(world.scenario), external_id=target.external_id)) if target else None


def _of_the_role(world: World, call: Call) -> Refusal | None:
    everything = world.scenario.bare or f"{call.service}:{call.operation}" in world.denied.get(
        call.account, ()
    )
    if not everything and (call.service, call.operation) not in JUDGED:
        return None
    account, arn, identity, _ = _caller(world, call)
    for resource, context in resources_of(world, call):
        request = Request(arn, account, f"{call.service}:{call.operation}", resource, context)
        if not allowed(request, identity):
            return _not_authorized(call, arn, request.action, resource)
    return None


def _of_all_that_is_left(world: World, call: Call) -> Refusal | None:
    action = f"{call.service}:{call.operation}"
    if action not in world.denied.get(call.account, ()):
        return None
    return _not_authorized(call, _caller(world, call)[1], action, "*")


def _not_authorized(call: Call, arn: str, action: str, resource: str) -> Refusal:
    """In the words of each service."""
    said = f"User: {arn} is not authorized to perform: {action} on resource: {resource}"
    if call.protocol == "ec2":
        whole = f"You are not authorized to perform this operation. {said}"
        return Refusal(403, "UnauthorizedOperation", whole)
    return Refusal(400, "AccessDeniedException", said)


def resources_of(world: World, call: Call) -> Iterator[tuple[str, dict[str, Any]]]:
    """(ARN, what AWS knows of it) of all that the call touches; `*` where it touches nothing by name."""
    place = world.fleet.at(call.account, call.region)
    document = str(call.fields.get("DocumentName") or call.fields.get("Name") or "")
    named = call.service == "ssm" and call.operation in OF_DOCUMENTS
    if named:
        owner = "" if document.startswith("AWS-") else call.account
        yield f"arn:aws:ssm:{call.region}:{owner}:document/{document}", {}
    ids = call.instance_ids if call.operation in OF_INSTANCES else []
    for instance_id in ids:
        if instance_id in place:
            tags = place[instance_id].tags
            context: dict[str, Any] = {f"aws:ResourceTag/{key}": value for key, value in tags.items()}
            if keys := list(call.tags):
                context["aws:TagKeys"] = keys
            yield f"arn:aws:ec2:{call.region}:{call.account}:instance/{instance_id}", context
    if topic := call.fields.get("TopicArn"):
        yield topic, {}
    elif not named and call.operation not in OF_INSTANCES:
        yield "*", {}
