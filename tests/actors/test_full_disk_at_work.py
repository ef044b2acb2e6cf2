"""A league at work on a disk that fills: it says so at once, goes on by itself, and ends when it is asked to."""

import signal
import threading
import time
from pathlib import Path

import pytest

from league.pool.store import Store
from tests.actors.test_train_process import train, wait_until
from tests.full_disk import fill, small_disk


@pytest.mark.long
def test_a_disk_that_fills_and_has_room_again(tmp_path: Path) -> None:
    with small_disk(tmp_path / "disk") as disk:
        process = train(str(disk / "store"))
        said: list[str] = []
        assert process.stdout is not None
        reader = threading.Thread(target=said.extend, args=(process.stdout,))
        reader.start()
        with Store.open(str(disk / "store")) as store:
            wait_until(lambda: store.match_count() >= 3 and bool(store.learners()), process)
            server, filler, before = store._call("INFO")["process_id"], fill(disk), store.match_count()
            started = time.monotonic()
            words = f"the league waits: nothing was written: no room on the disk of {disk}"
            wait_until(lambda: any(words in line for line in said), process)
            assert time.monotonic() - started < 20
            filler.unlink()
            wait_until(lambda: store.match_count() > before + 1, process)
            assert store._call("INFO")["process_id"] == server, "it lived on"
            assert any(event["kind"] == "store" and "lost nothing" in event["text"] for event in store.events(50))
            fill(disk)
            waiting = len([line for line in said if words in line])
            wait_until(lambda: len([line for line in said if words in line]) > waiting, process)
            process.send_signal(signal.SIGINT)
            started = time.monotonic()
            assert process.wait(60) == 2
            assert time.monotonic() - started < 30
            reader.join()
            assert process.stderr is not None
            assert "could not save, and its last checkpoint stays: nothing was written" in process.stderr.read()
            assert store.verify().problems == ()
