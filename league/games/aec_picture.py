"""Pictures of a game in an AEC environment that draws itself (render mode `rgb_array`)."""

from __future__ import annotations

import os
from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from league.errors import GameError
from league.games.aec import load_aec
from league.games.aec_factory import AecEnv, build, find_factory
from league.games.base import GameSpec
from league.games.bubble import Bubble, passed_over


class Painter:
    """An environment beside the one in which a game is played, which follows it and draws.

    Only of games without chance and hidden information: an environment draws what the whole table would see.
    """

    def __init__(self, spec: GameSpec) -> None:
        self._name = spec.name
        self._env: AecEnv | None = None
        self._bubble = Bubble()
        self._made: list[int] = []
        self._able = spec.deterministic and not spec.batched

    def picture(self, actions: Sequence[int]) -> NDArray[np.uint8] | None:
        """The position after these actions, uint8 `[height, width, 3]`; None where the environment does not draw."""
        if not self._able:
            return None
        drawn = self._bubble.run(lambda: self._tried(list(actions)))
        self._able = drawn is not None
        return drawn

    def _tried(self, actions: list[int]) -> NDArray[np.uint8] | None:
        with passed_over():  # The game goes on without its picture.
            return self._drawn(actions)
        return None

    def _drawn(self, actions: list[int]) -> NDArray[np.uint8] | None:
        env = self._env or self._build()
        if env is None:
            return None
        if self._env is None or actions[: len(self._made)] != self._made:
            env.reset(seed=0)
            self._made = []
        self._env = env
        first = load_aec(self._name).layout.first_action
        for action in actions[len(self._made) :]:
            env.step(action + first)
        self._made = actions
        seen = np.asarray(env.render())
        return seen.astype(np.uint8) if seen.ndim == 3 and seen.shape[2] == 3 else None

    def _build(self) -> AecEnv | None:
        factory: Any = find_factory(self._name)
        os.environ.setdefault("SDL_VIDEODRIVER", "dummy")  # Pygame draws into memory.
        try:
            return build(self._name, factory, render_mode="rgb_array")
        except GameError:
            return None
