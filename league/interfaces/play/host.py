"""One league that people play against: who may be chosen, games that begin, and games that are kept."""

from __future__ import annotations

import threading
from typing import Final, NamedTuple

from league.config import RatingConfig
from league.errors import LeagueError
from league.games import GameSpec, bot_names, game_spec
from league.interfaces.play.opponents import begun, opponent, seat_of
from league.interfaces.play.session import Session
from league.ladder.people import PersonGame, PersonRow, Result, name_fault, person_rows
from league.ladder.ratings import Ratings, elo
from league.matches.players import PlayerLoader
from league.pool.snapshots import CHAMPION
from league.pool.store import Store
from league.view.attachment import Attachment
from league.view.words import short

SHOWN: Final = 200
"""Snapshots that are offered, the newest; any other one can be named."""
PEOPLE_SHOWN: Final = 50


class Wish(NamedTuple):
    """What a person wants to play."""

    policy: str = CHAMPION
    """A snapshot, `champion`, a bot, or the start of a hash."""
    seat: str = "random"
    """A seat's number, or `random`."""
    temperature: float | None = None
    """See `Opponent.temperature`."""
    search: int | None = None
    """Simulations of each move; None: without a search of its own."""


class Host:
    """Shared by everyone who plays against a league; the store may go and come back meanwhile. Threads may share it."""

    def __init__(self, address: str, league: str) -> None:
        """Raises what `Store.open` does, and `WrongLeagueError` where there is no league."""
        self._attachment = Attachment(address, league)
        self._lock = threading.Lock()
        self._loader: PlayerLoader | None = None
        self.league = league
        self.spec: GameSpec = game_spec(self._attachment.open()[1].game)

    def close(self) -> None:
        """Let go of the store."""
        self._attachment.close()

    def choices(self) -> dict[str, str]:
        """Names to offer, the champion, the newest snapshots, the bots; by name what is shown of each."""
        store, config = self._attachment.open()
        pruned, ratings = store.pruned(), store.ratings()
        kept = [snapshot.name for snapshot in reversed(store.snapshots()) if snapshot.digest not in pruned]
        shown = {}
        for name in (*kept[:SHOWN], *bot_names(self.spec)):
            strength = _strength(name, ratings, config.ratings)
            shown[name] = f"{short(name)} · {strength}" if strength else short(name)
        return ({} if store.champion() is None else {CHAMPION: CHAMPION}) | shown

    def champion(self) -> str | None:
        """The name of the policy that is champion now, None before there is one."""
        promotion = self._attachment.store().champion()
        return None if promotion is None else promotion.policy

    def standing(self, policy: str) -> str:
        """The Elo of a policy, in words; empty for one that the league has not rated."""
        store, config = self._attachment.open()
        return _strength(policy, store.ratings(), config.ratings)

    def begin(self, wish: Wish, seed: int) -> Session:
        """A new game, up to the person's first move; whoever is its opponent stays so, whatever is promoted meanwhile.

        Raises `PolicyError` or `GameError` for a wish that cannot be met, `StoreError` where the store is lost.
        """
        seat = seat_of(wish.seat, self.spec, seed)
        against = opponent(self._players(), wish.policy, temperature=wish.temperature, search=wish.search)
        return begun(self.spec, against, seat=seat, seed=seed)

    def keep(self, session: Session, person: str) -> str | None:
        """Record a game that has ended, once, under a person's name; a line for them, None where nothing is kept.

        Raises `LeagueError` where the name cannot be used or the store is lost; the game may be kept later then.
        """
        if session.recorded or session.ending in (None, "dropped"):
            return None
        if not person:
            session.recorded = True
            return None
        fault = name_fault(person)
        if fault is not None:
            raise LeagueError(fault)
        results: dict[str, Result] = {"won": "won", "drawn": "drawn", "lost": "lost", "resigned": "lost"}
        store = self._attachment.store()
        store.record_person_game(
            PersonGame(
                game_id=session.game_id,
                person=person,
                opponent=session.opponent.name,
                seat=session.seat,
                result=results[str(session.ending)],
                seed=session.seed,
                moves=tuple(move.action for move in session.moves),
                played_s=store.now_s(),
                resigned=session.ending == "resigned",
                helped=session.helped,
            )
        )
        session.recorded = True
        if session.helped:
            return "With help, so it does not count for your rating."
        return None

    def people(self) -> list[PersonRow]:
        """Who has played under a name, the strongest first."""
        store, config = self._attachment.open()
        return person_rows(store.people(), store.ratings(), config.ratings)[:PEOPLE_SHOWN]

    def _players(self) -> PlayerLoader:
        store: Store = self._attachment.store()
        with self._lock:
            if self._loader is None or self._loader.store is not store:
                self._loader = PlayerLoader(store, self.spec)
            return self._loader


def _strength(policy: str, ratings: Ratings, config: RatingConfig) -> str:
    return f"Elo {elo(ratings[policy], ratings, config).points:+z.0f}" if policy in ratings else ""
