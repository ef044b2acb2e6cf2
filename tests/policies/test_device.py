"""Which device computes, on machines with GPUs and without."""

import pytest
import torch

from league.policies.device import Chosen, choose_device


@pytest.mark.parametrize(
    ("asked", "gpu", "there", "device"),
    [
        (None, True, True, "cuda"),
        (None, True, False, "cpu"),
        (None, False, True, "cpu"),
        ("cpu", True, True, "cpu"),
    ],
)
def test_a_gpu_is_used_by_whom_ray_gave_one(
    asked: str | None, gpu: bool, there: bool, device: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(torch.cuda, "is_available", lambda: there)
    assert choose_device(asked, gpu=gpu) == Chosen(device, None)


def test_who_has_no_gpu_of_ray_takes_none_though_it_sees_them() -> None:
    assert choose_device("cuda", gpu=False) == Chosen("cpu", "cuda is asked for, but Ray gave this process no GPU")


@pytest.mark.parametrize("asked", ["cuda:99", "xpu", "mps:7"])
def test_what_a_machine_has_not_is_the_cpu_and_said(asked: str) -> None:
    device, missing = choose_device(asked)
    assert device == "cpu"
    assert missing is not None
    assert missing.startswith(f"{asked} is not there: ")
    assert "\n" not in missing


def test_a_driver_that_is_too_old_for_torch_is_the_cpu_and_said(monkeypatch: pytest.MonkeyPatch) -> None:
    def start() -> None:
        raise RuntimeError("The NVIDIA driver on your system is too old (found version 11040).\nPlease update it.")

    monkeypatch.setattr(torch.cuda, "_lazy_init", start)  # What torch calls before it makes a tensor there.
    said = "cuda is not there: The NVIDIA driver on your system is too old (found version 11040)."
    assert choose_device("cuda") == Chosen("cpu", said)
