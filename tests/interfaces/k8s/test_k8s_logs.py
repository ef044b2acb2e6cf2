"""`league k8s logs`: of a pod, and of files in it."""

from __future__ import annotations

import subprocess
from pathlib import Path
from urllib.parse import parse_qs

from api_server import ApiServer
from small_cluster import inside, refused
from small_league import Command


def test_logs_of_a_pod(deployed: ApiServer, k8s: Command) -> None:
    deployed.logs["league-redis-0/redis"] = "one\ntwo\nthree\n"
    assert k8s("logs", "store", "--tail", "2").out == "two\nthree\n"
    assert k8s("logs", "store", "--tail", "1", "--follow").out == "three\n"
    assert [parse_qs(path.partition("?")[2])["follow"] for _, path, _ in deployed.requests if "/log?" in path] == [
        ["false"],
        ["true"],
    ]


def test_logs_in_ray(deployed: ApiServer, k8s: Command, tmp_path: Path) -> None:
    (tmp_path / "job-driver-league-abc12.log").write_text("0:00:10 training\n", encoding="utf-8")
    (tmp_path / "worker-a.out").write_text(":actor_name:Coordinator\nI coordinate\n", encoding="utf-8")
    (tmp_path / "worker-b.out").write_text(":actor_name:Learner\nI learn\n", encoding="utf-8")
    (tmp_path / "worker-b.err").touch()

    def shell(command: list[str]) -> tuple[int, str, str]:
        line = [command[0], command[1], command[2].replace("/tmp/ray/session_latest/logs", str(tmp_path))]
        done = subprocess.run(line, capture_output=True, text=True, check=False)
        return done.returncode, done.stdout, done.stderr

    deployed.execs = inside(tmp_path, "none", sh=shell)
    assert k8s("logs").out == "0:00:10 training\n"
    assert k8s("logs", "coordinator").out == ":actor_name:Coordinator\nI coordinate\n"
    (tmp_path / "worker-a.out").unlink()
    refused(k8s("logs", "coordinator"), "no log of coordinator in league-head-x")


def test_logs_before_there_is_anything(deployed: ApiServer, k8s: Command) -> None:
    deployed.objects["RayJob", "league"]["status"] = {}
    refused(k8s("logs"), "has not been submitted yet")
    del deployed.objects["Pod", "league-head-x"]
    refused(k8s("logs", "head"), "no pod of head runs in namespace league: none is there")
