"""The Roles that we ship: what `league k8s` asks of the API server is allowed, and for the CronJob nothing else."""

from __future__ import annotations

import json
import re

from api_server import ApiServer
from small_cluster import fail
from small_league import Command


def test_resume_needs_no_more_rights_than_its_role_has(deployed: ApiServer, k8s: Command) -> None:
    fail(deployed)
    deployed.requests.clear()
    assert k8s("resume").code == 0
    assert k8s("resume").code == 0
    rules = deployed.objects["Role", "league-resume"]["rules"]
    allowed = {
        (verb, resource, name)
        for rule in rules
        for verb in rule["verbs"]
        for resource in rule["resources"]
        for name in rule.get("resourceNames", [None])
    }
    verbs = {"GET": "get", "DELETE": "delete", "POST": "create", "PATCH": "patch"}
    asked = set()
    for method, path, _ in deployed.requests:
        found = re.fullmatch(r"/apis?/.*/namespaces/league/(\w+)(?:/([^/?]+))?(?:\?.*)?", path)
        if found is not None:  # Discovery is open to everyone.
            asked.add((verbs[method], *found.groups()))
    assert asked == allowed


def test_the_role_for_people_is_enough_for_daily_use(deployed: ApiServer, k8s: Command) -> None:
    deployed.execs = lambda pod, container, command: (0, json.dumps({"policy": "main-0000"}), "")
    deployed.logs["league-head-x/ray-head"] = "here\n"
    for words in (["status", "--json"], ["scale", "cpu", "2"], ["logs", "head"], ["logs"], ["promote"]):
        assert k8s(*words).code == 0
    rules = deployed.objects["Role", "league-user"]["rules"]
    asked = set()
    for method, path, _ in deployed.requests:
        found = re.fullmatch(
            r"/(?:api/v1|apis/([^/]+)/\w+)/namespaces/league/(\w+)(?:/([^/?]+))?(?:/(\w+))?(?:\?.*)?", path
        )
        if found is None:
            continue  # Discovery is open to everyone.
        group, resource, name, sub = found.groups()
        verb = {"GET": "get" if name else "list", "PATCH": "patch"}[method]
        asked.add((verb, group or "", f"{resource}/{sub}" if sub else resource, name))
    assert {verb for verb, *_ in asked} == {"get", "list", "patch"}
    for verb, group, resource, name in asked:
        assert any(
            verb in rule["verbs"]
            and group in rule["apiGroups"]
            and resource in rule["resources"]
            and ("resourceNames" not in rule or name in rule["resourceNames"])
            for rule in rules
        ), (verb, group, resource, name)
