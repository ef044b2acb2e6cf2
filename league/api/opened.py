"""A league in a store, seen from Python: what the commands print, as values."""

from __future__ import annotations

import os
import threading
from collections.abc import Callable, Iterator, Mapping, Sequence
from types import TracebackType
from typing import TYPE_CHECKING, Any, Self

from league.pool.store import Store

if TYPE_CHECKING:
    import pandas

    from league.api.policy import Policy
    from league.config import LeagueConfig
    from league.ladder.leaderboard import Row
    from league.ladder.records import Match, Promotion, Snapshot
    from league.matches.arena import Arena
    from league.matches.evaluation import Evaluated

Rows = Sequence[Mapping[str, Any]]
"""What a DataFrame is made of, and what there is without pandas: a mapping per row."""


class OpenLeague:
    """One league that exists. Threads may share it, except for `match`, which plays one at a time.

    Every method may raise `StoreError`, as the store's own methods do.
    """

    def __init__(self, store: Store) -> None:
        """`store` of a league that exists (`WrongLeagueError`); whoever opened it closes it, or `close` does."""
        self.store = store
        """The store itself, for whatever has no method here."""
        self.config: LeagueConfig = store.require_config()
        """As it was when the league was opened."""
        self._arena: Arena | None = None

    @classmethod
    def open(cls, store: str | os.PathLike[str], league: str = "league", *, timeout_s: float = 5.0) -> Self:
        """As `league.open` does, and raises."""
        opened = Store.open(os.fspath(store), league, timeout_s=timeout_s, create=False)
        try:
            return cls(opened)
        except BaseException:
            opened.close()
            raise

    def close(self) -> None:
        """Disconnect; a folder's embedded server ends when nobody needs it any more."""
        self.store.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def __repr__(self) -> str:
        return f"<league {self.store.league!r} at {self.store.address}: {self.game}>"

    @property
    def game(self) -> str:
        """Name of the game that it plays."""
        return self.config.game

    def standings(self) -> list[Row]:
        """Everyone, the strongest first: the rows of `league leaderboard`."""
        from league.pool.mirror import Mirror
        from league.view.overview import Overview

        return Overview.read(Mirror(self.store)).rows

    def leaderboard(self) -> pandas.DataFrame | Rows:
        """`standings` as a DataFrame, or as a list of mappings where pandas is not installed.

        Columns: `rank`, `policy`, `kind` ("snapshot" or "bot"), `elo` (points above the bot `uniform`), `interval`
        (half the width of its 95% interval), `mu`, `sigma`, `games`, `wins`, `draws`, `losses`, `steps` (missing for a
        bot), `settled` (whether it has met the anchors often enough for its `elo` to rest on something) and `champion`.
        `standings` has the score against each bot, too.
        """
        return _frame(
            {**{k: v for k, v in vars(row).items() if k not in ("score", "against")}, **row.score._asdict()}
            for row in self.standings()
        )

    def snapshots(self) -> list[Snapshot]:
        """Every frozen policy, oldest first, also those whose weights were pruned."""
        return self.store.snapshots()

    def matches(self, last: int | None = 1000) -> pandas.DataFrame | Rows:
        """The last matches, newest first, as a DataFrame, or as a list of mappings where pandas is not installed.

        Columns: `match_id`, `played_s` (Unix time), `row`, `column`, `wins`, `draws`, `losses` and `score` of the row
        (points per game, in [0, 1]), `dropped` games, and whether it was played for the champion's place (`gate`).

        Args:
            last: at most so many; None: the whole log.
        """
        return _frame(_plain(match) for match in self.log(last))

    def log(self, last: int | None = 1000) -> Iterator[Match]:
        """The last matches, newest first; None: the whole log, read as it is consumed."""
        return self.store.matches(last, newest_first=True)

    def champion(self) -> Promotion | None:
        """Who is the champion, since when and why; None before the first one."""
        return self.store.champion()

    def promotions(self) -> list[Promotion]:
        """The champion's history, oldest first."""
        return self.store.promotions()

    def watch_champion(self, *, poll_s: float = 5.0, stop: threading.Event | None = None) -> Iterator[Promotion]:
        """Yield the present champion, if there is one, and then each promotion as soon as it is made.

        A store that does not answer is waited for. `poll_s`: the longest time that a promotion may go unnoticed while
        it does, in seconds. `stop` ends the iteration when it is set; without one it never ends.
        """
        return self.store.watch_champion(poll_s=poll_s, stop=stop)

    def policy(self, name: str = "champion", *, device: str = "cpu") -> Policy:
        """A policy of this league that answers positions.

        Args:
            name: a snapshot, `champion`, a bot, the start of a hash, or one of the first two with a search, such as
                `champion+search200`. The champion of this moment: ask again for the one after the next promotion.
            device: torch device on which it computes.

        Raises:
            UnknownPolicyError: nobody has that name.
            PrunedPolicyError: its weights were pruned.
            CorruptSnapshotError: its weights are not what was stored.
            GameError: this game cannot be searched.
            ConfigError: this machine has no such device.
        """
        from league.api.policy import Policy
        from league.games import game_spec
        from league.games.registry import torch_device
        from league.matches.players import PlayerLoader, resolve

        spec = game_spec(self.game)
        named = resolve(self.store, name, spec)
        return Policy(named.name, spec, PlayerLoader(self.store, spec, torch_device(device)), digest=named.digest)

    def match(
        self,
        policy: str,
        against: str,
        games: int = 200,
        *,
        seed: int | None = None,
        record: bool = False,
        watch: Callable[[int], None] = lambda games: None,
    ) -> Evaluated:
        """Play two policies against each other in every seat, from paired random openings, as `league evaluate` does.

        Args:
            policy: named as for `policy`; the result is from its side.
            against: the other one.
            games: to be played, and some more where the seats ask for it; repeated ones do not count.
            seed: equal seeds, equal games; drawn if not given.
            record: add the result to the match log, and so to the ratings.
            watch: called as games are done, with how many.

        Raises:
            PolicyError: a name that nobody has, or both are the same policy.
            GameError: all games were dropped.
        """
        from league.matches.arena import Arena
        from league.matches.evaluation import evaluate

        if self._arena is None:
            self._arena = Arena(self.store, self.config)
        return evaluate(self._arena, policy, against, games=games, seed=seed, record=record, watch=watch)


def _frame(rows: Iterator[dict[str, Any]]) -> pandas.DataFrame | Rows:
    listed = list(rows)
    try:
        import pandas
    except ImportError:
        return listed
    frame = pandas.DataFrame(listed)
    return frame.astype({"steps": "Int64"}) if "steps" in frame else frame  # Missing for bots, and whole.


def _plain(match: Match) -> dict[str, Any]:
    return {
        "match_id": match.match_id,
        "played_s": match.played_s,
        "row": match.row,
        "column": match.column,
        **match.total._asdict(),
        "score": match.total.score,
        "dropped": match.dropped,
        "gate": match.gate,
    }
