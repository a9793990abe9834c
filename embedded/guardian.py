"""Kills what is left when the supervisor dies without a word: also the children's children.

Run by path, reads `+PID` and `-PID` lines on standard input. The end of input without the word `done` means that the
supervisor is gone. Each PID leads a process group, and the whole group goes. PostgreSQL shuts down by itself on its
parent's death, so every group gets a moment (`+PID SECONDS`) before it is killed.
"""

import os
import signal
import sys
import time


def main() -> None:
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, signal.SIG_IGN)
    patience: dict[int, float] = {}
    for line in sys.stdin:
        words = line.split()
        if words == ["done"]:
            return
        if words[0].startswith("+"):
            patience[int(words[0])] = float(words[1])
        else:
            patience.pop(-int(words[0]), None)
    kill_all(patience)


def kill_all(patience: dict[int, float]) -> None:
    """Kills each group after its moment; returns when every group is gone."""
    began = time.monotonic()
    while patience:
        for group, seconds in list(patience.items()):
            if not alive(group):
                del patience[group]
            elif time.monotonic() - began >= seconds:
                os.killpg(group, signal.SIGKILL)
        time.sleep(0.05)


def alive(group: int) -> bool:
    try:
        os.killpg(group, 0)
    except ProcessLookupError:
        return False
    return True


if __name__ == "__main__":
    main()
