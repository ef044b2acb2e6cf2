"""Actions of AEC environments as people say them: those of PettingZoo's classic ones, and what an environment says.

An environment may name its actions itself: `metadata["action_names"]`, a sequence with one name for each.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Final

from league.errors import GameError

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


def read_action_names(name: str, metadata: Mapping[str, Any]) -> Sequence[str]:
    """The name of each action from 0 on, of an environment of that full name; empty where they have none.

    Raises `GameError` for `action_names` that nobody could type.
    """
    said = metadata.get("action_names")
    if said is None:
        return _NAMES.get(_known(name), ())
    if not isinstance(said, list | tuple) or not all(isinstance(one, str) and one.strip() for one in said):
        raise GameError(f"{name} cannot be played: metadata['action_names'] must be a list of texts, a name for each")
    if not all(map(str.isprintable, said)):
        raise GameError(f"{name} cannot be played: metadata['action_names'] holds what cannot be printed on a line")
    return [one.strip() for one in said]


def _known(name: str) -> str:
    return name.rpartition(".")[2].rpartition("_v")[0]


def aec_action_name(name: str, names: Sequence[str], env: Any, action: int) -> str:
    """An action, counted from 0, of the agent to move in an environment of that full name, by its `names`."""
    known = _known(name)
    if action < len(names):
        return names[action]
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
