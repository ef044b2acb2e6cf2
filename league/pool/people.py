"""Games of people against policies, and what follows from them: apart from the match log, which they never enter."""

from __future__ import annotations

from typing import Any, Final

from league.errors import LeagueError
from league.ladder.people import Person, PersonGame, name_fault, newcomer, rated
from league.pool.connection import Command, dumps, read_json
from league.pool.matches import Matches, read_ratings

GAMES_KEPT: Final = 1000
"""The last games, with their moves."""
MOST_PEOPLE: Final = 1000
"""Names in the list of people: whoever can reach the page can type one."""
MOST_OPPONENTS: Final = 1000
"""Policies at their strengths in the pool of people; games against more are kept without a rating."""
_REPEATS: Final = 100
"""Last games among which one that comes twice is looked for: the second comes at once."""


class People(Matches):
    """Part of the store: people, and their games against policies."""

    def record_person_game(self, game: PersonGame) -> bool:
        """Keep a game of a person, with the ratings that follow in the pool of people, in one transaction.

        Returns whether it was kept just now: False if it had been before.

        Raises:
            LeagueError: the name cannot be used, or the list of people is full.
            WrongLeagueError: there is no league.
        """
        fault = name_fault(game.person)
        if fault is not None:
            raise LeagueError(fault)
        keys = self._keys
        return self._transact(
            [keys.meta, keys.people, keys.people_opponents, keys.people_games],
            lambda pipe: self._attempt_person_game(pipe, game),
        )

    def _attempt_person_game(self, pipe: Any, game: PersonGame) -> bool:
        keys, read = self._keys, pipe.execute_command
        config = self.require_config(read).ratings
        known = (read_json(PersonGame.from_json, data) for data in read("LRANGE", keys.people_games, 0, _REPEATS - 1))
        if any(one.game_id == game.game_id for one in known):
            return False
        person = self._person(read, keys.people, game.person)
        if person is None and int(read("HLEN", keys.people)) >= MOST_PEOPLE:
            raise LeagueError(
                f"the list of people is full: it has {MOST_PEOPLE} names, {game.person!r} is none of them"
            )
        opponent = self._person(read, keys.people_opponents, game.opponent)
        full = opponent is None and int(read("HLEN", keys.people_opponents)) >= MOST_OPPONENTS
        if opponent is None:
            stored = read("HGET", keys.ratings, game.opponent)
            league = {} if stored is None else read_ratings({game.opponent.encode(): stored})
            opponent = newcomer(league.get(game.opponent), config)
        person = person or newcomer(None, config)
        counts = not (game.helped or full)
        if counts:
            person, opponent = rated(person, opponent, game.result, config)
        pipe.multi()
        read("HSET", keys.people, game.person, dumps(person.to_json()))
        if counts:
            read("HSET", keys.people_opponents, game.opponent, dumps(opponent.to_json()))
        read("LPUSH", keys.people_games, dumps(game.to_json()))
        read("LTRIM", keys.people_games, 0, GAMES_KEPT - 1)
        return True

    def people(self) -> dict[str, Person]:
        """Everyone who has played under a name."""
        stored = self._call("HGETALL", self._keys.people)
        return {name.decode(): read_json(Person.from_json, data) for name, data in stored.items()}

    def person_games(self, count: int = 20) -> list[PersonGame]:
        """The last games of people, newest first, at most `count`."""
        # One more: of none, the last index would mean all.
        stored = self._call("LRANGE", self._keys.people_games, 0, count)[:count]
        return [read_json(PersonGame.from_json, data) for data in stored]

    @staticmethod
    def _person(read: Command, key: str, name: str) -> Person | None:
        data = read("HGET", key, name)
        return None if data is None else read_json(Person.from_json, data)
