"""`league k8s resume`: a job that has failed is put in anew, ever less often."""

from __future__ import annotations

from datetime import timedelta

import pytest
from api_server import ApiServer
from small_cluster import fail, refused
from small_league import Command

from league.interfaces.k8s import deployment
from league.interfaces.k8s.cluster import TIMEOUT_S


def test_resume_puts_a_failed_job_in_anew(deployed: ApiServer, k8s: Command) -> None:
    assert k8s("resume").out == "the job has not failed\n"
    assert not deployed.writes()
    job = deployed.objects["RayJob", "league"]
    job["status"]["jobDeploymentStatus"] = "Failed"
    job["metadata"]["resourceVersion"] = "7"
    assert "put in anew" in k8s("resume").out
    again = deployed.objects["RayJob", "league"]
    assert again["spec"] == job["spec"]
    assert "resourceVersion" not in again["metadata"]
    assert again["status"]["jobDeploymentStatus"] == "Running"


def test_a_job_that_fails_again_and_again_is_put_in_less_and_less_often(deployed: ApiServer, k8s: Command) -> None:
    fail(deployed)
    assert "put in anew" in k8s("resume").out, "the first time at once"
    for times, wait_s in [(1, 120), (2, 240), (3, 480), (4, 960), (5, 1920), (6, 3600), (7, 3600)]:
        job = fail(deployed, wait_s - 30)
        assert job["metadata"]["annotations"]["league/resumed"] == str(times)
        assert f"put in anew {times} times and has failed again" in k8s("resume").out
        assert deployed.objects["RayJob", "league"] is job
        fail(deployed, wait_s + 30)
        assert "it is put in anew" in k8s("resume").out
        assert deployed.objects["RayJob", "league"] is not job
    fail(deployed, 3000)["metadata"]["annotations"]["league/resumed"] = "2000"
    assert "the next time is in 10 min" in k8s("resume").out
    fail(deployed, 7300)  # It worked for long before it failed.
    assert k8s("resume").code == 0
    assert deployed.objects["RayJob", "league"]["metadata"]["annotations"]["league/resumed"] == "1"
    fail(deployed)
    assert k8s("deploy", "local").code == 0
    assert "annotations" not in deployed.objects["RayJob", "league"]["metadata"], "a person has put it in"


@pytest.mark.parametrize("ahead_s", [-3600, 3600])
def test_how_long_a_job_lasted_is_by_the_clock_of_the_server(ahead_s: float, deployed: ApiServer, k8s: Command) -> None:
    deployed.ahead = timedelta(seconds=ahead_s)
    fail(deployed, 60)["metadata"]["annotations"] = {"league/resumed": "5"}
    assert "put in anew 5 times and has failed again: the next time is in 31 min" in k8s("resume").out
    fail(deployed, 1920 + 60)["metadata"]["annotations"] = {"league/resumed": "5"}
    assert "it is put in anew" in k8s("resume").out


def test_resume_that_was_killed_in_between_is_taken_up(deployed: ApiServer, k8s: Command) -> None:
    spec = fail(deployed)["spec"]
    deployed.refusals.append(("POST", "rayjobs", 500, "killed"))
    refused(k8s("resume"), "cannot create rayjobs/league")
    assert ("RayJob", "league") not in deployed.objects
    deployed.refusals.clear()
    assert "put in anew" in k8s("resume").out
    assert deployed.objects["RayJob", "league"]["spec"] == spec
    assert k8s("resume").out == "the job has not failed\n"
    del deployed.objects["RayJob", "league"]
    assert "has no RayJob league" in k8s("resume").out, "a person has deleted it"
    assert "RayJob" not in {kind for kind, _ in deployed.objects}


def test_resume_forgets_what_somebody_else_has_made(deployed: ApiServer, k8s: Command) -> None:
    fail(deployed)
    deployed.refusals.append(("POST", "rayjobs", 500, "killed"))
    refused(k8s("resume"), "cannot create rayjobs/league")
    deployed.refusals.clear()
    assert k8s("deploy", "local").code == 0
    assert k8s("resume").code == 0
    del deployed.objects["RayJob", "league"]
    assert "has no RayJob league" in k8s("resume").out


def test_resume_waits_for_less_than_its_cronjob_may_last(
    deployed: ApiServer, k8s: Command, monkeypatch: pytest.MonkeyPatch
) -> None:
    lasts_s = deployed.objects["CronJob", "league-resume"]["spec"]["jobTemplate"]["spec"]["activeDeadlineSeconds"]
    assert deployment.GONE_S + 2 * sum(TIMEOUT_S) <= lasts_s
    monkeypatch.setattr(deployment, "GONE_S", 0.05)
    job = fail(deployed)
    deployed.after = lambda method, live: deployed.objects.update({("RayJob", "league"): job})  # Its finalizer hangs.
    refused(k8s("resume"), "RayJob league is not gone after 0 s")
