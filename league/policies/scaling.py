"""Observations and returns of any size, as numbers that suit a network: statistics that belong to its weights.

An element of an observation that has bounds is brought to [0, 1], or [-1, 1] where it may be negative; one that stays
within [-1, 1] is left alone; one without bounds is normalised by mean and standard deviation of what was seen. Returns
are divided by their root mean square, unless they are about 1 as they are. Whoever asks the network gives observations
as they are, and is told values as they are.
"""

from __future__ import annotations

import math
import time
from typing import Final, NamedTuple

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from league.games import make_game, sample_uniform
from league.games.base import Bounds, GameSpec

FARTHEST: Final = 10.0
"""A normalised number is cut off here: one that never occurred before must not drown all others."""
UNIT: Final = (0.5, 2.0)
"""Where the largest return ever received lies between these, returns are left as they are."""
MEMORY: Final = 1e7
"""Observations after which new ones no longer count for less: later policies see other things."""
RECENT: Final = 0.05
"""Weight of an iteration in the mean square of returns."""
LEAST_SPREAD: Final = 1e-6
"""Standard deviation, next to the size of the mean, of a number that does not change: it is only shifted."""
MEASURED_S: Final = 2.0
MEASURED_GAMES, MEASURED_PLIES = 8, 512


Rows = Tensor | NDArray[np.float32]


class Seen(NamedTuple):
    """What there was in some games."""

    rows: int
    """Observations."""
    mean: Tensor
    """float32 `[*shape]`, of the observations."""
    variance: Tensor
    """float32 `[*shape]`."""
    square: float
    """Mean square of returns."""
    largest: float
    """The largest return that a seat received in a game, won or lost; 0: nothing was paid."""
    error: str | None = None
    """What was wrong with a game that was dropped."""


class Scaling(nn.Module):
    """How a network sees a game, and in which unit it says what a position is worth. All of it is in its state."""

    shift: Tensor
    """float32 `[*shape]`: what is subtracted from observations."""
    spread: Tensor
    """float32 `[*shape]`: what they are divided by then."""
    seen: Tensor
    """Observations behind the statistics; 0: none yet."""
    unit: Tensor
    """The return that the network says 1 for."""
    square: Tensor
    """Mean square of returns."""
    largest: Tensor
    """The largest return ever received."""

    def __init__(self, spec: GameSpec) -> None:
        super().__init__()
        shift, spread, self.free = _fixed(spec)
        self.views = spec.bounds is not None
        """Whether observations need anything at all."""
        self.register_buffer("shift", shift)
        self.register_buffer("spread", spread)
        for name, value in (("seen", 0.0), ("unit", 1.0), ("square", 1.0), ("largest", 0.0)):
            self.register_buffer(name, torch.tensor(value))

    def view(self, observation: Tensor) -> Tensor:
        """float32 `[N, *shape]` as the network sees it, same shape."""
        if not self.views:
            return observation
        return ((observation - self.shift) / self.spread).clamp(-FARTHEST, FARTHEST)

    def take(self, seen: Seen) -> float:
        """Add what was seen to the statistics; return by which factor the unit of returns has grown."""
        known, device = float(self.seen), self.shift.device
        if self.views and seen.rows and bool(self.free.any()):
            weight = seen.rows / (known + seen.rows)
            mean, free = seen.mean.to(device), self.free.to(device)
            apart = mean - self.shift
            spread2 = self.spread**2 if known else torch.zeros_like(self.spread)
            variance = (1 - weight) * spread2 + weight * seen.variance.to(device)
            variance = variance + (weight * (1 - weight) * apart**2 if known else 0.0)
            shift = self.shift + weight * apart
            spread = variance.sqrt()
            # What never changes is noise of rounding once it is divided by what it varies.
            spread = torch.where(spread > LEAST_SPREAD * (1e-2 + shift.abs()), spread, torch.ones_like(spread))
            self.shift.copy_(torch.where(free, shift, self.shift))
            self.spread.copy_(torch.where(free, spread, self.spread))
        first = float(self.largest) == 0.0
        self.seen.fill_(min(known + seen.rows, MEMORY))
        self.largest.fill_(max(float(self.largest), seen.largest))
        if float(self.largest) == 0.0:
            return 1.0
        kept = 0.0 if first else 1 - RECENT
        self.square.fill_(kept * float(self.square) + (1 - kept) * seen.square)
        before, largest = float(self.unit), float(self.largest)
        is_unit = UNIT[0] <= largest <= UNIT[1]
        self.unit.fill_(1.0 if is_unit else max(math.sqrt(float(self.square)), largest / 100))
        return float(self.unit) / before


def needs_scaling(spec: GameSpec) -> bool:
    """Whether a game's observations, or its returns, may be of a size that does not suit a network."""
    return spec.bounds is not None or spec.stakes is None or not UNIT[0] <= spec.stakes <= UNIT[1]


def summary(observations: Rows, returns: Rows, largest: float) -> Seen:
    """What there was, of observations `[n, *shape]`, returns `[m]`, and the largest return of a seat in a game."""
    # In double: the square of a large number is no small difference of two still larger ones.
    seen, won = (torch.as_tensor(rows).double() for rows in (observations, returns))
    if not len(seen):
        seen = seen.new_zeros(1, *seen.shape[1:])
    return Seen(
        rows=len(observations),
        mean=seen.mean(dim=0).float(),
        variance=seen.var(dim=0, correction=0).float(),
        square=float(won.square().mean()) if len(won) else 0.0,
        largest=largest,
    )


def measure(spec: GameSpec, seed: int) -> Seen:
    """What there is to see and to win in a game, by random play for at most `MEASURED_S` seconds."""
    game = make_game(spec.name, MEASURED_GAMES, seed=seed)
    generator = torch.Generator().manual_seed(seed)
    observations, returns, total = [], [], torch.zeros(MEASURED_GAMES, spec.seats)
    deadline = time.monotonic() + MEASURED_S
    for _ in range(MEASURED_PLIES):
        observations.append(game.observe().numpy())
        step = game.step(sample_uniform(game.legal(), generator))
        total += step.rewards
        returns.append(total[step.done & ~step.dropped].flatten().numpy())
        total[step.done] = 0.0
        game.reset(step.done)
        if time.monotonic() > deadline:
            break
    won = np.concatenate(returns)
    seen = summary(np.concatenate(observations), won, float(np.abs(won).max(initial=0.0)))
    return seen._replace(error=getattr(game, "last_error", None))


def _fixed(spec: GameSpec) -> tuple[Tensor, Tensor, Tensor]:
    """Shift and spread by a game's bounds, float32 `[*shape]`, and bool `[*shape]`: elements without any."""
    bounds = spec.bounds or Bounds((-1.0,), (1.0,))
    size = int(torch.Size(spec.shape).numel())
    low, high = (torch.tensor(end, dtype=torch.float64).expand(size).reshape(spec.shape) for end in bounds)
    free = low.isinf() | high.isinf()
    small = (low >= -1) & (high <= 1)
    width = (high - low).clamp(min=1e-6)
    negative = low < 0
    shift = torch.where(negative, (low + high) / 2, low).masked_fill(free | small, 0.0)
    spread = torch.where(negative, width / 2, width).masked_fill(free | small, 1.0)
    return shift.float(), spread.float(), free
