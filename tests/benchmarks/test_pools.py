"""Benchmarks that ask every snapshot of a league: those have their weights, however many there are."""

import json
import sys
from types import ModuleType

import pytest

from benchmarks import leduc, rock_paper_scissors


@pytest.mark.long
@pytest.mark.parametrize(("benchmark", "steps"), [(rock_paper_scissors, 500_000), (leduc, 2_500_000)])
def test_no_snapshot_is_pruned(
    benchmark: ModuleType, steps: int, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(sys, "argv", ["benchmark", "--steps", str(steps), "--seeds", "1", "--json"])
    assert benchmark.main() == 0
    assert {row["preset"] for row in json.loads(capsys.readouterr().out)["rows"]} >= {"mirror"}
