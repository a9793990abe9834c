"""What the agents of one command stored. Any host of the account may write there: nothing of it is believed by itself.

Reading is bounded for each host alone, and a folder that breaks the bounds takes nothing from the other hosts.
"""

from __future__ import annotations

import secrets
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from functools import cached_property

from django.conf import settings

from aws.errors import Missing, Refused, TooSlow
from aws.iam import OUTPUT
from aws.ports import ObjectStore
from portal.clock import Clock

COMMAND_KEYS = (
    999  # one page with the key that is too many: its fifty hosts store a stdout and a stderr for each step
)
HOST_KEYS = 50  # below one host's folder; a document has a handful of steps
HOST_OBJECTS = 4  # outputs of one host that are read in search of the one that its line vouches for
OBJECT_BYTES = 500_000  # of each, from its end
HOST_TIME = timedelta(seconds=30)


class NotRead(Exception):
    """The rest of one host's folder is left alone; the message is the sentence that says why."""


def new_output_prefix(account_id: str) -> str:
    """Where the hosts of one command store their output: IAM lets them write below their own account's folder.

    The random part keeps hosts that are not in the command from finding the place; what is believed never rests on it.
    """
    return f"{OUTPUT}/{account_id}/{secrets.token_hex(16)}"


@dataclass(frozen=True)
class Outputs:
    """The outputs of one command. They are listed once, when the first of them is needed."""

    objects: ObjectStore
    prefix: str
    command_id: str
    clock: Clock
    bucket: str = field(default_factory=lambda: settings.RESULTS_BUCKET)

    def of(self, instance_id: str) -> Iterator[bytes]:
        """The ends of the outputs in one host's folder, in S3's order. Raises NotRead, CloudError."""
        until = self.clock() + HOST_TIME
        outputs = [key for key in self._folder(instance_id) if key.endswith("/stdout")]
        for key in outputs[:HOST_OBJECTS]:
            yield from self._read(key, until)
        if len(outputs) > HOST_OBJECTS:
            raise NotRead(f"More than {HOST_OBJECTS} outputs lie in its folder; the others were not read.")

    def _read(self, key: str, until: datetime) -> Iterator[bytes]:
        left = (until - self.clock()).total_seconds()
        try:
            if left <= 0:
                raise TooSlow("the time for it is over")
            yield self.objects.get(self.bucket, key, last_bytes=OBJECT_BYTES, within_s=left)
        except Missing:
            return
        except TooSlow:
            limit = HOST_TIME.total_seconds()
            raise NotRead(f"What lies in its folder could not be read within {limit:.0f} seconds.") from None
        except Refused as error:  # its writer chose a key or a storage class that shuts the portal out
            raise NotRead(f"Its output in the bucket cannot be read: {error}") from error

    def _folder(self, instance_id: str) -> list[str]:
        above = f"{self.prefix}/{self.command_id}/"
        folder = f"{above}{instance_id}/"
        if len(self._all) <= COMMAND_KEYS:
            keys = [key for key in self._all if key.startswith(folder)]
        else:
            keys = self._list(folder, HOST_KEYS)
        if len(keys) > HOST_KEYS:
            raise NotRead(f"More than {HOST_KEYS} objects lie in its folder of the bucket; none was read.")
        return keys

    @cached_property
    def _all(self) -> list[str]:
        return self._list(f"{self.prefix}/{self.command_id}/", COMMAND_KEYS)

    def _list(self, prefix: str, most: int) -> list[str]:
        """One key more than `most` where there are more."""
        try:
            return list(self.objects.keys(self.bucket, prefix, most=most + 1))
        except Refused as error:
            raise NotRead(f"The bucket cannot be listed: {error}") from error
