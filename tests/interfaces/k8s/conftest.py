"""An API server over HTTP, `league k8s` that talks to it, a league that is deployed there; and the overlays."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from api_server import ApiServer, Object
from small_cluster import controllers, kubeconfig, pods
from small_league import Command, Result

from league.interfaces.cli.app import run
from league.interfaces.k8s import deployment
from league.interfaces.k8s.manifests import load, shipped

LEAGUES = ["gpu", "kueue", "local"]
"""Overlays with a league; `monitoring` comes beside one."""


@pytest.fixture
def server() -> Iterator[ApiServer]:
    pytest.importorskip("kubernetes")
    with ApiServer().running() as running:
        yield running


@pytest.fixture
def k8s(
    server: ApiServer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> Command:
    """Run `league k8s …` against the server; nothing waits long."""
    monkeypatch.setattr(deployment, "POLL_S", 0.01)
    monkeypatch.setenv("KUBECONFIG", str(kubeconfig(tmp_path / "kubeconfig", server.url)))
    monkeypatch.delenv("LEAGUE_NAMESPACE", raising=False)

    def call(*words: str) -> Result:
        capsys.readouterr()
        code = run(["k8s", *words])
        captured = capsys.readouterr()
        return Result(code=code, out=captured.out, err=captured.err)

    return call


@pytest.fixture
def deployed(server: ApiServer, k8s: Command) -> ApiServer:
    controllers(server)
    pods(server)
    assert k8s("deploy", "local").code == 0
    server.requests.clear()
    return server


@pytest.fixture(params=shipped())
def overlay(request: pytest.FixtureRequest) -> list[Object]:
    return load(request.param)


@pytest.fixture(params=LEAGUES)
def league(request: pytest.FixtureRequest) -> list[Object]:
    return load(request.param)
