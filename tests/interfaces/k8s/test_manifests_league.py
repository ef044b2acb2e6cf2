"""The league in an overlay: its cluster has room for it, and its commands and settings exist."""

from __future__ import annotations

import re
import tomllib
from pathlib import Path

import pytest
import yaml
from api_server import Object
from overlays import amount, clusters, gibibytes, only

from league.cluster.nodes import Room
from league.cluster.plan import plan_hardware
from league.config import LeagueConfig, load_config
from league.errors import ConfigError
from league.games import game_spec
from league.interfaces.k8s.manifests import containers, load
from league.interfaces.k8s.stopping import SAVING_S
from league.policies.weights import fresh, pack
from league.view.dashboards import LEAGUE_UID


def test_head_computes_nothing_and_has_room(league: list[Object]) -> None:
    for cluster in clusters(league):
        head = cluster["headGroupSpec"]
        assert head["rayStartParams"]["num-cpus"] == "0"
        assert gibibytes(head["template"]["spec"]["containers"][0]["resources"]["limits"]["memory"]) >= 5
        assert cluster["authOptions"] == {"mode": "token"}
        assert cluster["gcsFaultToleranceOptions"]["redisAddress"] == "redis://gcs-redis:6380"


def test_a_league_that_is_stopped_may_save(league: list[Object]) -> None:
    """Ray reads it on the head, and would kill after three seconds."""
    (head,) = only(league, "RayCluster")["spec"]["headGroupSpec"]["template"]["spec"]["containers"]
    environment = {one["name"]: one.get("value") for one in head["env"]}
    assert int(environment["RAY_JOB_STOP_WAIT_TIME_S"]) == SAVING_S >= 60
    assert environment["RAY_GRAFANA_DATA_DASHBOARD_UID"] == LEAGUE_UID


def configuration(league: list[Object], folder: Path) -> LeagueConfig:
    """What the job trains with."""
    text = only(league, "ConfigMap", "league-config")["data"]["league.toml"]
    assert tomllib.loads(text)
    file = folder / "league.toml"
    file.write_text(text, encoding="utf-8")
    words = only(league, "RayJob")["spec"]["entrypoint"].split()
    preset = words[words.index("--preset") + 1] if "--preset" in words else None
    return load_config(preset=preset, file=file, settings=[], base=None)


def room(league: list[Object], size: str) -> Room:
    """What the workers have where each group has so many as `size` says, `minReplicas` or `maxReplicas`."""
    cpus, gpus = 0.0, []
    for group in only(league, "RayCluster")["spec"]["workerGroupSpecs"]:
        count = group.get("replicas", group[size])
        limits = group["template"]["spec"]["containers"][0]["resources"]["limits"]
        cpus += count * amount(limits["cpu"])
        gpus += [amount(limits["nvidia.com/gpu"])] * count if "nvidia.com/gpu" in limits else []
    return Room(cpus=cpus, gpus=tuple(gpus))


def test_a_cluster_has_room_for_the_league(league: list[Object], tmp_path: Path) -> None:
    """Before any worker is added; where GPUs come from zero, the autoscaler is asked for them and may bring them."""
    config = configuration(league, tmp_path)
    assert config.rollout.runners is not None
    smallest, largest = room(league, "minReplicas"), room(league, "maxReplicas")
    plan = plan_hardware(config, smallest)
    groups = [one["groupName"] for one in only(league, "RayCluster")["spec"]["workerGroupSpecs"]]
    if "gpu" in groups and only(league, "RayCluster")["spec"]["enableInTreeAutoscaling"]:
        assert not smallest.gpus
        assert plan.learners == 0
        assert sum(bundle.get("GPU", 0) for bundle in plan.bundles) == len(config.learners())
        plan = plan_hardware(config, largest)
    assert plan.learners == len(config.learners())
    assert plan.missing is None
    assert bool(plan.hardware.gpus) == ("gpu" in groups)


def bytes_of(quantity: str) -> int:
    """Of Kubernetes (`2Gi`) or Redis (`1gb`)."""
    number, unit = re.fullmatch(r"(\d+)(Gi|gb|Mi|mb)", quantity).groups()  # type: ignore[union-attr]
    return int(number) * 2 ** (30 if unit.lower().startswith("g") else 20)


def most_memory(league: list[Object], name: str) -> int:
    """Of the data of a Redis, in bytes."""
    (container,) = only(league, "StatefulSet", name)["spec"]["template"]["spec"]["containers"]
    settings = only(league, "ConfigMap", "redis-config")["data"]["redis.conf"]
    # Arguments overrule the file.
    given = [*re.findall(r"^maxmemory (\S+)", settings, re.MULTILINE), *container.get("args", [])[1::2]]
    assert container.get("args", [])[::2] in ([], ["--maxmemory"])
    limit = bytes_of(container["resources"]["limits"]["memory"])
    assert bytes_of(given[-1]) <= limit / 2, "while Redis rewrites its file it may need its memory twice"
    return bytes_of(given[-1])


def test_the_store_has_room_for_a_year(league: list[Object], tmp_path: Path) -> None:
    config = configuration(league, tmp_path)
    weights = len(pack(fresh(game_spec(config.game), config.network, seed=0)))
    most_memory(league, "gcs-redis")
    memory = most_memory(league, "league-redis")
    if "gpu" not in str(only(league, "RayJob")):
        assert 100 * weights < memory
        return
    assert config.retention.automatic
    kept = config.retention.newest + 30_000 * 365 * 86_400 / config.retention.epoch_steps
    assert kept * weights < 0.6 * memory, "room for champions and checkpoints"


def test_the_job_runs_a_command_that_exists(league: list[Object]) -> None:
    from typer.main import get_command

    from league.interfaces.cli.app import app

    command = get_command(app)
    lines = [only(league, "RayJob")["spec"]["entrypoint"].split()]
    for one in league:
        for container in containers(one):
            if container.get("command", [""])[0] == "league":
                lines.append(container["command"])
    assert len(lines) == 5
    for program, *words in lines:
        assert program == "league"
        found = command
        while hasattr(found, "commands"):
            name, *words = words
            found = found.commands[name]
        found.make_context("league", list(words))


def test_the_job_is_of_a_form_that_kuberay_takes(league: list[Object]) -> None:
    job, cluster = only(league, "RayJob")["spec"], only(league, "RayCluster")
    assert job["clusterSelector"] == {"ray.io/cluster": cluster["metadata"]["name"]}
    assert job["submissionMode"] == "HTTPMode"
    assert not job.get("backoffLimit")  # refused together with clusterSelector
    assert not job.get("shutdownAfterJobFinishes")


def test_the_champions_settings_are_understood(league: list[Object], monkeypatch: pytest.MonkeyPatch) -> None:
    application = pytest.importorskip("league.interfaces.serve.application")
    serve = yaml.safe_load(only(league, "RayService")["spec"]["serveConfigV2"])
    (one,) = serve["applications"]
    assert one["import_path"] == "league.interfaces.serve:application"
    with pytest.raises(ConfigError, match="store"):
        application.Settings.read(one["args"])
    monkeypatch.setenv("LEAGUE_STORE", address(league))
    settings = application.Settings.read(one["args"])
    assert settings.store == "redis://league-redis:6380/0"
    (group,) = only(league, "RayService")["spec"]["rayClusterConfig"]["workerGroupSpecs"]
    assert settings.replicas == group["replicas"], "each replica has a node of its own"
    assert one["deployments"] == [{"name": application.DEPLOYMENT, "max_replicas_per_node": 1}]
    from ray.serve.schema import ServeDeploySchema

    ServeDeploySchema.model_validate(serve)


def address(league: list[Object]) -> str:
    """Of the store, which is told in one place."""
    return str(only(league, "ConfigMap", "league-store")["data"]["address"])


def test_the_store_is_told_in_one_place(league: list[Object]) -> None:
    told = 0
    for one in league:
        assert one["metadata"]["name"] == "league-store" or address(league) not in str(one)
        for container in containers(one):
            for variable in container.get("env", []):
                if variable["name"] == "LEAGUE_STORE":
                    told += 1
                    assert variable["valueFrom"] == {"configMapKeyRef": {"name": "league-store", "key": "address"}}
    assert told >= 6


def test_the_queue_admits_the_cluster() -> None:
    objects = load("kueue")
    cluster, queue = only(objects, "RayCluster"), only(objects, "ClusterQueue")
    assert cluster["metadata"]["labels"]["kueue.x-k8s.io/queue-name"] == only(objects, "LocalQueue")["metadata"]["name"]
    assert only(objects, "LocalQueue")["spec"]["clusterQueue"] == queue["metadata"]["name"]
    assert cluster["spec"]["enableInTreeAutoscaling"] is False
    (group,) = queue["spec"]["resourceGroups"]
    (flavor,) = group["flavors"]
    assert flavor["name"] == only(objects, "ResourceFlavor")["metadata"]["name"]
    quota = {one["name"]: amount(one["nominalQuota"]) for one in flavor["resources"]}
    assert list(quota) == group["coveredResources"]
    needed = dict.fromkeys(quota, 0.0)
    groups = [(1, cluster["spec"]["headGroupSpec"])]
    groups += [(group["replicas"], group) for group in cluster["spec"]["workerGroupSpecs"]]
    for count, one in groups:
        for container in one["template"]["spec"]["containers"]:
            for name, quantity in container["resources"]["requests"].items():
                needed[name] += count * amount(quantity)
    assert all(0 < needed[name] <= quota[name] for name in quota), (needed, quota)
