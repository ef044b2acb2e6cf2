"""The components of `k8s/`: each builds over an overlay, fits the schemas, and does what it is for."""

from __future__ import annotations

import os
import re
import signal
import subprocess
import time
from collections.abc import Callable
from pathlib import Path

import pytest
from api_server import Object
from overlays import K8S, ROOT, only, pods
from test_manifests_built import core_fits, custom_fits, pods_fit, requires_kustomize

from league.interfaces.k8s.manifests import containers, load, secrets

Build = Callable[..., list[Object]]
COMPONENTS = {"any-user", "logs", "managed-redis", "pull-secret", "tls"}


@pytest.fixture
def build(tmp_path: Path) -> Build:
    """An overlay of one's own, as docs/kubernetes.md describes it: an overlay, components, and maybe an address."""
    requires_kustomize()

    def made(overlay: str, *components: str, address: str | None = None) -> list[Object]:
        def path(*parts: str) -> str:
            return os.path.relpath(K8S.joinpath(*parts), tmp_path.resolve())

        lines = ["apiVersion: kustomize.config.k8s.io/v1beta1", "kind: Kustomization", "namespace: league"]
        lines += [f"resources: [{path('overlays', overlay)}]"]
        lines += [f"components: [{', '.join(path('components', one) for one in components)}]"]
        if address is not None:
            lines += ["configMapGenerator:", "  - name: league-store", "    behavior: merge"]
            lines += [f"    literals: ['address={address}']", "generatorOptions: {disableNameSuffixHash: true}"]
        (tmp_path / "kustomization.yaml").write_text("\n".join(lines) + "\n", encoding="utf-8")
        return load(str(tmp_path))

    return made


@pytest.mark.parametrize(
    ("overlay", "component"),
    [
        (overlay, component)
        for component in sorted(COMPONENTS)
        for overlay in ("local", "gpu", "kueue")
        if overlay != "local" or component not in ("any-user", "logs")  # They are for larger clusters.
    ],
)
def test_a_component_builds_and_fits(build: Build, overlay: str, component: str) -> None:
    objects = build(overlay, component)
    assert all(one["metadata"]["labels"]["app.kubernetes.io/part-of"] == "league" for one in objects)
    core_fits([one for one in objects if "cert-manager" not in one["apiVersion"]])
    custom_fits(objects)
    pods_fit(objects)
    named = {
        source[kind]["name" if kind == "configMap" else "secretName"]
        for _, _, template in pods(objects)
        for source in template["spec"]["volumes"]
        for kind in ("configMap", "secret")
        if kind in source and not source[kind].get("optional")
    }
    assert named <= {one["metadata"]["name"] for one in objects if one["kind"] == "ConfigMap"}


def test_all_components_are_tested() -> None:
    assert {path.name for path in (K8S / "components").iterdir()} == COMPONENTS


def test_every_account_shows_the_password(build: Build) -> None:
    accounts = [one for one in build("local", "pull-secret") if one["kind"] == "ServiceAccount"]
    assert len(accounts) == 3
    assert all(one["imagePullSecrets"] == [{"name": "registry"}] for one in accounts)


@pytest.mark.parametrize("others", [(), ("logs", "tls")], ids=["alone", "with others"])
def test_where_the_cluster_gives_users_no_pod_names_one(build: Build, others: tuple[str, ...]) -> None:
    objects = build("gpu", *others, "any-user")
    assert {one["kind"] for one, _, _ in pods(objects)} >= {"CronJob", "Deployment", "RayCluster", "RayService"}
    for _, path, template in pods(objects):
        spec = template["spec"]
        contexts = [spec["securityContext"], *(one["securityContext"] for one in containers(spec))]
        assert not {"runAsUser", "runAsGroup", "fsGroup"} & set().union(*contexts), path
        assert spec["securityContext"]["runAsNonRoot"], path


def test_a_managed_redis_takes_the_place_of_ours(build: Build) -> None:
    address = "rediss://mine.example:6380/0"
    objects = build("gpu", "managed-redis", address=address)
    assert only(objects, "ConfigMap", "league-store")["data"]["address"] == address
    assert [one["metadata"]["name"] for one in objects if one["kind"] == "StatefulSet"] == ["gcs-redis"]
    claims = {one["metadata"]["name"] for one in objects if one["kind"] == "PersistentVolumeClaim"}
    assert claims == {"data-gcs-redis-0", "league-backups"}
    assert secrets(objects).keys() >= {"league-redis", "league-reader", "league-backup"}, "its users are ours to name"
    assert "redis://league-redis" not in str(objects)


def test_nobody_speaks_to_redis_in_clear(build: Build) -> None:
    objects = build("gpu", "tls")
    assert not re.search(r"\bredis://", str(objects))
    address = only(objects, "ConfigMap", "league-store")["data"]["address"]
    file = re.search(r"ssl_ca_certs=(\S+)", address)
    assert file is not None
    for _, path, template in pods(objects):
        variables = [one for container in template["spec"]["containers"] for one in container.get("env", [])]
        if any(one["name"] == "LEAGUE_STORE" for one in variables):
            mounts = {mount["mountPath"]: mount["name"] for mount in template["spec"]["containers"][0]["volumeMounts"]}
            volumes = {volume["name"]: volume for volume in template["spec"]["volumes"]}
            authority = volumes[mounts[str(Path(file[1]).parent)]]["secret"]
            assert authority["secretName"] == "redis-tls", path
            assert authority["items"] == [{"key": "ca.crt", "path": "ca.crt"}], "the key is the servers' alone"
    (certificate,) = (one for one in objects if one["metadata"]["name"] == "redis")
    assert certificate["spec"]["secretName"] == "redis-tls"
    assert {"league-redis", "gcs-redis"} <= set(certificate["spec"]["dnsNames"])


def test_logs_are_kept_of_every_node_that_trains(build: Build) -> None:
    objects = build("kueue", "logs")
    spec = only(objects, "RayCluster")["spec"]
    for group in (spec["headGroupSpec"], *spec["workerGroupSpecs"]):
        pod = group["template"]["spec"]
        (keeper,) = pod["initContainers"]
        assert keeper["restartPolicy"] == "Always"
        assert "/logs" in {mount["mountPath"] for mount in pod["containers"][0]["volumeMounts"]}
    (head,) = spec["headGroupSpec"]["template"]["spec"]["containers"]
    assert {"name": "LEAGUE_LOG_DIR", "value": "/logs/tensorboard"} in head["env"]


def test_logs_outlive_their_pod_and_old_ones_go(tmp_path: Path) -> None:
    logs, kept = tmp_path / "logs", tmp_path / "kept"
    logs.mkdir()
    (kept / "an-old-pod").mkdir(parents=True)
    (kept / "another-pod").mkdir()
    os.utime(kept / "an-old-pod", (0, 0))
    (logs / "job-driver-x.log").write_text("begins\n", encoding="utf-8")
    environment = {**os.environ, "POD_NAME": "league-head-x", "KEEP_EVERY_S": "0.05"}
    line = ["sh", str(K8S / "components" / "logs" / "keep.sh"), str(logs), str(kept)]
    keeper = subprocess.Popen(line, env=environment)
    try:
        here = kept / "league-head-x" / "job-driver-x.log"
        until(lambda: here.exists() and here.read_text(encoding="utf-8") == "begins\n")
        until(lambda: not (kept / "an-old-pod").exists())
        assert (kept / "another-pod").exists()
        (logs / "job-driver-x.log").write_text("begins\nends\n", encoding="utf-8")
        keeper.send_signal(signal.SIGTERM)
        assert keeper.wait(10) == 0
        assert here.read_text(encoding="utf-8") == "begins\nends\n"
    finally:
        keeper.kill()


def until(holds: Callable[[], bool]) -> None:
    deadline = time.monotonic() + 20
    while not holds():
        assert time.monotonic() < deadline
        time.sleep(0.02)


def test_the_script_makes_the_secrets_that_the_manifests_name(tmp_path: Path) -> None:
    """With a kubectl that keeps what it is told; what is an argument could be seen by everyone on the machine."""
    program = tmp_path / "kubectl"
    program.write_text(
        f'#!/bin/sh\necho "$@" >> {tmp_path}/arguments\n'
        f'case "$*" in *" get secret gcs-redis") exit 0 ;; *" get "*) exit 1 ;; esac\n'
        f"{{ cat; echo ---; }} >> {tmp_path}/made.yaml\n",
        encoding="utf-8",
    )
    program.chmod(0o700)
    environment = {**os.environ, "PATH": f"{tmp_path}:{os.environ['PATH']}"}
    subprocess.run(["sh", str(ROOT / "k8s" / "secrets.sh"), "chess"], env=environment, check=True, capture_output=True)
    made = {one["metadata"]["name"]: one["stringData"] for one in load(str(tmp_path / "made.yaml"))}
    wanted = secrets(load("local"))
    assert {name: set(keys) for name, keys in made.items()} == {
        name: keys for name, keys in wanted.items() if name != "gcs-redis"
    }
    values = [value for keys in made.values() for key, value in keys.items() if key != "username"]
    assert all(re.fullmatch("[0-9a-f]{64}", value) for value in values)
    assert len(set(values)) == len(values) == 4
    arguments = (tmp_path / "arguments").read_text(encoding="utf-8")
    assert "--namespace chess" in arguments
    assert not any(value in arguments for value in values)


def test_the_pod_for_files_fits() -> None:
    objects = load(str(K8S / "files.yaml"))
    core_fits(objects)
    pods_fit(objects)


PAGE = ROOT / "docs" / "kubernetes.md"


def documented() -> list[str]:
    return re.findall(r"^```yaml\n(.*?)^```$", PAGE.read_text(encoding="utf-8"), re.MULTILINE | re.DOTALL)


def test_the_documented_overlay_builds(tmp_path: Path) -> None:
    requires_kustomize()
    (text,) = (one for one in documented() if "kind: Kustomization" in one)
    moved = text.replace("- k8s/", f"- {os.path.relpath(K8S, tmp_path.resolve())}/")
    (tmp_path / "kustomization.yaml").write_text(moved, encoding="utf-8")
    objects = load(str(tmp_path))
    images = {container["image"] for one in objects for container in containers(one)}
    assert images == {"registry.example/league:0.1.0", "registry.example/league-gpu:0.1.0", "redis:8.2.3"}
    assert only(objects, "ConfigMap", "league-store")["data"]["address"] == "rediss://redis.example:6380/0"
    assert all(one.get("imagePullSecrets") for one in objects if one["kind"] == "ServiceAccount")


def test_other_documented_objects_fit(tmp_path: Path) -> None:
    league = load("gpu")
    kinds = []
    for text in documented():
        if "kind: Kustomization" not in text:
            (tmp_path / "one.yaml").write_text(text, encoding="utf-8")
            objects = load(str(tmp_path / "one.yaml"))
            core_fits(objects)
            kinds += [one["kind"] for one in objects]
            for one in objects:
                if one["kind"] == "Ingress":
                    ((path,),) = (rule["http"]["paths"] for rule in one["spec"]["rules"])
                    service = only(league, "Service", path["backend"]["service"]["name"])
                    assert path["backend"]["service"]["port"]["name"] in {p["name"] for p in service["spec"]["ports"]}
    assert sorted(kinds) == ["Ingress", "NetworkPolicy", "NetworkPolicy"]


def test_words_of_the_api_server_in_the_documentation_are_its_words() -> None:
    from api_server import invalid

    grown = {"spec": {"resources": {"requests": {"storage": "2Gi"}}}}
    shrunk = {"spec": {"resources": {"requests": {"storage": "1Gi"}}}}
    said = [invalid("PersistentVolumeClaim", grown, shrunk), invalid("StatefulSet", grown, shrunk)]
    text = PAGE.read_text(encoding="utf-8")
    for part, whole in zip(("field can not be less than", "updates to statefulset spec for fields"), said, strict=True):
        assert part in text
        assert part in str(whole)
