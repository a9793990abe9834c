"""Prints a document: as AWS gets it, as the host runs it, and as people read it."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Callable

from patching.documents.assemble import KINDS, Phase, Platform, document, free_bytes, name_of, script, source

VIEWS: dict[str, tuple[str, Callable[[Phase, Platform], str]]] = {
    "aws": ("What AWS gets", lambda phase, platform: document(phase, platform).content_yaml),
    "host": ("What the host runs, once the agent has pasted the parameters", script),
    "source": ("The same with its comments", source),
}


def main() -> int:
    parser = argparse.ArgumentParser(prog="script/show-document", description=__doc__)
    parser.add_argument("name", nargs="?", choices=[name_of(*kind) for kind in KINDS])
    for view, (title, _) in VIEWS.items():
        parser.add_argument(f"--{view}", action="store_true", help=f"{title}, and nothing else")
    chosen = parser.parse_args()
    if not chosen.name:
        print("\n".join(listed(*kind) for kind in KINDS))
        return 0
    [kind] = [kind for kind in KINDS if name_of(*kind) == chosen.name]
    alone = [view for view in VIEWS if getattr(chosen, view)]
    if alone:
        print("\n".join(VIEWS[view][1](*kind) for view in alone))
    else:
        print("\n\n".join(f"## {VIEWS[view][0]}\n\n{VIEWS[view][1](*kind)}" for view in ("aws", "host")))
    return 0


def listed(phase: Phase, platform: Platform) -> str:
    made = document(phase, platform)
    return f"{made.name}  {len(made.content_yaml):,} bytes, {free_bytes(made):,} free  sha256 {made.sha256}"


if __name__ == "__main__":
    sys.exit(main())
