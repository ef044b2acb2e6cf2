"""OpenSkill itself says what is right, to the last bit."""

from hypothesis import example, given
from hypothesis import strategies as st
from openskill.models import PlackettLuce

from league.ladder.plackett_luce import rate_games

RANKS = ([0.0, 1.0], [0.0, 0.0], [1.0, 0.0])
SIDES = st.tuples(st.floats(-500, 500), st.floats(1e-3, 100))


@given(row=SIDES, column=SIDES, outcomes=st.lists(st.integers(0, 2), max_size=60), beta=st.floats(0.05, 50))
@example(row=(25.0, 25 / 3), column=(25.0, 25 / 3), outcomes=[0, 1, 2] * 20, beta=25 / 6)
@example(row=(60.0, 0.7), column=(-10.0, 0.9), outcomes=[2, 2, 1, 1, 0], beta=25 / 6)
def test_equals_openskill_to_the_last_bit(row, column, outcomes, beta):
    model = PlackettLuce(mu=25.0, sigma=25 / 3, beta=beta, tau=0.0)
    sides = [[model.rating(mu=mu, sigma=sigma)] for mu, sigma in (row, column)]
    try:
        for outcome in outcomes:
            sides = model.rate(sides, ranks=RANKS[outcome])
    except (OverflowError, ZeroDivisionError):  # Beyond what OpenSkill itself can rate.
        return
    assert rate_games(row, column, outcomes, beta) == tuple((side[0].mu, side[0].sigma) for side in sides)
