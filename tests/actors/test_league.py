"""A league from its first move to its champion, and what it does when things go wrong."""

import dataclasses
import signal
import subprocess
import sys
from pathlib import Path

import pytest
import ray

from league.actors.spawn import NAMESPACE
from league.errors import ClusterError, ConfigError, LeagueError, WrongLeagueError
from league.games import game_spec
from league.ladder.records import Snapshot
from league.policies.network import settled
from league.policies.weights import digest, fresh, pack
from league.pool.mirror import Mirror
from league.pool.store import Store
from league.view.overview import Overview
from league.view.progress import Progress
from tests.actors.small_runs import Run, prepare, small

pytestmark = pytest.mark.usefixtures("ray_for_all")


@pytest.mark.timeout(900)  # Its champion needs matches, which a busy machine plays few of.
def test_trains_rates_and_names_a_champion_then_goes_on_where_it_was(run: Run, store: Store, tmp_path: Path) -> None:
    first = run(small(), steps=10_000)
    assert first.phase == "stopped"
    assert first.steps >= 10_000
    while store.champion() is None:  # Few matches are played while another test has the machine.
        first = run(small(), steps=first.steps + 2_000)
    names = [snapshot.name for snapshot in store.snapshots()]
    assert names[:3] == ["main-0000", "main-0001", "main-0002"]
    assert store.snapshots()[-1].steps == first.steps
    champion = store.champion()
    assert champion is not None
    assert champion.policy in names
    assert champion.evidence["outcome"] == "passed"
    tested = {(match.row, match.column) for match in store.matches() if match.gate}
    assert all((one.policy, one.evidence["against"]) in tested for one in store.promotions()[1:])
    ratings = store.ratings()
    assert {"uniform", "perfect", *names} <= ratings.keys()
    assert store.verify().problems == ()
    status = store.status()
    assert status is not None
    assert (status["phase"], status["steps"]) == ("stopped", first.steps)
    assert list((tmp_path / "logs" / "main").glob("events.out.tfevents.*"))

    matches = store.match_count()
    seen: list[Progress] = []
    said: dict[str, int] = {}

    def watch(progress: Progress) -> None:
        seen.append(progress)
        status = store.status()
        if progress.phase == "starting" and status is not None:
            said[status["phase"]] = status["steps"]

    again = run(small(), steps=first.steps + 2_000, watch=watch)
    stages = list(dict.fromkeys(one.stage for one in seen if one.phase == "starting"))
    assert stages[:2] == ["the league", "Ray"]
    slow = "learner main: no room yet, slow to start, or the game does not answer"
    assert [stage for stage in stages if stage.startswith("learner")] in (["learner main"], ["learner main", slow])
    assert stages[-1] in ("learner main", slow), "the latter on a busy machine"
    assert {one.steps for one in seen if one.phase == "starting"} == {first.steps}, "it has them while it starts, too"
    assert set(said.values()) == {first.steps}
    # How far beyond, says how busy the machine is; had it begun to count anew, it would be as many as before and more.
    assert first.steps + 2_000 <= again.steps < 2 * first.steps + 2_000
    assert [s.name for s in store.snapshots()][: len(names)] == names
    assert store.match_count() > matches
    assert store.verify().problems == ()


@pytest.mark.long
def test_goes_on_after_the_death_of_each_actor(run: Run, store: Store) -> None:
    killed: list[str] = []
    counted: list[int] = []

    def kill_in_turn(progress: Progress) -> None:
        counted.append((store.status() or {}).get("totals", {}).get("steps", {}).get("main", 0))
        for name in ("coordinator", "main", "match-0"):
            if name not in killed and progress.steps > 2_000 * (len(killed) + 1):
                ray.kill(ray.get_actor(f"{store.league}/{name}", namespace=NAMESPACE), no_restart=False)
                killed.append(name)
                return

    final = run(small(), steps=12_000, watch=kill_in_turn)
    assert killed == ["coordinator", "main", "match-0"]
    assert final.phase == "stopped"
    assert final.steps >= 12_000
    assert store.verify().problems == ()
    lost = [event["text"] for event in store.events() if event["kind"] == "lost"]
    assert any(text.startswith("main: ") for text in lost), lost
    assert Overview.read(Mirror(store, standings=False)).event_counts["lost"] >= len(lost)
    totals = (store.status() or {})["totals"]
    assert totals["restarts"]["coordinator"] == 1
    assert totals["restarts"]["learner"] == 1, "however often it was asked in vain"
    assert counted == sorted(counted), "no counter ever falls"
    assert totals["steps"]["main"] >= final.steps, "whatever a checkpoint holds is counted, whoever dies"
    assert (store.status() or {})["nodes"] == {"head": 1}
    assert store._call("GET", store._keys.fence) == b"3", "the driver, the coordinator, and the one after it"
    assert store.lease() is None


@pytest.mark.long
def test_exploiters_take_turns_with_the_main_and_begin_anew(run: Run, store: Store, tmp_path: Path) -> None:
    roles = tmp_path / "roles.toml"
    roles.write_text(
        """
        [roles.main]
        share = 3
        [roles.exploiter]
        count = 2
        mix = [{ against = "latest", roles = ["main"] }]
        reset_probability = 1.0
        [roles.veteran]
        mix = [{ against = "past", roles = ["main"], weighting = "squared" }]
        freeze_win_rate = 0.99
        freeze_limit_steps = 6000
        reset_probability = 1.0
        reset_to = "past"
        """
    )
    began: dict[str, int] = {}

    def end_after_enough_turns(progress: Progress) -> None:
        """Turns are shared once everybody is there; how long that takes is the machine's affair."""
        learners = (store.status() or {}).get("learners", {})
        steps = {name: learner["steps"] for name, learner in learners.items()}
        if not began and steps and all(steps.values()):
            began.update(steps)
        elif began and not progress.interrupted and sum(steps.values()) >= sum(began.values()) + 50_000:
            signal.raise_signal(signal.SIGINT)

    first = run(small(file=roles), watch=end_after_enough_turns)
    status = store.status()
    assert status is not None
    learners = status["learners"]
    assert set(learners) == {"main", "exploiter1", "exploiter2", "veteran"}
    steps = {name: learner["steps"] - began[name] for name, learner in learners.items()}
    main = steps.pop("main")
    assert min(steps.values()) > 0.3 * max(steps.values()), "nobody starves"
    assert main > 1.5 * sum(steps.values()) / len(steps), "it has three times the share"
    assert set(learners["exploiter1"]["opponents"]) <= {s.name for s in store.snapshots() if s.learner == "main"}
    reset = [event["text"] for event in store.events() if event["kind"] == "reset"]
    assert any(text.startswith("exploiter1 begins anew from its first weights") for text in reset), reset
    assert any(text.startswith("veteran begins anew from veteran-0") for text in reset), reset
    assert {s.role for s in store.snapshots()} == {"main", "exploiter", "veteran"}
    checkpoint = store.checkpoint("exploiter1")
    assert checkpoint is not None
    assert 0 < checkpoint[1]["began_at"] <= checkpoint[1]["steps"]

    again = run(small(file=roles), steps=first.steps + 10_000)
    assert again.phase == "stopped"
    assert store.verify().problems == ()


@pytest.mark.long
def test_a_corrupt_snapshot_is_named_and_left_out(run: Run, store: Store) -> None:
    run(small(), steps=10_000)
    victim = store.snapshots()[1]
    key = store._keys.weights(victim.digest)
    store._call("SET", key, b"x" * victim.bytes)
    before = sum(victim.name in (match.row, match.column) for match in store.matches())
    final = run(small("arena.share=0.9"), steps=40_000)
    assert final.phase == "stopped"
    events = [event["text"] for event in store.events() if event["kind"] == "corrupt"]
    assert len(events) == 1
    assert victim.name in events[0]
    assert sum(victim.name in (match.row, match.column) for match in store.matches()) == before
    status = store.status()
    assert status is not None
    assert status["unreadable"] == [victim.name]


@pytest.mark.long
def test_a_learner_that_diverges_goes_back_and_is_stopped(run: Run, store: Store) -> None:
    with pytest.raises(LeagueError, match=r"every learner has diverged.*lower learning\.lr"):
        run(small("learning.lr=1e30", "learning.grad_clip=1e30"), steps=1_000_000)
    diverged = [event["text"] for event in store.events() if event["kind"] == "diverged"]
    assert len(diverged) == 3
    assert all("went back to main-0000" in text for text in diverged)
    assert diverged[0].endswith("main is stopped")
    status = store.status()
    assert status is not None
    assert status["phase"] == "failed"


@pytest.mark.long
@pytest.mark.parametrize("game", ["tests.games.three_seats", "pettingzoo.classic.leduc_holdem_v4"])
def test_any_aec_game_trains(run: Run, store: Store, game: str) -> None:
    if game.startswith("pettingzoo"):
        pytest.importorskip("rlcard")
    settings = [f"game={game}", "rollout.games=8", "snapshots.every_steps=300", "arena.games=4"]
    final = run(small(*settings), steps=1_000)
    assert final.steps >= 1_000
    assert store.champion() is not None
    assert store.verify().problems == ()


@pytest.mark.long
def test_games_that_break_are_dropped_and_counted(run: Run, store: Store) -> None:
    run(small("game=tests.actors.breaking_game", "rollout.games=8", "arena.games=4"), steps=300)
    status = store.status()
    assert status is not None
    assert status["dropped_games"] > 0
    event = next(event["text"] for event in store.events() if event["kind"] == "dropped")
    assert "the table collapsed" in event or "against" in event


def test_who_only_starts_learners_does_not_wait_for_rllib() -> None:
    """It takes seconds to import, on each start and each restart of driver and coordinator."""
    program = "import sys, league.actors.driver, league.actors.coordinator; sys.exit('ray.rllib' in sys.modules)"
    subprocess.run([sys.executable, "-c", program], check=True, cwd=Path(__file__).parents[2])


def test_a_cluster_without_room_for_one_learner_is_refused(run: Run) -> None:
    with pytest.raises(ClusterError, match=r"learner needs 1001 CPUs and 0 GPUs, Ray has \d+ and \d+: lower learning"):
        run(small("learning.num_learners=1000"), steps=1)


@pytest.mark.long
def test_another_game_or_network_is_refused(run: Run, store: Store) -> None:
    run(small(), steps=1_000)
    with pytest.raises(WrongLeagueError, match=r"plays tic_tac_toe, not connect_four"):
        run(small("game=connect_four"), steps=1)
    with pytest.raises(ConfigError, match=r"network\.hidden = \[64\]: it cannot change .* with \[32\]"):
        run(small("network.hidden=[64]"), steps=1)


def test_a_source_where_nobody_can_be_is_refused_unless_the_pool_remembers_somebody(
    store: Store, tmp_path: Path
) -> None:
    table = tmp_path / "roles.toml"
    table.write_text("""
        [roles.main]
        mix = [{ against = "self" }, { against = "past", roles = ["hunter"] }]
        [roles.hunter]
        count = 0
    """)
    config = small(file=table)
    with pytest.raises(ConfigError, match=r"roles\.main\.mix\[1\]\.roles = \['hunter'\]: nobody has these roles"):
        prepare(store, config)
    assert store.config() is None
    store.create(config)
    weights = pack(fresh(game_spec(config.game), config.network, seed=1))
    remembered = Snapshot(
        name="hunter-0000", digest=digest(weights), learner="hunter", steps=1, created_s=1.0, bytes=len(weights)
    )
    store.add_snapshot(remembered, weights)
    prepare(store, config)
    assert store.config() == dataclasses.replace(config, network=settled(config.network, game_spec(config.game)))
