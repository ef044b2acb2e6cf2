"""Nim with one pile of ten stones: take one to three; whoever takes the last one wins."""

import torch

from league.games import GameSpec, Step

STONES = 10


class Pile:
    spec = GameSpec(
        name="a pile", seats=2, shape=(STONES + 1,), actions=3, batched=True, deterministic=True, plies=STONES
    )
    last_error = None

    def __init__(self, num_games, *, device="cpu"):
        self.num_games, self.device = num_games, torch.device(device)
        self.left = torch.full((num_games,), STONES, device=self.device)
        self.seat = torch.zeros(num_games, dtype=torch.long, device=self.device)

    def reset(self, mask=None, seeds=None):
        mask = torch.ones_like(self.seat, dtype=torch.bool) if mask is None else mask
        self.left = self.left.masked_fill(mask, STONES)
        self.seat = self.seat.masked_fill(mask, 0)

    def observe(self):
        return torch.nn.functional.one_hot(self.left, STONES + 1).float()

    def legal(self):
        return torch.arange(1, 4, device=self.device) <= self.left.clamp(min=1)[:, None]

    def to_move(self):
        return self.seat

    def step(self, actions):
        self.left = (self.left - actions - 1).clamp(min=0)
        done = self.left == 0
        won = torch.where(done, 1.0 - 2.0 * self.seat, 0.0)
        self.seat = 1 - self.seat
        return Step(torch.stack((won, -won), dim=1), done, torch.zeros_like(done))

    def render(self, row):
        return "o" * int(self.left[row])
