"""What agents can do since which version."""

from __future__ import annotations

COMMAND_ID = (3, 0, 284, 0)  # SSM_COMMAND_ID in the environment
ONE_PASS = (3, 3, 0, 0)  # parameters pasted in one pass over the text
ENV_VAR = (3, 3, 2746, 0)  # interpolationType ENV_VAR
CURRENT = "3.3.2746.0"


def command_id(agent: str, command: str) -> dict[str, str]:
    """What an agent of this version puts into a script's environment to name its command."""
    return {"SSM_COMMAND_ID": command} if can(agent, COMMAND_ID) else {}


def can(agent: str, since: tuple[int, ...]) -> bool:
    """Whether an agent of this version, four numbers with dots, is as new as `since`."""
    return tuple(int(part) for part in agent.split(".")) >= since
