"""An archive in an object store, against one that speaks S3 on this machine (moto, which is installed by hand)."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest

from league.config import LeagueConfig, LogConfig
from league.errors import SegmentError
from league.pool.store import Store
from tests.pool.test_log import RULE, assert_whole, played

server = pytest.importorskip("moto.server", reason="pip install 'moto[server,s3]'")


@pytest.fixture
def bucket(monkeypatch: pytest.MonkeyPatch) -> Iterator[Any]:
    """A bucket called `matches`, which `s3://` finds by the environment, as people point it to a store of their own."""
    import boto3

    started = server.ThreadedMotoServer(ip_address="127.0.0.1", port=0, verbose=False)
    started.start()
    host, port = started.get_host_and_port()
    for name, value in {
        "AWS_ENDPOINT_URL": f"http://{host}:{port}",
        "AWS_ACCESS_KEY_ID": "nobody",
        "AWS_SECRET_ACCESS_KEY": "nothing",
        "AWS_DEFAULT_REGION": "us-east-1",
        "AWS_EC2_METADATA_DISABLED": "true",
    }.items():
        monkeypatch.setenv(name, value)
    client = boto3.client("s3")
    client.create_bucket(Bucket="matches")
    yield client
    started.stop()


def test_segments_go_to_a_bucket_and_are_read_from_there(store: Store, bucket: Any) -> None:
    log = played(47)
    store.record_all(log)
    store.seal(RULE)
    assert store.archive("s3://matches/of/league") == 4
    objects = bucket.list_objects_v2(Bucket="matches")["Contents"]
    assert len([one for one in objects if one["Key"].endswith(".parquet")]) == 4
    assert all(one["Key"].startswith("of/league") for one in objects)
    assert not store._call("EXISTS", *(store._keys.segment(n) for n in range(1, 5)))
    assert_whole(store, log)
    assert store.rebuild().repaired == ()

    lost, damaged = (segment.place or "" for segment in store.segments()[1:3])
    bucket.delete_object(Bucket="matches", Key=lost.removeprefix("s3://matches/"))
    bucket.put_object(Bucket="matches", Key=damaged.removeprefix("s3://matches/"), Body=b"PAR1 is not enough")
    problems = store.verify().problems
    assert any("segment 2 of the match log (matches 11 to 20)" in line and "cannot read" in line for line in problems)
    assert any("segment 3 of the match log (matches 21 to 30)" in line and "not what was" in line for line in problems)


def test_a_bucket_that_is_not_there_keeps_the_segments_in_the_store(store: Store, bucket: Any) -> None:
    log = played(47)
    store.create(LeagueConfig(log=LogConfig(keep=5, segment=10)))
    store.record_all(log)
    store.seal(RULE)
    with pytest.raises(SegmentError, match="cannot write s3://elsewhere/"):
        store.archive("s3://elsewhere")
    assert all(segment.place is None for segment in store.segments())
    assert_whole(store, log)
