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
