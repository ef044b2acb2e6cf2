"""Every overlay: builds, is what the package carries, fits the schemas, and is as locked as it says."""

from __future__ import annotations

import importlib.util
import re
import shutil
import subprocess
import tomllib
from collections.abc import Iterator
from importlib.metadata import version
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest
import ray
import yaml

from league.cluster.nodes import Room
from league.cluster.plan import plan_hardware
from league.config import LeagueConfig, load_config
from league.games import game_spec
from league.interfaces.k8s.manifests import containers, load, secrets, shipped
from league.policies.weights import fresh, pack
from league.view.dashboards import LEAGUE_UID

ROOT = Path(__file__).parents[3]
K8S = ROOT / "k8s"
LEAGUES = ["gpu", "kueue", "local"]
"""Overlays with a league; `monitoring` comes beside one."""

Object = dict[str, Any]


@pytest.fixture(params=shipped())
def overlay(request: pytest.FixtureRequest) -> list[Object]:
    return load(request.param)


@pytest.fixture(params=LEAGUES)
def league(request: pytest.FixtureRequest) -> list[Object]:
    return load(request.param)


def only(objects: list[Object], kind: str, name: str | None = None) -> Object:
    found = [one for one in objects if one["kind"] == kind and name in (None, one["metadata"]["name"])]
    assert len(found) == 1, (kind, name)
    return found[0]


def pods(objects: list[Object]) -> Iterator[tuple[Object, str, Object]]:
    """Every pod template: the object it is in, where, and the template."""

    def walk(part: Any, path: str, owner: Object) -> Iterator[tuple[Object, str, Object]]:
        if isinstance(part, list):
            for number, one in enumerate(part):
                yield from walk(one, f"{path}/{number}", owner)
        elif isinstance(part, dict):
            if "containers" in part.get("spec", {}):
                yield owner, path, part
            for name, value in part.items():
                yield from walk(value, f"{path}/{name}", owner)

    for one in objects:
        yield from walk(one, one["kind"], one)


def clusters(objects: list[Object]) -> Iterator[Object]:
    """The specifications of Ray clusters."""
    for one in objects:
        if one["kind"] == "RayCluster":
            yield one["spec"]
        elif one["kind"] == "RayService":
            yield one["spec"]["rayClusterConfig"]


def labels_of_pods(objects: list[Object]) -> list[dict[str, str]]:
    """Also those that KubeRay adds, as far as anyone here selects by them."""
    found = []
    for _, path, template in pods(objects):
        added = {}
        if "headGroupSpec" in path or "workerGroupSpecs" in path:
            added = {"ray.io/node-type": "head" if "headGroupSpec" in path else "worker"}
        found.append({**template["metadata"]["labels"], **added})
    return found


def selects(selector: Object, labels: dict[str, str]) -> bool:
    for one in selector.get("matchExpressions", []):
        assert one["operator"] == "In"
        if labels.get(one["key"]) not in one["values"]:
            return False
    return selector.get("matchLabels", {}).items() <= labels.items()


# Built


@pytest.fixture(scope="module")
def render() -> ModuleType:
    if shutil.which("kubectl") is None:
        pytest.skip("kubectl is not installed, so nothing can be built")
    said = subprocess.run(["kubectl", "version", "--client"], capture_output=True, text=True, check=False).stdout
    kustomize = re.search(r"Kustomize Version: v(\d+)", said)
    if kustomize is None or int(kustomize[1]) < 5:
        pytest.skip("this kubectl builds with a Kustomize before 5: kubectl 1.27 is the first that has it")
    source = importlib.util.spec_from_file_location("k8s_render", K8S / "render.py")
    assert source is not None
    assert source.loader is not None
    module = importlib.util.module_from_spec(source)
    source.loader.exec_module(module)
    return module


def test_the_overlays_build_and_the_package_carries_them(render: ModuleType) -> None:
    """`python k8s/render.py` writes them."""
    built = dict(render.overlays())
    assert {path.stem for path in built} == set(shipped())
    for path, text in built.items():
        assert path.read_text(encoding="utf-8") == text, path.name


def test_the_base_builds(render: ModuleType) -> None:
    assert {one["kind"] for one in load(str(K8S / "base"))} >= {"RayCluster", "RayJob", "RayService", "StatefulSet"}


def test_the_dashboards_are_those_that_kustomize_makes(render: ModuleType) -> None:
    def dashboards(objects: list[Object]) -> list[Object]:
        found = [one for one in objects if "grafana_dashboard" in one["metadata"].get("labels", {})]
        return sorted(found, key=lambda one: one["metadata"]["name"])

    made = dashboards(load("monitoring"))
    assert len(made) >= 3
    assert made == dashboards(load(str(K8S / "overlays" / "monitoring")))


def test_the_alerts_are_those_of_prometheus() -> None:
    files = sorted((ROOT / "dashboards" / "prometheus").glob("*.yml"))
    read = [yaml.safe_load(path.read_text(encoding="utf-8")) for path in files]
    groups = [group for one in read for group in one.get("groups", [])]
    assert any("alert" in rule for group in groups for rule in group["rules"])
    assert only(load("monitoring"), "PrometheusRule")["spec"]["groups"] == groups


def test_scrapes_have_the_jobs_that_rules_ask_for() -> None:
    """Unless told, the operator calls a job after its PodMonitor, with its namespace."""
    configured = yaml.safe_load((ROOT / "dashboards" / "prometheus" / "prometheus.yml").read_text(encoding="utf-8"))
    jobs = {}
    for one in load("monitoring"):
        for endpoint in one["spec"]["podMetricsEndpoints"] if one["kind"] == "PodMonitor" else []:
            (job,) = (rule for rule in endpoint["relabelings"] if rule["targetLabel"] == "job")
            assert job.keys() == {"targetLabel", "replacement"}
            jobs[one["metadata"]["name"], endpoint["port"]] = job["replacement"]
    assert set(jobs.values()) == {job["job_name"] for job in configured["scrape_configs"]}
    assert jobs["league", "metrics"] == "league"
    rules = only(load("monitoring"), "PrometheusRule")["spec"]["groups"]
    asked = {job for group in rules for rule in group["rules"] for job in re.findall(r'job="([^"]*)"', rule["expr"])}
    assert asked == {"league"}


def test_every_kustomization_opens_with_its_purpose() -> None:
    found = list(K8S.rglob("kustomization.yaml"))
    assert len(found) >= 7
    for path in found:
        assert re.match(r"# \w.{20,}", path.read_text(encoding="utf-8")), path


# Schemas


def test_core_kinds_fit_their_schema(overlay: list[Object]) -> None:
    kubernetes_validate = pytest.importorskip("kubernetes_validate")
    core = [one for one in overlay if not re.search(r"(ray\.io|coreos\.com|x-k8s\.io)/", one["apiVersion"])]
    assert core
    for one in core:
        kubernetes_validate.validate(one, "1.32", strict=True)


def test_custom_kinds_fit_their_schema(overlay: list[Object]) -> None:
    from crds import validators

    custom = [one for one in overlay if re.search(r"(ray\.io|coreos\.com)/", one["apiVersion"])]
    assert custom
    for one in custom:
        errors = list(validators()[one["apiVersion"], one["kind"]].iter_errors(one))
        assert not errors, [(one["kind"], list(error.path), error.message[:200]) for error in errors]


def test_kinds_of_kueue_fit_their_schema() -> None:
    from crds import KUEUE, read

    queues = [one for one in load("kueue") if "x-k8s.io/" in one["apiVersion"]]
    assert len(queues) == 3
    for one in queues:
        errors = list(read(KUEUE)[one["apiVersion"], one["kind"]].iter_errors(one))
        assert not errors, [(one["kind"], list(error.path), error.message[:200]) for error in errors]
    queue = only(queues, "ClusterQueue")
    (flavor,) = queue["spec"]["resourceGroups"][0]["flavors"]
    for wrong in ({"cohort": "all"}, {"resourceGroups": [{"flavors": [flavor]}]}):  # The first is of v1beta1.
        assert list(read(KUEUE)["kueue.x-k8s.io/v1beta2", "ClusterQueue"].iter_errors({**queue, "spec": wrong}))


def test_pods_in_custom_kinds_fit_the_schema_of_pods(league: list[Object]) -> None:
    """The schema of a CRD is laxer than that of a pod."""
    kubernetes_validate = pytest.importorskip("kubernetes_validate")
    for _, _, template in pods(league):
        pod = {
            "apiVersion": "v1",
            "kind": "Pod",
            "metadata": {"name": "x", **template["metadata"]},
            "spec": template["spec"],
        }
        kubernetes_validate.validate(pod, "1.32", strict=True)


def test_the_checks_refuse_what_is_wrong() -> None:
    from crds import validators

    kubernetes_validate = pytest.importorskip("kubernetes_validate")
    cluster, exporter = only(load("local"), "RayCluster"), only(load("local"), "Deployment")
    cluster["spec"]["headGroupSpec"]["rayStartParameters"] = {}
    assert list(validators()["ray.io/v1", "RayCluster"].iter_errors(cluster))
    exporter["spec"]["template"]["spec"]["containers"][0]["readyProbe"] = {}
    with pytest.raises(kubernetes_validate.ValidationError):
        kubernetes_validate.validate(exporter, "1.32", strict=True)


# Versions and secrets


def test_ray_is_the_one_that_is_installed(league: list[Object]) -> None:
    assert [cluster["rayVersion"] for cluster in clusters(league)] == [ray.__version__] * 2


def test_images_have_a_version_and_ours_is_the_projects(overlay: list[Object]) -> None:
    images = {container["image"] for one in overlay for container in containers(one)}
    for image in images:
        name, _, tag = image.partition(":")
        assert re.fullmatch(r"\d+\.\d+\.\d+", tag), image
        assert name in ("league", "league-gpu", "redis")
        assert name == "redis" or tag == version("league")
    assert not images or f"league:{version('league')}" in images


def test_no_file_holds_a_secret(overlay: list[Object]) -> None:
    assert not [one for one in overlay if one["kind"] == "Secret"]
    for one in overlay:
        for container in containers(one):
            for variable in container.get("env", []):
                if re.search("PASSWORD|TOKEN|AUTH|SECRET", variable["name"]):
                    assert "secretKeyRef" in variable["valueFrom"], variable
    for path in [*K8S.rglob("*.*"), *(ROOT / "league" / "interfaces" / "k8s").rglob("*.yaml")]:
        text = path.read_text(encoding="utf-8")
        assert "latest" not in re.findall(r"image: \S+:(\S+)", text), path
        assert not re.search(r"kind: Secret\b", text), path
        assert not re.search(r"://[^/\s\"']+:[^/\s\"']+@", text), path
    assert "stringData" not in str(overlay)


def test_secrets_are_named_where_they_are_needed(league: list[Object]) -> None:
    pair = {"username", "password"}
    assert secrets(league) == {"league-redis": pair, "league-reader": {"password"}, "gcs-redis": pair}


def test_who_does_not_write_may_only_read(league: list[Object]) -> None:
    for _, path, template in pods(league):
        component = template["metadata"]["labels"]["app.kubernetes.io/component"]
        names = secrets([template])
        assert ("league-redis" in names) == (component in ("store", "training")), path
        assert ("league-reader" in names) == (component in ("store", "serving", "exporter")), path


def test_what_belongs_to_the_cluster_is_in_no_namespace(overlay: list[Object]) -> None:
    for one in overlay:
        wide = one["kind"] in ("Namespace", "ClusterQueue", "ResourceFlavor")
        assert ("namespace" in one["metadata"]) is not wide, (one["kind"], one["metadata"])
        assert one["metadata"]["labels"]["app.kubernetes.io/part-of"] == "league"


# Locked


def test_pods_are_as_restricted_as_they_can_be(league: list[Object]) -> None:
    seen = 0
    for owner, path, template in pods(league):
        spec = template["spec"]
        where = f"{owner['metadata']['name']}: {path}"
        assert spec["securityContext"]["runAsNonRoot"] is True, where
        assert spec["securityContext"]["runAsUser"] > 0, where
        assert spec["securityContext"]["seccompProfile"] == {"type": "RuntimeDefault"}, where
        assert not {"hostNetwork", "hostPID", "hostIPC"} & spec.keys(), where
        assert all("hostPath" not in volume for volume in spec["volumes"]), where
        for container in [*spec["containers"], *spec.get("initContainers", [])]:
            seen += 1
            locked(container["securityContext"])
            assert container["resources"]["requests"].keys() >= {"cpu", "memory"}, where
            assert "memory" in container["resources"]["limits"], where
            gpus = "nvidia.com/gpu"
            assert container["resources"]["requests"].get(gpus) == container["resources"]["limits"].get(gpus)
            mounts = {mount["name"] for mount in container["volumeMounts"]}
            declared = {volume["name"] for volume in spec["volumes"]}
            claims = {claim["metadata"]["name"] for claim in owner["spec"].get("volumeClaimTemplates", [])}
            assert mounts <= declared | claims, where
        if owner["kind"] != "CronJob":
            for container in spec["containers"]:
                assert container.keys() >= {"startupProbe", "readinessProbe", "livenessProbe"}, where
    assert seen >= 9


def locked(context: Object) -> None:
    assert context["allowPrivilegeEscalation"] is False
    assert context["readOnlyRootFilesystem"] is True
    assert context["capabilities"] == {"drop": ["ALL"]}


def test_the_autoscaler_is_locked_too(league: list[Object]) -> None:
    for cluster in clusters(league):
        if cluster.get("enableInTreeAutoscaling"):
            options = cluster["autoscalerOptions"]
            assert options["version"] == "v2"
            locked(options["securityContext"])
            assert options["resources"]["requests"]
            assert {"name": "tmp", "mountPath": "/tmp"} in options["volumeMounts"]


def test_everything_writable_is_a_volume(league: list[Object]) -> None:
    for owner, path, template in pods(league):
        for container in template["spec"]["containers"]:
            mounts = {mount["mountPath"] for mount in container["volumeMounts"] if not mount.get("readOnly")}
            home = [variable["value"] for variable in container.get("env", []) if variable["name"] == "HOME"]
            for place in [container.get("workingDir"), *home]:
                assert place in (None, *mounts), f"{owner['kind']} {path}"
            assert owner["kind"] == "StatefulSet" or "/tmp" in mounts, f"{owner['kind']} {path}"


def test_only_who_needs_a_token_has_one(league: list[Object]) -> None:
    accounts = {one["metadata"]["name"]: one for one in league if one["kind"] == "ServiceAccount"}
    assert all(account["automountServiceAccountToken"] is False for account in accounts.values())
    with_token = set()
    for _, _, template in pods(league):
        account = template["spec"].get("serviceAccountName")
        assert account in (None, *accounts)
        if template["spec"]["automountServiceAccountToken"]:
            with_token.add(account)
    autoscales = only(league, "RayCluster")["spec"]["enableInTreeAutoscaling"]
    assert with_token == {"league-resume"} | ({"league-head"} if autoscales else set())


def test_rights_resolve_and_none_is_a_wildcard(league: list[Object]) -> None:
    roles = {one["metadata"]["name"]: one for one in league if one["kind"] == "Role"}
    accounts = {one["metadata"]["name"] for one in league if one["kind"] == "ServiceAccount"}
    for one in league:
        if one["kind"] == "RoleBinding":
            assert one["roleRef"] == {"apiGroup": "rbac.authorization.k8s.io", "kind": "Role", "name": "league-resume"}
            assert one["roleRef"]["name"] in roles
            for subject in one["subjects"]:
                assert subject["name"] in accounts
                assert subject["namespace"] == one["metadata"]["namespace"]
    for role in roles.values():
        for rule in role["rules"]:
            assert "*" not in [*rule["verbs"], *rule["resources"], *rule["apiGroups"]]
            assert not {"secrets", "roles", "rolebindings"} & set(rule["resources"])
    assert not [one for one in league if one["kind"].startswith("ClusterRole")]


# Who meets whom


def test_selectors_select(league: list[Object]) -> None:
    labels = labels_of_pods(league)
    checked = 0
    for one in [*league, *load("monitoring")]:
        if one["kind"] == "Service":
            selector: Object = {"matchLabels": one["spec"]["selector"]}
        elif one["kind"] in ("StatefulSet", "Deployment", "PodDisruptionBudget", "PodMonitor"):
            selector = one["spec"]["selector"]
        elif one["kind"] == "NetworkPolicy":
            selector = one["spec"]["podSelector"]
        else:
            continue
        checked += 1
        assert any(selects(selector, pod) for pod in labels), (one["kind"], one["metadata"]["name"])
    assert checked >= 15


def test_walls_let_in_only_what_is_named(league: list[Object]) -> None:
    """The table of who may open a connection to whom, derived anew from the policies."""
    policies = [one["spec"] for one in league if one["kind"] == "NetworkPolicy"]
    assert {"podSelector": {}, "policyTypes": ["Ingress"]} in policies
    components = sorted({pod["app.kubernetes.io/component"] for pod in labels_of_pods(league)})
    allowed: dict[str, set[str]] = {name: set() for name in components}
    for policy in policies:
        assert policy["policyTypes"] == ["Ingress"]
        for to in components:
            if not selects(policy["podSelector"], {"app.kubernetes.io/component": to}):
                continue
            for rule in policy.get("ingress", []):
                assert rule.get("from"), "a rule without `from` lets everyone in"
                for peer in rule["from"]:
                    assert "ipBlock" not in peer
                    if "namespaceSelector" in peer or "ports" not in rule:
                        continue
                    selector = peer["podSelector"]
                    allowed[to] |= {
                        who for who in components if selects(selector, {"app.kubernetes.io/component": who})
                    }
                if "ports" not in rule:  # Nodes of one Ray cluster.
                    assert rule["from"] == [{"podSelector": {"matchLabels": {"app.kubernetes.io/component": to}}}]
    assert allowed == {
        "store": {"training", "serving", "exporter"},
        "gcs": {"training", "serving"},
        "training": set(),
        "serving": set(),
        "exporter": set(),
        "resume": set(),
    }


def test_named_ports_exist(league: list[Object]) -> None:
    ports = {port["name"] for one in league for container in containers(one) for port in container.get("ports", [])}
    both = [*league, *load("monitoring")]
    for one in both:
        spec = one.get("spec", {})
        for rule in spec.get("ingress", []) if one["kind"] == "NetworkPolicy" else []:
            assert {port["port"] for port in rule.get("ports", []) if isinstance(port["port"], str)} <= ports
        for endpoint in spec.get("podMetricsEndpoints", []):
            assert endpoint["port"] in ports


# The league in it


def test_head_computes_nothing_and_has_room(league: list[Object]) -> None:
    for cluster in clusters(league):
        head = cluster["headGroupSpec"]
        assert head["rayStartParams"]["num-cpus"] == "0"
        assert gibibytes(head["template"]["spec"]["containers"][0]["resources"]["limits"]["memory"]) >= 5
        assert cluster["authOptions"] == {"mode": "token"}
        assert cluster["gcsFaultToleranceOptions"]["redisAddress"] == "redis://gcs-redis:6380"


def gibibytes(quantity: str) -> float:
    number, unit = re.fullmatch(r"(\d+)(Gi|Mi)", quantity).groups()  # type: ignore[union-attr]
    return int(number) / (1 if unit == "Gi" else 1024)


def test_a_league_that_is_stopped_may_save(league: list[Object]) -> None:
    """Ray reads it on the head, and would kill after three seconds."""
    (head,) = only(league, "RayCluster")["spec"]["headGroupSpec"]["template"]["spec"]["containers"]
    environment = {one["name"]: one.get("value") for one in head["env"]}
    assert int(environment["RAY_JOB_STOP_WAIT_TIME_S"]) >= 60
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
    assert len(lines) == 3
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


def test_the_champions_settings_are_understood(league: list[Object]) -> None:
    application = pytest.importorskip("league.interfaces.serve.application")
    serve = yaml.safe_load(only(league, "RayService")["spec"]["serveConfigV2"])
    (one,) = serve["applications"]
    assert one["import_path"] == "league.interfaces.serve:application"
    settings = application.Settings.read(one["args"])
    assert settings.store == "redis://league-redis:6380/0"


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


def amount(quantity: str | int) -> float:
    text = str(quantity)
    return gibibytes(text) if text.endswith("i") else float(text)
