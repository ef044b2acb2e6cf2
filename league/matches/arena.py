"""Matches between the policies of one league, by name. Needs no Ray."""

from __future__ import annotations

from league.config import LeagueConfig
from league.games import game_spec, make_game
from league.games.base import Game
from league.ladder.records import Match
from league.matches.players import PlayerLoader
from league.policies.device import choose_device
from league.pool.store import Store
from league.rollout.arena import play_match, rounded


class Arena:
    """Plays matches between policies of one league; keeps the boards and the networks in between."""

    def __init__(self, store: Store, config: LeagueConfig) -> None:
        self.store = store
        self.config = config
        self.spec = game_spec(config.game)
        self.device, self.missing = choose_device(config.arena.device)
        self.loader = PlayerLoader(store, self.spec, self.device)
        self.why: str | None = None
        """What was wrong with the games without a result of the latest match."""
        self._games: dict[int, Game] = {}

    def play(self, row: str, column: str, *, games: int, seed: int) -> Match:
        """Play `games` games or some more, of which none counts twice; the result is not recorded yet."""
        boards = rounded(games, self.spec.seats)
        if boards not in self._games:
            self._games = {boards: make_game(self.spec.name, boards, device=self.device, seed=seed)}
        arena = self.config.arena
        played = play_match(
            self._games[boards],
            self.loader.player(row),
            self.loader.player(column),
            opening_plies=arena.opening_plies,
            max_plies=arena.max_plies,
            seed=seed,
        )
        self.why = played.why
        return played.to_match(row, column, self.store.now_s())
