"""What each coverage reason means for its server, and what somebody can do about it."""

from __future__ import annotations

from collections.abc import Mapping

from aws.template import May
from portal.inventory.states import Coverage

NAMED = 5

# What an account's people let the portal do: in a word, and what it can do then, beside all that stands before.
MAY = {
    May.READ: ("Read", "Finds the servers and what Systems Manager knows of them. It changes nothing."),
    May.TAG: ("Tag", "Writes its own tags on servers: windows, exceptions, when they were last patched."),
    May.PATCH: ("Patch", "Runs its own documents on servers: pre-checks, updates, restarts."),
    May.POWER: ("Power", "Starts and stops servers whose owners gave them over by a tag."),
    May.SNAPSHOTS: ("Snapshots", "Takes snapshots of root volumes, deletes its own, and puts them back."),
}

WAYS_OUT = {
    Coverage.NO_INSTANCE_PROFILE: "Attach an instance profile with the policy AmazonSSMManagedInstanceCore.",
    Coverage.NO_AGENT: "Install the SSM agent, or let it reach Systems Manager.",
    Coverage.OFFLINE: "The agent was there and fell silent: restart it, and look at network and disk.",
    Coverage.RESULTS_DENIED: "Let its instance profile write to the results bucket (s3:PutObject).",
    Coverage.UNKNOWN_PLATFORM: "The portal has no way to patch this system: patch it by hand or replace it.",
    Coverage.ODD_FACTS: "What its agent or its tags say cannot be true or does not fit: look who set it.",
    Coverage.NO_OWNER: "Set the owner tag on the instance; nobody chooses a window for it until then.",
}

# While a service of AWS does not answer in a place.
FOLLOWS = {
    "cloudwatch": "Alarms there cannot be read, so runs that watch them send nothing there.",
    "ec2": "Nothing is started, stopped or tagged there, so nothing is patched there; its servers stay as last seen.",
    "elbv2": "Target groups there cannot be read, so runs that watch them send nothing there.",
    "s3": "Reports can neither be read nor kept; results wait in Systems Manager.",
    "sqs": "Events are not read; results are found by the regular sweeps, a little later.",
    "ssm": "No command is sent there and no result read; servers wait for it until their window's cutoff.",
    "sts": "Accounts can only be entered with keys that are still valid.",
}


def follows(service: str) -> str:
    """What the portal cannot do while that service is silent."""
    return FOLLOWS.get(service, "Nothing is asked of it.")


def unstored_sentence(why: Mapping[str, str]) -> str:
    """E.g. `2 servers could not be stored: i-1: …; i-2: ….` Empty when every one was."""
    if not why:
        return ""
    named = "; ".join(
        f"{instance_id or 'one without an id'}: {said}" for instance_id, said in list(why.items())[:NAMED]
    )
    more = f"; and {len(why) - NAMED} more" if len(why) > NAMED else ""
    return f"{len(why)} server{'s' if len(why) != 1 else ''} could not be stored: {named}{more}"
