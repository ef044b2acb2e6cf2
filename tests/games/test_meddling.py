"""What an environment does to the process ends with its game; masks are taken rightly, or refused by name."""

import os
import random
import signal
import sys
import time
import warnings
from pathlib import Path

import meddling
import numpy as np
import pytest
import torch

from league.errors import GameError, UnknownGameError
from league.foreign import blame
from league.games import aec, make_game, patience
from league.games.aec import load_aec
from league.games.bubble import Bubble


@pytest.mark.parametrize(
    ("kind", "why"),
    [
        ("Exits", "SystemExit: enough"),
        ("ExitsHard", "SystemExit: 3"),
        ("Interrupts", "KeyboardInterrupt: enough"),
        ("KillsItself", "SystemExit: kills its own process by signal 9"),
    ],
)
def test_an_environment_that_exits_ends_its_game(kind, why):
    game = make_game(f"meddling:{kind}", 2)
    steps = [game.step(torch.tensor([0, 0])) for _ in range(3)]
    assert [step.dropped.tolist() for step in steps] == [[False, False], [False, False], [True, True]]
    assert why in game.last_error
    assert "meddling.py:" in game.last_error  # And the line.
    assert "in step: " in game.last_error


def test_an_environment_that_exits_as_it_starts_ends_its_game():
    game = make_game("meddling:ExitsInReset", 1)
    game.reset(seeds=torch.tensor([1]))
    assert game.step(torch.tensor([0])).dropped.all()
    assert "SystemExit" in game.last_error


def test_what_is_no_exception_of_pythons_ends_its_game_too():
    game = make_game("meddling:Panics", 1)
    assert [game.step(torch.tensor([0])).dropped.item() for _ in range(3)] == [False, False, True]
    assert "Panic: it cannot be put into words (" in game.last_error


def test_an_exception_is_said_in_a_line_that_can_be_shown():
    game = make_game("meddling:Shouts", 1)
    assert game.step(torch.tensor([0])).dropped.item()
    assert game.last_error.isprintable()
    assert len(game.last_error) < 600


def test_a_call_that_never_comes_back_ends_its_game_and_the_next_is_waited_for_half_as_long(monkeypatch):
    monkeypatch.setattr(patience, "PATIENCE_S", 0.4)
    monkeypatch.setattr(patience, "LEAST_S", 0.1)
    for name in ("_hung", "_slowest", "_in_row"):
        monkeypatch.setattr(patience.PATIENCE, name, 0)
    game = make_game("meddling:Hangs", 1)
    assert [game.step(torch.tensor([0])).dropped.item() for _ in range(3)] == [False, False, True]
    assert "NoAnswerError: it has not come back for " in game.last_error
    assert "in step: time.sleep(3600)" in game.last_error
    game.reset()
    assert patience.PATIENCE.seconds == pytest.approx(0.2)
    assert not game.step(torch.tensor([0])).dropped.item()


def test_one_that_hangs_as_it_is_built_is_refused_with_its_line(monkeypatch):
    monkeypatch.setattr(patience, "PATIENCE", patience.Patience())
    monkeypatch.setattr(aec, "PATIENCE", patience.PATIENCE)
    monkeypatch.setattr(patience, "PATIENCE_S", 0.4)
    with pytest.raises(GameError, match=r"cannot be built: NoAnswerError: .* in __init__: time.sleep\(3600\)\)"):
        make_game("meddling:HangsAsItIsBuilt", 1)


def test_a_slow_call_is_waited_for_though_others_hung(monkeypatch):
    ours = patience.Patience()
    monkeypatch.setattr(ours, "_hung", 30)
    assert ours.seconds == patience.LEAST_S
    monkeypatch.setattr(ours, "_hung", 0)
    Bubble().run(lambda: ours.wait(lambda: time.sleep(0.3)))
    monkeypatch.setattr(ours, "_hung", 30)
    assert 3 <= ours.seconds <= patience.PATIENCE_S


def test_a_process_whose_boards_all_hang_says_so_after_little_more_than_a_minute():
    ours, waited = patience.Patience(), 0.0
    for ours._hung in range(patience.ENOUGH):
        ours._in_row = ours._hung
        waited += ours.seconds
    assert patience.PATIENCE_S < waited < 1.2 * patience.PATIENCE_S


def test_what_hangs_again_and_again_is_not_called_for_a_while(monkeypatch):
    monkeypatch.setattr(patience, "PATIENCE_S", 0.01)
    monkeypatch.setattr(patience, "LEAST_S", 0.01)
    ours, called = patience.Patience(), []

    def hang():
        called.append(True)
        try:
            time.sleep(3600)
        except BaseException:
            raise OSError from None

    for _ in range(2 * patience.ENOUGH):
        with pytest.raises((OSError, patience.NoAnswerError)) as raised:
            Bubble().run(lambda: ours.wait(hang))
    assert len(called) == patience.ENOUGH
    assert str(raised.value) == "it is not called: the last 20 calls have not come back"
    assert blame(raised.value.__cause__).endswith("in hang: raise OSError from None)")  # Where `blame` finds the line.
    monkeypatch.setattr(patience, "REST_S", 0.0)
    Bubble().run(lambda: ours.wait(called.clear))
    monkeypatch.undo()
    Bubble().run(lambda: ours.wait(called.clear))


def test_a_timer_of_ours_goes_on_after_an_environment_was_at_work():
    game = make_game("meddling:Alarms", 1)
    before = signal.signal(signal.SIGALRM, lambda *frame: None)
    kept = signal.setitimer(signal.ITIMER_REAL, 1000)  # That of the test's own limit.
    try:
        game.step(torch.tensor([0]))
        assert 0 < signal.getitimer(signal.ITIMER_REAL)[0] <= 1000
    finally:
        signal.setitimer(signal.ITIMER_REAL, *kept)
        signal.signal(signal.SIGALRM, before)


def test_an_alarm_does_not_go_off_later():
    before, left = signal.getsignal(signal.SIGALRM), signal.getitimer(signal.ITIMER_REAL)
    game = make_game("meddling:Alarms", 1)
    game.step(torch.tensor([0]))
    assert signal.getitimer(signal.ITIMER_REAL) <= left  # That of the test's own limit, if it has one.
    assert signal.getsignal(signal.SIGALRM) is before


def test_a_person_who_interrupts_is_heard(monkeypatch):
    """Ctrl-C while an environment is at work is not what the environment raises itself."""
    before = signal.getsignal(signal.SIGINT)
    game = make_game("meddling:Exits", 1)
    monkeypatch.setattr(meddling.Exits, "step", lambda self, action: signal.raise_signal(signal.SIGINT))
    with pytest.raises(KeyboardInterrupt):
        game.step(torch.tensor([0]))
    assert signal.getsignal(signal.SIGINT) is before


@pytest.mark.parametrize("file", ["python/ray/_raylet.pyx", "/lib/ray/_private/worker.py"])
def test_ray_ends_a_process_also_while_an_environment_is_at_work(file, monkeypatch):
    game = make_game("meddling:Exits", 1)
    handler = compile("raise SystemExit(1)", file, "exec")  # As Ray's handler of SIGTERM does.
    monkeypatch.setattr(meddling.Exits, "step", lambda self, action: exec(handler))
    with pytest.raises(SystemExit):
        game.step(torch.tensor([0]))


def test_a_child_that_is_forked_does_not_play_on(tmp_path, monkeypatch):
    fork, children = os.fork, []
    monkeypatch.setattr(os, "fork", lambda: children.append(child := fork()) or child)
    game = make_game("meddling:Forks", 1)
    me = os.getpid()
    for _ in range(3):
        step = game.step(torch.tensor([0]))
        (tmp_path / str(os.getpid())).touch()
    assert len(children) == 3
    for child in children:  # Not any child: other tests leave helpers of Python's own.
        os.waitpid(child, 0)
    assert not step.dropped.any()
    assert [path.name for path in tmp_path.iterdir()] == [str(me)]


def test_what_is_global_is_as_it_was(capsys):
    before = (Path.cwd(), list(warnings.filters), np.geterr(), sys.stdout, signal.getsignal(signal.SIGINT))
    depth = sys.getrecursionlimit()
    game = make_game("meddling:Meddles", 2)
    game.step(torch.tensor([0, 0]))
    assert before == (Path.cwd(), list(warnings.filters), np.geterr(), sys.stdout, signal.getsignal(signal.SIGINT))
    assert sys.getrecursionlimit() == depth
    assert torch.zeros(1).device.type == "cpu"
    assert torch.is_grad_enabled()
    assert torch.get_default_dtype() == torch.float32
    print("heard", file=sys.stderr)
    assert capsys.readouterr() == ("", "a line for nobody\nheard\n")


@pytest.mark.parametrize("kind", ["Dice", "LateDice"])
def test_global_dice_are_each_boards_own(kind):
    state, numbers = random.getstate(), np.random.get_state()[1].tolist()
    game, alone = make_game(f"meddling:{kind}", 3), make_game(f"meddling:{kind}", 1)
    game.reset(seeds=torch.tensor([5, 6, 5]))
    alone.reset(seeds=torch.tensor([5]))
    for _ in range(4):
        assert game.observe()[0].tolist() == game.observe()[2].tolist() == alone.observe()[0].tolist()
        assert game.observe()[0].tolist() != game.observe()[1].tolist()
        game.step(torch.tensor([0, 0, 0]))
        alone.step(torch.tensor([0]))
    assert random.getstate() == state
    assert np.random.get_state()[1].tolist() == numbers


def test_tensors_are_seen():
    assert make_game("meddling:SeesTensors", 1).observe().tolist() == [[0.0]]


@pytest.mark.parametrize(
    "mask",
    [
        np.array([1, 0], np.int8),
        [True, False],
        (1.0, 0.0),
        np.array([[1, 0]]),
        np.array([True, False], object),
        torch.tensor([1, 0]),
        np.array([0.0, -np.inf]),
        np.array([0, -(10**9)]),
    ],
)
def test_masks_of_any_kind_are_read(mask, monkeypatch):
    monkeypatch.setattr(meddling.Masked, "mask", mask)
    game = make_game("meddling:Masked", 1)
    for _ in range(6):
        assert game.legal().tolist() == [[True, False]]
        step = game.step(torch.tensor([0]))
    assert step.done.all()
    assert not step.dropped.any()


@pytest.mark.parametrize(
    ("mask", "reason"),
    [
        ([0, 0], r"a is to move and has no legal action: its mask is 0 everywhere \(if it is added to logits, give"),
        ([1, 0, 0], r"shape \(3,\), not \(2,\): it needs one entry per action"),
        ([0], r"shape \(1,\), not \(2,\)"),
        (np.int64(1), r"shape \(\), not \(2,\): .* nor their bits"),
        ([0.5, 0.5], "holds 0.5, not 0 and 1"),
        ([np.nan, 1], "holds nan"),
        ([3, 0], "holds 3, not 0 and 1"),
        (np.array([3, 0], np.uint8), "holds 3, not 0 and 1"),
        (np.array([1, -1], np.int8), "holds -1, not 0 and 1"),
        (np.zeros(2, np.bool_), "no legal action"),
        (["yes", "no"], "holds <U3, not 0 and 1"),
        (None, "promises an 'action_mask', and there is none"),
        ([-np.inf, -np.inf], "no legal action"),
    ],
)
def test_masks_that_mean_nothing_or_two_things_are_refused_by_name(mask, reason, monkeypatch):
    monkeypatch.setattr(meddling.Masked, "mask", mask)
    with pytest.raises(GameError, match=reason):
        load_aec.__wrapped__("meddling:Masked")  # What is known from another test must not be believed here.


def test_a_mask_of_another_name_is_not_passed_over():
    with pytest.raises(GameError, match="a has no 'action_mask', but 'legal_moves': name it 'action_mask'"):
        make_game("meddling:OtherName", 1)


def test_a_mask_that_is_added_forbids_nothing_where_it_is_zero():
    game = make_game("meddling:Added", 1)
    seen = []
    for _ in range(3):
        seen += game.legal().tolist()
        game.step(torch.tensor([0]))
    assert seen == [[True, True], [True, True], [True, False]]


def test_a_function_that_needs_arguments_is_refused_with_the_way_out():
    with pytest.raises(
        GameError, match=r"needs arguments \(size\): .*def small\(\): return meddling.needs\(size=...\)"
    ):
        make_game("meddling:needs", 1)


def test_a_path_is_refused_with_the_name_of_its_module():
    with pytest.raises(UnknownGameError, match=r"give the module's name, --game my_game, in the folder games"):
        make_game("games/my_game.py", 1)
    with pytest.raises(UnknownGameError, match=r"--game my_game:small, in the folder \.\./games"):
        make_game("../games/my_game:small", 1)
    with pytest.raises(UnknownGameError, match=rf"looked for in {Path.cwd()} and along PYTHONPATH"):
        make_game("nobodys_game", 1)


def test_a_folder_that_is_gone_is_left():
    here = Path.cwd()
    game = make_game("meddling:Homeless", 1)
    assert [game.step(torch.tensor([0])).dropped.item() for _ in range(3)] == [False, False, True]
    assert Path.cwd() == here
    assert "ValueError: nowhere (" in game.last_error


@pytest.mark.parametrize(
    ("kind", "reason"),
    [
        ("Complex", "the observation holds complex"),
        ("Agents", "which cannot be the key of a dict: name seats by text"),
    ],
)
def test_what_cannot_be_read_is_refused_in_one_line(kind, reason):
    with pytest.raises(GameError, match=reason):
        make_game(f"meddling:{kind}", 1)


def test_what_is_no_number_is_named_also_where_numpy_raises():
    game = make_game("meddling:SeesNothingAndRaises", 1)
    assert [game.step(torch.tensor([0])).dropped.item() for _ in range(2)] == [False, True]
    assert "the observation holds a number that is not finite" in game.last_error


def test_what_cannot_be_learned_is_named():
    game = make_game("meddling:Rich", 1)
    for _ in range(6):
        step = game.step(torch.tensor([0]))
    assert step.dropped.item()
    assert "e+308: more than 1e+15, which cannot be learned" in game.last_error


def test_fractions_in_a_space_of_whole_numbers_are_named():
    """Scaled by its bounds they are all one."""
    game = make_game("meddling:SeesFractions", 1)
    assert game.step(torch.tensor([0])).dropped.item()
    assert "the observation holds 0.166667, and its space whole numbers: declare the Box as" in game.last_error


def test_metadata_may_be_empty_words():
    assert make_game("meddling:Modes", 1).spec.seats == 2
