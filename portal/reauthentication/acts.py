"""The dangerous acts: before each of them whoever is signed in shows anew that it is them."""

from __future__ import annotations

# The address's name → what is done there, as the end of "Before you …". Upper apps are named only as strings here.
ACTS = {
    "patching:pause": "pause all sending",
    "patching:resume": "resume sending",
    "patching:window-new": "make a window and its policy",
    "patching:window-edit": "change a window and its policy",
    "patching:window-retire": "retire a window",
    "people:new": "add a person",
    "people:change": "change a person's name or address",
    "people:grant": "give a right",
    "people:revoke": "take a right away",
    "people:agree": "agree to a right",
    "people:decline": "decline a right",
    "people:hand-over": "hand over what somebody leaves open",
    "people:active": "let a person in or shut them out",
    "people:password": "give somebody a new password",
    "people:second-factor-reset": "reset a second factor",
    "tokens:new": "make a token that speaks for you",
    "tokens:rotate": "make a token in the place of another",
    "federation:rule-new": "add a rule that gives roles",
    "federation:rule": "change a rule that gives roles",
    "federation:rule-agree": "agree to a rule that gives roles",
    "federation:rule-move": "move a rule that gives roles",
    "federation:rule-remove": "remove a rule that gives roles",
    "federation:identities": "link an identity",
    "federation:identity-unlink": "unlink an identity",
    "second_factor_app": "set up an authenticator app",
    "second_factor_passkey": "add a passkey",
    "second_factor_codes": "make new recovery codes",
    "second_factor_remove": "remove a second factor",
}
# Their pages show a secret, or begin a ceremony that another one would end.
ON_SIGHT = {"second_factor_app", "second_factor_passkey"}
READING = {"GET", "HEAD", "OPTIONS"}


def is_dangerous(name: str, method: str | None) -> bool:
    return name in ACTS and (method not in READING or name in ON_SIGHT)
