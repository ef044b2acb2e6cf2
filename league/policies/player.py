"""Choosing moves with a network."""

from __future__ import annotations

import torch
from torch import Tensor

from league.games.base import Player, Turn
from league.policies.network import PolicyNetwork


def draw(logits: Tensor, legal: Tensor, generator: torch.Generator) -> Tensor:
    """Draw an action per row from softmax(logits): `[n, A]` and bool `[n, A]` to int64 `[n]`.

    The Gumbel-max trick: argmax of logits plus Gumbel noise. An exponential variate can round to 0 and its noise to
    +inf, so illegal actions are masked after the noise, with -inf.
    """
    exponential = torch.empty_like(logits).exponential_(generator=generator)
    return _best(logits - exponential.log(), legal)


def greedy(logits: Tensor, legal: Tensor) -> Tensor:
    """The most probable action per row, int64 `[n]`."""
    return _best(logits, legal)


def _best(scores: Tensor, legal: Tensor) -> Tensor:
    # Clamped, so that a legal score of -inf still beats the illegal ones. NaN beats everything, and is legal here.
    lowest = torch.finfo(scores.dtype).min
    return scores.clamp(min=lowest).masked_fill(~legal, -torch.inf).argmax(dim=1)


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
