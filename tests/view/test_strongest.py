"""Tables and fits are of the strongest, however many policies there are."""

from __future__ import annotations

from pathlib import Path

import pytest

from benchmarks import large_store
from league.pool.mirror import Mirror
from league.pool.store import Store
from league.view import strongest as view
from league.view.overview import Overview


def test_the_strongest_with_the_champion_and_the_bots(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    address = str(tmp_path / "store")
    large_store.build(address, policies=30, matches=600)
    with Store.open(address) as store:
        weakest = min(store.ratings().items(), key=lambda item: item[1].mu)[0]
        overview = Overview.read(Mirror(store, standings=False, latest=view.SEATINGS))
        champion = overview.champion
        assert champion is not None
        names = view.strongest(overview, 5)
        ranked = sorted(overview.ratings, key=lambda name: -overview.ratings[name].mu)
        assert names[:5] == ranked[:5]
        assert set(names) == {*ranked[:5], champion.policy, *large_store.BOTS}
        assert weakest in large_store.BOTS or weakest not in names
        everything = store.payoff()
        few = view.payoff_of(store, overview, names)
        assert few == everything.among(names)
        with monkeypatch.context() as patch:
            patch.setattr(store, "payoff_among", lambda *_: pytest.fail("the payoff is smaller than what is asked"))
            assert view.payoff_of(store, overview, ranked[:-1]) == everything.among(ranked[:-1]), "read through"
            patch.undo()
            patch.setattr(store, "_read_through", lambda *_: pytest.fail("few are asked for"))
            assert view.payoff_of(store, overview, names) == few
        assert f"strongest {len(names)} of {len(ranked)} policies" in view.left_out(overview, names)
        all_of_them = view.strongest(overview, 1000)
        assert all_of_them == ranked
        assert view.payoff_of(store, overview, all_of_them) == everything
        assert view.left_out(overview, all_of_them) == ""
