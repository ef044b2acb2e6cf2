"""The cluster files and the Dockerfile, checked without a cloud."""

import re
import shutil
import subprocess
import tomllib
from collections.abc import Iterator
from importlib import import_module
from importlib.metadata import version
from pathlib import Path
from typing import Any

import pytest
import ray
import yaml
from packaging.requirements import Requirement
from ray.autoscaler._private.util import prepare_config, validate_config
from ray.autoscaler.node_provider import NodeProvider

ROOT = Path(__file__).parents[2]
FILES = sorted((ROOT / "cluster").glob("*.yaml"))
CLOUDS = [file for file in FILES if file.stem != "local"]


def read(file: Path) -> dict[str, Any]:
    loaded: dict[str, Any] = yaml.safe_load(file.read_text())
    return loaded


def commands(config: dict[str, Any]) -> list[str]:
    return [*config["head_start_ray_commands"], *config["worker_start_ray_commands"]]


def images(value: Any) -> Iterator[str]:
    if isinstance(value, dict):
        for key, item in value.items():
            if key in ("image", "head_image", "worker_image", "sourceImage"):
                yield item
            else:
                yield from images(item)
    elif isinstance(value, list):
        for item in value:
            yield from images(item)


def test_there_is_a_file_for_each_place() -> None:
    assert [file.name for file in FILES] == ["cluster.yaml", "gcp.yaml", "local.yaml", "on-prem.yaml"]


@pytest.mark.parametrize("file", FILES, ids=lambda file: file.stem)
def test_passes_rays_own_validation(file: Path) -> None:
    validate_config(prepare_config(read(file)))


@pytest.mark.parametrize("file", FILES, ids=lambda file: file.stem)
def test_holds_no_secret_and_no_image_that_moves(file: Path) -> None:
    text = "\n".join(line.partition("# ")[0] for line in file.read_text().splitlines())
    assert not re.search(r"(?i)(password|token|secret|access_key)\s*[:=]\s*(?!token\b)\S", text)
    assert not re.search(r"AKIA[0-9A-Z]{16}|BEGIN [A-Z ]*PRIVATE KEY|redis://[^/\s]*@", text)
    for image in images(read(file)):
        assert re.search(r":\d+\.\d+\.\d+$|-v\d{8}$", image), f"{image} is not pinned"
        assert "latest" not in image


@pytest.mark.parametrize("file", FILES, ids=lambda file: file.stem)
def test_every_command_is_shell_and_ray_has_a_token_and_its_own_port(file: Path) -> None:
    config = read(file)
    for command in commands(config):
        subprocess.run(["bash", "-n", "-c", command], check=True)
    started = [command for command in commands(config) if "ray start" in command]
    assert len(started) == 2
    assert all("RAY_AUTH_MODE=token" in command for command in started)
    assert "--autoscaling-config=~/ray_bootstrap_config.yaml" in started[0]
    assert "--dashboard-host=127.0.0.1" in started[0]
    assert "RAY_JOB_STOP_WAIT_TIME_S" in started[0], "ray job stop would kill a league after three seconds"


@pytest.mark.parametrize("file", CLOUDS, ids=lambda file: file.stem)
def test_a_cloud_has_a_store_beside_ray_and_a_head_that_does_not_train(file: Path) -> None:
    config = read(file)
    head = config["head_start_ray_commands"]
    (store,) = [command for command in head if "league-redis" in command]
    assert "league-redis /data/redis 6380" in store
    assert any("league exporter" in command for command in head)
    assert config["file_mounts"] == {"~/league.env": "~/.league/cluster.env"}
    assert all(". ~/league.env" in command for command in commands(config) if "ray start" in command)
    if config["provider"]["type"] == "local":
        assert "--num-cpus=0" in head[2]
        assert len(config["provider"]["worker_ips"]) == config["max_workers"] == config["min_workers"]
        return
    types = config["available_node_types"]
    assert types["head"]["resources"] == {"CPU": 0}
    assert types["gpu"]["resources"]["GPU"] >= 1
    assert "GPU" not in types["cpu"]["resources"]
    assert all(types[kind]["min_workers"] == 0 for kind in ("gpu", "cpu"))
    assert (
        "spot" in str(types["cpu"]["node_config"]) or {"preemptible": True} in types["cpu"]["node_config"]["scheduling"]
    )


def test_the_local_cluster_ends_no_other_ray() -> None:
    config = read(ROOT / "cluster" / "local.yaml")
    assert not any("ray stop" in command for command in commands(config))
    module, _, name = config["provider"]["module"].rpartition(".")
    assert issubclass(getattr(import_module(module), name), NodeProvider)


def instructions() -> list[tuple[str, str]]:
    text = re.sub(r"\\\n", " ", (ROOT / "Dockerfile").read_text())
    lines = [line for line in text.splitlines() if line and not line.startswith("#")]
    return [(line.split()[0], line.partition(" ")[2].strip()) for line in lines]


def test_the_image_is_pinned_and_runs_without_rights() -> None:
    steps = instructions()
    bases = [value.split()[0] for step, value in steps if step == "FROM"]
    assert bases
    assert all(re.fullmatch(r"python:3\.\d+\.\d+-slim-\w+", base) for base in bases), bases
    users = [value for step, value in steps if step == "USER"]
    assert users[-1] == "1000:1000"
    assert [step for step, _ in steps].index("USER") > max(i for i, (step, _) in enumerate(steps) if step == "RUN")
    assert not any(step == "ADD" or "sudo" in value or "curl" in value for step, value in steps)
    assert not any(re.search(r"(?i)password|token|secret", value) for step, value in steps if step in ("ENV", "ARG"))
    for step, value in steps:
        if step == "RUN" and "pip install" in value:
            assert "--no-cache-dir" in value
        if step == "RUN" and "apt-get install" in value:
            assert "--no-install-recommends" in value
            assert "rm -rf /var/lib/apt/lists" in value
        for source in value.split()[:-1] if step == "COPY" and "--from" not in value else ():
            assert (ROOT / source).exists(), source


def test_the_image_agrees_with_the_project() -> None:
    arguments = dict(value.split("=", 1) for step, value in instructions() if step == "ARG")
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    wanted = {r.name: r.specifier for r in map(Requirement, project["dependencies"])}
    assert arguments["RAY_VERSION"] == ray.__version__
    assert arguments["RAY_VERSION"] in wanted["ray"]
    assert arguments["TORCH_VERSION"] in wanted["torch"]
    base = next(value for step, value in instructions() if step == "FROM")
    python = re.search(r"python:(\d+\.\d+)\.", base)
    assert python is not None
    assert f"Programming Language :: Python :: {python[1]}" in project["classifiers"]
    for file in CLOUDS:
        assert {image.rpartition(":")[2] for image in images(read(file)) if "registry" in image} == {project["version"]}
    assert project["version"] == version("league")
    extras = re.findall(r"\.\[([\w,]+)\]", (ROOT / "Dockerfile").read_text())
    assert set(extras[0].split(",")) <= set(project["optional-dependencies"])


@pytest.mark.skipif(shutil.which("hadolint") is None, reason="hadolint is not installed")
def test_hadolint_finds_nothing() -> None:
    subprocess.run(["hadolint", str(ROOT / "Dockerfile")], check=True)
