"""`python -m embedded`: the site on one machine against real AWS, until interrupted."""

from __future__ import annotations

import argparse
import os
import shlex
import sys
from pathlib import Path

from embedded import EmbeddedError, Stack, beside, dotenv, stop_on_signals

ROOT = Path(__file__).resolve().parent.parent
# What the stack would choose by itself unless the environment says it.
FROM_OUTSIDE = (
    "DATABASE_URL",
    "DATABASE_OWNER_URL",
    "REDIS_URL",
    "SECRET_KEY",
    "ALLOWED_HOSTS",
    "PORTAL_URL",
    "STATIC_ROOT",
)


def main() -> int:
    options = arguments()
    stop_on_signals()
    try:
        from_file = take_over(dotenv.read(options.env_file), options.env_file)
        environment = {key: os.environ[key] for key in FROM_OUTSIDE if os.environ.get(key)}
        with Stack(state=options.state, port=options.port, environment=environment) as stack:
            serve(stack, from_file)
    except EmbeddedError as error:
        print(f"Patch Portal did not start. {error}", file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        print("Patch Portal has stopped.")
    return 0


def take_over(found: dict[str, str], path: Path) -> dict[str, str]:
    """Puts what the file says into the environment, where the shell does not say it already; tells which."""
    taken = {name: value for name, value in found.items() if not os.environ.get(name)}
    os.environ.update(taken)
    if found:
        shell = sorted(found.keys() - taken.keys())
        said = f"; the shell's own {', '.join(shell)} counts" if shell else ""
        print(f"Settings of {path}: {', '.join(sorted(taken)) or 'none'}{said}.", flush=True)
    return taken


def serve(stack: Stack, from_file: dict[str, str]) -> None:
    """Tells where the site is and how one gets in, and returns when somebody interrupts."""
    running = stack.environment_of_children()
    also = from_file | stack.environment
    with beside.noted(
        stack.state / "environment", beside.settings_among(running, ROOT / ".env.example", also)
    ):
        print(stack.run_manage("first_admin", "--link"), end="")
        print(f"manage.py beside it: {manage_prefix(stack.state)} …, e.g. first_admin NAME")
        address = stack.environment["PORTAL_URL"]
        print(f"Patch Portal: {address} (Ctrl-C stops it; logs: {stack.supervisor.logs})", flush=True)
        stack.wait()


def manage_prefix(state: Path) -> str:
    if state == ROOT / ".state":
        return "script/manage"
    return f"PATCH_PORTAL_STATE={shlex.quote(str(state))} {ROOT / 'script/manage'}"


def arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="script/serve", description=__doc__)
    parser.add_argument("--port", type=int, default=8000)
    parser.add_argument("--state", type=Path, default=ROOT / ".state", help="folder for all data")
    parser.add_argument("--env-file", type=Path, default=ROOT / ".env", help="settings; the shell's own win")
    return parser.parse_args()


if __name__ == "__main__":
    sys.exit(main())
