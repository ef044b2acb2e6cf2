"""What runners bring, by a clock that is counted; and a machine without a GPU."""

import argparse
import json
import os
import sys

import pytest
import torch

from benchmarks import gpu, scaling
from benchmarks.scaling import Found, settings, simulated


def found(staleness: int, *play_s: float, learn_s: float = 0.1, fragments: int = 2) -> Found:
    """Of runners that take so long for a fragment each."""
    config = settings(argparse.Namespace(games=8, fragments=fragments), staleness)
    return simulated(config, list(play_s), learn_s, 40)


def test_updates_do_not_fall_to_the_slowest_runner() -> None:
    quick = found(4, 1.0, 1.0, 1.0)
    slowed = found(4, 1.0, 1.0, 1.0, 100.0)
    assert slowed.updates_per_s >= 0.95 * quick.updates_per_s
    assert found(0, 1.0, 1.0, 1.0, 100.0).updates_per_s < 0.02, "in step everybody waits for it"


@pytest.mark.parametrize("staleness", [1, 2, 4, 8])
def test_nothing_older_than_the_bound_is_learned_from(staleness: int) -> None:
    one = found(staleness, *[1.0, 1.1, 1.7, 4.0] * 25)
    assert one.oldest <= staleness
    assert one.staleness > staleness / 2, "so many runners use what is allowed"


def test_more_runners_make_more_updates_of_the_same_size_until_the_learner_is_full() -> None:
    speeds = [found(8, *[1.0] * count) for count in (2, 4, 8)]
    assert [one.updates_per_s for one in speeds] == pytest.approx([1.0, 2.0, 4.0], rel=0.1)
    full = found(8, *[1.0] * 16)
    assert full.updates_per_s == pytest.approx(1 / full.learn_s, rel=0.1)
    assert full.waiting < 0.1


@pytest.mark.long
def test_more_runners_than_this_machine_has_cpus_are_measured(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    count = str((os.cpu_count() or 1) + 1)
    words = ["scaling", "--runners", count, "--simulate", "10", "--play-s", "0.05", "--updates", "2", "--json"]
    monkeypatch.setattr(sys, "argv", words)
    assert scaling.main() == 0
    rows = [row for row in json.loads(capsys.readouterr().out)["rows"] if row["how"] == "measured"]
    assert [row["runners"] for row in rows] == 2 * [int(count)]
    assert min(row["updates_per_s"] for row in rows) > 0


@pytest.mark.skipif(torch.cuda.is_available(), reason="there is a GPU here")
def test_without_a_gpu_it_says_so_in_one_line(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(sys, "argv", ["gpu"])
    assert gpu.main() == 2
    assert capsys.readouterr().err == "torch finds no GPU here; --device cpu measures the processor\n"


def test_products_of_a_network_are_counted() -> None:
    one, config = torch.device("cpu"), gpu.settings("mlp", 16, torch.device("cpu"))
    weights = 84 * 256 + 256 * 256 + 256 * (7 + 1)
    assert gpu.products(config) == 2 * weights * (1 + 3 * config.learning.num_epochs)
    convolutions = 42 * 9 * (2 * 64 + 12 * 64 * 64)
    rest = gpu.products(gpu.settings("conv", 16, one)) / (2 * (1 + 3 * config.learning.num_epochs)) - convolutions
    assert 0 < rest < 0.1 * convolutions, "the heads"


@pytest.mark.long
def test_a_processor_is_measured_in_every_way(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    words = ["gpu", "--device", "cpu", "--games", "16", "--networks", "mlp", "--seconds", "0.1", "--json"]
    monkeypatch.setattr(sys, "argv", words)
    assert gpu.main() == 0
    (row,) = json.loads(capsys.readouterr().out)["rows"]
    assert 0 < row["of_peak"] < 1
    assert min(row["alone"], row["learned"], row["played"]["float32"], row["played"]["bfloat16"]) > 0
