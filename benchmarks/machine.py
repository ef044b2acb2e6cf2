"""The machine that the figures come from, in a few lines that belong beside them."""

from __future__ import annotations

import os
import platform
import time
from importlib.metadata import version
from pathlib import Path

import torch

CPU_INFO = Path("/proc/cpuinfo")
LARGE = {"cpu": 2048, "cuda": 8192}
TRIES = 5
"""Rows of the matrices whose product is the peak, and how often it is tried."""


def machine() -> dict[str, str]:
    """Processor, cores, load and the versions that matter."""
    load = ", ".join(f"{average:.1f}" for average in os.getloadavg())
    gpus = [torch.cuda.get_device_name(i) for i in range(torch.cuda.device_count())]
    return {
        "cpu": _cpu_model(),
        "cores": str(len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count()),
        "gpus": ", ".join(gpus) or "none",
        "load before (1, 5, 15 min)": load,
        "python": platform.python_version(),
        "torch": f"{torch.__version__}, {torch.get_num_threads()} threads",
        "ray": version("ray"),
        "pettingzoo": version("pettingzoo"),
    }


def _cpu_model() -> str:
    lines = CPU_INFO.read_text(encoding="utf-8").splitlines() if CPU_INFO.exists() else []
    models = [line.partition(":")[2].strip() for line in lines if line.startswith("model name")]
    return models[0] if models else platform.processor() or platform.machine()


def peak(precision: str, device: str = "cpu") -> float:
    """Floating-point operations per second of a large product, the best of some tries."""
    rows, seconds = LARGE[device], []
    left, right = torch.ones(2, rows, rows, dtype=getattr(torch, precision), device=device)
    for _ in range(TRIES):
        finish(device)
        started = time.perf_counter()
        torch.mm(left, right)
        finish(device)
        seconds.append(time.perf_counter() - started)
    return 2 * rows**3 / min(seconds)


def finish(device: str) -> None:
    """Wait for what a GPU has been asked to do."""
    if device == "cuda":
        torch.cuda.synchronize()
