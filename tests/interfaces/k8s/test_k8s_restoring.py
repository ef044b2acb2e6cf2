"""`league k8s deploy --restore`: the store is filled before a job can begin another league in it."""

from __future__ import annotations

import os
import subprocess
from pathlib import Path

import pytest
from api_server import ApiServer, Object
from small_cluster import controllers, refused
from small_league import Command
from test_manifests_built import core_fits

from league.interfaces.k8s.manifests import load
from league.interfaces.k8s.restoring import restore_job


def test_the_store_is_filled_before_the_job_is_put_in(server: ApiServer, k8s: Command) -> None:
    controllers(server)
    result = k8s("deploy", "local", "--restore", "newest")
    assert (result.code, result.err) == (0, "")
    applied = [path.split("?")[0].rsplit("/", 2)[1:] for method, path, _ in server.writes() if method == "PATCH"]
    assert applied.index(["jobs", "league-restore"]) < applied.index(["rayjobs", "league"])
    assert "Job league-restore: complete" in result.out
    assert ("Job", "league-restore") not in server.objects


def test_a_restoration_that_fails_says_why_and_puts_in_no_job(server: ApiServer, k8s: Command) -> None:
    controllers(server)
    ready = server.after

    def after(method: str, live: Object) -> None:
        ready(method, live)
        if live["kind"] == "Job":
            failed = {"type": "Failed", "status": "True", "reason": "BackoffLimitExceeded"}
            live["status"] = {"conditions": [failed]}
            metadata = {"name": "league-restore-x", "labels": {"job-name": "league-restore"}}
            server.put({"kind": "Pod", "metadata": metadata, "spec": {"containers": []}, "status": {"phase": "Failed"}})
            server.logs["league-restore-x/backup"] = "league: the store holds a league 'league' already\n"

    server.after = after
    result = k8s("deploy", "local", "--restore", "league-2026-11-26T03-17-00Z.tar")
    refused(result, "league-restore failed: BackoffLimitExceeded", "it says: the store holds a league 'league' already")
    assert ("RayJob", "league") not in server.objects


def test_a_league_that_is_at_work_is_stopped_first(deployed: ApiServer, k8s: Command) -> None:
    refused(k8s("deploy", "local", "--restore", "newest"), "has a RayJob league: `league k8s stop`")
    assert not deployed.writes()


@pytest.mark.parametrize("file", ["../etc/passwd", "a b", "$(reboot)", ""])
def test_only_the_name_of_a_file_is_taken(server: ApiServer, k8s: Command, file: str) -> None:
    refused(k8s("deploy", "local", "--restore", file), "--restore", "the volume league-backups")
    assert not server.writes()


def test_it_writes_and_so_it_has_the_leagues_user() -> None:
    template = restore_job(load("gpu"), "newest")["spec"]["template"]
    (container,) = template["spec"]["containers"]
    secrets = {
        one["name"]: one["valueFrom"]["secretKeyRef"]["name"] for one in container["env"] if "REDIS" in one["name"]
    }
    assert secrets == {"LEAGUE_REDIS_USERNAME": "league-redis", "LEAGUE_REDIS_PASSWORD": "league-redis"}
    core_fits([restore_job(load("gpu"), "newest")])


@pytest.mark.parametrize(("file", "taken"), [("newest", "league-2.tar"), ("league-1.tar", "league-1.tar")])
def test_its_shell_takes_that_file(tmp_path: Path, file: str, taken: str) -> None:
    """Its own command, with the folder moved and a `league` that says its arguments."""
    for name in ("league-1.tar", "league-2.tar"):
        (tmp_path / name).touch()
    program = tmp_path / "league"
    program.write_text('#!/bin/sh\necho "$@"\n', encoding="utf-8")
    program.chmod(0o700)
    (container,) = restore_job(load("local"), file)["spec"]["template"]["spec"]["containers"]
    line = [word.replace("/backups", str(tmp_path)) for word in container["command"]]
    environment = {**os.environ, "PATH": f"{tmp_path}:{os.environ['PATH']}"}
    done = subprocess.run(line, env=environment, capture_output=True, text=True, check=True)
    assert done.stdout == f"restore {taken}\n"
