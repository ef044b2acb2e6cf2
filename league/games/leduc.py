"""Leduc poker on tables, history for history OpenSpiel's `leduc_poker`.

F. Southey et al., "Bayes' Bluff: Opponent Modelling in Poker", UAI 2005. Six cards, two of each of three ranks. Both
seats pay 1 and are dealt a card; there is a round of betting, a public card, and a second round. A raise is 2 in the
first round and 4 in the second, two raises a round at most. A pair with the public card wins, else the higher rank.
Rewards are chips won or lost. PettingZoo's `leduc_holdem_v4` has blinds and draws who begins; this one does not.
"""

from __future__ import annotations

from typing import NamedTuple

from league.games.base import GameSpec
from league.games.tree import Outcome, TreeGame

FOLD, CALL, RAISE = range(3)
RANKS = "JQK"
RAISE_BY = (2, 4)
RAISES = 2
"""The most in one round."""
BETS = 4
"""The longest round: call, raise, raise, call."""


class Hand(NamedTuple):
    """A history at which somebody is to move, as the whole table would know it."""

    cards: tuple[int, int]
    """Rank of the private card of each seat."""
    public: int | None
    bets: tuple[tuple[int, ...], ...]
    """Actions of each round so far; the last round is under way."""


class Leduc(TreeGame[Hand]):
    """B hands of Leduc poker. Actions: 0 folds, 1 checks or calls, 2 raises."""

    spec = GameSpec(
        name="leduc_poker",
        seats=2,
        shape=(2 + 3 + 3 + 2 * BETS * 2,),
        actions=3,
        batched=True,
        deterministic=False,
        stakes=13.0,
    )
    names = ("fold", "call", "raise")

    @classmethod
    def start(cls) -> list[Outcome]:
        """Two cards of six, told apart by rank alone."""
        deals = [(a, b) for a in range(3) for b in range(3)]
        return [Outcome((1 if a == b else 2) / 15, Hand((a, b), None, ((),)), (0.0, 0.0)) for a, b in deals]

    @classmethod
    def mover(cls, hand: Hand) -> int:
        """Seat 0 begins each round."""
        return len(hand.bets[-1]) % 2

    @classmethod
    def actions(cls, hand: Hand) -> list[int]:
        """To fold there must be something to call."""
        stakes, seat = _stakes(hand), cls.mover(hand)
        folds = [FOLD] if stakes[seat] < stakes[1 - seat] else []
        raises = [RAISE] if hand.bets[-1].count(RAISE) < RAISES else []
        return [*folds, CALL, *raises]

    @classmethod
    def view(cls, hand: Hand) -> list[float]:
        """One-hot: the seat, its own rank, the public rank, and for each round and bet whether it called or raised."""
        seat = cls.mover(hand)
        bets = [
            float(i < len(made) and made[i] == action)
            for made in (*hand.bets, ())[:2]
            for i in range(BETS)
            for action in (CALL, RAISE)
        ]
        return [
            *(float(seat == s) for s in range(2)),
            *(float(hand.cards[seat] == rank) for rank in range(3)),
            *(float(hand.public == rank) for rank in range(3)),
            *bets,
        ]

    @classmethod
    def follow(cls, hand: Hand, action: int) -> list[Outcome]:
        """The next bet, the public card, or the end."""
        seat = cls.mover(hand)
        if action == FOLD:
            lost = float(_stakes(hand)[seat])
            return [Outcome(1.0, None, (-lost, lost) if seat == 0 else (lost, -lost))]
        made = (*hand.bets[-1], action)
        after = hand._replace(bets=(*hand.bets[:-1], made))
        if action == RAISE or len(made) == 1:
            return [Outcome(1.0, after, (0.0, 0.0))]
        if len(hand.bets) == 2:
            return [Outcome(1.0, None, _showdown(after))]
        left = [2 - hand.cards.count(rank) for rank in range(3)]
        return [
            Outcome(count / 4, after._replace(public=rank, bets=(*after.bets, ())), (0.0, 0.0))
            for rank, count in enumerate(left)
            if count
        ]

    @classmethod
    def text(cls, hand: Hand) -> str:
        """The cards that the mover sees, and the bets."""
        public = "-" if hand.public is None else RANKS[hand.public]
        bets = " / ".join("".join("fcr"[action] for action in made) or "-" for made in hand.bets)
        own = RANKS[hand.cards[cls.mover(hand)]]
        return f"your card {own}, public card {public}, bets {bets} (0 fold, 1 call, 2 raise)"


def _stakes(hand: Hand) -> list[int]:
    """Chips that each seat has put in."""
    stakes = [1, 1]
    for made, by in zip(hand.bets, RAISE_BY, strict=False):
        for number, action in enumerate(made):
            seat = number % 2
            stakes[seat] = stakes[1 - seat] + (by if action == RAISE else 0)
    return stakes


def _showdown(hand: Hand) -> tuple[float, float]:
    strength = [(card == hand.public, card) for card in hand.cards]
    won = float(_stakes(hand)[0]) * ((strength[0] > strength[1]) - (strength[0] < strength[1]))
    return won, -won
