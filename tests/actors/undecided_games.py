"""Games in which nothing is ever decided, each for another reason."""

import os
import subprocess
import time
from typing import Any

from tests.games.bookkeeping import Sound


class Raises(Sound):  # type: ignore[misc]
    def step(self, action: int | None) -> None:
        if self.step_count == 3:
            raise RuntimeError("the table collapsed")
        super().step(action)


class Shares(Sound):  # type: ignore[misc]
    """All seats receive the same."""

    def book(self, mover: str, paid: dict[str, float]) -> None:
        super().book(mover, dict.fromkeys(self.possible_agents, sum(paid.values())))


class Kills(Sound):  # type: ignore[misc]
    """Ends its process in a way that nobody can prevent."""

    def step(self, action: int | None) -> None:
        subprocess.run(["kill", "-9", str(os.getpid())], check=True)


class Crawls(Sound):  # type: ignore[misc]
    """A minute for a game, as one that hangs for a while."""

    def step(self, action: int | None) -> None:
        time.sleep(10)
        super().step(action)


class Chips(Sound):  # type: ignore[misc]
    """The higher last choice wins two hundred chips; one sees numbers of any size."""

    def observation_space(self, agent: str) -> Any:
        import numpy as np
        from gymnasium import spaces

        return spaces.Box(-np.inf, np.inf, (2,), np.float64)

    def observe(self, agent: str) -> Any:
        return [1e5 + self.step_count, float(agent == "a")]

    def reset(self, seed: int | None = None, options: Any = None) -> None:
        super().reset(seed)
        self.chosen = {"a": 0, "b": 0}

    def step(self, action: int | None) -> None:
        if action is not None:
            self.chosen[self.agent_selection] = action
        super().step(action)

    def book(self, mover: str, paid: dict[str, float]) -> None:
        won = 200.0 * (self.chosen["a"] - self.chosen["b"]) * (self.step_count == self.steps)
        super().book(mover, {"a": won, "b": -won})
