"""What is written down for whoever runs a page."""

import pytest

from league.errors import PolicyError, StoreUnreachableError
from league.view.visitors import Visitors


def test_a_store_that_goes_and_comes_is_said_once_each(capsys: pytest.CaptureFixture[str]) -> None:
    visitors = Visitors()
    visitors.answered()
    assert capsys.readouterr().err == ""
    for turn in range(2):  # Who loses it again within seconds hears of it again.
        for _ in range(3):
            assert "cannot be reached now" in visitors.told(StoreUnreachableError(f"no server answers, time {turn}"))
        visitors.answered()
        visitors.answered()
        lost, back = capsys.readouterr().err.splitlines()
        assert lost.endswith(f"Z  no server answers, time {turn}")
        assert back.endswith("Z  the store answers")


def test_a_wish_that_cannot_be_met_says_nothing_of_the_store(capsys: pytest.CaptureFixture[str]) -> None:
    visitors = Visitors()
    assert visitors.told(PolicyError("no such policy")) == "no such policy"
    visitors.answered()
    assert capsys.readouterr().err == ""
