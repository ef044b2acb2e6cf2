"""What the coordinator makes of actors that die, do not begin, or lose what they need; on a real Ray."""

import os
import re
import signal
from pathlib import Path
from typing import Any

import pytest
import ray

from benchmarks.chaos_rig import Server
from league.actors.futures import Futures, LostError
from league.actors.match_worker import MatchWorkerActor
from league.actors.place import Place
from league.config import LeagueConfig
from league.errors import LeagueError, StorePermissionError
from league.pool.lease import Holder
from league.pool.store import Store

pytestmark = pytest.mark.usefixtures("ray_for_all")


@ray.remote(num_cpus=0, max_restarts=-1)
class Worker:
    def __init__(self, refused: bool = False) -> None:
        if refused:
            raise StorePermissionError("redis://db refuses us: WRONGPASS; check LEAGUE_REDIS_PASSWORD")

    def ready(self) -> int:
        return os.getpid()

    def dies(self) -> None:
        os.kill(os.getpid(), signal.SIGKILL)

    def needs_one_that_dies(self) -> None:
        ray.get(Worker.remote().dies.remote())

    def raises(self) -> None:
        raise ZeroDivisionError


def failure(future: Any) -> Exception:
    """With what a call fails, as the coordinator sees it."""
    futures, failures = Futures(), []
    futures.watch(future, lambda result: pytest.fail(f"it returned {result}"), failures.append)
    while not failures:
        futures.handle(timeout_s=10)
    return failures[0]


def ready(actor: Any) -> Any:
    """What it says once it is there."""
    futures, said = Futures(), []
    futures.when_ready(actor, said.append)
    while not said:
        futures.handle(timeout_s=0.1)
    return said[0]


def test_a_dead_actor_is_lost_and_is_waited_for_until_it_is_back() -> None:
    worker = Worker.remote()
    pid = ready(worker)
    error = failure(worker.dies.remote())
    assert isinstance(error, LostError)
    assert not error.lives
    assert ready(worker) != pid


def test_an_actor_that_lost_what_it_needs_is_lost_but_lives() -> None:
    worker = Worker.remote()
    pid = ready(worker)
    error = failure(worker.needs_one_that_dies.remote())
    assert isinstance(error, LostError)
    assert error.lives
    assert ready(worker) == pid


def test_an_actor_that_cannot_begin_says_why_and_where() -> None:
    said = r"on node [\d.]+: redis://db refuses us: WRONGPASS; check LEAGUE_REDIS_PASSWORD"
    error = failure(Worker.remote(refused=True).ready.remote())
    assert type(error) is LeagueError
    assert re.fullmatch(said, str(error))
    with pytest.raises(LeagueError, match=said):
        ready(Worker.remote(refused=True))


def test_a_bug_is_a_bug() -> None:
    with pytest.raises(ZeroDivisionError):
        failure(Worker.remote().raises.remote())


def test_a_match_worker_that_begins_while_the_store_is_down_waits_for_it(tmp_path: Path) -> None:
    server = Server(tmp_path / "redis")
    with Store.open(server.url) as store:
        store.create(LeagueConfig(game="tic_tac_toe"))
    server.kill()
    place = Place(store=server.url, league="league", log_dir=str(tmp_path), holder=Holder.here())
    future = MatchWorkerActor.remote(place).ready.remote()
    assert ray.wait([future], timeout=8)[0] == [], "a client alone would have given up by now"
    server.start()
    ray.get(future, timeout=60)
    server.kill()
