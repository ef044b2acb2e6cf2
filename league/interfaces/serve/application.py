"""The Serve application: a deployment whose replicas each follow the champion and answer for it."""

from __future__ import annotations

import os
from collections.abc import Mapping
from typing import Any, Literal

import torch
from pydantic import BaseModel, ConfigDict, Field, ValidationError
from ray import serve
from ray._private import ray_constants
from starlette.applications import Starlette
from starlette.types import ASGIApp

from league.connections import bound
from league.errors import ConfigError
from league.interfaces.serve.batching import Batcher
from league.interfaces.serve.following import Follower
from league.interfaces.serve.routes import routes
from league.interfaces.serve.whole import WholeRequests

DEPLOYMENT = "champion"
"""Name of the one deployment in the application."""

ONGOING = 256
"""Requests that a replica has at once; the proxy keeps more waiting."""

HEALTH_CHECK_S = 2.0
"""After so long it is noticed that a replica has died."""


class Settings(BaseModel):
    """The arguments of the application: those of `league serve`, and `args` in a Serve configuration."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    store: str = Field(min_length=1)
    """Address of the store: a folder, or a URL; `read` takes `LEAGUE_STORE` without it. The password is better left to
    `LEAGUE_REDIS_PASSWORD`."""
    league: str = Field(default="league", min_length=1)
    """Name of the league in it."""
    replicas: int = Field(default=1, ge=1)
    """Number of processes that answer, each with its copy of the champion."""
    device: Literal["cpu", "cuda"] = "cpu"
    """Device on which the network computes."""
    cpus: float = Field(default=1.0, ge=0)
    """CPUs that each replica reserves."""
    gpus: float | None = Field(default=None, ge=0)
    """GPUs that each replica reserves; without it one on `cuda`, none on `cpu`."""
    search: int | None = Field(default=None, ge=1)
    """Simulations that the champion looks ahead for each move; without it its network answers alone."""
    max_body_mib: float = Field(default=4.0, gt=0)
    """Largest body of a request, in MiB."""

    @property
    def reserved_gpus(self) -> float:
        """GPUs that each replica reserves."""
        return float(self.device == "cuda") if self.gpus is None else self.gpus

    @classmethod
    def read(cls, args: Mapping[str, Any]) -> Settings:
        """Check the arguments; raises `ConfigError` with every fault."""
        around = os.environ.get("LEAGUE_STORE")
        try:
            return cls.model_validate({**({"store": around} if around else {}), **args})
        except ValidationError as error:
            faults = (f"{'.'.join(map(str, one['loc']))}: {one['msg']}" for one in error.errors())
            raise ConfigError(f"arguments of league.interfaces.serve:application: {'; '.join(faults)}") from error


def application(args: dict[str, Any]) -> Any:
    """Build the Serve application from the fields of `Settings`; raises `ConfigError`."""
    settings = Settings.read(args)
    deployment = serve.deployment(
        serve.ingress()(ChampionServer),
        name=DEPLOYMENT,
        num_replicas=settings.replicas,
        ray_actor_options={"num_cpus": settings.cpus, "num_gpus": settings.reserved_gpus},
        max_ongoing_requests=ONGOING,
        health_check_period_s=HEALTH_CHECK_S,
        logging_config={"enable_access_log": False},
    )
    return deployment.bind(settings.model_dump())


class ChampionServer:
    """One replica: a process that follows the champion and answers for it."""

    def __init__(self, args: dict[str, Any]) -> None:
        """Start following; a store that is down does not keep a replica from starting."""
        settings = Settings.read(args)
        self._max_body = int(settings.max_body_mib * 2**20)
        _bind_as_we_want(self._max_body)
        if settings.device != "cpu" and not torch.cuda.is_available():
            raise ConfigError("device 'cuda': the replica sees no GPU; give it one, or serve on cpu")
        self._follower = Follower(settings.store, settings.league, settings.device, settings.search)
        self._follower.start()

    def __serve_build_asgi_app__(self) -> Starlette:
        """Called by Ray Serve in the replica."""
        return routes(self._follower, Batcher(self._follower), self._max_body)

    def check_health(self) -> None:
        """Called by Ray Serve, which replaces the replica where this raises."""
        self._follower.check()


def _bind_as_we_want(max_body: int) -> None:
    """Change how Ray Serve's replica binds its ports and takes connections; it has no options for any of it.

    Connections are bounded, as everywhere (`league.connections`), and what comes over them is a request only once it
    is whole, with at most `max_body` bytes (`league.interfaces.serve.whole`). Where it listens by itself
    (`league.interfaces.serve.session`), a port whose last owner has just died is free: its closed connections would
    hold it for a minute. And where Ray is kept on the loopback interface (`league.cluster.session`), the port for other
    deployments, behind Ray's token, is not opened on every interface.
    """
    from ray.serve._private import replica

    listen, bind = replica.start_asgi_http_server, replica.add_port_to_grpc_server

    async def start(app: ASGIApp, *args: Any, **options: Any) -> Any:
        app = WholeRequests(app, max_body)
        serving, server = await listen(app, *args, **{**options, "enable_so_reuseport": True})
        bound(server.config)  # Which `serving` reads once it begins.
        return serving, server

    replica.start_asgi_http_server = start
    if os.environ.get(ray_constants.ENABLE_RAY_CLUSTERS_ENV_VAR) == "0":
        replica.add_port_to_grpc_server = lambda server, address: bind(server, address.replace("[::]", "127.0.0.1"))
