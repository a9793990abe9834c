"""The regions that AWS's SDK knows, of all its partitions: their names follow no rule (eusc-de-east-1)."""

from __future__ import annotations

from functools import cache

from botocore.session import Session


@cache
def known_regions() -> frozenset[str]:
    """Those where EC2 is; a region that is younger than the SDK comes with its next version."""
    sdk = Session()
    partitions = sdk.get_available_partitions()
    return frozenset(
        region for partition in partitions for region in sdk.get_available_regions("ec2", partition)
    )


@cache
def partition_of(region: str) -> str:
    """E.g. aws, aws-cn, aws-us-gov: roles of one are strangers in the others. Raises KeyError for an unknown region."""
    sdk = Session()
    for partition in sdk.get_available_partitions():
        if region in sdk.get_available_regions("ec2", partition):
            return str(partition)
    raise KeyError(region)
