"""The real AWS command line against a simulated AWS: a client that nobody of us wrote."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from typing import Any


class Cli:
    """Calls `aws …` at one endpoint and region with fixed keys. An error of AWS is a RuntimeError with its words."""

    def __init__(self, endpoint: str, region: str, access_key: str) -> None:
        self._endpoint, self._region = endpoint, region
        self._own = {"AWS_ACCESS_KEY_ID": access_key, "AWS_SECRET_ACCESS_KEY": "any"}

    def __call__(self, *words: str, keys: dict[str, str] | None = None) -> Any:
        command = [sys.executable, "-m", "awscli", "--endpoint-url", self._endpoint, "--region", self._region]
        fixed = {"PATH": os.environ["PATH"], "AWS_MAX_ATTEMPTS": "1", "AWS_PAGER": "", "HOME": "/nonexistent"}
        done = subprocess.run(
            [*command, "--output", "json", *words],
            env={**fixed, **(self._own if keys is None else keys)},
            capture_output=True,
            text=True,
            timeout=60,
            check=False,
        )
        if done.returncode:
            raise RuntimeError(done.stderr.strip())
        return json.loads(done.stdout) if done.stdout.strip() else None

    def enter(self, account: str, role: str, external_id: str) -> dict[str, str]:
        """The keys of a role in another account, as environment variables."""
        arn = f"arn:aws:iam::{account}:role/{role}"
        words = ("--role-arn", arn, "--role-session-name", "hand", "--external-id", external_id)
        given = self("sts", "assume-role", *words)["Credentials"]
        return {
            "AWS_ACCESS_KEY_ID": given["AccessKeyId"],
            "AWS_SECRET_ACCESS_KEY": given["SecretAccessKey"],
            "AWS_SESSION_TOKEN": given["SessionToken"],
        }

    def tags(self, keys: dict[str, str] | None = None) -> dict[str, dict[str, str]]:
        """name → tags of every instance."""
        listed = self("ec2", "describe-instances", "--query", "Reservations[].Instances[].Tags", keys=keys)
        rows = [{tag["Key"]: tag["Value"] for tag in tags} for tags in listed]
        return {tags["Name"]: tags for tags in rows}
