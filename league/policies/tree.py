"""Monte Carlo tree search on many boards at once: PUCT with a network's policy and value, and exact results.

D. Silver et al., "Mastering Chess and Shogi by Self-Play with a General Reinforcement Learning Algorithm", 2017, and
beside it bounds: T. Cazenave and A. Saffidine, "Score Bounded Monte-Carlo Tree Search", 2010, of which M. Winands et
al., "Monte-Carlo Tree Search Solver", 2008, is the case without draws. A node's moves are all looked at when it is
opened (`look_ahead`, or tried where a game has no `Positions`), so the search knows every end that is one ply ahead of
it, and what follows from ends is backed up as bounds. A move that cannot beat a proven one is not looked at again, and
a search whose root is proven stops. What looking at a move has said of it counts as one visit, and beside the mean of
all visits goes the value under best replies as far as the tree knows: M. Lanctot et al., "Monte Carlo Tree Search with
Heuristic Evaluations using Implicit Minimax Backups", 2014.

Shapes: `B` boards, `A` actions, `M` nodes of a board's tree, `W` words of a position, `n` boards still searched, `D`
plies of the longest path. Node `k` of board `b` is row `b M + k`; its root is `k = 0`. All values are of the seat that
is to move at the node: 1 won, -1 lost.
"""

from __future__ import annotations

from typing import Final, NamedTuple

import torch
from torch import Tensor

from league.games.base import HasPositions, Searchable
from league.policies.lookahead import look_ahead
from league.policies.network import PolicyNetwork

EXPLORATION: Final = 1.25
"""Weight of the policy against the values found so far (Silver et al. 2017: `c_init`)."""
EXPLORATION_BASE: Final = 19652
"""Visits over which that weight slowly grows (the same, `c_base`)."""
BEST_REPLIES: Final = 0.6
"""Weight of a move's value under best replies against the mean of its visits (Lanctot et al. 2014: alpha)."""
MOST_VISITED: Final = 0.2
"""What all simulations of a move weigh against its value under best replies, when one is chosen to be played."""
LOOKAHEAD_WEIGHT: Final = 8.0
"""Of `look_ahead`. The policy that it makes is sharper than it sees: the square root of that is the prior."""
ILLEGAL: Final = -2.0
"""Both bounds of an illegal action: below every result."""


MOST_EDGES: Final = 2**22
"""Actions of all nodes in memory at once, about 30 bytes each; more boards are searched one part after another."""


class Found(NamedTuple):
    """What a search came to, at the root of each board."""

    actions: Tensor
    """int64 `[B]`: the best move: proven, or the most visited."""
    visits: Tensor
    """float32 `[B, A]`: simulations through each action; none through one that decides the game at once."""
    values: Tensor
    """float32 `[B]`: exact where the result is proven."""
    proven: Tensor
    """bool `[B]`: the result under best play is known."""

    @property
    def shares(self) -> Tensor:
        """float32 `[B, A]`: of the simulations, by action; all of the best move's where the result is proven."""
        best = torch.zeros_like(self.visits).scatter(1, self.actions[:, None], 1.0)
        spread = self.visits / self.visits.sum(dim=1, keepdim=True).clamp(min=1)
        return torch.where(self.proven[:, None], best, spread)


@torch.inference_mode()
def search(network: PolicyNetwork, game: Searchable, observation: Tensor, legal: Tensor, simulations: int) -> Found:
    """Search the positions that the mover sees as `observation`, float32 `[B, *spec.shape]`.

    The same question gets the same answer: there is no randomness in it.

    Args:
        network: of that game, on its device.
        game: any boards of it; they are not changed.
        observation: of games that go on.
        legal: bool `[B, A]`: the moves to choose from, at least one each.
        simulations: positions that are added to each board's tree, and asked of the network.
    """
    size = max(1, MOST_EDGES // (legal.shape[1] * (simulations + 1)))
    parts = []
    for seen, allowed in zip(torch.split(observation, size), torch.split(legal, size), strict=True):
        tree = Tree(network, game.at(game.read(seen)), allowed, simulations)
        tree.search()
        parts.append(tree.found())
    return Found(*(torch.cat(column) for column in zip(*parts, strict=True)))


class _Path(NamedTuple):
    """The way from each root to the move that opens a new node."""

    nodes: Tensor
    """int64 `[n, D]`: rows of nodes."""
    edges: Tensor
    """int64 `[n, D]`: the moves taken there, as `row A + action`."""
    taken: Tensor
    """bool `[n, D]`: false behind the end of a path."""

    @property
    def signs(self) -> Tensor:
        """float32 `[n, D]`: -1 where the seat at the new node is not the one that moves here, else 1."""
        left = self.taken.sum(dim=1, keepdim=True) - torch.arange(self.taken.shape[1], device=self.taken.device)
        return 1.0 - 2.0 * (left % 2)


class Tree:
    """The trees of B boards, each with room for the root and `simulations` nodes."""

    def __init__(self, network: PolicyNetwork, roots: Searchable, legal: Tensor, simulations: int) -> None:
        """`roots`: B boards, none of them over; `legal`, bool `[B, A]`: moves allowed there, at least one each."""
        boards, actions, device = roots.num_games, roots.spec.actions, roots.device
        self.network, self.game = network, roots
        self.actions = actions
        self.room = simulations + 1
        nodes = boards * self.room
        self.roots = torch.arange(boards, device=device) * self.room
        words = roots.words()
        self.words = words.new_zeros(nodes, words.shape[1])
        self.prior, self.visits, self.total, self.lower, self.upper = torch.zeros(5, nodes, actions, device=device)
        self.first, self.best = torch.zeros(2, nodes, actions, device=device)
        """float32 `[B M, A]`: what a move seemed worth when its node was opened, and under best replies by now."""
        self.value = torch.zeros(nodes, device=device)
        self.child = torch.full((nodes * actions,), -1, device=device)
        self.next = torch.zeros(nodes, dtype=torch.long, device=device)
        """int64 `[B M]`: the move that the next simulation makes at each node."""
        self._open(self.roots, roots, legal)
        self._choose(self.roots)

    def search(self) -> None:
        """Simulate until the trees are full, or all roots are proven."""
        for number in range(1, self.room):
            roots = self.roots[~self._proven(self.roots)]
            if not len(roots):
                return
            self._simulate(roots, roots + number)

    def found(self) -> Found:
        """The result at the roots."""
        at = self.roots
        lower, upper, visits = self.lower[at], self.upper[at], self.visits[at]
        sure = lower.amax(dim=1, keepdim=True)
        better = upper > sure
        played = torch.maximum(torch.minimum(self.best[at], upper), lower) + MOST_VISITED * visits / self.room
        rank = torch.where(visits > 0, played, self.prior[at] - 3.0)  # Those that were not tried by the policy.
        most = rank.masked_fill(~better, -torch.inf).argmax(dim=1, keepdim=True)
        mean = torch.where(visits > 0, self.total[at] / visits.clamp(min=1), -1.0).gather(1, most)
        surest = rank.masked_fill(lower < sure, -torch.inf).argmax(dim=1, keepdim=True)
        settled = ~better.any(dim=1, keepdim=True)
        take_sure = settled | (mean < sure)
        return Found(
            actions=torch.where(take_sure, surest, most).squeeze(1),
            visits=visits,
            values=torch.where(settled, sure, self._mean(at)[:, None].clamp(min=sure)).squeeze(1),
            proven=settled.squeeze(1),
        )

    def _simulate(self, roots: Tensor, new: Tensor) -> None:
        path = self._walk(roots)
        last = path.taken.sum(dim=1, keepdim=True) - 1
        edge = path.edges.gather(1, last).squeeze(1)
        self.child[edge] = new
        boards = self.game.at(self.words[edge // self.actions])
        boards.step(edge % self.actions)
        self._open(new, boards, boards.legal())
        self._back_up(path, new)
        self._choose(torch.cat((path.nodes[path.taken], new)))

    def _walk(self, nodes: Tensor) -> _Path:
        """Follow `next` from the roots to moves that have no node yet."""
        steps, going = [], torch.ones_like(nodes, dtype=torch.bool)
        while True:
            edges = nodes * self.actions + self.next[nodes]
            steps.append((nodes, edges, going))
            following = self.child[edges]
            going = going & (following >= 0)
            if not bool(going.any()):
                return _Path(*(torch.stack(column, dim=1) for column in zip(*steps, strict=True)))
            nodes = torch.where(going, following, nodes)

    def _open(self, new: Tensor, boards: Searchable, legal: Tensor) -> None:
        """Ask the network about new nodes, and look at all of their moves for ends of the game."""
        prior, value, moves, known = (_looked if isinstance(boards, HasPositions) else _tried)(
            self.network, boards, legal
        )
        self.words[new] = boards.words()
        self.prior[new], self.value[new] = prior, value.clamp(-1, 1)
        self.first[new] = self.best[new] = moves.clamp(-1, 1).masked_fill(~legal, ILLEGAL)
        self.lower[new] = torch.where(known, moves, -1.0).masked_fill(~legal, ILLEGAL)
        self.upper[new] = torch.where(known, moves, 1.0).masked_fill(~legal, ILLEGAL)

    def _back_up(self, path: _Path, new: Tensor) -> None:
        """Add the values of new nodes to the moves that led there, and what is proven to their bounds."""
        low, high, best = (column[new].amax(dim=1) for column in (self.lower, self.upper, self.best))
        value = torch.maximum(torch.minimum(self.value[new], high), low)
        edges = path.edges[path.taken]
        self.visits.view(-1)[edges] += 1
        self.total.view(-1)[edges] += (path.signs * value[:, None])[path.taken]
        proves = bool(((low > -1) | (high < 1)).any())
        for depth in range(path.taken.shape[1] - 1, -1, -1):
            there, edge, node = path.taken[:, depth], path.edges[:, depth], path.nodes[:, depth]
            best = _put(self.best, edge, there, -best)[node].amax(dim=1).where(there, best)
            if proves:
                lower, upper = _put(self.lower, edge, there, -high), _put(self.upper, edge, there, -low)
                low = lower[node].amax(dim=1).where(there, low)
                high = upper[node].amax(dim=1).where(there, high)

    def _choose(self, nodes: Tensor) -> None:
        """Decide by PUCT which move the next simulation makes at `nodes`, int64 `[k]`."""
        visits, lower, upper = self.visits[nodes], self.lower[nodes], self.upper[nodes]
        seen = visits.sum(dim=1, keepdim=True)
        mean = (self.first[nodes] + self.total[nodes]) / (1 + visits)
        q = torch.maximum(torch.minimum(torch.lerp(mean, self.best[nodes], BEST_REPLIES), upper), lower)
        weight = EXPLORATION + torch.log1p(seen / EXPLORATION_BASE)
        score = q + weight * self.prior[nodes] * (seen + 1).sqrt() / (1 + visits)
        open_ = (upper > lower) & (upper > lower.amax(dim=1, keepdim=True))
        self.next[nodes] = score.masked_fill(~open_, -torch.inf).argmax(dim=1)

    def _mean(self, nodes: Tensor) -> Tensor:
        """float32 `[k]`: the mean over all simulations that came to each node."""
        mean: Tensor = (self.value[nodes] + self.total[nodes].sum(dim=1)) / (1 + self.visits[nodes].sum(dim=1))
        return mean

    def _proven(self, nodes: Tensor) -> Tensor:
        """bool `[k]`: no move can turn out better than what one of them is sure of."""
        proven: Tensor = self.upper[nodes].amax(dim=1) <= self.lower[nodes].amax(dim=1)
        return proven


def _put(values: Tensor, edges: Tensor, there: Tensor, new: Tensor) -> Tensor:
    """Set a number of each edge, where it is `there`; return all of them, `[B M, A]`."""
    flat = values.view(-1)
    flat[edges] = torch.where(there, new, flat[edges])
    return values


def _looked(network: PolicyNetwork, boards: Searchable, legal: Tensor) -> tuple[Tensor, ...]:
    """What looking one ply ahead says of boards: prior, value, what moves are worth, and which of that is known."""
    assert isinstance(boards, HasPositions)
    rows = torch.arange(boards.num_games, device=boards.device)
    look = look_ahead(network, boards.positions(rows), boards.observe(), legal, weight=LOOKAHEAD_WEIGHT)
    doubtful = look.policy.sqrt()
    return doubtful / doubtful.sum(dim=1, keepdim=True), look.value, look.moves.values, look.moves.known


def _tried(network: PolicyNetwork, boards: Searchable, legal: Tensor) -> tuple[Tensor, ...]:
    """The same of boards whose moves can only be tried: known are those that end the game, others worth the value."""
    logits, value = network(boards.observe(), legal)
    rows, actions = legal.nonzero(as_tuple=True)
    step = boards.at(boards.words()[rows]).step(actions)
    reward = step.rewards.gather(1, boards.to_move()[rows, None]).squeeze(1)
    moves, known = value.float()[:, None].repeat(1, legal.shape[1]), torch.zeros_like(legal)
    moves[rows, actions], known[rows, actions] = torch.where(step.done, reward, moves[rows, actions]), step.done
    return logits.float().softmax(dim=1), value.float(), moves, known
