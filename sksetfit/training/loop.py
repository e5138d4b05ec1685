"""The tuning loop: batches of tokenised texts, the gradient of a loss of their embeddings, AdamW."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from sksetfit.body.contexts import autocast, threads
from sksetfit.body.layers import freeze_lowest
from sksetfit.body.model import Body
from sksetfit.body.windows import Tokens
from sksetfit.training.callbacks import TrainingCallback, TrainingState
from sksetfit.training.gradients import Gradients, LossOfBatch, ParametricLoss
from sksetfit.training.plan import warmup_then_linear

COLLAPSED = 0.05  # the share of the spread before the tuning, below which embeddings count as equal


@torch.inference_mode(False)  # which also switches gradients on, where a caller has switched them off
def run_steps(
    state: TrainingState,
    tokens: Tokens,
    batches: Iterable[NDArray[np.intp]],
    loss: LossOfBatch,
    *,
    warmup_proportion: float,
    weight_decay: float,
    callbacks: Sequence[TrainingCallback] = (),
) -> None:
    """Tune the body of ``state`` in place, by its plan, so that the loss of its embeddings falls.

    The body stays in evaluation mode, without dropout, so only the batches are random, one per step. A `ParametricLoss`
    is trained as well. A callback stops the training with ``state.stop = True``.

    Raises
    ------
    ValueError
        If there is nothing to tune, or the loss or the weights stop being finite.
    """
    body, plan, losses = state.body, state.plan, state.losses
    freeze_lowest(body)
    _check_tunable(state, tokens)
    for callback in callbacks:
        callback.on_train_begin(state)
    with threads(), autocast(body.device, "float32"):  # whatever the caller's own says
        optimizer = _optimizer(body, loss, plan.learning_rate, weight_decay)
        schedule = torch.optim.lr_scheduler.LambdaLR(optimizer, warmup_then_linear(plan.n_steps, warmup_proportion))
        gradients = Gradients(body, plan.precision)
        body_is_read = any(callback.reads_body for callback in callbacks)
        for batch in batches:
            if state.stop:
                break
            losses.append(gradients.add(tokens, batch, loss))
            if not np.isfinite(losses[-1]):
                raise _diverged(f"the loss of step {len(losses)} of {plan.n_steps} is {losses[-1]}", plan.learning_rate)
            optimizer.step()
            optimizer.zero_grad()
            schedule.step()
            body.weights_changed()
            if body_is_read:
                _check_finite(body, tokens, f"after step {len(losses)} of {plan.n_steps}", plan.learning_rate)
            for callback in callbacks:
                callback.on_step_end(state)
        _check_finite(body, tokens, "after the last step", plan.learning_rate)
    for callback in callbacks:
        callback.on_train_end(state)


def _check_tunable(state: TrainingState, tokens: Tokens) -> None:
    with threads():
        if not state.plan.n_steps or state.body(tokens[:1]).requires_grad:
            return
    raise ValueError(
        "The Sentence Transformer has nothing to tune: there is no layer above its embeddings of tokens. Set "
        "max_steps=0 to use it as it is, or give another model."
    )


def _optimizer(body: Body, loss: LossOfBatch, learning_rate: float, weight_decay: float) -> torch.optim.Optimizer:
    groups: list[dict[str, Any]] = [{"params": [each for each in body.parameters() if each.requires_grad]}]
    if isinstance(loss, ParametricLoss):
        groups.append({"params": list(loss.parameters()), "lr": loss.learning_rate})
    return torch.optim.AdamW(groups, lr=learning_rate, weight_decay=weight_decay, fused=True)


def spread(body: Body, tokens: Tokens, precision: str) -> float:
    """Return the largest distance between the embeddings of texts, relative to the longest of these."""
    embeddings = body.encode_tokens(tokens, precision)
    distances = np.linalg.norm(embeddings[:, None] - embeddings, axis=2)
    return float(distances.max() / max(np.linalg.norm(embeddings, axis=1).max(), 1e-12))


def check_not_collapsed(before: float, after: float, learning_rate: float) -> None:
    """Raise an error if texts of different classes have lost nearly all `spread`."""
    if after < COLLAPSED * before:
        raise _diverged("the embeddings of all texts have become equal", learning_rate)


@torch.no_grad()
def _check_finite(body: Body, tokens: Tokens, when: str, learning_rate: float) -> None:
    if not body(tokens[:2]).isfinite().all():
        raise _diverged(f"embeddings are not finite {when}", learning_rate)


def _diverged(how: str, learning_rate: float) -> ValueError:
    return ValueError(f"The tuning diverged: {how}. Lower learning_rate (it was {learning_rate}).")
