"""A policy that answers positions: arrays in, arrays out.

Shapes: `n` positions, `A` actions, `*shape` one observation as `GameSpec.shape` says, in PettingZoo's layout and from
the point of view of the seat to move.
"""

from __future__ import annotations

from collections.abc import Mapping
from functools import cached_property
from typing import Any, NamedTuple

import numpy as np
import torch
from numpy.typing import ArrayLike, NDArray
from torch import Tensor

from league.errors import GameError, PolicyError
from league.games import Game, GameSpec, Player, Turn, make_game
from league.games.bots import is_bot_name
from league.matches.players import PlayerLoader


class _Question(NamedTuple):
    observation: Tensor
    """float32 `[n, *shape]`."""
    legal: Tensor
    """bool `[n, A]`."""
    many: bool
    """Whether a list of positions was given, and a list is to be answered."""


class Policy:
    """A snapshot, a fixed bot, or a snapshot that searches. Its weights stay as they are. Not thread-safe."""

    def __init__(self, name: str, spec: GameSpec, loader: PlayerLoader, *, digest: str | None = None) -> None:
        """`OpenLeague.policy` makes one; the weights are read here. `name` is a full name."""
        self.name = name
        self.spec = spec
        """The game that it plays."""
        self.digest = digest
        """sha256 of its weights; None: it is a bot."""
        self._device = loader.device
        self._players: dict[bool, Player] = {sample: loader.player(name, sample=sample) for sample in (False, True)}
        self._generator = torch.Generator(device=self._device)
        self._generator.seed()

    def __repr__(self) -> str:
        return f"<policy {self.name} of {self.spec.name}>"

    def act(
        self,
        observation: ArrayLike | Mapping[str, Any],
        action_mask: ArrayLike | None = None,
        *,
        sample: bool | None = None,
        seed: int | None = None,
    ) -> Any:
        """Choose a legal action for the seat to move.

        Args:
            observation: one position `[*shape]`, or many `[n, *shape]`; or what a PettingZoo environment observes, a
                mapping with `observation` and `action_mask`.
            action_mask: `[A]` or `[n, A]`, non-zero where an action is legal; without one everything is.
            sample: draw from the policy instead of playing the most probable action; without it as the league's
                matches do, which draw unless the game is deterministic. A bot plays as it does.
            seed: of the draw; without one each call draws anew.

        Returns:
            int, or int64 `[n]` for many positions.

        Raises:
            GameError: the arrays are not of this game, hold a number that is not finite, or nothing is legal.
        """
        asked = self._read(observation, action_mask)
        player = self._players[not self.spec.deterministic if sample is None else sample]
        actions = player.choose(self._turn(asked, seed)).cpu()
        return actions.numpy() if asked.many else int(actions[0])

    def values(self, observation: ArrayLike | Mapping[str, Any], action_mask: ArrayLike | None = None) -> Any:
        """What the policy expects to receive from here on, in the game's own rewards: float, or float32 `[n]`.

        Raises what `act` does, and `PolicyError` for a bot, which expects nothing.
        """
        asked = self._read(observation, action_mask)
        values = self._opinion(asked)[1].float().cpu()
        return values.numpy() if asked.many else float(values[0])

    def probabilities(self, observation: ArrayLike | Mapping[str, Any], action_mask: ArrayLike | None = None) -> Any:
        """How probable it finds each action: float32 `[A]`, or `[n, A]`; with a search, shares of the simulations.

        Raises what `act` does, and `PolicyError` for a bot.
        """
        asked = self._read(observation, action_mask)
        shares: NDArray[np.float32] = self._opinion(asked)[0].float().cpu().numpy()
        return shares if asked.many else shares[0]

    def _opinion(self, asked: _Question) -> tuple[Tensor, Tensor]:
        if is_bot_name(self.name, self.spec):
            raise PolicyError(f"{self.name} is a fixed bot: it has neither values nor probabilities")
        player: Any = self._players[False]
        probabilities, values = player.opinion(self._turn(asked, None))
        return probabilities, values

    @cached_property
    def _game(self) -> Game:
        """For players that try moves."""
        return make_game(self.spec.name, 1, device=str(self._device))

    def _turn(self, asked: _Question, seed: int | None) -> Turn:
        generator = self._generator
        if seed is not None:
            generator = torch.Generator(device=self._device).manual_seed(seed)
        rows = torch.arange(len(asked.legal), device=self._device)
        return Turn(game=self._game, rows=rows, observation=asked.observation, legal=asked.legal, generator=generator)

    def _read(self, observation: ArrayLike | Mapping[str, Any], action_mask: ArrayLike | None) -> _Question:
        if isinstance(observation, Mapping):
            if "observation" not in observation:
                raise GameError(f"the observation has no 'observation', only {', '.join(map(str, observation))}")
            action_mask = observation.get("action_mask") if action_mask is None else action_mask
            observation = observation["observation"]
        seen = _numbers(observation, "observation")
        many = seen.ndim == len(self.spec.shape) + 1
        lead = seen.shape[:1] if many else ()
        if seen.shape != (*lead, *self.spec.shape) or (many and not len(seen)):
            raise GameError(
                f"the observation has shape {list(seen.shape)}: {self.spec.name} has {list(self.spec.shape)}, "
                "or a list of one or more of these"
            )
        legal = np.ones((*lead, self.spec.actions)) if action_mask is None else _numbers(action_mask, "action_mask")
        if legal.shape != (*lead, self.spec.actions):
            raise GameError(f"action_mask has shape {list(legal.shape)}, not {[*lead, self.spec.actions]}")
        if not legal.any(axis=-1).all():
            raise GameError("action_mask allows nothing: at least one action must be legal in each position")
        return _Question(
            observation=torch.from_numpy(seen.reshape(-1, *self.spec.shape)).to(self._device),
            legal=torch.from_numpy(legal.reshape(-1, self.spec.actions) != 0).to(self._device),
            many=many,
        )


def _numbers(value: Any, name: str) -> NDArray[np.float32]:
    try:
        array = np.asarray(value).astype(np.float32)
    except (TypeError, ValueError) as error:
        raise GameError(f"{name} is no array of numbers: {error}") from error
    if not np.isfinite(array).all():
        raise GameError(f"{name} holds a number that is not finite")
    return array
