"""What a learner writes for TensorBoard."""

from __future__ import annotations

import warnings
from collections.abc import Mapping
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import torch
from tensorboardX import SummaryWriter

from league.config import LeagueConfig, knobs
from league.disk import has_room
from league.games import GameSpec
from league.installation import installing
from league.iteration import Iteration
from league.ladder.ratings import elo
from league.ladder.records import Tally
from league.policies.network import PolicyNetwork
from league.pool.store import Store
from league.rollout.arena import seatings
from league.status import LearnerStatus


class Board:
    """The event files of one learner. Where the disk is full nothing is written, and the league goes on."""

    def __init__(self, folder: Path, spec: GameSpec, bots: tuple[str, ...]) -> None:
        """`bots`: those on the rating scale, each with a chart of its own."""
        self._folder, self._spec, self._bots = folder, spec, bots
        self._writer = SummaryWriter(str(folder))

    @property
    def _open(self) -> bool:
        return has_room(self._folder)  # Without, the writer's thread would die, and we wait for it for ever.

    def describe(self, config: LeagueConfig) -> None:
        """The configuration as text and as hyper-parameters, for a learner that begins."""
        if not self._open:
            return
        self._writer.add_text("configuration", f"```toml\n{config.to_toml()}```")
        plain = {key: value for key, value, _ in knobs(config) if isinstance(value, int | float | str)}
        self._writer.add_hparams(plain, {"hparam/steps": 0}, name="configuration", global_step=0)

    def draw(self, network: PolicyNetwork) -> None:
        """The graph of the network, once, in a folder of its own; torch traces it by the help of TensorBoard."""
        folder = self._folder / "network"
        if folder.exists() or not self._open:
            return
        if find_spec("tensorboard") is None:
            self._writer.add_text("graph", f"drawn when the league trains on after: {installing('tensorboard')}")
            return
        example = torch.zeros(1, *self._spec.shape), torch.ones(1, self._spec.actions, dtype=torch.bool)
        writer = SummaryWriter(str(folder))
        try:
            with warnings.catch_warnings(), torch.no_grad():
                warnings.simplefilter("ignore")  # tensorboardX traces as torch did.
                network(*example)  # What a network prepares the first time is no part of its graph.
                writer.add_graph(network, example)
        except Exception as error:  # A network of somebody else's, or one that cannot be traced: there is no graph.
            self._writer.add_text("graph", f"the network cannot be drawn: {type(error).__name__}")
        finally:
            writer.close()

    def learned(self, iteration: Iteration, seconds: float, threads: int, steps: int) -> None:
        """What an iteration brought, at so many steps of the learner."""
        numbers = LearnerStatus.numbers()
        self._write(
            {
                **{f"losses/{name}": value for name, value in iteration.losses.items()},
                **self._training(iteration.results),
                **{f"speed/{field}": one.per_second(iteration) / seconds for field, one in numbers if one.per_second},
                "speed/sample_s": iteration.sample_s,
                "speed/learn_s": iteration.learn_s,
                "speed/staleness": iteration.staleness,
                "speed/stale": iteration.stale,
                "speed/threads": threads,
            },
            steps,
        )

    def _training(self, results: Mapping[str, Tally]) -> dict[str, float]:
        """Of all snapshots together, as they come and go; of each bot."""
        snapshots = [tally for name, tally in results.items() if name not in self._bots]
        scores = {"training/snapshots": Tally.sum(snapshots)} if snapshots else {}
        scores |= {f"training/{name}": results[name] for name in self._bots if name in results}
        return {name: tally.score for name, tally in scores.items() if tally.games}

    def rated(self, store: Store, learner: str, steps: int) -> None:
        """How strong the learner's newest snapshot that has played is, and the champion."""
        ratings, config = store.ratings(), store.require_config()
        newest = next((s for s in reversed(store.snapshots()) if s.learner == learner and s.name in ratings), None)
        champion = store.champion()
        named = {"newest": newest.name if newest else None, "champion": champion.policy if champion else None}
        found = {
            f"elo/{which}": elo(ratings[name], ratings, config.ratings).points
            for which, name in named.items()
            if name in ratings
        }
        if newest is not None:
            payoff = store.payoff_among([newest.name, *self._bots], seatings(self._spec.seats))
            tallies = {bot: payoff.tally(newest.name, bot) for bot in self._bots}
            found |= {f"score/{bot}": tally.score for bot, tally in tallies.items() if tally.games}
        self._write(found, steps)

    def _write(self, numbers: Mapping[str, Any], steps: int) -> None:
        if self._open:
            for name, value in numbers.items():
                self._writer.add_scalar(name, value, steps)

    def flush(self) -> None:
        """Have what was written on the disk."""
        if self._open:
            self._writer.flush()

    def close(self) -> None:
        """Write what is left to the disk and end the writer; nothing can be added any more."""
        self._writer.close()
