"""A cluster file of `ray up`, looked at before it is used: what of it is not on this machine, or still an example's.

Ray notices some of this with a traceback, in a cloud after the head's machine was started and costs, and some of it
never.
"""

from __future__ import annotations

import ipaddress
import logging
import os
import re
from collections.abc import Iterator, Mapping
from pathlib import Path
from shutil import which
from typing import Any, Final

import yaml

from league.errors import ConfigError
from league.installation import version

SECRETS: Final = ("LEAGUE_REDIS_PASSWORD", "LEAGUE_READER_PASSWORD", "RAY_AUTH_TOKEN")
"""What `cluster.env` has a line for each of."""

_MADE: Final = "the top of cluster/cluster.yaml says how to make it"
_IMAGES: Final = ("image", "head_image", "worker_image")
_EXAMPLE: Final = "registry.example/"
_EXAMPLE_NETWORK: Final = ipaddress.ip_network("192.0.2.0/24")
_EXAMPLE_PROJECT: Final = "my-project"
_VERSION: Final = re.compile(r"(?:^|/)league(?:-gpu)?:(\d+\.\d+\.\d+)$")
"""Of an image that is named as the Dockerfile says; other people's tags are theirs."""
_V1: Final = "RAY_UP_enable_autoscaler_v2"


def faults(path: Path) -> list[str]:
    """Why `ray up` of this file would fail, or bring a cluster that cannot train; a line each, none if it can be typed.

    Nothing is connected to. Raises `ConfigError` where the file cannot be read, or is none of Ray's.
    """
    config = _read(path)
    provider = config["provider"]
    return [
        *(_lacking("ssh", "rsync") if config.get("docker") else ()),
        *_unmounted(config.get("file_mounts") or {}),
        *_keyless(config.get("auth") or {}),
        *_images(config),
        *(_addresses(config) if provider.get("type") == "local" else ()),
        *(
            _is_an_example("provider.project_id", one)
            for one in [provider.get("project_id")]
            if one == _EXAMPLE_PROJECT
        ),
    ]


def _read(path: Path) -> dict[str, Any]:
    from ray.autoscaler._private.util import prepare_config, validate_config

    try:
        config = yaml.safe_load(path.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise ConfigError(f"{path} cannot be read: {getattr(error, 'strerror', None) or error}") from error
    except yaml.YAMLError as error:
        raise ConfigError(f"{path} is not YAML: {error}") from error
    if not isinstance(config, dict) or not isinstance(config.get("provider"), dict):
        raise ConfigError(f"{path} is no cluster file of Ray: it has no table 'provider'")
    logging.getLogger(prepare_config.__module__).setLevel(logging.ERROR)  # It warns of what it has put in itself.
    try:
        validate_config(prepare_config(config))
    except Exception as error:  # Of many kinds, in Ray, in its schema, and in the clouds' packages.
        raise ConfigError(f"{path}: Ray refuses it: {str(error).strip().splitlines()[0]}") from error
    return config


def _is_an_example(where: str, value: Any) -> str:
    return f"{where}: {value} is an example: name yours"


def _lacking(*programs: str) -> Iterator[str]:
    for program in programs:
        if which(program) is None:
            yield f"{program} is not on this machine, and Ray copies and runs everything with it: install it"


def _unmounted(mounts: Mapping[str, str]) -> Iterator[str]:
    """What is to be copied to the machines: it must be here, with the secrets where it has them."""
    for there, here in mounts.items():
        found = Path(here).expanduser()
        if not found.exists():
            yield f"file_mounts: {here} is not on this machine: {_MADE}"
        elif there.rstrip("/").endswith("/.league"):
            yield from _secrets(found / "cluster.env")


def _secrets(file: Path) -> Iterator[str]:
    try:
        lines = file.read_text(encoding="utf-8").splitlines()
    except (OSError, ValueError) as error:
        yield f"{file} cannot be read ({getattr(error, 'strerror', None) or error}): {_MADE}"
        return
    if file.stat().st_mode & 0o077:
        yield f"{file} holds passwords, and others on this machine may read it: chmod 600 {file}"
    set_here = {
        name.removeprefix("export ").strip() for name, _, value in (line.partition("=") for line in lines) if value
    }
    for name in SECRETS:
        if name not in set_here:
            yield f"{file} has no {name}: {_MADE}"


def _keyless(auth: Mapping[str, Any]) -> Iterator[str]:
    key = auth.get("ssh_private_key")
    if key and not Path(key).expanduser().exists():
        yield f"auth.ssh_private_key: {key} is not on this machine"


def _images(config: Mapping[str, Any]) -> Iterator[str]:
    groups = {"docker": config.get("docker") or {}}
    for name, group in (config.get("available_node_types") or {}).items():
        groups[f"available_node_types.{name}.docker"] = group.get("docker") or {}
    for group, docker in groups.items():
        for key in _IMAGES:
            image = docker.get(key)
            if not image:
                continue
            if image.startswith(_EXAMPLE):
                yield f"{_is_an_example(f'{group}.{key}', image)}, from a registry that the machines can pull from"
            tag = _VERSION.search(image)
            if tag and version() not in (tag[1], "none"):
                yield f"{group}.{key}: {image} is of version {tag[1]}, and this machine has {version()}: take the same"


def _addresses(config: Mapping[str, Any]) -> Iterator[str]:
    """Of machines of one's own."""
    provider = config["provider"]
    workers = provider.get("worker_ips") or []
    for address in (provider.get("head_ip"), *workers):
        if _is_example(address):
            yield _is_an_example("provider", address)
    for key in ("min_workers", "max_workers"):
        if config.get(key) != len(workers):
            yield f"{key} is {config.get(key)}, and there are {len(workers)} worker_ips: make them the same"
    if os.environ.get(_V1) != "0":
        yield f"{_V1} is not 0 in the environment: Ray's autoscaler v2 starts only the head of machines of one's own"


def _is_example(address: Any) -> bool:
    try:
        return ipaddress.ip_address(address) in _EXAMPLE_NETWORK
    except ValueError:
        return False
