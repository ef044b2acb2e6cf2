"""Answers by search: `league serve --search N`."""

from __future__ import annotations

import torch
from torch import Tensor

from league.errors import RequestError
from league.games import make_game
from league.games.base import GameSpec, Searchable
from league.interfaces.serve.question import MANY, ONE, Question
from league.policies.network import ILLEGAL, PolicyNetwork
from league.policies.search import Searched, check_searchable
from league.policies.tree import search


class Searching:
    """Searches the positions of one game, `simulations` for each."""

    def __init__(self, simulations: int, spec: GameSpec, device: str) -> None:
        """Raises `GameError` where the game cannot be searched, `PolicyError` for a number out of range."""
        check_searchable(Searched("champion", simulations), spec)
        game = make_game(spec.name, 1, device=device)
        assert isinstance(game, Searchable)
        self.simulations = simulations
        self._game = game

    def check(self, question: Question) -> None:
        """Raise `RequestError` for what the game never shows, or a mask that allows moves which are none.

        A position that only play rules out, such as a stone in the air, passes: it gets a legal move that means little.
        """
        seen = torch.from_numpy(question.observation).to(self._game.device)
        boards = self._game.at(self._game.read(seen))
        same = (boards.observe() == seen).flatten(1).all(dim=1)
        fits = ~(torch.from_numpy(question.legal).to(self._game.device) & ~boards.legal()).any(dim=1)
        observation, mask = MANY if question.many else ONE
        for name, right in ((observation, same), (mask, fits)):
            if not bool(right.all()):
                where = f"{name}[{int((~right).nonzero()[0])}]" if question.many else name
                what = "is no position" if name == observation else "allows a move that is none"
                raise RequestError(422, f"{where} {what} of {self._game.spec.name}, which a search has to know", where)

    def answer(self, network: PolicyNetwork, observation: Tensor, legal: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        """Best actions int64 `[n]`, logits `[n, A]` of the shares of the simulations, and values `[n]`, on the CPU."""
        device = self._game.device
        found = search(network, self._game, observation.to(device), legal.to(device), self.simulations)
        logits = found.shares.log().clamp(min=ILLEGAL)
        return found.actions.cpu(), logits.cpu(), found.values.cpu()
