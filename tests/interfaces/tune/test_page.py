"""The long game of `docs/tuning.md`: it is sound, and what is searched can be drawn."""

from __future__ import annotations

from benchmarks.tuned import SPACE, drawn, page_files, saved
from league.config import LeagueConfig
from league.games import game_spec, make_bot, make_game
from league.games.checking import check_game
from league.interfaces.tune.space import Space
from league.rollout.arena import play_match


def test_the_game_is_sound() -> None:
    with saved():
        assert not [one for one in check_game("orchard", games=2) if one.level != "ok"]


def test_the_bot_beats_random_moves() -> None:
    with saved():
        spec = game_spec("orchard")
        steady, uniform = (make_bot(name, spec) for name in ("orchard_bots:Steady", "uniform"))
        played = play_match(make_game("orchard", 10), steady, uniform, opening_plies=4, max_plies=300, seed=1)
    assert played.to_match("steady", "uniform", 0.0).total.score == 1


def test_what_is_searched_is_drawn_as_league_tune_draws_it() -> None:
    assert set(page_files()) >= {"orchard.py", "orchard_bots.py", SPACE}
    with saved() as folder:
        space = Space.read(folder / SPACE, LeagueConfig().to_dict())
    configs = [space.config(values) for values in drawn(space, 8, 0)]
    assert len({(one.learning.gamma, one.learning.num_epochs, one.learning.minibatch_size) for one in configs}) > 3
    assert all(one.game == "orchard" for one in configs)
    assert drawn(space, 8, 0) == drawn(space, 8, 0) != drawn(space, 8, 1)
