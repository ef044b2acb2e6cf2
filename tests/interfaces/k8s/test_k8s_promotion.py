"""`league k8s promote`: in the cluster, until the service has taken the champion up."""

from __future__ import annotations

import json
from pathlib import Path

from api_server import ApiServer
from small_cluster import inside, refused
from small_league import Command

from league.pool.store import Store


def test_promote_shows_the_rollout(deployed: ApiServer, k8s: Command, folder: Path, own: Store) -> None:
    answers = iter([{"policy": "main-0001"}, {"policy": "main-0001"}, {"policy": "main-0000"}])

    def ask(command: list[str]) -> tuple[int, str, str]:
        return 0, json.dumps(next(answers)), ""

    deployed.execs = inside(folder, own.league, python=ask)
    result = k8s("promote", "main-0000", "--force", "--reason", "for the demo")
    assert (result.code, result.err) == (0, "")
    lines = result.out.splitlines()
    assert lines[0] == "main-0000 is the champion, forced; pinned: the league keeps it"
    assert lines[1:] == [
        "RayService champion serves, 1 endpoint: main-0001 is served",
        "RayService champion serves, 1 endpoint: main-0000 is served",
    ]


def test_promote_that_is_never_served(deployed: ApiServer, k8s: Command) -> None:
    def execute(pod: str, container: str, command: list[str]) -> tuple[int, str, str]:
        if command[0] == "python":
            return 1, "", "HTTP Error 503"
        return 0, json.dumps({"policy": "main-0000"}) if "champion" in command else "", ""

    deployed.execs = execute
    result = k8s("promote", "main-0000", "--force", "--timeout", "0.05")
    refused(result, "main-0000 is not served after 0 s", "league k8s logs champion")
    assert "HTTP Error 503" in result.out


def test_promote_passes_on_what_the_league_refuses(deployed: ApiServer, k8s: Command) -> None:
    deployed.execs = lambda pod, container, command: (2, "", "league: no policy 'nobody' in league 'league'\n")
    refused(k8s("promote", "nobody"), "no policy 'nobody'")
    deployed.execs = lambda pod, container, command: (1, "main-0000 against main-0001: refused\n", "")
    result = k8s("promote", "main-0000")
    assert (result.code, result.out) == (1, "main-0000 against main-0001: refused\n")
