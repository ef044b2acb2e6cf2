"""Every overlay is as locked as it says: versions, secrets, pods, rights, and who meets whom."""

from __future__ import annotations

import re
from importlib.metadata import version

import ray
from api_server import Object
from overlays import K8S, ROOT, clusters, labels_of_pods, only, pods, selects

from league.interfaces.k8s.manifests import containers, load, secrets


def test_ray_is_the_one_that_is_installed(league: list[Object]) -> None:
    assert [cluster["rayVersion"] for cluster in clusters(league)] == [ray.__version__] * 2


def test_images_have_a_version_and_ours_is_the_projects(overlay: list[Object]) -> None:
    images = {container["image"] for one in overlay for container in containers(one)}
    for image in images:
        name, _, tag = image.partition(":")
        assert re.fullmatch(r"\d+\.\d+\.\d+", tag), image
        assert name in ("league", "league-gpu", "redis")
        assert name == "redis" or tag == version("selfplay-league")
    assert not images or f"league:{version('selfplay-league')}" in images


def test_no_file_holds_a_secret(overlay: list[Object]) -> None:
    assert not [one for one in overlay if one["kind"] == "Secret"]
    for one in overlay:
        for container in containers(one):
            for variable in container.get("env", []):
                if re.search("PASSWORD|TOKEN|AUTH|SECRET", variable["name"]):
                    assert "secretKeyRef" in variable["valueFrom"], variable
    for path in [*K8S.rglob("*.*"), *(ROOT / "league" / "interfaces" / "k8s").rglob("*.yaml")]:
        if path.suffix == ".pyc":  # What Python compiled, where it has run.
            continue
        text = path.read_text(encoding="utf-8")
        assert "latest" not in re.findall(r"image: \S+:(\S+)", text), path
        assert path.name == "secrets.sh" or not re.search(r"kind: Secret\b", text), path
        assert not re.search(r"://[^/\s\"']+:[^/\s\"']+@", text), path
    assert "stringData" not in str(overlay)


def test_secrets_are_named_where_they_are_needed(league: list[Object]) -> None:
    pair, readers = {"username", "password"}, {name: {"password"} for name in ("league-reader", "league-backup")}
    assert secrets(league) == {"league-redis": pair, "gcs-redis": pair, "league-dashboard": {"token"}, **readers}


def test_who_does_not_write_may_only_read(league: list[Object]) -> None:
    for _, path, template in pods(league):
        component = template["metadata"]["labels"]["app.kubernetes.io/component"]
        names = secrets([template])
        assert ("league-redis" in names) == (component in ("store", "training", "dashboard")), path
        assert ("league-reader" in names) == (component in ("store", "serving", "exporter")), path
        assert ("league-backup" in names) == (component in ("store", "backup")), path
        assert ("league-dashboard" in names) == (component == "dashboard"), path


def test_what_belongs_to_the_cluster_is_in_no_namespace(overlay: list[Object]) -> None:
    for one in overlay:
        wide = one["kind"] in ("Namespace", "ClusterQueue", "ResourceFlavor")
        assert ("namespace" in one["metadata"]) is not wide, (one["kind"], one["metadata"])
        assert one["metadata"]["labels"]["app.kubernetes.io/part-of"] == "league"


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
            assert mounts <= declared, where
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
        account = template["spec"]["serviceAccountName"]
        assert account in accounts, "a registry's password is given to the accounts of the manifests only"
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
                    if "namespaceSelector" in peer:
                        from_elsewhere(peer, rule)
                        continue
                    if "ports" not in rule:
                        continue
                    selector = peer["podSelector"]
                    allowed[to] |= {
                        who for who in components if selects(selector, {"app.kubernetes.io/component": who})
                    }
                if "ports" not in rule:  # Nodes of one Ray cluster.
                    assert rule["from"] == [{"podSelector": {"matchLabels": {"app.kubernetes.io/component": to}}}]
    assert allowed == {
        "store": {"training", "serving", "exporter", "dashboard", "backup"},
        "gcs": {"training", "serving"},
        "training": set(),
        "serving": set(),
        "exporter": set(),
        "dashboard": set(),
        "backup": set(),
        "resume": set(),
    }


def from_elsewhere(peer: Object, rule: Object) -> None:
    """Another namespace is known by its name, or by a label that only who manages it can give it."""
    labels = peer["namespaceSelector"]["matchLabels"]
    assert labels == {"league/client": "true"} or labels.keys() == {"kubernetes.io/metadata.name"}
    assert rule["ports"]


def test_prometheus_is_let_in_from_its_namespace_only() -> None:
    (policy,) = (one["spec"] for one in load("monitoring") if one["kind"] == "NetworkPolicy")
    for rule in policy["ingress"]:
        for peer in rule["from"]:
            from_elsewhere(peer, rule)


def test_a_drain_is_not_blocked(league: list[Object]) -> None:
    """A budget is by number, for pods of a custom kind it must be, and leaves one pod to be moved."""
    cluster = only(league, "RayService")["spec"]["rayClusterConfig"]
    (group,) = cluster["workerGroupSpecs"]
    assert group["replicas"] == group["minReplicas"] == 2
    for one in league:
        if one["kind"] == "PodDisruptionBudget":
            assert one["spec"]["selector"]["matchLabels"] == {
                "app.kubernetes.io/component": "serving",
                "ray.io/node-type": "worker",
            }
            assert one["spec"]["minAvailable"] < group["minReplicas"]


def test_volumes_are_objects_that_can_grow(league: list[Object]) -> None:
    claims = {one["metadata"]["name"] for one in league if one["kind"] == "PersistentVolumeClaim"}
    used = set()
    for owner, _, template in pods(league):
        assert "volumeClaimTemplates" not in owner["spec"]
        used |= {
            volume["persistentVolumeClaim"]["claimName"]
            for volume in template["spec"]["volumes"]
            if "persistentVolumeClaim" in volume
        }
    assert used == claims == {"data-league-redis-0", "data-gcs-redis-0", "league-backups"}


def test_named_ports_exist(league: list[Object]) -> None:
    ports = {port["name"] for one in league for container in containers(one) for port in container.get("ports", [])}
    both = [*league, *load("monitoring")]
    for one in both:
        spec = one.get("spec", {})
        for rule in spec.get("ingress", []) if one["kind"] == "NetworkPolicy" else []:
            assert {port["port"] for port in rule.get("ports", []) if isinstance(port["port"], str)} <= ports
        for endpoint in spec.get("podMetricsEndpoints", []):
            assert endpoint["port"] in ports
