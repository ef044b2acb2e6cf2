"""What Ray says when the memory of a node runs out: for real, since no other place has the names that a rule needs."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
import tempfile
from typing import Any

import pytest
from dashboard_files import FILES, queries, rules
from test_dashboards import FROM_THE_RAYLET

pytestmark = pytest.mark.long

PROGRAM = """
import json, sys, time, urllib.request, ray
ray.init(num_cpus=1, include_dashboard=False, _temp_dir=sys.argv[1], log_to_driver=False)

@ray.remote(max_restarts=0)
class Runner:
    def eat(self):
        self.eaten = bytearray(600 * 2**20)
        time.sleep(60)

runner = Runner.remote()
try:
    ray.get(runner.eat.remote(), timeout=60)
except ray.exceptions.OutOfMemoryError:
    pass
port = ray.nodes()[0]["MetricsExportPort"]
deadline = time.monotonic() + 60
page = ""
while "\\nray_memory_manager_worker" not in page and time.monotonic() < deadline:
    with urllib.request.urlopen(f"http://127.0.0.1:{port}/metrics") as answer:
        page = answer.read().decode()
    time.sleep(0.5)
print(json.dumps([line for line in page.splitlines() if not line.startswith("#")]))
"""
"""A node whose memory ends at a hundredth of the machine's, which is always used."""


@pytest.fixture(scope="module")
def killed() -> list[str]:
    """The lines of Ray's page of metrics after the kill."""
    environment = {k: v for k, v in os.environ.items() if not k.startswith("RAY_")}
    environment |= {"RAY_memory_usage_threshold": "0.01", "RAY_memory_monitor_refresh_ms": "100"}
    environment |= {"RAY_AUTH_MODE": "token", "RAY_AUTH_TOKEN": "0" * 64}
    with tempfile.TemporaryDirectory(prefix="oom-", dir="/tmp", ignore_cleanup_errors=True) as folder:
        command = [sys.executable, "-c", PROGRAM, folder]
        done = subprocess.run(command, env=environment, capture_output=True, text=True, timeout=200, check=False)
    assert done.returncode == 0, done.stderr[-2000:]
    lines: list[str] = json.loads(done.stdout.splitlines()[-1])
    return lines


def test_the_rule_and_the_panel_ask_for_what_ray_exports(killed: list[str]) -> None:
    asked: list[Any] = [rule["expr"] for rule in rules() if rule.get("alert") == "LeagueWorkerKilledForMemory"]
    asked += [target["expr"] for path in FILES for name, target in queries(path) if "Killed for memory A" in name]
    assert len(asked) == 2
    line = next(line for line in killed if "_worker_eviction" in line)
    found = re.fullmatch(r"(ray_\w+)\{(.*)\} 1\.0", line)
    assert found is not None, line
    assert all(found[1] in expr for expr in asked)
    assert {line.partition("{")[0] for line in killed} >= FROM_THE_RAYLET
    labels = dict(re.findall(r'(\w+)="([^"]*)"', found[2]))
    assert "Runner" in labels["Name"]
    assert labels["SessionName"]
