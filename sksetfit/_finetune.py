"""The tuning loop: batches of tokenised texts through the body, a contrastive loss, AdamW.

Floor 1: knows torch, and of this package the body, the losses and the batches.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn
from torch.func import functional_call
from tqdm import tqdm
from transformers import PreTrainedModel

from sksetfit._batches import balanced_batches, split_by_length
from sksetfit._body import Body, Tokens, autocast
from sksetfit._losses import LOSSES, label_overlap

# Tokens per micro-batch, with any padding. A processor is quickest with what fits its caches, a GPU wants many.
MICRO_BATCH_TOKENS, MICRO_BATCH_TOKENS_ELSEWHERE = 768, 16384


@torch.inference_mode(False)  # which also switches gradients on, where a caller has switched them off
def finetune(
    body: Body,
    tokens: Tokens,
    indicator: NDArray[np.bool_],
    *,
    loss: str,
    n_steps: int,
    batch_size: int,
    learning_rate: float,
    warmup_proportion: float,
    weight_decay: float,
    precision: str,
    rng: np.random.RandomState,
    progress: bool = False,
) -> NDArray[np.float64]:
    """Tune ``body`` in place so that texts of one class lie together; return the loss of each step.

    The body stays in evaluation mode: there is no dropout, so that nothing random is left but the order of the
    texts, which ``rng`` decides.

    Raises
    ------
    ValueError
        If the loss or the weights stop being finite.
    """
    _freeze_lowest(body.transformer)
    batches = balanced_batches(indicator, n_steps, batch_size, rng)
    bar: Any = tqdm(batches, total=n_steps, desc="tuning", unit="step", disable=not progress)
    with autocast(body.device, "float32"):  # whatever the caller's own says
        tuned = [parameter for parameter in body.parameters() if parameter.requires_grad]
        optimizer = torch.optim.AdamW(tuned, lr=learning_rate, weight_decay=weight_decay, fused=True)
        schedule = torch.optim.lr_scheduler.LambdaLR(optimizer, _warmup_then_linear(n_steps, warmup_proportion))
        losses = np.empty(n_steps)
        for step, batch in enumerate(bar):
            embeddings, order = _embed(body, tokens, batch, precision)
            labels = torch.from_numpy(indicator[order]).to(body.device)
            value = LOSSES[loss](embeddings, label_overlap(labels))
            losses[step] = value.item()
            if not np.isfinite(losses[step]):
                raise _diverged(f"the loss of step {step + 1} of {n_steps} is {losses[step]}", learning_rate)
            value.backward()
            optimizer.step()
            optimizer.zero_grad()
            schedule.step()
            bar.set_postfix(loss=f"{losses[step]:.3f}", refresh=False)
        with torch.no_grad():
            if not body(tokens[:2]).isfinite().all():
                raise _diverged("embeddings are not finite after the last step", learning_rate)
    return losses


def _embed(body: Body, tokens: Tokens, batch: NDArray[np.intp], precision: str) -> tuple[Tensor, NDArray[np.intp]]:
    """Return the embeddings of a batch, computed in parts of similar length, and the texts in the order of the rows."""
    max_tokens = MICRO_BATCH_TOKENS if body.device.type == "cpu" else MICRO_BATCH_TOKENS_ELSEWHERE
    lengths = np.array([len(tokens[i]) for i in batch])
    parts = [batch[part] for part in split_by_length(lengths, max_tokens, padded=not body.packs)]
    weights = _weights_in(precision, body)
    with autocast(body.device, precision):
        embeddings = [functional_call(body, weights, ([tokens[i] for i in part],)) for part in parts]
    return torch.cat(embeddings), np.concatenate(parts)


def _freeze_lowest(transformer: PreTrainedModel) -> None:
    """Keep the embeddings and the lowest sixth of the layers as they are.

    Half of a small model's weights are the embeddings of single tokens, of which a few texts touch a few. To tune
    these and what is right above them takes a quarter of the time and brings no accuracy. To leave half of the layers
    as they are costs more than a point.
    """
    transformer.get_input_embeddings().requires_grad_(False)
    n_layers = transformer.config.num_hidden_layers
    lists = [module for module in transformer.modules() if isinstance(module, nn.ModuleList)]
    layers = next((layers for layers in lists if len(layers) == n_layers), None)
    if layers is None:  # in ALBERT they are one and the same
        return
    layers[: n_layers // 6].requires_grad_(False)
    for module in transformer.children():
        if any(part is layers for part in module.modules()):
            break
        module.requires_grad_(False)  # what stands between the embeddings of tokens and the layers


def _weights_in(precision: str, body: Body) -> dict[str, Tensor]:
    """Return the weights of matrix products in ``precision``; autocast alone would make and keep a copy per part."""
    if precision == "float32":
        return {}
    layers = {name: layer for name, layer in body.named_modules() if isinstance(layer, nn.Linear)}
    return {
        f"{name}.{key}": weight.bfloat16() for name, layer in layers.items() for key, weight in layer.named_parameters()
    }


def _diverged(how: str, learning_rate: float) -> ValueError:
    return ValueError(f"The tuning diverged: {how}. Lower learning_rate (it was {learning_rate}).")


def _warmup_then_linear(n_steps: int, warmup_proportion: float) -> Any:
    n_warmup = max(1, round(warmup_proportion * n_steps))

    def factor(step: int) -> float:
        return min((step + 1) / n_warmup, (n_steps - step) / max(n_steps - n_warmup, 1), 1.0)

    return factor
