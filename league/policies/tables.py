"""A network that looks up what lies on the patterns of a board, in place of multiplying its cells by weights.

Everything that can lie on a pattern of cells (`league.games.stones`) has a row in one table, and the rows of a position
are summed: n-tuple networks (Lucas 2008), and the input layer of NNUE chess engines (Nasu 2018). On a CPU that is a few
dozen rows read per position. A part of the sum goes straight to logits and value; the rest feeds a small residual body,
whose layers come in two copies, one for an even and one for an odd number of stones on the board.

Shapes: `N` positions, `A` actions, `F` patterns, `R` rows of the table, `W` the width that feeds the body.
"""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise
from typing import Any, cast

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn
from torch.nn import functional

from league.errors import ConfigError
from league.games.base import GameSpec
from league.games.stones import EMPTY_STATES, FALLING_STATES, STONE_STATES, Stones, contents, is_column, states

TABLE = "body.table"
"""Name of the table among a policy's tensors. It is nearly all of them."""
LARGEST_TABLE = 16_000_000
"""Most numbers in a table: 16 MB of a snapshot."""
SCALE = 0.05
"""Standard deviation of a new table."""


class _SumRows(torch.autograd.Function):
    """`embedding_bag` in mode `sum`, with a gradient of the table that is fast on a CPU.

    The gradient of a row is the sum of the gradients of all positions that looked it up: a bag itself, of the
    transposed indices, which one radix sort of the row numbers finds. Adding position by position into the table, as
    torch does, is several times slower.
    """

    @staticmethod
    def forward(ctx: Any, rows: Tensor, table: Tensor) -> Tensor:
        ctx.save_for_backward(rows)
        ctx.size = len(table)
        return functional.embedding_bag(rows, table, mode="sum")

    @staticmethod
    def backward(ctx: Any, *gradients: Tensor) -> Any:
        (rows,) = ctx.saved_tensors
        # numpy sorts 16-bit integers by radix, wider ones by comparison.
        numbers = rows.flatten().numpy().astype(np.uint16 if ctx.size <= 1 << 16 else np.int64)
        order = np.argsort(numbers, kind="stable")
        starts = np.zeros(ctx.size, np.int32)
        np.cumsum(np.bincount(numbers, minlength=ctx.size)[:-1], out=starts[1:])
        positions = torch.from_numpy((order // rows.shape[1]).astype(np.int32))
        gradient = gradients[0].contiguous()
        return None, functional.embedding_bag(positions, gradient, torch.from_numpy(starts), mode="sum")


class Tables(nn.Module):
    """Looks up the patterns of a board: float32 `[N, rows, columns, planes]` to `[N, A + 1]`, logits and value.

    Buffers are whole numbers, so that no precision of weights reaches them, and persistent: what the rows of the table
    mean goes along with it.
    """

    weights: Tensor
    """int32 `[cells * planes, C + 1]`: times an observation they are the numbers below, and the number of stones."""
    last: Tensor
    """int32 `[C]`: the largest of each; what a board that cannot occur gives is held within 0 and this."""
    first: Tensor
    """int32 `[F]`: the first row of each pattern."""
    states: Tensor
    """int32 `[contents, rows]`: the state of every cell of a column by its content, where stones fall."""
    codes: Tensor
    """int32 `[rows, columns * F]`: where stones fall, the weight of a cell's state in the code of a pattern."""
    whole: Tensor
    """int32 `[columns * F]`: 1 where a pattern is that whole column."""

    def __init__(self, spec: GameSpec, hidden: Sequence[int]) -> None:
        """`hidden`: the width of the rows, then of each layer of the body. Raises `ConfigError`."""
        super().__init__()
        if spec.stones is None or len(spec.shape) != 3:
            raise ConfigError(
                f"network.kind = 'tables': {spec.name} does not say where stones lie on a board: use mlp, or give its "
                "environment's metadata 'stones' (docs/guide.md)"
            )
        width, outputs = hidden[0], spec.actions + 1
        # With very many actions the rows would be mostly logits.
        self.width, self.direct, self.falls = width, outputs if outputs <= width else 0, spec.stones.falls
        buffers, rows = _codes(spec.stones, spec.shape)
        row = width + self.direct
        if rows * row > LARGEST_TABLE:
            raise ConfigError(
                f"network.kind = 'tables': the patterns of {spec.name} have {rows:,} contents of {row} numbers each, "
                f"more than {LARGEST_TABLE:,}: use smaller patterns, a smaller network.hidden, or mlp"
            )
        for name, buffer in buffers.items():
            self.register_buffer(name, torch.from_numpy(buffer.astype(np.int32)))
        table = torch.randn(rows, row) * SCALE
        table[:, width:] = 0.0
        self.table = nn.Parameter(table)
        self.bias = nn.Parameter(torch.zeros(row))
        self.layers = nn.ModuleList(nn.Linear(a, 2 * b) for a, b in pairwise(hidden))
        self.out = nn.Linear(hidden[-1], 2 * outputs)
        nn.init.orthogonal_(self.out.weight, gain=0.01)
        nn.init.zeros_(self.out.bias)

    def forward(self, board: Tensor) -> Tensor:
        """Logits of all actions, legal or not, and the value before its tanh: `[N, A + 1]`."""
        rows, stones = self.rows(board)
        return self.behind(self.summed(rows, self.table), stones)

    def summed(self, rows: Tensor, table: Tensor) -> Tensor:
        """What lies in those rows of a table, int32 `[N, F]`, summed for each position: `[N, W]`."""
        return _sum_rows(rows, table).to(self.bias.dtype)

    def behind(self, summed: Tensor, stones: Tensor) -> Tensor:
        """What `forward` returns, from the sums and the numbers of stones."""
        summed = summed + self.bias
        odd = stones[:, None] % 2 > 0.5
        out = torch.relu(summed[:, : self.width])
        for layer in self.layers:
            now = torch.relu(_half(layer(out), odd))
            out = out + now if out.shape == now.shape else now
        out = _half(self.out(out), odd)
        return (out + summed[:, self.width :] if self.direct else out).float()

    def rows(self, board: Tensor) -> tuple[Tensor, Tensor]:
        """The rows that positions look up, int32 `[N, F]`, and the number of stones on each board, float32 `[N]`."""
        found = _exact(board.float().flatten(1), self.weights.float())
        numbers = torch.clamp(found[:, :-1].int(), min=0).minimum(self.last)
        if not self.falls:
            return numbers + self.first, found[:, -1]
        # What lies in a column says the state of all of its cells: each column adds its part to the code of a pattern.
        columns = numbers.shape[1]
        contents = torch.arange(len(self.states), device=board.device, dtype=torch.float32)[:, None]
        parts = _exact(self.states.float(), self.codes.float()) + contents * self.whole.float()
        places = numbers * columns + torch.arange(columns, device=board.device, dtype=torch.int32)
        return _sum_rows(places, parts.view(-1, len(self.first))).int() + self.first, found[:, -1]


def _sum_rows(rows: Tensor, table: Tensor) -> Tensor:
    """Sum the rows of a table that each position looks up: int32 `[N, k]` and `[R, W]` to `[N, W]`."""
    if torch.compiler.is_compiling():  # Of a bag, the exporter of ONNX makes a loop over positions.
        return functional.embedding(rows.long(), table).sum(dim=1)
    if torch.is_grad_enabled() and table.requires_grad and rows.is_cpu:
        return cast(Tensor, _SumRows.apply(rows, table))  # type: ignore[no-untyped-call]
    return functional.embedding_bag(rows, table, mode="sum")


def _half(both: Tensor, odd: Tensor) -> Tensor:
    """Of two copies of a layer side by side, the one for the number of stones: `[N, 2 H]` to `[N, H]`."""
    even_copy, odd_copy = both.chunk(2, dim=1)
    return torch.where(odd, odd_copy, even_copy)


def _exact(left: Tensor, right: Tensor) -> Tensor:
    """A product of whole numbers in float32, whatever precision is asked for around it."""
    if torch.is_autocast_enabled(left.device.type):
        with torch.autocast(left.device.type, enabled=False):
            return left @ right
    return left @ right


def _codes(stones: Stones, shape: Sequence[int]) -> tuple[dict[str, NDArray[Any]], int]:
    """The buffers of `Tables`, and how many rows the table has."""
    rows, columns, planes = shape
    cells, patterns = rows * columns, stones.patterns
    sizes = np.array([contents(p, stones, rows, columns) for p in patterns], dtype=np.float64)
    ends = np.minimum(np.cumsum(sizes), np.iinfo(np.int32).max).astype(np.int64)
    codes, whole = np.zeros((cells, len(patterns)), np.int64), np.zeros((columns, len(patterns)), np.int64)
    for number, pattern in enumerate(patterns):
        if stones.falls and is_column(pattern, rows, columns):
            whole[pattern[0] % columns, number] = 1
            continue
        weight = 1
        for cell in pattern:
            codes[cell, number] = min(weight, np.iinfo(np.int32).max)
            weight *= states(cell, stones, rows, columns)
    if stones.falls:
        # A stone at a height is worth 2^height, twice as much if it is mine: every content has a number of its own.
        height = np.arange(rows - 1, -1, -1)
        of_column = np.kron(2 ** height[:, None], np.eye(columns, dtype=np.int64))
        of_mine, of_theirs, last = 2 * of_column, of_column, np.full(columns, 2 ** (rows + 1) - 2)
    else:
        of_mine, of_theirs, last = codes, 2 * codes, np.minimum(sizes - 1, np.iinfo(np.int32).max)
    weights = np.zeros((cells, planes, last.size + 1), np.int64)
    weights[:, stones.mine, :-1], weights[:, stones.theirs, :-1] = of_mine, of_theirs
    weights[:, (stones.mine, stones.theirs), -1] = 1
    buffers = {
        "weights": np.minimum(weights, np.iinfo(np.int32).max).reshape(cells * planes, -1),
        "last": last,
        "first": np.concatenate(([0], ends[:-1])),
        "states": _column_states(rows) if stones.falls else np.zeros((0, rows)),
        "codes": codes.reshape(rows, -1) if stones.falls else np.zeros((rows, 0)),
        "whole": whole.reshape(-1) if stones.falls else np.zeros(0),
    }
    return buffers, int(ends[-1])


def _column_states(rows: int) -> NDArray[np.int64]:
    """`[2^(rows+1) - 1, rows]`: by what lies in a column, the state of each cell from the top down.

    0 is empty and takes the next stone, 1 mine, 2 theirs, 3 empty above the next stone, 4 empty and higher.
    """
    table = np.full((2 ** (rows + 1) - 1, rows), STONE_STATES + FALLING_STATES - EMPTY_STATES, np.int64)
    for content in range(len(table)):
        height = (content + 1).bit_length() - 1
        # Above the stones, `content + 1 - 2^height` has a bit for each height at which the stone is mine.
        for at in range(height):
            table[content, rows - 1 - at] = 1 if (content + 1 - 2**height) >> at & 1 else 2
        for at, state in ((height, 0), (height + 1, 3)):
            if at < rows:
                table[content, rows - 1 - at] = state
    return table
