"""Choosing moves with a network."""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import Tensor

from league.games.base import GameSpec, Player, Turn
from league.games.bots import is_bot_name, make_bot
from league.policies.network import PolicyNetwork
from league.policies.search import SearchPlayer, searched


def draw(logits: Tensor, legal: Tensor, generator: torch.Generator) -> Tensor:
    """Draw an action per row from softmax(logits): `[n, A]` and bool `[n, A]` to int64 `[n]`.

    The Gumbel-max trick: argmax of logits plus Gumbel noise. An exponential variate can round to 0 and its noise to
    +inf, so illegal actions are masked after the noise, with -inf.
    """
    exponential = torch.empty_like(logits).exponential_(generator=generator)
    return greedy(logits - exponential.log(), legal)


def greedy(logits: Tensor, legal: Tensor) -> Tensor:
    """The most probable action per row, int64 `[n]`."""
    # Clamped, so that a legal logit of -inf still beats the illegal ones. NaN beats everything, and is legal here.
    lowest = torch.finfo(logits.dtype).min
    return logits.clamp(min=lowest).masked_fill(~legal, -torch.inf).argmax(dim=1)


class NetworkPlayer(Player):
    """A frozen policy at the table."""

    def __init__(self, network: PolicyNetwork, *, sample: bool) -> None:
        """`sample`: draw moves from the policy; else play its most probable one."""
        self.network = network.eval().requires_grad_(False)
        self.sample = sample
        self.deterministic = not sample

    @torch.inference_mode()
    def choose(self, turn: Turn) -> Tensor:
        """One forward pass for all rows."""
        logits = self.network.logits(self.network.features(turn.observation), turn.legal)
        return draw(logits, turn.legal, turn.generator) if self.sample else greedy(logits, turn.legal)

    @torch.inference_mode()
    def opinion(self, turn: Turn) -> tuple[Tensor, Tensor]:
        """Probabilities of the actions, float32 `[n, A]`, and the return that it expects, `[n]`."""
        logits, values = self.network(turn.observation, turn.legal)
        return logits.softmax(dim=1), values


def make_player(name: str, spec: GameSpec, load: Callable[[str], PolicyNetwork], *, sample: bool) -> Player:
    """The policy of that name at the table: a fixed bot of this game, else the snapshot whose network `load` gives.

    `sample`: a snapshot draws its moves from its policy; else it plays its most probable one. A bot plays as it does.
    `main-0007+search200` is the snapshot `main-0007` with a search of 200 simulations before each move.
    """
    if is_bot_name(name, spec):
        return make_bot(name, spec)
    if one := searched(name):
        return SearchPlayer(load(one.policy), one.simulations, sample=sample)
    return NetworkPlayer(load(name), sample=sample)
