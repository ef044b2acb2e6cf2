"""Actions of AEC environments as people say them: those of PettingZoo's classic ones, and what an environment says.

An environment may name its actions itself: `metadata["action_names"]`, a sequence with one name for each.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Final

_CARDS: Final = ("call", "raise", "fold", "check")
_NAMES: Final[dict[str, Sequence[str]]] = {
    "leduc_holdem": _CARDS,
    "texas_holdem": _CARDS,
    "texas_holdem_no_limit": ("fold", "check or call", "raise half the pot", "raise the pot", "all in"),
    "rps": ("rock", "paper", "scissors"),
}
"""As the documentation of each environment numbers them; by name without package and version."""
_GO_COLUMNS: Final = "ABCDEFGHJKLMNOPQRSTUVWXYZ"
"""As players of go count, without I."""


def aec_action_name(name: str, env: Any, action: int) -> str:
    """An action, counted from 0, of the agent to move in an environment of that full name."""
    known = name.rpartition(".")[2].rpartition("_v")[0]
    said = getattr(env, "metadata", {}).get("action_names") or _NAMES.get(known, ())
    if action < len(said):
        return str(said[action])
    if known == "chess":
        return _chess(env.unwrapped, action)
    if known == "go":
        return _go(int(env.observation_space(env.agent_selection)["observation"].shape[0]), action)
    return str(action)


def _chess(env: Any, action: int) -> str:
    from pettingzoo.classic.chess import chess_utils

    seat = env.agents.index(env.agent_selection)
    return str(chess_utils.action_to_move(env.board, action, seat).uci())


def _go(size: int, action: int) -> str:
    if action == size * size:
        return "pass"
    return f"{_GO_COLUMNS[action % size]}{size - action // size}"
