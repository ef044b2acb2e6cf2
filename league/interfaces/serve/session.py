"""Ray Serve for `league serve`: started beside a local Ray or on a cluster, and ended with the command."""

from __future__ import annotations

import contextlib
import logging
import os
from collections.abc import Iterator
from typing import Any, Final

import ray
from ray import serve
from ray.exceptions import RayError
from ray.serve.exceptions import RayServeException

from league.actors.reach import check_reachable
from league.cluster.session import ray_session
from league.errors import ClusterError
from league.interfaces.serve.application import Settings, application
from league.interfaces.serve.proxy import CALLBACK
from league.listening import listen, origin

FASTER: Final = {
    "RAY_SERVE_RUN_USER_CODE_IN_SEPARATE_THREAD": "0",
    "RAY_SERVE_RUN_ROUTER_IN_SEPARATE_LOOP": "0",
    "RAY_SERVE_REQUEST_PATH_LOG_BUFFER_SIZE": "1000",
    "RAY_SERVE_LOG_TO_STDERR": "0",
}
"""Switches of Ray Serve that save threads and writes per request; its processes read them from the environment."""

DIRECT: Final = "RAY_SERVE_ENABLE_DIRECT_INGRESS"
"""With it a replica listens by itself: one without Ray Serve's proxy in front needs a tenth of the time per request."""


@contextlib.contextmanager
def serving(settings: Settings, *, host: str, port: int, prefix: str, address: str | None) -> Iterator[str]:
    """Serve until the block ends; yields the URL.

    Args:
        settings: of the application.
        host: the only interface that Ray Serve's proxy listens on.
        port: 0 takes a free one.
        prefix: of all paths, `/` for none: several leagues may be served by one cluster.
        address: of a Ray cluster; without it a local Ray starts and ends with the block. Where Ray Serve runs on it
            already, its own host and port stay, and only the application ends with the block.

    Raises:
        LeagueError: the port cannot be had.
        ClusterError: the cluster cannot be reached, is too small, or Ray Serve failed.
    """
    proxy_port = port
    if address is None:
        port = _claim(host, port)
        proxy_port = _claim(host, 0) if _prepare(settings, port) else port
    with ray_session(address) as nodes:
        check_reachable(settings.store, nodes)
        _check_room(settings)
        controller = _controller()
        logging.getLogger("ray.serve").setLevel(logging.ERROR)
        with _translated():
            if controller is None:
                serve.start(
                    proxy_location="HeadOnly",
                    http_options={"host": host, "port": proxy_port},
                    logging_config={"enable_access_log": False},
                )
            else:
                options = ray.get(controller.get_http_config.remote())
                host, port = options.host, options.port
        try:
            with _translated():
                serve.run(application(settings.model_dump()), name=settings.league, route_prefix=prefix)
            yield url(host, port, prefix)
        finally:
            serve.delete(settings.league)  # Which lets requests under way end.
            if controller is None and address is not None:
                serve.shutdown()


@contextlib.contextmanager
def _translated() -> Iterator[None]:
    try:
        yield
    except (RayError, RayServeException, RuntimeError, ValueError) as error:
        raise ClusterError(f"Ray Serve failed: {str(error).strip().splitlines()[0]}") from error


def url(host: str, port: int, prefix: str) -> str:
    """Where it answers; ends with a slash."""
    return f"{origin(host, port)}{prefix.rstrip('/')}/"


def _claim(host: str, port: int) -> int:
    """The port, or a free one for 0; raises `LeagueError` where it cannot be listened on.

    Ray Serve shares a port with whoever else shares it (SO_REUSEPORT), so it would not notice a second one.
    """
    with listen(host, port) as probe:
        return int(probe.getsockname()[1])


def _prepare(settings: Settings, port: int) -> bool:
    """Set what a local Ray Serve reads from the environment; whether the replica listens on the port by itself.

    That is for one replica: several need the proxy in front.
    """
    for name, value in FASTER.items():
        os.environ.setdefault(name, value)
    if settings.replicas > 1 or os.environ.setdefault(DIRECT, "1") != "1":
        os.environ[DIRECT] = "0"
        for name, value in CALLBACK.items():
            os.environ.setdefault(name, value)
        return False
    os.environ["RAY_SERVE_DIRECT_INGRESS_MIN_HTTP_PORT"] = str(port)
    os.environ["RAY_SERVE_DIRECT_INGRESS_MAX_HTTP_PORT"] = str(port + 1)
    # A replica that took the place of another has its port at once, and no load balancer is waited for at the end.
    os.environ["RAY_SERVE_PORT_QUARANTINE_S"] = "0"
    os.environ["RAY_SERVE_DIRECT_INGRESS_MIN_DRAINING_PERIOD_S"] = "0"
    return True


def _check_room(settings: Settings) -> None:
    """Ray Serve would wait for nodes without a word."""
    cpus, gpus = settings.replicas * settings.cpus, settings.replicas * settings.reserved_gpus
    have = ray.cluster_resources()
    if cpus > have.get("CPU", 0) or gpus > have.get("GPU", 0):
        raise ClusterError(
            f"{settings.replicas} replicas need {cpus:g} CPUs and {gpus:g} GPUs, "
            f"Ray has {have.get('CPU', 0):g} and {have.get('GPU', 0):g}: lower --replicas, or add nodes"
        )


def _controller() -> Any | None:
    """Ray Serve's controller, where it runs already."""
    try:
        return ray.get_actor("SERVE_CONTROLLER_ACTOR", namespace="serve")
    except ValueError:
        return None
