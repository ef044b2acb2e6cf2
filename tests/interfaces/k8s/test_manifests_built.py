"""Every overlay builds, is what the package carries, and fits the schemas."""

from __future__ import annotations

import importlib.util
import re
import shutil
import subprocess
from types import ModuleType

import pytest
import yaml
from api_server import Object
from overlays import K8S, ROOT, only, pods

from league.interfaces.k8s.manifests import load, shipped


def requires_kustomize() -> None:
    """Skip where nothing can be built."""
    if shutil.which("kubectl") is None:
        pytest.skip("kubectl is not installed, so nothing can be built")
    said = subprocess.run(["kubectl", "version", "--client"], capture_output=True, text=True, check=False).stdout
    kustomize = re.search(r"Kustomize Version: v(\d+)", said)
    if kustomize is None or int(kustomize[1]) < 5:
        pytest.skip("this kubectl builds with a Kustomize before 5: kubectl 1.27 is the first that has it")


@pytest.fixture(scope="module")
def render() -> ModuleType:
    requires_kustomize()
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
    asked = {job for group in rules for rule in group["rules"] for job in re.findall(r'\bjob="([^"]*)"', rule["expr"])}
    assert asked == {"league"}


def test_every_kustomization_opens_with_its_purpose() -> None:
    found = list(K8S.rglob("kustomization.yaml"))
    assert len(found) >= 7
    for path in found:
        assert re.match(r"# \w.{20,}", path.read_text(encoding="utf-8")), path


def test_core_kinds_fit_their_schema(overlay: list[Object]) -> None:
    core_fits(overlay)


def core_fits(objects: list[Object]) -> None:
    kubernetes_validate = pytest.importorskip("kubernetes_validate")
    core = [one for one in objects if not re.search(r"(ray\.io|coreos\.com|x-k8s\.io)/", one["apiVersion"])]
    assert core
    for one in core:
        kubernetes_validate.validate(one, "1.32", strict=True)


def test_custom_kinds_fit_their_schema(overlay: list[Object]) -> None:
    custom_fits(overlay)


def custom_fits(objects: list[Object]) -> None:
    from crds import validators

    custom = [one for one in objects if re.search(r"(ray\.io|coreos\.com)/", one["apiVersion"])]
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
    pods_fit(league)


def pods_fit(objects: list[Object]) -> None:
    kubernetes_validate = pytest.importorskip("kubernetes_validate")
    for _, _, template in pods(objects):
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
    cluster, exporter = only(load("local"), "RayCluster"), only(load("local"), "Deployment", "league-exporter")
    cluster["spec"]["headGroupSpec"]["rayStartParameters"] = {}
    assert list(validators()["ray.io/v1", "RayCluster"].iter_errors(cluster))
    exporter["spec"]["template"]["spec"]["containers"][0]["readyProbe"] = {}
    with pytest.raises(kubernetes_validate.ValidationError):
        kubernetes_validate.validate(exporter, "1.32", strict=True)
