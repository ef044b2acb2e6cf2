"""Rock-paper-scissors: the smallest game whose best responses go round in circles."""

from __future__ import annotations

from league.games.base import GameSpec
from league.games.tree import Outcome, TreeGame

NAMES = ("rock", "paper", "scissors")


class RockPaperScissors(TreeGame[tuple[int, ...]]):
    """One round: seat 0 chooses, then seat 1, which has not seen it. The winner receives 1 and the other -1."""

    spec = GameSpec(
        name="rock_paper_scissors", seats=2, shape=(1,), actions=3, batched=True, deterministic=False, stakes=1.0
    )
    names = NAMES

    @classmethod
    def start(cls) -> list[Outcome]:
        """One beginning: nothing is dealt in this game."""
        return [Outcome(1.0, (), (0.0, 0.0))]

    @classmethod
    def mover(cls, history: tuple[int, ...]) -> int:
        """Seat 0, then seat 1."""
        return 0 if history == () else 1

    @classmethod
    def actions(cls, history: tuple[int, ...]) -> list[int]:
        """All three actions, at every move."""
        return [0, 1, 2]

    @classmethod
    def view(cls, history: tuple[int, ...]) -> list[float]:
        """Nothing: a constant, the same for both seats."""
        return [1.0]

    @classmethod
    def follow(cls, history: tuple[int, ...], action: int) -> list[Outcome]:
        """The second choice ends the round."""
        if not history:
            return [Outcome(1.0, (action,), (0.0, 0.0))]
        won = (0.0, 1.0, -1.0)[(history[0] - action) % 3]
        return [Outcome(1.0, None, (won, -won))]

    @classmethod
    def text(cls, history: tuple[int, ...]) -> str:
        """What may be chosen, as text for a terminal."""
        return ", ".join(f"{number} {name}" for number, name in enumerate(NAMES))
