"""One log, wherever its matches are: in the stream, in segments, in an archive; and whoever is killed in between."""

import contextlib
import dataclasses
import itertools
import threading

import pytest

from league.config import LeagueConfig, LogConfig, RatingConfig
from league.errors import ConfigError, SegmentError, StoreFullError, StoreUnreachableError, UnknownMatchError
from league.ladder.payoff import Payoff
from league.ladder.ratings import recompute
from league.ladder.records import Match, Tally
from league.pool import archive
from league.pool.archive import Archive
from league.pool.backup_file import check_backup
from league.pool.keys import Keys
from league.pool.matches import RULES
from league.pool.segments import decode, encode
from league.pool.store import Store
from tests.full_disk import fill, small_disk

RULE = LogConfig(keep=5, segment=10)


def a_match(number, row="a", column="b"):
    results = {"01": Tally(number % 3, 1, number % 2), "10": Tally(0, number % 5, 1)}
    return Match(
        match_id=f"m{number}",
        row=row,
        column=column,
        results=results,
        played_s=0.1 + number,
        dropped=number % 2,
        groups=(number, 0, 2, 0, 1) if number % 3 else (),
        gate=number % 4 == 0,
        check=number % 4 == 2,
        batch=number if number % 4 == 0 else None,
    )


def played(count):
    names = itertools.cycle(itertools.permutations("abc", 2))
    return [a_match(number, *names_of) for number, names_of in zip(range(1, count + 1), names, strict=False)]


def assert_whole(store, log):
    """What a store must hold of these matches, wherever they are."""
    assert [match.match_id for match in store.matches()] == [match.match_id for match in log]
    assert list(store.matches()) == log
    assert list(store.matches(newest_first=True)) == log[::-1]
    assert store.match_count() == len(log)
    assert store.ratings() == recompute(log, store.require_config().ratings)
    payoff = Payoff()
    for match in log:
        payoff.add(match)
    assert store.payoff() == payoff
    assert store.verify().problems == ()
    assert store.verify().matches == len(log)


@pytest.fixture
def folder(tmp_path):
    with Store.open(str(tmp_path / "store")) as opened:
        opened.create(LeagueConfig())
        yield opened


@pytest.fixture
def filled(folder):
    """A folder store with 47 matches, of which four segments can be made."""
    log = played(47)
    folder.record_all(log)
    return folder, log


def test_a_segment_gives_back_every_match_to_the_last_bit(monkeypatch):
    log = list(enumerate(played(30), start=7))
    log.append((99, Match(match_id="ö", row="x", column="y", results={}, played_s=1e-300, dropped=4)))
    assert list(decode(encode(log))) == log

    @dataclasses.dataclass(frozen=True, kw_only=True)
    class Later(Match):
        batch: int | None = None

    monkeypatch.setattr("league.pool.segments.Match", Later)
    later = [(1, Later(**{**vars(log[0][1]), "batch": 7})), (2, Later(**vars(log[1][1])))]
    assert list(decode(encode(later))) == later, "what a match has besides stands in `more`"
    with pytest.raises(SegmentError, match="cannot be read"):
        list(decode(b"PAR1 is not enough"))
    with pytest.raises(SegmentError):
        list(decode(encode(log)[:-100]))


def test_old_matches_become_segments_and_the_log_stays_one(filled):
    store, log = filled
    assert store.seal(RULE) == 40
    assert [(one.first, one.last, one.place) for one in store.segments()] == [
        (1, 10, None), (11, 20, None), (21, 30, None), (31, 40, None),
    ]  # fmt: skip
    assert store._call("XLEN", store._keys.matches) == store._call("HLEN", store._keys.match_index) == 7
    assert_whole(store, log)
    assert [match.match_id for match in store.matches(3)] == ["m1", "m2", "m3"]
    assert [match.match_id for match in store.matches(9, newest_first=True)] == [f"m{n}" for n in range(47, 38, -1)]
    assert store.seal(RULE) == 0
    assert not store.record(log[-1]), "one that is kept is known"
    assert store.record(a_match(48, "c", "a"))
    assert_whole(store, [*log, a_match(48, "c", "a")])


def test_segments_go_to_the_archive_in_the_folder(filled, tmp_path):
    store, log = filled
    store.seal(RULE)
    lines = []
    assert store.archive(None, lines.append) == 4
    assert len(lines) == 4
    files = sorted((tmp_path / "store" / "archive").iterdir())
    assert [path.suffix for path in files] == [".parquet"] * 4
    assert all(one.place.startswith("archive/") for one in store.segments())
    assert not store._call("EXISTS", *(store._keys.segment(n) for n in range(1, 5)))
    assert_whole(store, log)
    assert store.archive(None) == 0


def test_a_server_keeps_its_segments_until_it_is_told_a_place(store, tmp_path):
    log = played(47)
    store.record_all(log)
    store.seal(RULE)
    assert store.archive(None) == 0
    assert all(one.place is None for one in store.segments())
    assert_whole(store, log)
    assert store.archive(str(tmp_path / "deep" / "archive")) == 4
    assert_whole(store, log)


def test_an_archive_by_url(filled, tmp_path):
    store, log = filled
    store.seal(RULE)
    assert store.archive(f"file://{tmp_path}/bucket") == 4
    assert len(list((tmp_path / "bucket").iterdir())) == 4
    assert_whole(store, log)
    with pytest.raises(SegmentError, match=r"log\.archive: pyarrow knows no nonsense://"):
        Archive("nonsense://x").write("name", b"data")


def test_a_sealed_store_is_not_for_older_versions(filled):
    store, _ = filled
    assert store._call("HGET", store._keys.meta, "schema") == b"1"
    store.seal(RULE)
    assert store._call("HGET", store._keys.meta, "schema") == b"2"


def test_a_match_in_a_segment_is_not_found_by_its_id_and_the_message_says_so(filled):
    store, _ = filled
    store.seal(RULE)
    assert store.match("m47").match_id == "m47"
    with pytest.raises(UnknownMatchError, match="nor is it one of those that are kept one by one"):
        store.match("m1")


def test_a_log_of_which_everything_is_sealed_goes_on(folder):
    log = played(21)
    folder.record_all(log[:20])
    folder.seal(LogConfig(keep=1, segment=19))
    folder._call("XADD", folder._keys.matches, "21-0", "match", "{}")
    lost, _ = folder.repair()
    assert "entry 21-0" in lost[0]
    folder._call("XDEL", folder._keys.matches, "20-0")
    assert folder.repair()[1] != []
    folder.record(log[20])
    assert [number for number, _ in folder.history()] == [*range(1, 20), 22]
    assert folder.verify().problems == ()


class Killed(BaseException):
    """The process has ended here."""


def killed_at(step, monkeypatch, store):
    """Let this process end before its `step`-th command to the store or write to the archive; what was done stays."""
    left = [step]

    def counted(do):
        def once(*arguments, **options):
            left[0] -= 1
            if left[0] < 0:
                raise Killed
            return do(*arguments, **options)

        return once

    monkeypatch.setattr(store, "_transact", counted(store._transact))
    monkeypatch.setattr(store, "_call", counted(store._call))
    monkeypatch.setattr(store, "_together", counted(store._together))
    monkeypatch.setattr("league.pool.archive.os.fsync", counted(lambda descriptor: None))
    monkeypatch.setattr("league.pool.archive.read", counted(archive.read))
    return left


def test_killed_at_any_instant_of_sealing_and_archiving_nothing_is_lost_or_doubled(tmp_path):
    """Each step in turn is the last one; then the next process does it all, and it is killed, too, a step later."""
    with Store.open(str(tmp_path / "store")) as store:
        store.create(LeagueConfig())
        log = played(27)
        store.record_all(log)
        steps = 0
        while True:
            with pytest.MonkeyPatch.context() as patch, Store.open(str(tmp_path / "store")) as doomed:
                left = killed_at(steps, patch, doomed)
                try:
                    doomed.seal(RULE)
                    doomed.archive(None)
                    done = left[0] >= 0
                except Killed:
                    done = False
            log.append(a_match(len(log) + 1, "c", "a"))
            store.record(log[-1])
            assert_whole(store, log)
            if done:
                break
            steps += 1
        assert steps >= 7
        assert len(store.segments()) >= 2


def test_beside_whoever_records_and_recomputes_and_verifies(tmp_path):
    """Four at once, on one store, each with a connection of its own."""
    address, done, failures = str(tmp_path / "store"), threading.Event(), list[BaseException]()

    def beside(work):
        def run():
            try:
                with Store.open(address) as own:
                    while not done.is_set():
                        work(own)
            except BaseException as error:
                failures.append(error)

        return threading.Thread(target=run)

    def keep(own):
        own.seal(RULE)
        own.archive(None)

    def recompute_all(own):
        assert own.rebuild().repaired == ()

    def check(own):
        assert own.verify().problems == ()

    log = played(300)
    with Store.open(address) as store:
        store.create(LeagueConfig())
        threads = [beside(work) for work in (keep, recompute_all, check)]
        for thread in threads:
            thread.start()
        for match in log:
            assert store.record(match)
        done.set()
        for thread in threads:
            thread.join()
        assert failures == []
        keep(store)
        assert_whole(store, log)
        assert len(store.segments()) >= 20


def test_recompute_repairs_beside_a_league_that_never_pauses(filled, tmp_path):
    """What is wrong is put right while matches come, and a wrong rating does not live on in whom it meets."""
    store, log = filled
    store.seal(RULE)
    keys = Keys(store.league)
    store._call("HSET", keys.ratings, "a", "[99.0,1.0,3]")
    store._call("HINCRBY", keys.payoff, "a|b|01|w", 7)
    done = threading.Event()

    def recording():
        with Store.open(str(tmp_path / "store")) as own:
            for number in itertools.count(48):
                if done.is_set():
                    return
                log.append(a_match(number, *"bca"[number % 2 :][:2]))
                own.record(log[-1])

    thread = threading.Thread(target=recording)
    thread.start()
    try:
        rebuilt = store.rebuild()
    finally:
        done.set()
        thread.join()
    assert any(line.startswith("ratings a: stored [99.0,1.0,3]") for line in rebuilt.repaired)
    assert_whole(store, log)


def test_a_changed_rating_scale_rates_segments_too(filled):
    store, log = filled
    store.seal(RULE)
    store.archive(None)
    store.update_config(LeagueConfig(ratings=RatingConfig(mu=0.0)))
    assert_whole(store, log)


@pytest.mark.parametrize("fault", ["missing", "changed", "cut", "lost in the store"])
def test_a_segment_that_is_missing_or_damaged_is_named_and_nothing_is_made_of_the_rest(filled, tmp_path, fault):
    store, log = filled
    store.seal(RULE)
    if fault == "lost in the store":
        store._call("DEL", store._keys.segment(2))
        where = "segment 2 of the match log (matches 11 to 20) is missing in the store"
    else:
        store.archive(None)
        path = sorted((tmp_path / "store" / "archive").iterdir())[1]
        data = path.read_bytes()
        where = "segment 2 of the match log (matches 11 to 20)"
        {
            "missing": path.unlink,
            "changed": lambda: path.write_bytes(data[:100] + bytes([data[100] ^ 1]) + data[101:]),
            "cut": lambda: path.write_bytes(data[:-1]),
        }[fault]()
    before = store.ratings(), store.payoff()
    problems = store.verify().problems
    assert where in problems[0]
    assert "cannot be checked" in problems[-1]
    assert len(problems) == 2
    with pytest.raises(SegmentError, match=r"segment 2 of the match log"):
        store.rebuild()
    assert (store.ratings(), store.payoff()) == before
    lost, derived = store.repair()
    assert where in lost[0]
    assert derived == []
    assert (store.ratings(), store.payoff()) == before, "what is stored is all that is known"
    with (tmp_path / "backup.tar").open("wb") as file:
        made = store.back_up(file)
    assert where in made.damaged[0]
    if fault != "lost in the store":
        path.write_bytes(data)
        assert_whole(store, log)
    assert store.record(a_match(48, "c", "a")), "the league goes on"


@pytest.mark.parametrize("leave", [0, 4096], ids=["nothing left", "found full while it writes"])
def test_a_full_disk_of_the_archive_keeps_the_segments_in_the_store(filled, tmp_path, monkeypatch, leave):
    """A real one. Room that somebody else takes after it was looked for ends the same way."""
    store, log = filled
    store.seal(RULE)
    with small_disk(tmp_path / "disk") as disk:
        filler, place = fill(disk, leave), disk / "archive"
        with monkeypatch.context() as patch:
            if leave:
                patch.setattr("league.pool.archive.has_room", lambda path, size: True)
            with pytest.raises(SegmentError if leave else StoreFullError, match="archive") as refused:
                store.archive(str(place))
        assert ("No space left" if leave else "no room on the disk") in str(refused.value)
        assert sum(one.place is None for one in store.segments()) >= 3
        assert [path.name for path in place.glob(".*")] == [], "nothing half written is left"
        assert_whole(store, log)
        filler.unlink()
        assert store.archive(str(place)) >= 3
        assert_whole(store, log)
        assert store.archive(str(place)) == 0
        moved = [segment.place for segment in store.segments()]
        assert all(path.startswith(str(place)) for path in moved)


def test_an_archive_that_gives_back_something_else_is_not_believed(filled, monkeypatch):
    store, log = filled
    store.seal(RULE)
    with monkeypatch.context() as patch:
        patch.setattr("league.pool.archive.read", lambda path: b"")
        with pytest.raises(SegmentError, match="is not what was written to it"):
            store.archive(None)
    assert_whole(store, log)


def test_a_backup_holds_the_archive_and_the_restored_league_has_all_of_its_log(filled, tcp, name, tmp_path):
    store, log = filled
    store.seal(RULE)
    store.archive(None)
    store._call("DEL", store._keys.replays)
    path = tmp_path / "backup.tar"
    with path.open("wb") as file:
        made = store.back_up(file)
    assert made.matches == check_backup(path).matches == len(log)
    with Store.open(tcp[0], name) as other:
        other.restore(path, check_backup(path))
        assert all(one.place is None for one in other.segments())
        assert_whole(other, log)
        other.record(a_match(48, "c", "a"))
        assert_whole(other, [*log, a_match(48, "c", "a")])


def test_a_backup_beside_sealing_has_every_match_once(filled, tmp_path, tcp, name):
    store, log = filled
    pieces = store._pieces

    def sealed_meanwhile(after, until=None):
        with Store.open(str(tmp_path / "store")) as other:
            other.seal(RULE)
        return pieces(after, until)

    store._pieces = sealed_meanwhile
    path = tmp_path / "backup.tar"
    with path.open("wb") as file:
        store.back_up(file)
    with Store.open(tcp[0], name) as other:
        other.restore(path, check_backup(path))
        assert_whole(other, log)


def test_several_matches_are_recorded_together_or_not_at_all(store):
    log = played(5)
    assert store.record_all(log[:3]).counted == (True, True, True)
    again = store.record_all([log[1], log[3], log[3], log[4]])
    assert (again.counted, again.last) == ((False, True, False, True), 5)
    assert again.ratings == {name: store.ratings()[name] for name in again.ratings}
    assert_whole(store, log)


def test_a_clock_that_jumps_changes_nothing(filled):
    store, log = filled
    for number, played_s in ((48, -1e9), (49, 1e12), (50, 0.0)):
        log.append(dataclasses.replace(a_match(number, "a", "c"), played_s=played_s))
        store.record(log[-1])
    store.seal(RULE)
    assert_whole(store, log)


def test_a_password_in_the_place_of_the_archive_is_refused_without_showing_it():
    with pytest.raises(ConfigError, match=r"log\.archive") as caught:
        LeagueConfig.from_dict({"log": {"archive": "s3://me:secret@bucket/path"}})
    assert "secret" not in str(caught.value)


@pytest.mark.parametrize(("error", "raised"), [(StoreUnreachableError, True), (StoreFullError, False)])
def test_a_recount_that_the_server_did_not_answer_is_not_taken_for_done(filled, monkeypatch, error, raised):
    store, log = filled
    store._call("HDEL", store._keys.meta, "rules")

    def fails(*_):
        raise error("away")

    with monkeypatch.context() as patch:
        patch.setattr(store, "history", fails)
        with pytest.raises(error) if raised else contextlib.nullcontext():
            store.follow_rules()
    store.follow_rules()
    assert store._call("HGET", store._keys.meta, "rules") == str(RULES).encode()
    assert_whole(store, log)
