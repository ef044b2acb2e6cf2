"""Many opponents at one table, each on few boards, asked together."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping

import torch
from torch import Tensor

from league.games.base import Player, Turn
from league.policies.player import NetworkPlayer, draw, greedy
from league.policies.together import Together

FEWEST = 4
"""So many are asked together, or more: of fewer, each is asked as fast by itself."""
FEW_BOARDS, FEW_BOARDS_OF_A_GPU = 32, 512
"""One that has more boards is asked by itself: all others would have as many rows in the pass. On a GPU, where a pass
over so few rows takes as long as over one, the number is not measured, for want of one."""


class Crowd:
    """Frozen policies of one shape that sit at one table."""

    def __init__(self, members: Mapping[int, NetworkPlayer]) -> None:
        """`members` by their index at the table. All of them draw their moves, or none does."""
        self.members = dict(members)
        self._draws = next(iter(self.members.values())).sample
        self._networks = Together([player.network for player in self.members.values()])
        self._number = torch.zeros(max(self.members) + 1, dtype=torch.long, device=self._networks.device)
        for number, index in enumerate(self.members):
            self._number[index] = number

    def few(self, boards: Mapping[int, int]) -> list[int]:
        """Of the players that have so many boards, those to ask together; none where that would bring nothing."""
        most = FEW_BOARDS if self._number.device.type == "cpu" else FEW_BOARDS_OF_A_GPU
        few = [index for index, count in boards.items() if index in self.members and count <= most]
        return few if len(few) >= FEWEST and 2 * len(few) >= len(self.members) else []

    def at(self, asked: Tensor) -> Player:
        """One who plays for them; `asked` int64 `[B]` has the index of the player of each board."""
        return _Spokesman(self, asked)

    @torch.inference_mode()
    def choose(self, turn: Turn, index: Tensor) -> Tensor:
        """A move for each row of `turn`, int64 `[n]`, by the member of that `index`, int64 `[n]`."""
        logits = self._networks.logits(turn.observation, turn.legal, self._number[index])
        return draw(logits, turn.legal, turn.generator) if self._draws else greedy(logits, turn.legal)


class _Spokesman(Player):
    def __init__(self, crowd: Crowd, asked: Tensor) -> None:
        self._crowd, self._asked = crowd, asked

    def choose(self, turn: Turn) -> Tensor:
        return self._crowd.choose(turn, self._asked[turn.rows])


def crowds(players: Mapping[int, Player], before: Iterable[Crowd] = ()) -> tuple[Crowd, ...]:
    """The crowds among the players at a table, by their index there; of `before` those that are whole are kept."""
    groups: defaultdict[object, dict[int, NetworkPlayer]] = defaultdict(dict)
    for index, player in players.items():
        if isinstance(player, NetworkPlayer):
            groups[player.network.config, player.sample][index] = player
    whole = {tuple(crowd.members.values()): crowd for crowd in before}
    return tuple(whole.get(tuple(group.values())) or Crowd(group) for group in groups.values() if len(group) >= FEWEST)
