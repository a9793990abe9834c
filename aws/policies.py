"""What an installation sets up in AWS: policies of roles, of hosts and of the bucket, made of the same names.

`python -m aws.policies` prints it; docs/iam-policy.json keeps that output. With a document's name and the names of an
installation it prints that document alone, ready for the AWS CLI (docs/pilot.md).
"""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Sequence
from dataclasses import replace
from typing import Any

from aws.iam import EVIDENCE, OUTPUT, Names, policy

VERSION = "2012-10-17"
OWN_FOLDER = f"{OUTPUT}/${{aws:PrincipalAccount}}/*"
# What the agent uploads with. It also tries PutObjectAcl and goes on without it; with the bucket's owner enforced there
# is nothing to set. A bucket that encrypts by a KMS key needs kms:GenerateDataKey on that key besides.
UPLOAD = ["s3:PutObject"]
BUCKET_SETTINGS = {
    "object_ownership": "BucketOwnerEnforced",
    "public_access_block": {
        "BlockPublicAcls": True,
        "BlockPublicPolicy": True,
        "IgnorePublicAcls": True,
        "RestrictPublicBuckets": True,
    },
    "versioning": "Enabled",
}
# What AWS has no condition for, so that nobody takes the silence of a policy for a limit.
WITHOUT_CONDITION = {
    "ssm:CancelCommand": "AWS knows neither resource nor condition for it: the role may cancel any command.",
    "ssm:ListCommands, ssm:ListCommandInvocations, ssm:GetCommandInvocation": (
        "AWS knows no narrower resource: the role reads the commands of everybody in the account, "
        "and whoever may list commands there sees where output goes."
    ),
    "s3:PutObject by a host": (
        "The agent chooses the key and no policy variable holds the bare instance id: a host is held to the folder "
        "of its account, and can write over the output of its neighbours there. So a result counts only by the SHA-256 "
        "that Systems Manager returned for the instance."
    ),
    "object lock": (
        "AWS locks a whole bucket or single objects, not a prefix. Evidence is held by the bucket's policy "
        "(nobody deletes, nobody writes over) and by versioning; a lock on all would keep the hosts' output, too."
    ),
    "ec2:CreateSnapshot": "A volume need not bear the tags of its instance, so it is not limited to managed hosts.",
}


def trust_policy(names: Names) -> dict[str, Any]:
    """Who may enter the role in each account: the portal's own role, with the external id where one is agreed."""
    condition: dict[str, Any] = {"ArnEquals": {"aws:PrincipalArn": names.portal_role_arn}}
    if names.external_id:
        condition["StringEquals"] = {"sts:ExternalId": names.external_id}
    statement = {
        "Sid": "LetThePortalEnter",
        "Effect": "Allow",
        "Principal": {"AWS": f"arn:{names.partition}:iam::{names.portal_account}:root"},
        "Action": "sts:AssumeRole",
        "Condition": condition,
    }
    return {"Version": VERSION, "Statement": [statement]}


def instance_profile(names: Names) -> dict[str, Any]:
    """Beside AmazonSSMManagedInstanceCore: a host adds output below its account's folder. No list, no read."""
    statement = {
        "Sid": "StoreOutput",
        "Effect": "Allow",
        "Action": UPLOAD,
        "Resource": f"arn:{names.partition}:s3:::{names.bucket}/{OWN_FOLDER}",
    }
    return {"Version": VERSION, "Statement": [statement]}


def bucket_policy(names: Names) -> dict[str, Any]:
    """Hosts add output below their account's folder; the portal alone writes elsewhere; evidence stays as it is."""
    bucket = f"arn:{names.partition}:s3:::{names.bucket}"
    not_the_portal = {"ArnNotEquals": {"aws:PrincipalArn": names.portal_role_arn}}
    by_a_host = {**not_the_portal, "Null": {"ec2:SourceInstanceArn": "false"}}
    unless_new = {"Null": {"s3:if-none-match": "true"}, "Bool": {"s3:ObjectCreationOperation": "true"}}
    plainly = {"Bool": {"aws:SecureTransport": "false"}}
    accounts = [f"arn:{names.partition}:iam::{account}:root" for account in sorted(names.accounts)]
    evidence = f"{bucket}/{EVIDENCE}/*"
    return {
        "Version": VERSION,
        "Statement": [
            _deny("DenyPlainTransport", ["s3:*"], plainly, Resource=[bucket, f"{bucket}/*"]),
            {
                "Sid": "LetHostsStoreOutput",
                "Effect": "Allow",
                "Principal": {"AWS": accounts},
                "Action": UPLOAD,
                "Resource": f"{bucket}/{OWN_FOLDER}",
            },
            _deny("DenyWritesElsewhere", _WRITE, not_the_portal, NotResource=[f"{bucket}/{OWN_FOLDER}"]),
            _deny("DenyHostsAllElse", _READ_AND_DELETE, by_a_host, Resource=[bucket, f"{bucket}/*"]),
            _deny("DenyChangedEvidence", ["s3:PutObject"], unless_new, Resource=[evidence]),
            _deny("DenyDeletedEvidence", _DELETE, {}, Resource=[evidence]),
        ],
    }


_DELETE = ["s3:DeleteObject", "s3:DeleteObjectVersion"]
_WRITE = ["s3:PutObject", "s3:PutObjectAcl", "s3:PutObjectTagging", *_DELETE]
_READ_AND_DELETE = ["s3:GetObject*", "s3:ListBucket*", "s3:ListMultipartUploadParts", *_DELETE]


def _deny(sid: str, actions: list[str], condition: dict[str, Any], **where: list[str]) -> dict[str, Any]:
    said = {"Sid": sid, "Effect": "Deny", "Principal": "*", "Action": actions, **where}
    return said | ({"Condition": condition} if condition else {})


def documents(names: Names | None = None) -> dict[str, Any]:
    """All of it by name. Raises ValueError when a declared action is not granted, or a grant is used by nobody."""
    names = names or Names()
    return {
        **policy(names),
        "managed_account_role_trust": trust_policy(names),
        "instance_profile": instance_profile(names),
        "results_bucket_policy": bucket_policy(names),
        "results_bucket_settings": BUCKET_SETTINGS,
        "without_condition": WITHOUT_CONDITION,
    }


def main(words: Sequence[str]) -> str:
    options = _parser().parse_args(words)
    usual = Names()
    made = replace(
        usual,
        bucket=options.bucket or usual.bucket,
        role=options.role or usual.role,
        portal_role_arn=options.portal_role_arn or usual.portal_role_arn,
        external_id=usual.external_id if options.external_id is None else options.external_id,
        accounts=tuple(options.account) or usual.accounts,
    )
    found = documents(made)
    return json.dumps(found[options.name] if options.name else found, indent=2) + "\n"


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m aws.policies", description=__doc__)
    parser.add_argument("name", nargs="?", choices=sorted(documents()), help="this document alone")
    parser.add_argument("--bucket", help="RESULTS_BUCKET")
    parser.add_argument("--role", help="AWS_ROLE_NAME: the role in each account")
    parser.add_argument("--portal-role-arn", help="AWS_PORTAL_ROLE_ARN")
    parser.add_argument("--external-id", help="AWS_EXTERNAL_ID; empty: none is agreed")
    parser.add_argument("--account", action="append", default=[], help="of servers; may be repeated")
    return parser


if __name__ == "__main__":
    sys.stdout.write(main(sys.argv[1:]))
