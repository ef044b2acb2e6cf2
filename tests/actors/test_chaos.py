"""A league on a cluster of three nodes to which everything happens that clusters do."""

import json
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]


@pytest.mark.long
@pytest.mark.timeout(600)
def test_goes_on_after_every_fault_and_loses_nothing(capsys: pytest.CaptureFixture[str]) -> None:
    command = [sys.executable, "-m", "benchmarks.chaos", "--json", "--check"]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=580, check=False)
    assert done.stdout, done.stderr
    report = json.loads(done.stdout)
    with capsys.disabled():
        print(
            f"\na league on {report['machine']['cores']} cores, load {report['machine']['load before (1, 5, 15 min)']}"
        )
        for row in report["faults"]:
            print(f"  {row['said']}")
    names = {row["fault"] for row in report["faults"]}
    assert names >= {"coordinator", "learner", "runner", "match worker", "node", "Redis", "partition"}
    assert [row["problems"] for row in report["faults"]] == [[]] * len(names)
    assert report["counts"]["status"] == report["counts"]["log"]
    events = {event["kind"] for event in report["events"]}
    assert {"lost", "store"} <= events <= {"lost", "store", "gate"}, report["events"]
    assert done.returncode == 0, done.stderr
