"""Who becomes champion: candidates race against the champion, and the first to pass is checked against the pool.

Each candidate has a sequential test of its own (`league.ladder.sprt`). Of n candidates any may be accepted by mistake,
so each has alpha / n to itself: the chance that the race promotes one that is no better stays below alpha (Bonferroni).
A race is pure: it says which matches it wants and is told how they ended.
"""

from __future__ import annotations

import dataclasses
from collections import Counter
from collections.abc import Iterable, Sequence
from statistics import NormalDist
from typing import Final, NamedTuple

from league.config import PromotionConfig
from league.errors import ConfigError
from league.ladder.batches import Batches
from league.ladder.comparison import score_interval
from league.ladder.payoff import Payoff
from league.ladder.ratings import Z_95
from league.ladder.records import Match, Tally
from league.ladder.sprt import Bounds, Sprt, fewest_games
from league.ladder.trials import Outcome, Regression, Trial, Wanted

SCREENING: Final = 4
"""A snapshot that has not won more than the candidate in a quarter of the regression games is not played further."""

COUNTED: Final = 1_000_000
"""Games up to which it is said how many a test needs at least."""


def succession_of(config: PromotionConfig) -> PromotionConfig:
    """The test of a successor: H0 says that it is `elo1` weaker than the champion, H1 that it is as strong.

    Fishtest tests simplifications of Stockfish so. Where good play is a draw nobody can prove to be stronger, and an
    early champion with a rare flaw would stay for ever. Where `elo1` is 0 or less, every candidate has such a test.
    """
    return config if config.elo1 <= 0 else dataclasses.replace(config, elo0=-config.elo1, elo1=0.0)


def bounds_of(config: PromotionConfig, candidates: int) -> Bounds:
    """The test of each of so many candidates."""
    return Bounds(elo0=config.elo0, elo1=config.elo1, alpha=config.alpha / max(candidates, 1), beta=config.beta)


def check_cap(config: PromotionConfig, candidates: int, group: int) -> None:
    """Raise `ConfigError` where `max_games` is too low for any of so many candidates to pass.

    `group`: games of one opening, `len(seatings(seats))`.
    """
    bounds = bounds_of(config, candidates)
    fewest = fewest_games(bounds, group, COUNTED)
    if fewest is None or fewest > config.max_games:
        needs = f"more than {COUNTED}" if fewest is None else fewest
        raise ConfigError(
            f"promotion.max_games = {config.max_games}: even a candidate that wins every game needs {needs} "
            f"to show {bounds.elo1:g} Elo: raise it, or put elo1 further above elo0"
        )


class _Hurdle(NamedTuple):
    """How a candidate does against one snapshot of the pool."""

    games: int
    wanted: Wanted | None = None
    """The match without which it is not known."""
    beaten: bool = False
    """Clearly, and the champion is not."""


class Race:
    """Candidates on their way to the champion's place, until one has passed or none can. Holds what was played."""

    def __init__(
        self,
        *,
        candidates: Sequence[str],
        champion: str | None,
        pool: Iterable[str],
        config: PromotionConfig,
        group: int,
        batch: int,
        payoff: Payoff,
        played: Iterable[Match] = (),
        succession: bool = False,
    ) -> None:
        """Begin, or go on where the log ends.

        Args:
            candidates: names, the most promising first.
            champion: whom they are tested against; None: nobody is champion.
            pool: every snapshot that can be played, for the regression check.
            config: bounds and caps.
            group: games of one opening, at least 2; `len(seatings(seats))`.
            batch: games between two looks at a test.
            payoff: all rated results so far; the race counts its own matches, and those of earlier ones, into it.
            played: matches of the log, newest first, of which those of races count.
            succession: the candidates have to prove not to be weaker (`succession_of`), instead of stronger.
        """
        self.candidates = tuple(candidates)
        self.champion = champion
        self.succession = succession
        self._others = [name for name in pool if name != champion]
        self._config = succession_of(config) if succession else config
        self._bounds = bounds_of(self._config, len(self.candidates))
        self._batch = batch
        self._payoff = payoff
        self._tests = {name: Batches(2 * group + 1, self._bounds) for name in self.candidates}
        self._void: Counter[frozenset[str]] = Counter()
        """Dropped games of each two, while this race has lasted: a pair that never ends must not be asked for again."""
        self._hurdles: dict[str, dict[str, _Hurdle]] = {name: {} for name in self.candidates}
        """Against each of the others, as far as no match has changed it."""
        self._trials: list[Trial] | None = None
        """Where every candidate stands, since the last match."""
        for match in reversed([match for match in played if not match.rated]):
            self._payoff.count(match)
            self._count(match)

    def add(self, match: Match) -> None:
        """A match was played, by whomever it was wanted."""
        self._trials = None
        for hurdles in self._hurdles.values():
            hurdles.pop(match.row, None)
            hurdles.pop(match.column, None)
        self._payoff.count(match)
        self._void[frozenset((match.row, match.column))] += match.dropped
        self._count(match)

    def leave_out(self, name: str) -> None:
        """A snapshot of the pool cannot be played any more: the regression check goes on without it."""
        if name in self._others:
            self._trials = None
            self._others.remove(name)
            for hurdles in self._hurdles.values():  # One fewer: each interval is a little narrower.
                hurdles.clear()

    def _count(self, match: Match) -> None:
        if match.gate and match.column == self.champion and match.row in self._tests:
            self._tests[match.row].add(match)

    def trials(self) -> list[Trial]:
        """Where every candidate stands, in their order."""
        if self._trials is None:
            self._trials = self._stand()
        return self._trials

    def _stand(self) -> list[Trial]:
        tests = {name: self._test(name) for name in self.candidates}
        checks = {
            name: self._regression(name) for name, test in tests.items() if test is None or test.decision == "accepted"
        }
        alive = [
            test.score.low
            for name, test in tests.items()
            if test is not None and test.decision != "refused" and not (name in checks and checks[name].beaten_by)
        ]
        best_low = max(alive, default=0.0)
        return [
            Trial(
                candidate=name,
                champion=self.champion,
                test=test,
                regression=checks.get(name),
                outcome=self._outcome(name, test, checks.get(name), best_low),
                succession=self.succession,
            )
            for name, test in tests.items()
        ]

    def _test(self, name: str) -> Sprt | None:
        return None if self.champion is None else self._tests[name].test

    def _outcome(self, name: str, test: Sprt | None, check: Regression | None, best_low: float) -> Outcome:
        if check is not None:
            if check.beaten_by is not None:
                return "beaten"
            return "running" if check.pending else "passed"
        if test is not None and test.decision == "refused":
            return "refused"
        if test is not None and test.score.high < best_low:
            return "outrun"
        return "undecided" if self._tests[name].tried >= self._config.max_games else "running"

    @property
    def over(self) -> bool:
        """Whether no match is left that could decide anything."""
        return not self.backlog

    @property
    def backlog(self) -> int:
        """How many matches could be played next, if nothing were under way."""
        return len(self._wanted(()))

    def wanted(self, under_way: Sequence[Wanted] = ()) -> list[Wanted]:
        """The matches to be played next, the most urgent first; those of a test are numbered, as they will count.

        `under_way`: all of its matches that are being played. No pair of the regression check is asked for twice, and
        no more games of a test than the cap leaves; so there may be none although the race is not over.
        """
        numbers = {name: [one.batch for one in under_way if self._tests_it(one, name)] for name in self.candidates}
        handed = {}
        for name, test in self._tests.items():
            handed[name] = test.hand_out([number for number in numbers[name] if number is not None])
        self._trials = None
        return [one._replace(batch=handed[one.row]) if one.gate else one for one in self._wanted(under_way)]

    def _tests_it(self, match: Wanted, name: str) -> bool:
        return match.gate and (match.row, match.column) == (name, self.champion)

    def _wanted(self, under_way: Sequence[Wanted]) -> list[Wanted]:
        trials = self.trials()
        accepted = [trial for trial in trials if trial.regression is not None and trial.outcome != "beaten"]
        tested = [trial.candidate for trial in trials if trial.regression is None and trial.outcome == "running"]
        if accepted:
            best = max(accepted, key=_ratio)
            assert best.regression is not None
            # With what the log knew, one may be ahead of others that have not had their chance.
            ahead = self._tests[best.candidate].counted
            tested = [name for name in tested if self._tests[name].counted < ahead]
            if not tested:
                playing = {frozenset((match.row, match.column)) for match in under_way}
                return [one for one in best.regression.pending if frozenset((one.row, one.column)) not in playing]
        return self._gate_matches(tested, under_way)

    def _gate_matches(self, tested: Sequence[str], under_way: Sequence[Wanted]) -> list[Wanted]:
        """One more part of each test that the cap leaves room for, that with the fewest games first."""
        if self.champion is None:  # There is no test, and so nobody is running in it.
            return []
        games = {
            name: self._tests[name].tried + sum(one.games for one in under_way if self._tests_it(one, name))
            for name in tested
        }
        left = {name: self._config.max_games - games[name] for name in sorted(tested, key=games.__getitem__)}
        return [Wanted(name, self.champion, min(self._batch, few), True) for name, few in left.items() if few > 0]

    @property
    def winner(self) -> Trial | None:
        """Who has passed, when the race is over; the most clearly, if it is several."""
        passed = [trial for trial in self.trials() if trial.outcome == "passed"]
        return max(passed, key=_ratio, default=None)

    def _regression(self, name: str) -> Regression:
        """No snapshot may beat the candidate clearly, unless it beats the champion clearly, too.

        Clearly: the whole interval of the score is below one half (`comparison.score_interval`). Of many equals some
        beat the candidate by luck, so with n snapshots its interval is one of 1 - alpha / n (Bonferroni): all together
        refuse one that none is stronger than with a chance below alpha, however large the pool. The champion's is one
        of 95%, since a doubt there speaks for the candidate.
        """
        others = [other for other in self._others if other != name]
        z = -NormalDist().inv_cdf(self._config.alpha / (2 * max(len(others), 1)))
        known = self._hurdles[name]
        hurdles = {other: known.get(other) or self._hurdle(name, other, z) for other in others}
        self._hurdles[name] = hurdles
        beaten_by = next((other for other, hurdle in hurdles.items() if hurdle.beaten), None)
        pending = (hurdle.wanted for hurdle in hurdles.values() if hurdle.wanted is not None)
        return Regression(
            pending=() if beaten_by else tuple(pending),
            beaten_by=beaten_by,
            snapshots=len(others),
            games=sum(hurdle.games for hurdle in hurdles.values()),
        )

    def _hurdle(self, name: str, other: str, z: float) -> _Hurdle:
        """Against one snapshot: first it is screened, then played in full, then it is asked how the champion does."""
        tally, missing = self._against(name, other)
        games, limit = tally.games, self._config.regression_games
        screened = games >= limit / SCREENING and tally.score >= 0.5
        if missing and not screened:
            first = max(-(-limit // SCREENING) - (limit - missing), 0)
            return _Hurdle(games, Wanted(name, other, first or missing, False, check=True))
        if not _clearly_beaten(tally, z):
            return _Hurdle(games)
        if self.champion is None:
            return _Hurdle(games, beaten=True)
        theirs, missing = self._against(self.champion, other)
        if _clearly_beaten(theirs):
            return _Hurdle(games)
        if missing:
            return _Hurdle(games, Wanted(self.champion, other, missing, False, check=True))
        return _Hurdle(games, beaten=True)

    def _against(self, name: str, other: str) -> tuple[Tally, int]:
        """Their games so far, and how many more the check needs at most."""
        tally = self._payoff.tally(name, other)
        return tally, max(self._config.regression_games - tally.games - self._void[frozenset((name, other))], 0)


def _ratio(trial: Trial) -> float:
    return trial.test.llr if trial.test is not None else 0.0


def _clearly_beaten(tally: Tally, z: float = Z_95) -> bool:
    return tally.games > 0 and score_interval(tally, z).high < 0.5
