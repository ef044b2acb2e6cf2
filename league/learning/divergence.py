"""PPO's learner, which also tells how far its updates moved the policy."""

from __future__ import annotations

from typing import Any

import torch
from ray.rllib.algorithms.ppo.ppo import LEARNER_RESULTS_KL_KEY
from ray.rllib.algorithms.ppo.torch.ppo_torch_learner import PPOTorchLearner
from ray.rllib.core.columns import Columns
from torch import Tensor


class LeagueLearner(PPOTorchLearner):
    """RLlib's loss, and the KL divergence that RLlib computes only where it is part of the loss.

    Its gradient steps read and write large tables no more often than they must.
    """

    def configure_optimizers_for_module(self, module_id: str, config: Any = None) -> None:
        """Adam in one pass over weights, moments and gradients."""
        parameters = self.get_parameters(self.module[module_id])
        self.register_optimizer(
            module_id=module_id,
            optimizer=torch.optim.Adam(parameters, fused=True),
            params=parameters,
            lr_or_lr_schedule=config.lr,
        )

    def apply_gradients(self, gradients_dict: dict[Any, Tensor]) -> None:
        """One step. RLlib reads all gradients twice to see whether they are finite; `Trainer` looks at the weights."""
        for parameter, gradient in gradients_dict.items():
            self._params[parameter].grad = gradient
        for optimizer in self._named_optimizers.values():
            optimizer.step()

    def compute_loss_for_module(self, *, module_id: str, config: Any, batch: dict[str, Any], fwd_out: Any) -> Any:
        """As RLlib has it; logs `mean_kl_loss`, in nats, as RLlib calls it."""
        loss = super().compute_loss_for_module(module_id=module_id, config=config, batch=batch, fwd_out=fwd_out)
        divergence = mean_kl(batch[Columns.ACTION_DIST_INPUTS], fwd_out[Columns.ACTION_DIST_INPUTS].detach())
        self.metrics.log_value((module_id, LEARNER_RESULTS_KL_KEY), divergence, window=1)
        return loss


def mean_kl(before: Tensor, after: Tensor) -> Tensor:
    """Mean KL(before || after) of policies given by masked logits `[N, A]`, in nats, at least 0.

    Both have the same legal moves; logits of illegal ones are finite, so they add nothing.
    """
    log_before, log_after = torch.log_softmax(before, dim=1), torch.log_softmax(after, dim=1)
    return (log_before.exp() * (log_before - log_after)).sum(dim=1).mean()
