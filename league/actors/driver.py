"""Running a league from one process: start or resume it, watch it, end it cleanly."""

from __future__ import annotations

import contextlib
import dataclasses
import fcntl
import time
from collections.abc import Callable, Iterator, Sequence, Set
from pathlib import Path
from typing import Any

from league.actors.coordinator import CoordinatorActor
from league.actors.grafana import embed_league, place_dashboards
from league.actors.place import Place
from league.actors.reach import check_reachable
from league.actors.run import Run
from league.actors.spawn import spawn_coordinator
from league.cluster.nodes import Node, autoscaled, whole_room
from league.cluster.plan import bounded, least, plan_hardware
from league.cluster.session import ray_session
from league.config import LeagueConfig
from league.config.auto import AUTO_EVERY_STEPS
from league.errors import ClusterError, ConfigError, LeaseError, StoreError, StoreUnavailableError, UndecidedError
from league.every import Every
from league.games import game_spec, make_bot
from league.ladder.promotion import check_cap
from league.ladder.ratings import elo
from league.policies.network import settled
from league.policies.weights import fresh
from league.pool.address import absolute, is_embedded
from league.pool.lease import Holder
from league.pool.store import Store
from league.rollout.arena import seatings
from league.rollout.choices import looks_ahead
from league.settings import plain
from league.signals import entered_at_once, interrupts
from league.status import Status
from league.view.progress import Limits, Progress

WAIT_S = 0.5
"""Between two looks at a lease that somebody holds."""
ELO_EVERY_S = 2.0
"""Between two looks at the champion's Elo, where a run is to end by it."""
FOLDING_S = 5.0
"""Seconds between two lines about a large log that is folded."""
STARTING_S = 60.0
"""The first lease: until Ray is up and the coordinator has taken its own."""


def resumable(store: Store, config: LeagueConfig) -> LeagueConfig:
    """The configuration as this store's league would be trained with it; raises where it cannot be, writes nothing.

    Everything that can be found wrong without Ray is found here: an unknown game or bot, a network that does not fit
    it, a cap of the promotion test that nobody can pass, a source of opponents where nobody can ever be, a league of
    another game, another network than the learners have.
    """
    present = store.config()
    if present is not None and present.network.normalize is None and store.learners():
        # It has learned from observations as they are, before they were scaled.
        present = dataclasses.replace(present, network=dataclasses.replace(present.network, normalize=False))
        config = dataclasses.replace(
            config, network=dataclasses.replace(config.network, normalize=bool(config.network.normalize))
        )
    config = check_playable(config, set() if present is None else {snapshot.role for snapshot in store.present()})
    if present is None:
        return config
    began_with = settled(present.network, game_spec(config.game))
    if began_with != config.network and store.learners():
        names = [f.name for f in dataclasses.fields(config.network)]
        old, new = ({name: getattr(one, name) for name in names} for one in (began_with, config.network))
        changed = next(name for name in names if old[name] != new[name])
        raise ConfigError(
            f"network.{changed} = {plain(new[changed])!r}: it cannot change once the league has learned, with "
            f"{plain(old[changed])!r}: start one in another --store"
        )
    return config


def keep(store: Store, config: LeagueConfig) -> None:
    """Create the league with what `resumable` has found, or bring its configuration up to date."""
    present = store.config()
    if present is None:
        store.create(config)
    elif present != config:
        store.update_config(config)


def fold_log(store: Store, config: LeagueConfig, holder: Holder, note: Callable[[str], None]) -> None:
    """Put together what an older version has left of matches one by one, and count anew what it counted otherwise.

    Once, and said while it lasts.
    """
    said = Every(FOLDING_S)

    def watch(line: str) -> None:
        store.renew(holder, STARTING_S)
        if said.claim():
            note(line)

    store.seal(config.log, watch)
    store.follow_rules(lambda line: watch(f"counting the match log anew: {line}"))


def check_playable(config: LeagueConfig, seen: Set[str] = frozenset()) -> LeagueConfig:
    """The configuration with its network and its freezing settled for the game; raises where it cannot be played.

    `seen`: the roles of which the pool has snapshots.
    """
    spec = game_spec(config.game)
    every_steps = config.snapshots.every_steps or AUTO_EVERY_STEPS[looks_ahead(config.learning, spec)]
    # Chosen once, for good: a game that later names patterns does not change the network of a league that has learned.
    config = dataclasses.replace(
        config,
        network=settled(config.network, spec),
        snapshots=dataclasses.replace(config.snapshots, every_steps=every_steps),
    )
    fresh(spec, config.network, config.seed)
    mixed = [bot for role in config.roles.values() for source in role.mix for bot in source.bots or ()]
    for bot in dict.fromkeys([*(config.arena.bots or spec.bots), *mixed]):
        make_bot(bot, spec)
    if config.promotion.automatic:
        check_cap(config.promotion, config.promotion.candidates, len(seatings(spec.seats)))
    _check_sources(config, seen)
    return config


def _check_sources(config: LeagueConfig, seen: Set[str]) -> None:
    """Raise `ConfigError` for a source of opponents whose roles have no learner, nor a snapshot from when they had."""
    for name, role in config.roles.items():
        for place, source in enumerate(role.mix if role.count else ()):
            if source.roles and not any(config.roles[other].count or other in seen for other in source.roles):
                raise ConfigError(
                    f"roles.{name}.mix[{place}].roles = {list(source.roles)}: nobody has these roles, their count is 0 "
                    "and the pool has no snapshot of them"
                )


def run_league(
    store: Store,
    address: str,
    config: LeagueConfig,
    *,
    limits: Limits,
    log_dir: str,
    ray_address: str | None = None,
    dashboard: bool = False,
    watch: Callable[[Progress], None] = lambda progress: None,
    note: Callable[[str], None] = lambda text: None,
) -> Progress:
    """Train until a limit is reached, SIGINT or SIGTERM arrives, or the league fails (`LeagueError`).

    `watch` is called at each stage of the start and then about twice a second. An interrupted league saves and ends at
    once; one that reached its limit first plays the matches that settle the ratings. A second signal ends this process
    without waiting.

    Raises `UndecidedError` at the end of a run in which no game was won or lost, `StoreError` where another run trains
    the league or the server evicts. The lease of one that was killed is waited for; `note` is told what takes longer.
    """
    store.refuse_eviction()
    embed_league()
    for warning in store.server_warnings():
        note(f"warning: {warning}")
    address = absolute(address)  # Actors may work in another folder.
    start = Progress(phase="starting", seconds=0.0, steps=Status.from_json(store.status()).steps, interrupted=False)
    with (
        _said(watch, start, "the league"),
        only_one(address),
        _leased(store, config, force=is_embedded(address), note=note) as (holder, checked),
        _said(watch, start, f"Ray at {ray_address}" if ray_address else "Ray"),
        entered_at_once(ray_session(ray_address, dashboard=dashboard)) as nodes,
    ):
        _check_room(address, config, nodes, note)
        keep(store, checked)  # Now that it is known to fit these nodes.
        fold_log(store, config, holder, note)
        store.fence = None  # From here on the coordinator writes, with a newer token.
        with interrupts() as interrupted:
            coordinator = _begun(Place(store=address, league=store.league, log_dir=log_dir, holder=holder), note)
            start = dataclasses.replace(start, stage="the coordinator")
            run = Run(coordinator, limits, watch, interrupted, start, _ChampionElo(store, config))
            run.until_limit()
            final = run.end(0.0 if interrupted.is_set() else config.arena.closing_s)
        if final.trouble is not None:
            raise UndecidedError(f"{final.trouble}; the league is saved")
        return final


def _begun(place: Place, note: Callable[[str], None]) -> Any:
    """The coordinator of a league, at work; raises `ClusterError` where Ray has one of that name."""
    try:
        place_dashboards()
    except OSError as error:
        note(f"the Grafana dashboards could not be put beside Ray's: {error}")
    try:
        coordinator = spawn_coordinator(CoordinatorActor, place)
    except ValueError as error:
        raise ClusterError(
            f"a league called {place.league!r} runs on this Ray already: give another --league"
        ) from error
    coordinator.start.remote()
    return coordinator


@contextlib.contextmanager
def _said(watch: Callable[[Progress], None], start: Progress, stage: str) -> Iterator[None]:
    """Say a stage of the start when those before it are over."""
    watch(dataclasses.replace(start, stage=stage))
    yield


def _check_room(address: str, config: LeagueConfig, nodes: Sequence[Node], note: Callable[[str], None]) -> None:
    """Raise `ClusterError` where nodes cannot reach the store, or not one learner can train and no node may come."""
    check_reachable(address, nodes)
    room = whole_room(nodes)
    plan = plan_hardware(config, room, batched=game_spec(config.game).batched)
    if plan.learners:
        return
    cpus, gpus = least(config)
    text = f"one learner needs {cpus:g} CPUs and {gpus:g} GPUs, Ray has {room.cpus:g} and {sum(room.gpus):g}"
    if not autoscaled(nodes):
        raise ClusterError(f"{text}: lower learning.num_learners or learning.gpus, or add nodes")
    if not bounded(plan.bundles[:1], config.capacity.max_cpus, config.capacity.max_gpus):
        raise ClusterError(f"{text}, and capacity.max_cpus or capacity.max_gpus allows no more: raise it, or add nodes")
    note(f"{text}: waiting for the autoscaler to bring nodes")


@contextlib.contextmanager
def only_one(store: str) -> Iterator[None]:
    """Hold the folder for one run at a time; the system lets go of it when this process ends, however it ends."""
    if not is_embedded(store):
        yield
        return
    with Path(store, "train.lock").open("w") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError as error:
            raise StoreError(f"{store} is being trained already: see `league status --store {store}`") from error
        yield


@contextlib.contextmanager
def _leased(
    store: Store, config: LeagueConfig, *, force: bool, note: Callable[[str], None]
) -> Iterator[tuple[Holder, LeagueConfig]]:
    """Hold the league for this run, which can be trained so; given back once all that the block started has ended.

    `force`: whoever else holds it is dead, as the lock on a folder proves.
    """
    holder = Holder.here()
    store.fence = _acquire(store, holder, force, note)
    try:
        yield holder, resumable(store, config)
    finally:
        with contextlib.suppress(StoreError):  # It expires.
            store.release(holder)


def _acquire(store: Store, holder: Holder, force: bool, note: Callable[[str], None]) -> int:
    """Take the lease, if need be once it has expired; raise `LeaseError` as soon as another run renews it."""
    seen = None
    while True:
        try:
            return store.acquire(holder, STARTING_S, force=force)
        except LeaseError:
            lease = store.lease()
            if lease is None:
                continue
            if seen is None:
                note(f"waiting for the lease of {lease.holder} to expire in {lease.expires_in_s:.0f} s")
            elif lease.token != seen.token or lease.expires_in_s > seen.expires_in_s:
                raise
            seen = lease
            time.sleep(WAIT_S)


class _ChampionElo:
    """The champion's Elo, read from the store now and then; None before there is one that has played."""

    def __init__(self, store: Store, config: LeagueConfig) -> None:
        self.store, self.config = store, config
        self._reading = Every(ELO_EVERY_S, at_once=True)
        self._elo: float | None = None

    def __call__(self) -> float | None:
        if self._reading.due:
            self._reading.begin()
            with contextlib.suppress(StoreUnavailableError):  # The league waits for it, too.
                champion, ratings = self.store.champion(), self.store.ratings()
                rating = ratings.get(champion.policy) if champion is not None else None
                self._elo = None if rating is None else elo(rating, ratings, self.config.ratings).points
        return self._elo
