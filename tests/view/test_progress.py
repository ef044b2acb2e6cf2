"""When a run ends by itself."""

import pytest

from league.view.progress import Limits


@pytest.mark.parametrize(
    ("limits", "elo", "ends"),
    [
        (Limits(), 5000.0, False),
        (Limits(elo=600), None, False),
        (Limits(elo=600), 599.0, False),
        (Limits(elo=600), 600.0, True),
        (Limits(elo=-100), -50.0, True),
        (Limits(seconds=10), None, True),
        (Limits(steps=21, elo=600), 0.0, False),
        (Limits(steps=20), None, True),
    ],
)
def test_the_first_limit_ends_it(limits, elo, ends):
    assert limits.reached(10.0, 20, elo) is ends
