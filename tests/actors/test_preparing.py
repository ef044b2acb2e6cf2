"""What is found wrong before anything is started, and what a league keeps; without Ray."""

import dataclasses

import pytest

from league.actors import driver
from league.actors.driver import fold_log
from league.config import LeagueConfig, LogConfig, load_config
from league.errors import ConfigError
from league.ladder.records import Match, Tally
from league.pool.lease import Holder
from league.pool.matches import RULES
from league.pool.store import Store
from tests.actors.small_runs import prepare


def test_a_league_keeps_the_network_that_it_began_with(store: Store) -> None:
    prepare(store, LeagueConfig())
    began = store.require_config()
    assert (began.network.kind, began.network.hidden) == ("tables", (96, 32, 32)), "what auto stood for is kept"
    store.save_checkpoint("main", b"what it learned", {"steps": 1})
    for network, said in (
        (
            {"kind": "mlp"},
            r"^network\.kind = 'mlp': it cannot change once the league has learned, with 'tables': start ",
        ),
        (
            {"hidden": [8]},
            r"^network\.hidden = \[8\]: it cannot change once the league has learned, with \[96, 32, 32\]",
        ),
    ):
        with pytest.raises(ConfigError, match=said):
            prepare(store, LeagueConfig.from_dict({"network": network}))
    assert store.config() == began
    prepare(store, LeagueConfig())


def test_a_league_of_another_kind_of_network_goes_on(store: Store) -> None:
    """As one that began before there were tables: its configuration says mlp."""
    old = LeagueConfig.from_dict({"network": {"kind": "mlp", "hidden": [256, 256]}})
    store.create(old)
    store.save_checkpoint("main", b"what it learned", {"steps": 1})
    prepare(store, load_config(base=store.require_config().to_dict()))
    assert store.require_config().network == dataclasses.replace(old.network, normalize=False)


def test_a_league_from_before_numbers_were_scaled_goes_on_without(store: Store) -> None:
    """What it learned, it learned from observations and rewards as they are; a new one of the same game scales."""
    asked = LeagueConfig.from_dict({"game": "leduc_poker"})
    store.create(dataclasses.replace(asked, network=dataclasses.replace(asked.network, kind="mlp", hidden=(256, 256))))
    store.save_checkpoint("main", b"what it learned", {"steps": 1})
    for _ in range(2):
        prepare(store, load_config(base=store.require_config().to_dict()))
        assert store.require_config().network.normalize is False
    with pytest.raises(ConfigError, match=r"network\.normalize = True: it cannot change once the league has learned"):
        prepare(store, load_config(base=store.require_config().to_dict(), settings=["network.normalize=true"]))


def test_a_new_league_scales_what_needs_it(store: Store) -> None:
    prepare(store, LeagueConfig.from_dict({"game": "leduc_poker"}))
    assert store.require_config().network.normalize


def test_lookahead_where_there_is_none_to_have_is_refused(store: Store) -> None:
    asked = LeagueConfig.from_dict({"game": "leduc_poker", "learning": {"lookahead": True}})
    with pytest.raises(
        ConfigError, match=r"^learning\.lookahead = true: leduc_poker has chance or hidden information: "
    ):
        prepare(store, asked)
    assert store.config() is None


def test_the_log_of_an_older_version_is_folded_once_and_said(store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    """One by one, as the first version left them: two thousand, of which all but a few hundred are old."""
    config = dataclasses.replace(LeagueConfig(), log=LogConfig(keep=300, segment=400))
    store.create(config)
    assert store._call("HGET", store._keys.meta, "schema") == b"1"
    log = [
        Match(match_id=f"m{n}", row="a", column="bc"[n % 2], results={"01": Tally(n % 3, 0, 1)}, played_s=float(n))
        for n in range(2000)
    ]
    for start in range(0, 2000, 500):
        store.record_all(log[start : start + 500])
    monkeypatch.setattr(driver, "FOLDING_S", 0.0)
    lines: list[str] = []
    holder = Holder.here()
    store.fence = store.acquire(holder, 0.001)
    fold_log(store, config, holder, lines.append)
    assert lines[0] == "folding the match log: 400 matches done, 1,300 to go"
    assert len(lines) == len(store.segments()) == 4
    lease = store.lease()
    assert lease is not None
    assert lease.expires_in_s > 1, "whoever folds for long keeps the league"
    assert list(store.matches()) == log
    assert store.verify().problems == ()
    fold_log(store, config, holder, lines.append)
    assert len(lines) == 4, "only once"
    store._call("HDEL", store._keys.meta, "rules")
    fold_log(store, config, holder, lines.append)
    assert lines[4] == "counting the match log anew: 400 matches of the log so far"
    assert store._call("HGET", store._keys.meta, "rules") == str(RULES).encode()
