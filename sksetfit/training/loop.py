"""The tuning loop: batches of tokenised texts, the gradient of a loss of their embeddings, AdamW."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from tqdm import tqdm

from sksetfit.body.layers import freeze_lowest
from sksetfit.body.model import Body, autocast, threads
from sksetfit.body.windows import Tokens
from sksetfit.training.gradients import Gradients, LossOfBatch, LossWithWeights
from sksetfit.training.plan import warmup_then_linear

COLLAPSED = 0.05  # the share of the spread before the tuning, below which embeddings count as equal


@torch.inference_mode(False)  # which also switches gradients on, where a caller has switched them off
def finetune(
    body: Body,
    tokens: Tokens,
    batches: Iterable[NDArray[np.intp]],
    loss: LossOfBatch,
    *,
    n_steps: int,
    learning_rate: float,
    warmup_proportion: float,
    weight_decay: float,
    precision: str,
    after_step: Callable[[list[float]], bool] | None = None,
    progress: bool = False,
) -> NDArray[np.float64]:
    """Tune ``body`` in place so that the loss of its embeddings falls; return the loss of each step.

    The body stays in evaluation mode: there is no dropout, so that nothing random is left but the batches, of which
    there are ``n_steps``. A loss that has weights of its own learns them along. The tuning ends early where
    ``after_step``, which is given the losses so far, returns True.

    Raises
    ------
    ValueError
        If the loss or the weights stop being finite.
    """
    freeze_lowest(body)

    # Not disable=True: even then tqdm would leave a thread behind.
    bar: Any = tqdm(batches, total=n_steps, desc="tuning", unit="step") if progress else None
    losses: list[float] = []
    with threads(), autocast(body.device, "float32"):  # whatever the caller's own says
        tuned = [parameter for parameter in body.parameters() if parameter.requires_grad]
        groups: list[dict[str, Any]] = [{"params": tuned}]
        if isinstance(loss, LossWithWeights):
            groups.append({"params": list(loss.parameters()), "lr": loss.learning_rate})
        optimizer = torch.optim.AdamW(groups, lr=learning_rate, weight_decay=weight_decay, fused=True)
        schedule = torch.optim.lr_scheduler.LambdaLR(optimizer, warmup_then_linear(n_steps, warmup_proportion))
        gradients = Gradients(body, precision)
        for batch in bar or batches:
            losses.append(gradients.add(tokens, batch, loss))
            if not np.isfinite(losses[-1]):
                raise _diverged(f"the loss of step {len(losses)} of {n_steps} is {losses[-1]}", learning_rate)
            optimizer.step()
            optimizer.zero_grad()
            schedule.step()
            if bar is not None:
                bar.set_postfix(loss=f"{losses[-1]:.3f}", refresh=False)
            if after_step is not None:
                _check_finite(body, tokens, f"after step {len(losses)} of {n_steps}", learning_rate)
                if after_step(losses):
                    break
        _check_finite(body, tokens, "after the last step", learning_rate)
    return np.array(losses, dtype=np.float64)


def spread(body: Body, tokens: Tokens) -> float:
    """Return the largest distance between the embeddings of texts, relative to the longest of these."""
    embeddings = body.encode_tokens(tokens)
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
