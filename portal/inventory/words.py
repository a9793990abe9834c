"""What each coverage reason means for its server, and what somebody can do about it."""

from __future__ import annotations

from portal.inventory.states import Coverage

WAYS_OUT = {
    Coverage.NO_INSTANCE_PROFILE: "Attach an instance profile with the policy AmazonSSMManagedInstanceCore.",
    Coverage.NO_AGENT: "Install the SSM agent, or let it reach Systems Manager.",
    Coverage.OFFLINE: "The agent was there and fell silent: restart it, and look at network and disk.",
    Coverage.RESULTS_DENIED: "Let its instance profile write to the results bucket (s3:PutObject).",
    Coverage.UNKNOWN_PLATFORM: "The portal has no way to patch this system: patch it by hand or replace it.",
    Coverage.NO_OWNER: "Set the owner tag on the instance; nobody chooses a window for it until then.",
}
