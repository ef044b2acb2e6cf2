"""Trajectories for training: the learner plays itself and the opponent pool, on many boards at once.

Shapes: `B` boards, `P` seats, `A` actions, `n` moves of the learner.
"""

from __future__ import annotations

from dataclasses import dataclass, field

import torch
from torch import Tensor

from league.config import RolloutConfig
from league.games.base import Game
from league.iteration import Rollout
from league.ladder.matchmaking import SELF
from league.ladder.records import Tallies, Tally
from league.policies.network import PolicyNetwork
from league.rollout.advantages import Estimate, Fragment, per_seat_gae, zero_sum_returns
from league.rollout.choices import settled_rollout
from league.rollout.crowd import crowds
from league.rollout.moves import LearningPlayer, Moves
from league.rollout.openings import Explorer
from league.rollout.opponents import Opponents
from league.rollout.table import NOBODY, Ply, Table, compared

LEARNER = 0
"""The learner's index in a seating; opponents count from 1."""


@dataclass(frozen=True, kw_only=True)
class Experience(Rollout):
    """What one call of `Collector.collect` brings home: what was played, and the moves to learn from."""

    moves: Moves
    advantage: Tensor
    """float32 `[n]`: advantage of each move, not normalised."""
    value_target: Tensor
    """float32 `[n]`: the return that the value of each move should have predicted."""


@dataclass(kw_only=True)
class _Log:
    """Plies as they happen, time first, and the learner's moves with the position of each in it."""

    seats: int
    boards: int
    device: torch.device
    dense: list[dict[str, Tensor]] = field(default_factory=list)
    moves: list[Moves] = field(default_factory=list)
    position: list[Tensor] = field(default_factory=list)

    def held(self, moves: Moves, board: Tensor, seat: Tensor, received: Tensor) -> None:
        """Put the moves that were waiting in front, as one ply per seat."""
        for p in range(self.seats):
            at = seat == p
            rows = board[at]
            rewards = torch.zeros(self.boards, self.seats, device=self.device)
            rewards[rows, p] = received[at]
            mover = torch.full((self.boards,), p, device=self.device)
            self._append(mover, rows, moves[at], rewards, torch.zeros_like(mover, dtype=torch.bool), None)

    def add(self, ply: Ply, player: LearningPlayer) -> None:
        """Add one ply that was played."""
        rows, moves = torch.empty(0, dtype=torch.long), None
        if player.last is not None:
            rows = player.last.rows
            moves = player.last.played(ply.actions[rows], ply.asked[rows] == LEARNER)
        player.last = None
        self._append(ply.mover, rows, moves, ply.step.rewards, ply.step.done, ply.step.dropped)

    def _append(
        self, mover: Tensor, rows: Tensor, moves: Moves | None, rewards: Tensor, done: Tensor, dropped: Tensor | None
    ) -> None:
        mine = torch.zeros_like(done)
        value, trust, expected = torch.zeros(3, self.boards, device=self.device)
        if moves is not None:
            mine[rows] = True
            value[rows], trust[rows], expected[rows] = moves.value, moves.trust, moves.expected
            self.moves.append(moves)
            self.position.append(len(self.dense) * self.boards + rows)
        self.dense.append(
            {
                "mover": mover,
                "mine": mine,
                "value": value,
                "rewards": rewards,
                "done": done,
                "dropped": torch.zeros_like(done) if dropped is None else dropped,
                "trust": trust,
                "expected": expected,
            }
        )

    def fragment(self) -> Fragment:
        """All plies, stacked along time, for `per_seat_gae`."""
        return Fragment(**{name: torch.stack([ply[name] for ply in self.dense]) for name in self.dense[0]})


class Collector:
    """Plays B boards on and on; games run across the fragments that `collect` returns."""

    def __init__(
        self, game: Game, network: PolicyNetwork, config: RolloutConfig, seed: int, weight: float | None = None
    ) -> None:
        """`weight`: the learner looks ahead with it, see `look_ahead`, in a game that has `positions`."""
        self.config = settled_rollout(config, game.spec, looks=weight is not None)
        self.player = LearningPlayer(network, weight)
        boards, device = game.num_games, game.device
        strays = (self.config.exploring_moves or 0.0) > 0
        self.table = Table(
            game=game,
            generator=torch.Generator(device=device).manual_seed(seed),
            players={LEARNER: self.player},
            seating=torch.zeros(boards, game.spec.seats, dtype=torch.long, device=device),
            opener=Explorer(),
            opening_left=torch.zeros(boards, dtype=torch.long, device=device),
            straying=torch.zeros(boards, device=device) if strays else None,
            # With lookahead every position teaches, whoever moves there; without, it is where a trace is cut.
            watchers=frozenset({LEARNER} if strays or weight is not None else ()),
        )
        self._explores = torch.zeros(boards, dtype=torch.bool, device=device)
        self._names: dict[int, str] = {}
        self._plan: tuple[list[int], Tensor] | None = None
        self._self_play = 1.0
        self._largest_return = 0.0
        self._held: tuple[Moves, Tensor, Tensor, Tensor] | None = None
        self._begin(torch.ones(boards, dtype=torch.bool, device=device))

    def set_opponents(self, opponents: Opponents) -> None:
        """Draw the opponents of new games from these; players are made of those that are not at the table yet."""
        total = sum(opponents.shares.values())
        self._self_play = opponents.shares.get(SELF, 0.0) / total if opponents.shares else 1.0
        shares = {name: share for name, share in opponents.shares.items() if name != SELF}
        index_of = {name: index for index, name in self._names.items()}
        for name in shares:
            if name not in index_of:
                free = next(i for i in range(1, len(self._names) + 2) if i not in self._names)
                player = opponents.player(name, self.table.game)
                self.table.players[free], self._names[free], index_of[name] = player, name, free
        in_use = set(torch.unique(self.table.seating).tolist())
        for index in [i for i, name in self._names.items() if name not in shares and i not in in_use]:
            del self.table.players[index], self._names[index]
        self.table.crowds = crowds(self.table.players, self.table.crowds)
        weights = torch.tensor([shares[name] for name in shares], device=self.table.game.device)
        self._plan = ([index_of[name] for name in shares], weights) if shares else None

    def collect(self, plies: int, gamma: float, lambda_: float) -> Experience:
        """Advance every board by `plies` plies and return the moves whose outcome is known.

        Each seat's last move in an unfinished game is kept for the next call, so nothing is bootstrapped from a
        position that the learner has not been asked about.
        """
        game = self.table.game
        log = _Log(seats=game.spec.seats, boards=game.num_games, device=game.device)
        if self._held is not None:
            log.held(*self._held)
        results: Tallies[str] = Tallies()
        self._largest_return = 0.0
        games = dropped = decided = 0
        for _ in range(plies):
            ply = self.table.ply()
            log.add(ply, self.player)
            done = ply.step.done
            if bool(done.any()):
                dropped += int(ply.step.dropped.sum())
                ended = done & ~ply.step.dropped & ~ply.opening
                games += int(ended.sum())
                decided += self._score(ended, results)
                self._begin(done)
        estimate = (per_seat_gae if self.player.weight is None else zero_sum_returns)(log.fragment(), gamma, lambda_)
        moves, advantage, value_target = self._split(log, estimate)
        return Experience(
            moves=moves,
            advantage=advantage,
            value_target=value_target,
            results=results,
            plies=plies * game.num_games,
            games=games,
            decided=decided,
            largest_return=self._largest_return,
            dropped=dropped,
            error=getattr(game, "last_error", None),
        )

    def forget(self) -> None:
        """Drop the moves that wait for their outcome: another policy has taken over."""
        self._held = None

    def _split(self, log: _Log, estimate: Estimate) -> tuple[Moves, Tensor, Tensor]:
        game = self.table.game
        # On few boards there are fragments in which the learner is never asked.
        looks = self.player.weight is not None
        moves = Moves.cat([Moves.none(game.spec, game.device, looks=looks), *log.moves])
        position = torch.cat([torch.empty(0, dtype=torch.long, device=game.device), *log.position])
        waiting = estimate.waiting.flatten()[position]
        held = position[waiting]
        mover = torch.stack([ply["mover"] for ply in log.dense]).flatten()
        self._held = (moves[waiting], held % log.boards, mover[held], estimate.received.flatten()[held])
        ready = estimate.ready.flatten()[position]
        if not looks:
            ready &= moves.trust > 0
        # Shuffled, because RLlib does not before a first epoch.
        order = ready.nonzero().squeeze(1)
        order = order[torch.randperm(len(order), generator=self.table.generator, device=game.device)]
        kept = moves[order]
        gained = estimate.advantage.flatten()[position[order]]
        # Where another move was played, what came of it teaches the value, and nothing of the learner's own move.
        return kept, gained.masked_fill(kept.trust < 1, 0.0), gained + kept.value

    def _begin(self, mask: Tensor) -> None:
        """Start new games on the boards of `mask`: draw who sits where and how they open."""
        table, config, generator = self.table, self.config, self.table.generator
        boards, seats = table.seating.shape

        def rand(*size: int) -> Tensor:
            return torch.rand(size, generator=generator, device=mask.device)

        if self._plan is None:
            seating = torch.full_like(table.seating, LEARNER)
        else:
            indices, weights = self._plan
            drawn = torch.multinomial(weights.expand(boards, -1), seats, replacement=True, generator=generator)
            seating = torch.tensor(indices, device=mask.device)[drawn]
            own = (rand(boards, 1) * seats).long()
            seating = seating.scatter(1, own, LEARNER)
            seating = torch.where(rand(boards, 1) < self._self_play, LEARNER, seating)
        table.seating = torch.where(mask[:, None], seating, table.seating)
        explores = rand(boards) < (config.exploring_share or 0.0)
        length = 1 + (rand(boards) * (config.exploring_plies or 0)).long()
        table.opening_left = torch.where(mask, length * explores, table.opening_left)
        self._explores = torch.where(mask, explores, self._explores)
        if table.straying is not None:
            table.straying = self._explores.float() * (config.exploring_moves or 0.0)
        table.restart(mask)

    def _score(self, ended: Tensor, results: Tallies[str]) -> int:
        """Count the games of `ended` (bool `[B]`) for and against each opponent; return in how many the seats differed.

        Games with random moves say little of how strong the learner is: they are no results. Nor is a seat that took no
        part in its game.
        """
        table, present = self.table, self.table.present
        most = table.returns.masked_fill(~present, -torch.inf).amax(dim=1)
        least = table.returns.masked_fill(~present, torch.inf).amin(dim=1)
        decided = ended & (compared(most, least) > 0)
        received = torch.maximum(most.abs(), least.abs())[ended]
        if len(received):
            self._largest_return = max(self._largest_return, float(received.max()))
        is_learner = (table.seating == LEARNER) & present
        mixed = ended & ~self._explores & is_learner.any(dim=1) & (is_learner != present).any(dim=1)
        returns, seating = table.returns[mixed], table.seating[mixed].masked_fill(~present[mixed], NOBODY)
        own = is_learner[mixed].long().argmax(dim=1, keepdim=True)
        sign = compared(returns.gather(1, own), returns)
        # One count for all opponents, of whom there may be many: won, drawn and lost, by index from NOBODY up.
        met = ((seating - NOBODY) * 3 + 1 - sign.long()).flatten()
        counts = torch.bincount(met, minlength=3 * (max(self.table.players) + 2)).view(-1, 3).tolist()
        for index, name in self._names.items():
            tally = Tally(*counts[index - NOBODY])
            if tally.games:
                results.add(name, tally)
        return int(decided.sum())
