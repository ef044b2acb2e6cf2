"""Policies of a league, exported once."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from league.config import LeagueConfig, NetworkConfig
from league.games import game_spec
from league.interfaces.cli import run
from league.ladder.records import Promotion, Snapshot
from league.matches.arena import Arena
from league.policies.network import PolicyNetwork
from league.policies.weights import digest, fresh, pack, unpack
from league.pool.store import Store

pytest.importorskip("huggingface_hub", reason="huggingface_hub is not installed")
pytest.importorskip("onnxscript", reason="onnxscript is not installed")

MARKUP = "<img/src=x/onerror=alert(1)>**`[x](y)"
"""A policy's name; names hold no blanks."""


def add(store: Store, name: str, seed: int, **network: Any) -> PolicyNetwork:
    """A snapshot with the default network; what comes back is as it is stored."""
    spec = game_spec(store.require_config().game)
    weights = pack(fresh(spec, NetworkConfig(**network), seed))
    snapshot = Snapshot(
        name=name, digest=digest(weights), learner="main", steps=1000, created_s=50.0, bytes=len(weights)
    )
    store.add_snapshot(snapshot, weights)
    return unpack(weights, spec)


def promote(store: Store, name: str) -> None:
    found = store.snapshot(name)
    store.promote(Promotion(policy=name, digest=found.digest, by="anna", reason="a test", promoted_s=60.0))


@pytest.fixture(scope="session", params=["connect_four", pytest.param("tic_tac_toe", marks=pytest.mark.long)])
def game(request: pytest.FixtureRequest) -> str:
    return str(request.param)


@pytest.fixture(scope="session")
def shared(folder: Path, game: str) -> Iterator[tuple[Store, PolicyNetwork]]:
    """A league with a champion, `main-0001`, that has played, and a policy with a name that few would choose."""
    with Store.open(str(folder), f"shared-{game.replace('_', '-')}") as store:
        config = LeagueConfig.from_dict({"game": game})
        store.create(config)
        network = add(store, "main-0001", 1)
        add(store, MARKUP + "x" * 5000, 2)
        promote(store, "main-0001")
        for bot in ("uniform", game_spec(game).bots[1]):
            store.record(Arena(store, config).play("main-0001", bot, games=10, seed=1))
        yield store, network


@pytest.fixture(scope="session")
def space(folder: Path, shared: tuple[Store, PolicyNetwork], tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The static Space of the champion, with onnxruntime-web from its usual host."""
    output = tmp_path_factory.mktemp("space") / "a folder"
    where = ["--store", str(folder), "--league", shared[0].league]
    assert run(["export", "champion", *where, "--format", "space", "--output", str(output)]) == 0
    return output
