"""What can be tried of an account and region without changing anything: for *Check*, and ahead of each run."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from typing import NamedTuple

from django.conf import settings

from aws.errors import Missing
from aws.iam import policy
from aws.ports import Cloud

ENTERING = ("sts:AssumeRole", "sts:GetCallerIdentity")
DOCUMENT = "PatchPortal-Precheck-Linux"  # any of ours: none need be there
RECENT = timedelta(minutes=1)


class Trial(NamedTuple):
    """`ask` raises CloudError where it is refused; `actions` are those of IAM that it proves."""

    what: str
    actions: tuple[str, ...]
    ask: Callable[[], object]


def trials_of(
    cloud: Cloud, account: str, region: str, instance_id: str | None, *, writes_tags: bool = True
) -> Iterator[Trial]:
    """Without an instance at hand nothing can be said of tags: AWS judges a dry run by the instance it names."""
    ec2, ssm = cloud.ec2(account, region), cloud.ssm(account, region)
    ids = [instance_id] if instance_id else []
    yield Trial(
        f"{region}: read instances",
        ("ec2:DescribeInstances",),
        lambda: ec2.describe(ids) if ids else next(ec2.describe_instances(), None),
    )
    yield Trial(
        f"{region}: read Systems Manager",
        ("ssm:DescribeInstanceInformation",),
        lambda: next(ssm.managed_nodes(ids or None), None),
    )
    yield Trial(
        f"{region}: read commands",
        ("ssm:ListCommands",),
        lambda: next(
            ssm.list_commands(document_name=DOCUMENT, invoked_after=datetime.now(UTC) - RECENT), None
        ),
    )
    if instance_id and writes_tags:
        key = settings.TAG_KEYS["patch_now"]
        yield Trial(
            f"{region}: write and remove tags, as a dry run",
            ("ec2:CreateTags", "ec2:DeleteTags"),
            lambda: ec2.may_write_tags(instance_id, key),
        )


def try_place(cloud: Cloud, account: str, region: str, instance_id: str | None, *, writes_tags: bool) -> None:
    """Raises the CloudError of the first trial that fails. An instance that is gone refuses nothing."""
    for trial in trials_of(cloud, account, region, instance_id, writes_tags=writes_tags):
        try:
            trial.ask()
        except Missing:
            continue


def not_tried(tried: set[str]) -> list[str]:
    """The actions of the role in each account that nothing has proven yet."""
    statements = policy()["managed_account_role"]["Statement"]
    return sorted({action for row in statements for action in row["Action"]} - tried)
