"""Why an actor is dead for good."""

from __future__ import annotations

import re

from ray.exceptions import ActorDiedError, RayError

from league.errors import LeagueError


def refusal(error: RayError) -> LeagueError | None:
    """What an actor's constructor raised, with its node: such a one Ray does not start again. None: it died otherwise.

    That is an error of ours, or a bug.
    """
    text = str(error)
    if not isinstance(error, ActorDiedError) or "creation task" not in text:
        return None
    kind, _, reason = text.strip().splitlines()[-1].partition(": ")
    said = reason if kind.startswith("league.errors.") else f"{kind}: {reason}"
    node = re.search(r"\bip=([^,)]+)", text)
    # One that could not start for another that could not says where that was.
    return LeagueError(f"on node {node[1]}: {said}" if node and not said.startswith("on node ") else said)
