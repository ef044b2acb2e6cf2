"""A league at work is backed up; what is restored goes on from its checkpoints."""

import signal
from pathlib import Path

from league.interfaces.cli import run
from league.pool.store import Store
from tests.actors.test_train_process import ended, train, wait_until


def test_training_goes_on_from_the_checkpoints_of_a_backup(tmp_path: Path) -> None:
    folder, back, file = str(tmp_path / "store"), str(tmp_path / "back"), str(tmp_path / "league.tar")
    first = train(folder)
    with Store.open(folder) as store:
        wait_until(lambda: store.match_count() >= 10 and bool(store.learners()) and len(store.snapshots()) >= 2, first)
        assert run(["backup", file, "--store", folder]) == 0
        assert first.poll() is None, "it was at work all the while"
    first.send_signal(signal.SIGINT)
    ended(first)
    assert run(["restore", file, "--store", back]) == 0
    assert run(["status", "--verify", "--store", back]) == 0
    with Store.open(back) as store:
        matches, snapshots = [match.match_id for match in store.matches()], store.snapshots()
        checkpoint = store.checkpoint("main")
        assert checkpoint is not None
        steps = int(checkpoint[1]["steps"])
    assert steps > 0
    out = ended(train(back, "--steps", str(steps + 2000)))
    assert f"saved in {back}" in out
    with Store.open(back) as store:
        assert [match.match_id for match in store.matches()][: len(matches)] == matches
        assert store.snapshots()[: len(snapshots)] == snapshots
        later = store.checkpoint("main")
        assert later is not None
        assert int(later[1]["steps"]) >= steps + 2000
        assert store.verify().problems == ()
        assert not any(event["kind"] == "checkpoint" for event in store.events()), "the checkpoint was taken up"
