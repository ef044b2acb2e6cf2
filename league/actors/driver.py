"""Running a league from one process: start or resume it, watch it, end it cleanly."""

from __future__ import annotations

import contextlib
import dataclasses
import fcntl
import time
from collections.abc import Callable, Iterator, Sequence, Set
from pathlib import Path
from typing import Any

import ray
from ray.exceptions import GetTimeoutError, RayActorError

from league.actors.coordinator import CoordinatorActor
from league.actors.grafana import embed_league, place_dashboards
from league.actors.place import Place
from league.actors.reach import check_reachable
from league.actors.spawn import spawn_coordinator
from league.cluster.nodes import Node, autoscaled, whole_room
from league.cluster.plan import bounded, least, plan_hardware
from league.cluster.session import ray_session
from league.config import LeagueConfig
from league.errors import ClusterError, ConfigError, LeagueError, LeaseError, StoreError, UndecidedError
from league.games import game_spec
from league.ladder.promotion import check_cap
from league.policies.network import settled
from league.policies.weights import fresh
from league.pool.lease import Holder
from league.pool.store import Store, is_embedded
from league.rollout.arena import seatings
from league.rollout.choices import looks_ahead
from league.sections import AUTO_EVERY_STEPS
from league.settings import plain
from league.signals import Interruption, interrupts
from league.view.progress import Limits, Progress

POLL_S = 0.5
SILENCE_S = 120.0
"""A coordinator that does not answer for so long is given up."""
ENDING_S = 180.0
"""How long the league may take to save and end, beside its closing matches."""
STARTING_S = 60.0
"""The first lease: until Ray is up and the coordinator has taken its own."""


def prepare(store: Store, config: LeagueConfig) -> None:
    """Create the league, or bring its configuration up to date; raise where it cannot be played or resumed.

    Everything that can be found wrong without Ray is found here: an unknown game, a network that does not fit it, a cap
    of the promotion test that nobody can pass, a source of opponents where nobody can ever be, a league of another
    game, another network than the learners have.
    """
    spec = game_spec(config.game)
    present = store.config()
    if present is not None and present.network.normalize is None and store.learners():
        # It has learned from observations as they are, before they were scaled.
        present = dataclasses.replace(present, network=dataclasses.replace(present.network, normalize=False))
        config = dataclasses.replace(
            config, network=dataclasses.replace(config.network, normalize=bool(config.network.normalize))
        )
    every_steps = config.snapshots.every_steps or AUTO_EVERY_STEPS[looks_ahead(config.learning, spec)]
    # Chosen once, for good: a game that later names patterns does not change the network of a league that has learned.
    config = dataclasses.replace(
        config,
        network=settled(config.network, spec),
        snapshots=dataclasses.replace(config.snapshots, every_steps=every_steps),
    )
    fresh(spec, config.network, config.seed)
    if config.promotion.automatic:
        check_cap(config.promotion, config.promotion.candidates, len(seatings(spec.seats)))
    _check_sources(config, set() if present is None else {snapshot.role for snapshot in store.present()})
    if present is None:
        store.create(config)
        return
    began_with = settled(present.network, spec)
    if began_with != config.network and store.learners():
        names = [f.name for f in dataclasses.fields(config.network)]
        old, new = ({name: getattr(one, name) for name in names} for one in (began_with, config.network))
        changed = next(name for name in names if old[name] != new[name])
        raise ConfigError(
            f"network.{changed} = {plain(new[changed])!r}: it cannot change once the league has learned, with "
            f"{plain(old[changed])!r}: start one in another --store"
        )
    if present != config:
        store.update_config(config)


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

    `watch` is called about twice a second. An interrupted league saves and ends at once; one that reached its limit
    first plays the matches that settle the ratings. A second signal ends this process without waiting.

    Raises `UndecidedError` at the end of a run in which no game was won or lost, `StoreError` where another run trains
    the league. The lease of one that was killed is waited for, which
    `note` is told, as it is what the store's server may lose. One that evicts is refused.
    """
    store.refuse_eviction()
    embed_league()
    for warning in store.server_warnings():
        note(f"warning: {warning}")
    with (
        only_one(address),
        _leased(store, config, force=is_embedded(address), note=note) as holder,
        ray_session(ray_address, dashboard=dashboard) as nodes,
        interrupts() as interrupted,
    ):
        check_reachable(address, nodes)
        _check_room(config, nodes, note)
        try:
            place_dashboards()
        except OSError as error:
            note(f"the Grafana dashboards could not be put beside Ray's: {error}")
        try:
            place = Place(store=address, league=store.league, log_dir=log_dir, holder=holder)
            coordinator = spawn_coordinator(CoordinatorActor, place)
        except ValueError as error:  # Ray has an actor of that name.
            raise ClusterError(
                f"a league called {store.league!r} runs on this Ray already: give another --league"
            ) from error
        coordinator.start.remote()
        run = _Run(coordinator, limits, watch, interrupted)
        run.until_limit()
        closing_s = 0.0 if interrupted.is_set() else config.arena.closing_s
        final = run.end(closing_s)
        if final.trouble is not None:
            raise UndecidedError(f"{final.trouble}; the league is saved")
        return final


def _check_room(config: LeagueConfig, nodes: Sequence[Node], note: Callable[[str], None]) -> None:
    """Raise `ClusterError` where not one learner can train, unless an autoscaler may bring nodes."""
    room = whole_room(nodes)
    plan = plan_hardware(config, room)
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
def _leased(store: Store, config: LeagueConfig, *, force: bool, note: Callable[[str], None]) -> Iterator[Holder]:
    """Hold the league for this run, and prepare it; given back once all that the block started has ended.

    `force`: whoever else holds it is dead, as the lock on a folder proves.
    """
    holder = Holder.here()
    store.fence = _acquire(store, holder, force, note)
    try:
        prepare(store, config)
        store.fence = None  # From here on the coordinator writes, with a newer token.
        yield holder
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
            time.sleep(POLL_S)


class _Run:
    """A league under way, seen from the driver."""

    def __init__(
        self, coordinator: Any, limits: Limits, watch: Callable[[Progress], None], interrupted: Interruption
    ) -> None:
        self.coordinator = coordinator
        self.limits = limits
        self.watch = watch
        self.interrupted = interrupted
        self.began: float | None = None
        self.heard = time.monotonic()
        self.progress = Progress(phase="starting", seconds=0.0, steps=0, interrupted=False)

    def until_limit(self) -> None:
        limits = self.limits
        while not self.interrupted.is_set():
            self._look()
            seconds, steps = self.progress.seconds, self.progress.steps
            if limits.seconds is not None and seconds >= limits.seconds:
                return
            if limits.steps is not None and steps >= limits.steps:
                return
            self.interrupted.wait(POLL_S)

    def end(self, closing_s: float) -> Progress:
        deadline = time.monotonic() + ENDING_S + closing_s
        asked = False
        while self.progress.phase != "stopped":
            with contextlib.suppress(RayActorError):
                if not asked or self.progress.phase in ("starting", "training"):
                    ray.get(self.coordinator.stop.remote(closing_s), timeout=SILENCE_S)
                    asked = True
            self._look()
            if time.monotonic() > deadline:
                why = f": {self.progress.waits}" if self.progress.waits else ""
                raise ClusterError(
                    f"the league did not end within {ENDING_S + closing_s:.0f} s; its last checkpoint is safe{why}"
                )
            time.sleep(POLL_S / 2)
        return self.progress

    def _look(self) -> None:
        """Ask the coordinator how it is, and say how far the run is; while Ray restarts it, what was known stays."""
        share = self.limits.share(self.progress.seconds, self.progress.steps)
        try:
            phase, failure, steps, waits, trouble = ray.get(self.coordinator.state.remote(share), timeout=SILENCE_S)
        except (RayActorError, GetTimeoutError) as error:
            if time.monotonic() - self.heard > SILENCE_S:
                raise ClusterError(f"the coordinator does not answer: {str(error).splitlines()[0]}") from error
            return
        self.heard = time.monotonic()
        if failure is not None:
            raise LeagueError(failure)
        if phase == "training" and self.began is None:
            self.began = time.monotonic()
        seconds = time.monotonic() - self.began if self.began is not None else 0.0
        self.progress = Progress(
            phase=phase,
            seconds=seconds,
            steps=steps,
            interrupted=self.interrupted.is_set(),
            waits=waits,
            trouble=trouble,
        )
        self.watch(self.progress)
