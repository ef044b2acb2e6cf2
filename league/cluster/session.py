"""Ray for a league: a local one on the loopback interface, or a cluster that exists."""

from __future__ import annotations

import contextlib
import logging
import os
import re
import secrets
import socket
import warnings
from collections.abc import Iterator

import ray
from ray._private import ray_constants

from league.cluster.nodes import Node, alive_nodes, check_versions
from league.errors import ClusterError

LOG_BYTES = 16 * 2**20
"""A process of Ray begins its log anew after so many bytes: what an environment prints would fill the disk."""
LOG_BACKUPS = 2
"""So many full ones are kept of each."""
CONNECT_S = 5.0
"""How long a head node may take to accept a connection."""


def _stay_local() -> None:
    """Prepare for a Ray of our own. Nothing that a person has set in the environment is changed.

    Started by `uv run`, Ray would have its workers run in a copy of the current folder, with an environment built anew
    there. Here they are processes of this machine: they work where this one does, with its packages.

    On Linux Ray binds every interface. The switch that keeps it on 127.0.0.1 was made for desktops; it is read when Ray
    is imported, here and in every process that Ray starts, so it is set in both places. Ray also writes a token into
    the home folder unless it is given one; ours lives and dies with this process.
    """
    if os.environ.setdefault(ray_constants.ENABLE_RAY_CLUSTERS_ENV_VAR, "0") == "0":
        ray_constants.ENABLE_RAY_CLUSTER = False
    if os.environ.setdefault("RAY_ENABLE_UV_RUN_RUNTIME_ENV", "0") == "0":
        ray_constants.RAY_ENABLE_UV_RUN_RUNTIME_ENV = False
    os.environ.setdefault("RAY_USAGE_STATS_ENABLED", "0")
    os.environ.setdefault("RAY_ROTATION_MAX_BYTES", str(LOG_BYTES))
    os.environ.setdefault("RAY_ROTATION_BACKUP_COUNT", str(LOG_BACKUPS))
    if "RAY_AUTH_MODE" not in os.environ:  # Then Ray asks for a token by itself, and only then sees one set so late.
        os.environ.setdefault("RAY_AUTH_TOKEN", secrets.token_hex(32))


@contextlib.contextmanager
def ray_session(
    address: str | None = None, *, dashboard: bool = False, cpus: int | None = None
) -> Iterator[tuple[Node, ...]]:
    """Join the cluster at `address` (or `RAY_ADDRESS`), or start a local Ray that ends with the block.

    A Ray that this process is connected to already is used and left alone. A local one believes in so many `cpus`, by
    itself in those that the machine has.

    Yields the nodes that are alive, the head first. Raises `ClusterError` where the cluster cannot be reached, or has
    another version of this project, Ray or Python.
    """
    joined = ray.is_initialized()
    address = address or os.environ.get("RAY_ADDRESS")
    if not joined:
        _connect(address, dashboard, cpus)
    try:
        nodes = alive_nodes()
        if address is not None or len(nodes) > 1:
            check_versions(nodes)
        yield nodes
    finally:
        if not joined:
            ray.shutdown()


def _connect(address: str | None, dashboard: bool, cpus: int | None) -> None:
    if address is None:
        _stay_local()
    else:
        _check_answers(address)
    logging.getLogger("ray").setLevel(logging.ERROR)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        try:
            ray.init(
                address=address or "local",
                num_cpus=cpus,
                include_dashboard=dashboard if address is None else None,
                log_to_driver=False,
                logging_level=logging.ERROR,
                configure_logging=False,
            )
        except Exception as error:  # Ray raises bare ones, too.
            reason = _reason(str(error))
            raise ClusterError(
                f"no Ray on this machine: {reason}" if address is None else f"no Ray at {address}: {reason}"
            ) from error


def _reason(text: str) -> str:
    """Ray's reason in one line; where versions differ, which. Its own processes it gives 30 s to start."""
    if "timed out during startup" in text:
        return "its processes were not up after 30 s, as at the first start on a slow or busy machine: try again"
    versions = re.findall(r"Ray: (\S+)\s+Python: (\S+)", text)
    if len(versions) == 2:
        (ray_there, python_there), (ray_here, python_here) = versions
        return (
            f"it runs Ray {ray_there} on Python {python_there}, this process Ray {ray_here} on Python {python_here}: "
            "install the same in both places"
        )
    return next(iter(text.strip().splitlines()), "it says no reason")


def _check_answers(address: str) -> None:
    """Raise `ClusterError` at once where nothing listens: Ray would try for minutes. Other forms are left to Ray."""
    host, colon, port = address.rpartition(":")
    if "//" in address or not colon or not port.isdigit():
        return
    try:
        socket.create_connection((host, int(port)), timeout=CONNECT_S).close()
    except OSError as error:
        raise ClusterError(f"no Ray at {address}: {error.strerror or error}") from error
