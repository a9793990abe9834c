"""What each command does; it returns what the program exits with."""

from __future__ import annotations

import getpass
import json
import sys
import time
from argparse import Namespace
from typing import Any

from patchportal import output, profiles
from patchportal.client import Portal
from patchportal.failures import BAD_NEWS, OK, Failure, Unreachable, WrongUse

OVER = {"finished", "halted", "cancelled", "missed"}
LOOK_EVERY_S = 3.0
LONGEST_WATCH_S = 24 * 3600
SERVER = ("id", "name", "state", "window", "next_run_at", "last_patched_at", "reason")
RUN = ("id", "name", "state", "starts_at", "planned", "success", "needs_you", "percent")
WINDOW = ("slug", "servers", "rule", "name")
EXCEPTION = ("id", "state", "from_date", "to_date", "servers", "asked_by", "reason")
TARGET = ("name", "outcome", "kernel_before", "kernel_after", "packages_updated", "still_available", "reason")
REPORT = (
    "name", "instance_id", "account", "region", "application", "os", "outcome", "verdict", "agreement", "kernel_before",
    "kernel_after", "packages_updated", "still_available", "withheld", "rebooted", "reboot_needed", "reason",
    "counts_as",
)  # fmt: skip


def login(asked: Namespace) -> int:
    """Tries the token before it is kept."""
    token = getpass.getpass("Token: ") if sys.stdin.isatty() else sys.stdin.readline()
    token = token.strip()
    if not token:
        raise WrongUse("No token was given. Make one on the page Your tokens, and paste it or pipe it in.")
    me = Portal(asked.url, token).get("me")
    profiles.keep(asked.profile, asked.url, token)
    output.say(f"You are {me['name']}. The token ends at {me['token']['ends_at']}.")
    return OK


def me(asked: Namespace) -> int:
    found = profiles.portal(asked.profile).get("me")
    if asked.json:
        output.as_json(found)
        return OK
    output.as_table(found["rights"], ("role", "dimension", "value"))
    output.say(
        f"You are {found['name']}; the token {found['token']['name']} ends at {found['token']['ends_at']}."
    )
    return OK


def servers(asked: Namespace) -> int:
    query = {name: getattr(asked, name) for name in ("q", "application", "environment", "window", "state")}
    return _list(asked, "assets", SERVER, query)


def server(asked: Namespace) -> int:
    return _one(asked, f"assets/{asked.id}")


def windows(asked: Namespace) -> int:
    return _list(asked, "windows", WINDOW, {})


def exceptions(asked: Namespace) -> int:
    return _list(asked, "exception-requests", EXCEPTION, {"state": asked.state, "q": asked.q})


def runs(asked: Namespace) -> int:
    return _list(asked, "runs", RUN, {"state": asked.state, "q": asked.q})


def run(asked: Namespace) -> int:
    return _one(asked, f"runs/{asked.run}")


def watch(asked: Namespace) -> int:
    """A line for each change until the run is over; 1 where servers need you, or it ended early."""
    portal, told = profiles.portal(asked.profile), ""
    ends = time.monotonic() + LONGEST_WATCH_S
    while time.monotonic() < ends:
        found = portal.get(f"runs/{asked.run}")
        if (line := _progress(found)) != told:
            told = line
            _tell(found, line, as_json=asked.json)
        if found["state"] in OVER:
            return _judged(found)
        time.sleep(LOOK_EVERY_S)
    raise Failure("The run has not ended within a day. Look at its page.")


def _tell(run: dict[str, Any], line: str, *, as_json: bool) -> None:
    """One line each time, so that a program reads it as it comes."""
    print(json.dumps(run) if as_json else output.shown(line), flush=True)


def _progress(run: dict[str, Any]) -> str:
    counts = run["counts"]
    return (
        f"{run['state_in_words']}: {counts['percent']} % of {counts['total']} servers, {counts['success']} fine, "
        f"{counts['active']} in work, {counts['needs_you']} need you"
    )


def _judged(run: dict[str, Any]) -> int:
    return OK if run["state"] == "finished" and not run["counts"]["needs_you"] else BAD_NEWS


def post_patching(asked: Namespace) -> int:
    """The report of one run; 1 where servers need you."""
    portal = profiles.portal(asked.profile)
    found = portal.get("reports/post-patching", run=asked.run, size=1)["run"]
    rows = portal.every("reports/post-patching", run=asked.run)
    if asked.csv:
        output.as_csv(rows, REPORT)
    elif asked.json:
        output.as_json({"run": found, "servers": list(rows)})
    else:
        output.as_table(rows, TARGET)
        output.say(f"{found['name']}, {_progress(found)}")
    return _judged(found)


def doctor(asked: Namespace) -> int:
    """What stands between this terminal and the portal, the first fault last."""
    output.say(f"Profiles are kept in {profiles.path()}.")
    portal = profiles.portal(asked.profile)
    output.say(f"The portal is {portal.url}.")
    found = portal.get("me")
    if not {"name", "rights", "token"} <= found.keys():
        raise Unreachable(f"What answers at {portal.url} is no Patch Portal that this program knows.")
    output.say(f"You are {found['name']}; the token ends at {found['token']['ends_at']}.")
    if not found["rights"]:
        raise Failure("The token has no right any more: ask a patch admin for one, or make another token.")
    output.say("All is well.")
    return OK


def _list(asked: Namespace, path: str, columns: tuple[str, ...], query: dict[str, str | None]) -> int:
    rows = profiles.portal(asked.profile).every(path, **query)
    if asked.json:
        output.as_json(list(rows))
    else:
        output.as_table((row | row.pop("counts", {}) for row in rows), columns)
    return OK


def _one(asked: Namespace, path: str) -> int:
    found = profiles.portal(asked.profile).get(path)
    if asked.json:
        output.as_json(found)
        return OK
    flat = found | found.pop("counts", {})
    output.as_table(
        [{"fact": name.replace("_", " "), "value": flat[name]} for name in flat], ("fact", "value")
    )
    return OK
