"""`league log`: where old matches are, and all of them in one file; and `league config --mend`."""

from __future__ import annotations

import gzip
import json
from collections.abc import Callable
from pathlib import Path

import pyarrow.parquet as pq
import pytest
from small_league import Command

from league.config import LeagueConfig
from league.pool.connection import dumps
from league.pool.store import Store

Refused = Callable[..., str]


def test_archiving_moves_what_is_old_and_says_what(league: Command, own: Store, folder: Path) -> None:
    assert league("log", "list", at=own).out == "no segments yet; 10 newer matches are kept one by one\n"
    before = list(own.matches())
    result = league("log", "archive", "--keep", "4", at=own)
    assert (result.code, result.out) == (0, "put 6 matches together, archived 1 segment\n")
    listed = league("log", "list", at=own).out.splitlines()
    assert listed[0].split() == ["segment", "first", "match", "last", "match", "size", "sha256", "where"]
    assert f"archive/{own.league}-000001-" in listed[1]
    assert listed[-1] == "4 newer matches are kept one by one"
    (row,) = league("log", "list", "--json", at=own).json
    assert (row["first"], row["last"], row["matches"]) == (1, 6, 6)
    assert (folder / row["place"]).stat().st_size == row["bytes"]
    assert list(own.matches()) == before
    found = league("status", "--verify", "--json", at=own).json
    assert found["archived"] == {"matches": 6, "segments": 1}
    assert found["verification"]["problems"] == []
    assert "10, 6 of them in 1 segment\n" in league("status", at=own).out
    again = league("log", "archive", "--keep", "4", "--json", at=own).json
    assert again == {"sealed": 0, "moved": 0, "held": 0}


def test_archiving_to_a_place_that_is_none(own: Store, refused: Refused, tmp_path: Path) -> None:
    assert "pyarrow knows no nonsense://" in refused("log", "archive", "--keep", "1", "--to", "nonsense://x", at=own)
    assert "secret" not in refused("log", "archive", "--keep", "1", "--to", "s3://me:secret@x/y", at=own)
    (tmp_path / "file").touch()
    assert "cannot write" in refused("log", "archive", "--to", str(tmp_path / "file" / "x"), at=own)
    assert own.verify().problems == ()


def test_a_segment_that_is_gone_is_named_by_every_command(league: Command, own: Store, refused: Refused) -> None:
    league("log", "archive", "--keep", "4", at=own)
    (segment,) = own.segments()
    path = Path(own.address) / str(segment.place)
    data = path.read_bytes()
    path.unlink()
    named = "segment 1 of the match log (matches 1 to 6)"
    assert named in refused("ratings", "recompute", at=own)
    assert named in refused("log", "export", str(path.with_name("all.jsonl")), at=own)
    assert not path.with_name("all.jsonl").exists()
    result = league("status", "--verify", at=own)
    assert result.code == 1
    assert named in result.out
    path.write_bytes(data)
    assert league("status", "--verify", at=own).code == 0


@pytest.mark.parametrize("sealed", [False, True])
def test_the_whole_log_in_one_file(league: Command, own: Store, tmp_path: Path, sealed: bool) -> None:
    if sealed:
        league("log", "archive", "--keep", "3", at=own)
    expected = [{"number": n, **json.loads(dumps(m.to_json()))} for n, m in enumerate(own.matches(), start=1)]
    for name in ("all.jsonl", "all.jsonl.gz", "all.parquet"):
        found = league("log", "export", str(tmp_path / name), "--json", at=own).json
        assert (found["matches"], found["bytes"]) == (10, (tmp_path / name).stat().st_size)
    plain = (tmp_path / "all.jsonl").read_bytes()
    assert gzip.decompress((tmp_path / "all.jsonl.gz").read_bytes()) == plain
    assert [json.loads(line) for line in plain.splitlines()] == expected
    rows = pq.read_table(tmp_path / "all.parquet").to_pylist()
    assert [row["match_id"] for row in rows] == [one["match_id"] for one in expected]
    assert league("log", "export", str(tmp_path / "two.jsonl"), "--last", "2", at=own).out.startswith("2 matches in")
    assert (tmp_path / "two.jsonl").read_bytes() == b"".join(plain.splitlines(keepends=True)[-2:])


def test_an_export_of_an_unknown_kind_is_refused(refused: Refused, tmp_path: Path) -> None:
    assert "must end in .parquet, .jsonl or .jsonl.gz" in refused("log", "export", str(tmp_path / "all.csv"))


def test_a_configuration_that_this_version_refuses_is_looked_at_and_mended(
    league: Command, own: Store, refused: Refused
) -> None:
    stored = own.require_config().to_dict()
    stored["promotion"]["alpha"] = 0.5
    own._call("HSET", own._keys.meta, "config", dumps(stored))
    for command in ("status", "leaderboard", "matches"):
        said = refused(command, at=own)
        assert "promotion.alpha = 0.5: must be below 0.5; see league config --store" in said
    looked = league("config", at=own)
    assert looked.code == 1
    assert "refused  promotion.alpha = 0.5" in looked.err
    assert "promotion.alpha = 0.05" in looked.out
    assert own._call("HGET", own._keys.meta, "config") == dumps(stored).encode(), "looking changes nothing"
    assert "--set goes with --mend" in refused("config", "--set", "seed=1", at=own)
    mended = league("config", "--mend", "--set", "promotion.alpha=0.1", "--json", at=own)
    assert (mended.code, mended.json["promotion"]["alpha"]) == (0, 0.1)
    assert own.require_config().promotion.alpha == 0.1
    assert own.require_config() == LeagueConfig.from_dict(
        {**stored, "promotion": {**stored["promotion"], "alpha": 0.1}}
    )
    assert league("status", "--verify", at=own).code == 0
    assert league("config", at=own).err == ""


def test_another_game_is_no_mending(own: Store, refused: Refused) -> None:
    assert "game = 'connect_four': the league plays" in refused(
        "config", "--mend", "--set", "game=connect_four", at=own
    )
