"""PPO's learner: RLlib's loss, a term for the policy that lookahead improved, and other views of the same positions."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import nullcontext
from functools import cached_property
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from ray.rllib.algorithms.ppo.ppo import LEARNER_RESULTS_KL_KEY
from ray.rllib.algorithms.ppo.torch.ppo_torch_learner import PPOTorchLearner
from ray.rllib.core.columns import Columns
from ray.rllib.evaluation.postprocessing import Postprocessing
from ray.rllib.policy.sample_batch import MultiAgentBatch, SampleBatch
from ray.rllib.utils.metrics import NUM_ENV_STEPS_SAMPLED_LIFETIME
from torch import Tensor, distributed

from league.games.base import Symmetry
from league.learning.fastest import Fastest
from league.learning.memory import fitted
from league.learning.module import ACTION_MASK, IMPROVED, OBSERVATION
from league.learning.runner import LEARNER_MODULE
from league.policies.scaling import Seen

LOOKAHEAD_LOSS = "lookahead_loss"
"""Cross-entropy of the improved policy, in nats."""
ROW = "row"
"""Column of a minibatch before its rows are taken from the batch: their numbers."""
LEAST_LOG = -30.0
"""Log-probability below which a move that should be played counts no more: one that rounding has made impossible."""


class LeagueLearner(PPOTorchLearner):
    """RLlib's loss, with what lookahead has found out beside it, and the KL divergence that RLlib leaves out.

    Gradient steps read and write large tables no more often than they must.
    """

    parts: int = 1
    """In so many parts a minibatch is taken: twice as many each time that the device's memory was too small."""
    on_host: bool = False
    """Whether the device's memory held no whole batch the last time."""

    def configure_optimizers_for_module(self, module_id: str, config: Any = None) -> None:
        """Adam in one pass over weights, moments and gradients."""
        parameters = self.get_parameters(self.module[module_id])
        self.register_optimizer(
            module_id=module_id,
            optimizer=torch.optim.Adam(parameters, fused=True),
            params=parameters,
            lr_or_lr_schedule=config.lr,
        )

    def before_gradient_based_update(self, *, timesteps: dict[str, Any]) -> None:
        """Set step size and entropy coefficient to where the training is: RLlib does so afterwards, for the next time.

        After a resume there was no time before.
        """
        super().before_gradient_based_update(timesteps=timesteps)
        at = timesteps[NUM_ENV_STEPS_SAMPLED_LIFETIME]
        for optimizer, schedule in self._optimizer_lr_schedules.items():
            self._set_optimizer_lr(optimizer, lr=schedule.update(timestep=at))
        for module_id in self.module.keys():  # noqa: SIM118  (it iterates by number)
            self.entropy_coeff_schedulers_per_module[module_id].update(timestep=at)

    def take(self, module_id: str, seen: Seen) -> None:
        """Have the network scale by what was seen, too."""
        self.module[module_id].unwrapped().network.take(seen)

    def weights(self) -> dict[str, Tensor]:
        """Those of the module, where they lie: the next step changes them."""
        state: dict[str, Tensor] = self.module[LEARNER_MODULE].unwrapped().state_dict()
        return state

    def not_finite(self) -> list[str]:
        """Names of the weights that are not finite; looked at where they lie."""
        weights = self.weights()
        finite = torch.stack([torch.isfinite(weight).all() for weight in weights.values()]).tolist()
        return [name for name, good in zip(weights, finite, strict=True) if not good]

    @cached_property
    def _pinned(self) -> Fastest[bool]:
        """Whether a batch goes to a GPU through memory that it reads by itself."""
        return Fastest((False, True) if self._device.type == "cuda" else (False,))

    @property
    def memory(self) -> tuple[str, ...]:
        """What the GPU's memory does not hold, and what is done about it, in words."""
        parts = f"the GPU's memory holds no whole minibatch; it is taken in {self.parts} parts from now on"
        moved = "the GPU's memory holds no whole batch; it stays on the host, and what a step needs of it is copied"
        return (parts,) * (self.parts > 1) + (moved,) * self.on_host

    def _make_batch_if_necessary(self, *, training_data: Any) -> MultiAgentBatch:
        """Only the numbers of the rows, for RLlib to shuffle and cut: it would do so by copies of the whole batch."""
        batch = super()._make_batch_if_necessary(training_data=training_data)
        self._rows = batch.policy_batches
        numbers = {name: SampleBatch({ROW: np.arange(len(rows))}) for name, rows in self._rows.items()}
        return MultiAgentBatch(numbers, batch.env_steps())

    def after_gradient_based_update(self, *, timesteps: dict[str, Any]) -> None:
        """Let go of the batch."""
        super().after_gradient_based_update(timesteps=timesteps)
        self._rows = {}

    def _convert_batch_type(self, batch: Any, to_device: bool = True, *args: Any, **kwargs: Any) -> Any:
        """As RLlib has it, to a GPU by the way that is faster, or not at all where its memory does not suffice."""
        convert = super()._convert_batch_type
        self.on_host = False

        def moved() -> Any:
            if self.on_host:
                return convert(batch, to_device=False)
            return self._pinned.take(lambda pin: convert(batch, to_device, pin), len(batch), torch.cuda.synchronize)

        return fitted(moved, self._stays)

    def _stays(self) -> bool:
        self.on_host = True
        return True

    def apply_gradients(self, gradients_dict: dict[Any, Tensor]) -> None:
        """One step. RLlib reads all gradients twice to see whether they are finite; `Trainer` looks at the weights."""
        for parameter, gradient in gradients_dict.items():
            self._params[parameter].grad = gradient
        for optimizer in self._named_optimizers.values():
            optimizer.step()

    def _update(self, batch: dict[str, Any], **kwargs: Any) -> Any:
        """A step on the minibatch, seen plainly or in another way in which the game is the same."""
        views = (None, *self.config.env_config["spec"].symmetries)
        return self._in_parts(batch, views[int(torch.randint(len(views), ()))])

    def _in_parts(self, batch: dict[str, Any], view: Symmetry | None = None) -> Any:
        """One step on the minibatch, given by the numbers of its rows, in as many parts as its memory needs."""
        gradients, fwd_out, losses = fitted(lambda: self._gradients(batch, view), lambda: self._in_more_parts(batch))
        if self.config.num_learners > 1:
            for told in [distributed.all_reduce(gradient, async_op=True) for gradient in gradients.values()]:
                told.wait()
            for gradient in gradients.values():
                gradient.div_(distributed.get_world_size())
        self.apply_gradients(self.postprocess_gradients(gradients))
        return fwd_out, losses, {}

    def _in_more_parts(self, batch: dict[str, Any]) -> bool:
        """Take minibatches in twice as many parts from now on; False: this one has no more rows than parts."""
        more = self.parts < min(len(rows) for rows in batch.values())
        self.parts *= 1 + more
        return more

    def _gradients(self, batch: dict[str, Any], view: Symmetry | None) -> tuple[dict[Any, Tensor], Any, Any]:
        """The sum of the gradients of all parts, each weighted by its rows: that of the whole minibatch.

        Processes that step together hear of each other's once all of their own are there, so each has its own parts.
        """
        gradients: dict[Any, Tensor] = {}
        with self.module[LEARNER_MODULE].no_sync() if self.config.num_learners > 1 else nullcontext():
            for share, numbers in _cut(batch, self.parts):
                part = {name: self._taken(name, rows[ROW], view) for name, rows in numbers.items()}
                fwd_out = self.module.forward_train(part)
                losses = self.compute_losses(fwd_out=fwd_out, batch=part)
                for name, gradient in self.compute_gradients({m: share * loss for m, loss in losses.items()}).items():
                    gradients[name] = gradients[name] + gradient if name in gradients else gradient
        return gradients, fwd_out, losses

    def _taken(self, name: str, numbers: NDArray[np.int64], view: Symmetry | None) -> SampleBatch:
        """The rows of these numbers on the learner's device, in another view of the game."""
        whole = self._rows[name]
        at = torch.from_numpy(numbers).to(whole[Columns.ACTIONS].device)

        def taken(column: Any) -> Any:
            if isinstance(column, dict):
                return {name: taken(part) for name, part in column.items()}
            return column[at].to(self._device)

        rows = SampleBatch({name: taken(column) for name, column in whole.items()})
        # The policy that played is not as symmetric as the game, so its probabilities are of the plain view only.
        if view is not None and IMPROVED in rows:
            look_from(view, rows)
        return rows

    def compute_loss_for_module(self, *, module_id: str, config: Any, batch: dict[str, Any], fwd_out: Any) -> Any:
        """As RLlib has it, plus the cross-entropy of the improved policy where there is one.

        Logs `mean_kl_loss` and `lookahead_loss`, in nats.
        """
        scaling = self.module[module_id].unwrapped().network.scaling
        if scaling is not None:
            # Not in place: a minibatch that is too large for the memory is taken again.
            batch = {**batch, Postprocessing.VALUE_TARGETS: batch[Postprocessing.VALUE_TARGETS] / scaling.unit}
        loss = super().compute_loss_for_module(module_id=module_id, config=config, batch=batch, fwd_out=fwd_out)
        logits = fwd_out[Columns.ACTION_DIST_INPUTS]
        divergence = mean_kl(batch[Columns.ACTION_DIST_INPUTS], logits.detach())
        self.metrics.log_value((module_id, LEARNER_RESULTS_KL_KEY), divergence, window=1)
        if IMPROVED in batch:
            learned = torch.log_softmax(logits, dim=1).clamp(min=LEAST_LOG)
            entropy = -(batch[IMPROVED] * learned).sum(dim=1).mean()
            self.metrics.log_value((module_id, LOOKAHEAD_LOSS), entropy.detach(), window=1)
            loss = loss + config.env_config["league"]["learning"]["lookahead_coeff"] * entropy
        return loss


def _cut(batch: dict[str, Any], parts: int) -> Iterator[tuple[float, dict[str, Any]]]:
    """The rows of a minibatch in so many parts, each with its share of all of them."""
    for number in range(parts):
        cut = {name: (number * len(rows) // parts, (number + 1) * len(rows) // parts) for name, rows in batch.items()}
        share = next((end - start) / len(batch[name]) for name, (start, end) in cut.items())
        yield share, {name: rows.slice(*cut[name]) for name, rows in batch.items()}


def look_from(view: Symmetry, rows: Any) -> None:
    """Turn the columns of a minibatch so that they show the same moves in another view of the board."""
    seen = rows[Columns.OBS][OBSERVATION]
    cells, actions = (torch.tensor(order, device=seen.device) for order in view)
    board = seen.flatten(1, 2).index_select(1, cells).view_as(seen)
    rows[Columns.OBS] = {OBSERVATION: board, ACTION_MASK: rows[Columns.OBS][ACTION_MASK].index_select(1, actions)}
    for column in (Columns.ACTION_DIST_INPUTS, IMPROVED):
        rows[column] = rows[column].index_select(1, actions)
    rows[Columns.ACTIONS] = torch.argsort(actions)[rows[Columns.ACTIONS]]


def mean_kl(before: Tensor, after: Tensor) -> Tensor:
    """Mean KL(before || after) of policies given by masked logits `[N, A]`, in nats, at least 0.

    Both have the same legal moves; logits of illegal ones are finite, so they add nothing.
    """
    log_before, log_after = torch.log_softmax(before, dim=1), torch.log_softmax(after, dim=1)
    return (log_before.exp() * (log_before - log_after)).sum(dim=1).mean()
