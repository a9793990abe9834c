"""The command line: which commands there are, and how each failure ends."""

from __future__ import annotations

import argparse
import os
import sys
from collections.abc import Callable, Sequence

from patchportal import commands, output, profiles
from patchportal.failures import OK, Failure

EPILOG = "Exits with 0: fine, 1: the answer is bad news, 2: wrong use, 3: not allowed, 4: the portal is unreachable."
INTERRUPTED = 130  # as shells say it
Command = Callable[[argparse.Namespace], int]


def run() -> None:
    sys.exit(main(sys.argv[1:]))


def main(words: Sequence[str]) -> int:
    """What to exit with. argparse itself exits with 2 where it does not understand."""
    asked = parser().parse_args(words)
    try:
        code: int = asked.command(asked)
        sys.stdout.flush()
        return code
    except Failure as failure:
        output.say(str(failure))
        return failure.code
    except BrokenPipeError:  # whoever read has enough
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return OK
    except KeyboardInterrupt:
        return INTERRUPTED


def parser() -> argparse.ArgumentParser:
    made = argparse.ArgumentParser(
        prog="patchportal", description="Patch Portal from a terminal.", epilog=EPILOG
    )
    made.add_argument("--profile", default=profiles.USUAL, help="which portal, by the name given at login")
    groups = made.add_subparsers(required=True, metavar="COMMAND")
    _add(groups, "login", commands.login, "keep a token, read from the terminal or standard input", "url")
    _add(groups, "me", commands.me, "whom the token speaks for")
    _add(groups, "doctor", commands.doctor, "what stands between you and the portal")
    servers = _group(groups, "assets", "servers", aliases=["servers"])
    listed = _add(servers, "list", commands.servers, "the servers that you may see")
    _options(listed, "q", "application", "environment", "window", "state")
    _add(servers, "show", commands.server, "one server", "id")
    _add(_group(groups, "windows", "maintenance windows"), "list", commands.windows, "the windows on offer")
    asked = _add(
        _group(groups, "exceptions", "exception requests"), "list", commands.exceptions, "the register"
    )
    _options(asked, "q", "state")
    runs = _group(groups, "runs", "runs of windows")
    _options(_add(runs, "list", commands.runs, "the newest first"), "q", "state")
    _add(runs, "show", commands.run, "one run", "run")
    _add(runs, "watch", commands.watch, "a line for each change, until it is over", "run")
    report = _add(
        _group(groups, "report", "reports"), "post-patching", commands.post_patching, "of one run", "run"
    )
    report.add_argument("--csv", action="store_true", help="as CSV, a line for each server")
    return made


def _group(groups, name: str, about: str, aliases: Sequence[str] = ()):  # type: ignore[no-untyped-def]
    made = groups.add_parser(name, help=about, aliases=aliases)
    return made.add_subparsers(required=True, metavar="COMMAND")


def _add(group, name: str, command: Command, about: str, *arguments: str):  # type: ignore[no-untyped-def]
    made = group.add_parser(name, help=about, description=about.capitalize() + ".", epilog=EPILOG)
    for argument in arguments:
        made.add_argument(argument, type=int if argument in {"id", "run"} else str)
    made.add_argument("--json", action="store_true", help="as JSON")
    made.set_defaults(command=command)
    return made


def _options(made: argparse.ArgumentParser, *names: str) -> None:
    for name in names:
        made.add_argument(f"--{name}", default="")
