"""Questions that come at the same time are answered by one forward pass."""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import Any, Final

import numpy as np
import torch
from ray.serve.metrics import Counter
from torch import Tensor

from league.interfaces.serve.following import WARM_ROWS, Follower, Served
from league.interfaces.serve.question import INCLUDE, Question
from league.policies.player import draw, greedy

MOST_ROWS: Final = 1024
"""Positions in one forward pass."""


@dataclass(frozen=True, kw_only=True)
class Answer:
    """What the champion says to one question."""

    served: Served
    """The champion that gave the answer."""
    actions: list[int]
    """`[n]`, each of them legal."""
    beside: dict[str, list[Any]]
    """By the names in `Question.include`: values `[n]`, probabilities and logits `[n, A]`."""


class Batcher:
    """Answers whatever is waiting, at once; meanwhile the next batch gathers.

    So a batch is as large as the load makes it, and nobody waits for one to fill, as under `ray.serve.batch`.
    """

    def __init__(self, follower: Follower) -> None:
        self._follower = follower
        self._waiting: deque[tuple[Question, asyncio.Future[Answer]]] = deque()
        self._task: asyncio.Task[None] | None = None
        self._thread = ThreadPoolExecutor(1, thread_name_prefix="forward")
        self._generator = torch.Generator()
        self._generator.seed()
        self._positions = Counter("league_serve_positions_total", description="Positions that were answered.")
        self._batches = Counter("league_serve_batches_total", description="Batches in which they were.")

    async def ask(self, question: Question) -> Answer:
        """Answer one question; a champion must be there. Called in the event loop."""
        loop = asyncio.get_running_loop()
        future: asyncio.Future[Answer] = loop.create_future()
        self._waiting.append((question, future))
        if self._task is None:
            self._task = loop.create_task(self._work(loop))
        return await future

    async def _work(self, loop: asyncio.AbstractEventLoop) -> None:
        while self._waiting:
            batch = self._take()
            questions = [question for question, _ in batch]
            try:
                if self._is_quick(questions):
                    answers = self._answer(questions)
                else:
                    answers = await loop.run_in_executor(self._thread, self._answer, questions)
            except Exception as error:  # Whatever it is, it belongs to those who wait.
                for _, future in batch:
                    if not future.done():
                        future.set_exception(error)
            else:
                for (_, future), answer in zip(batch, answers, strict=True):
                    if not future.done():  # Else the client has left.
                        future.set_result(answer)
        self._task = None

    def _take(self) -> list[tuple[Question, asyncio.Future[Answer]]]:
        batch = [self._waiting.popleft()]
        rows = len(batch[0][0].legal)
        while self._waiting and rows + len(self._waiting[0][0].legal) <= MOST_ROWS:
            batch.append(self._waiting.popleft())
            rows += len(batch[-1][0].legal)
        return batch

    def _is_quick(self, questions: Sequence[Question]) -> bool:
        served = self._follower.served
        return served is not None and served.quick and sum(len(one.legal) for one in questions) <= WARM_ROWS[-1]

    def _answer(self, questions: Sequence[Question]) -> list[Answer]:
        served = self._follower.served
        assert served is not None
        answers = answer(served, questions, self._generator)
        self._positions.inc(sum(len(one.actions) for one in answers))
        self._batches.inc()
        return answers


@torch.inference_mode()
def answer(served: Served, questions: Sequence[Question], generator: torch.Generator) -> list[Answer]:
    """Ask the network all of them together; `generator` draws for those without a seed."""
    observation = torch.from_numpy(_together([question.observation for question in questions]))
    legal = torch.from_numpy(_together([question.legal for question in questions]))
    if served.searching is not None:
        best, logits, values = served.searching.answer(served.network, observation, legal)
    else:
        logits, values = _forward(served, observation, legal)
        best = greedy(logits, legal)
    answers, start = [], 0
    for question in questions:
        rows = slice(start, start := start + len(question.legal))
        actions = best[rows]
        if question.sample:
            own = generator if question.seed is None else torch.Generator().manual_seed(question.seed)
            actions = draw(logits[rows], legal[rows], own)
        beside = _beside(question.include, logits[rows], values[rows])
        answers.append(Answer(served=served, actions=actions.tolist(), beside=beside))
    return answers


def _together(arrays: Sequence[Any]) -> Any:
    return arrays[0] if len(arrays) == 1 else np.concatenate(arrays)


def _forward(served: Served, observation: Tensor, legal: Tensor) -> tuple[Tensor, Tensor]:
    """Logits `[n, A]` and values `[n]` on the CPU, in passes of a bounded size."""
    parts = []
    for seen, allowed in zip(torch.split(observation, MOST_ROWS), torch.split(legal, MOST_ROWS), strict=True):
        logits, values = served.network(seen.to(served.device), allowed.to(served.device))
        parts.append((logits.cpu(), values.cpu()))
    if len(parts) == 1:
        return parts[0]
    return torch.cat([logits for logits, _ in parts]), torch.cat([values for _, values in parts])


def _beside(include: frozenset[str], logits: Tensor, values: Tensor) -> dict[str, list[Any]]:
    beside = {"value": values, "logits": logits}
    if "probabilities" in include:
        beside["probabilities"] = logits.softmax(dim=1)
    return {name: beside[name].tolist() for name in INCLUDE if name in include}
