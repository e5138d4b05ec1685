"""The tuning loop: batches of tokenised texts through the body, a contrastive loss, AdamW.

Floor 1: knows torch, and of this package the body, the losses and the batches.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn
from torch.func import functional_call
from tqdm import tqdm

from sksetfit._batches import balanced_batches, split_by_length
from sksetfit._body import Body, Tokens, autocast
from sksetfit._losses import LOSSES, label_overlap

# Padded tokens per micro-batch. On a processor small ones cost little and save padding; a GPU wants large ones.
MICRO_BATCH_TOKENS, MICRO_BATCH_TOKENS_ELSEWHERE = 512, 16384
# torch keeps hundreds of kilobytes for every shape of matrices that it has multiplied in bfloat16: few shapes.
PAD_TO_MULTIPLE_OF = 8
# On a processor torch's fused attention is several times slower backwards than plain matrix products, whose memory
# grows with the square of the length: so up to this many tokens.
PLAIN_ATTENTION_TOKENS = 256


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
    tuned = [parameter for parameter in body.parameters() if parameter.requires_grad]
    optimizer = torch.optim.AdamW(tuned, lr=learning_rate, weight_decay=weight_decay, fused=True)
    schedule = torch.optim.lr_scheduler.LambdaLR(optimizer, _warmup_then_linear(n_steps, warmup_proportion))
    lengths = np.array([len(ids) for ids in tokens])
    max_tokens = MICRO_BATCH_TOKENS if body.device.type == "cpu" else MICRO_BATCH_TOKENS_ELSEWHERE
    losses = np.empty(n_steps)
    batches: Any = balanced_batches(indicator, n_steps, batch_size, rng)
    bar = tqdm(batches, total=n_steps, desc="tuning", unit="step", disable=not progress)
    for step, batch in enumerate(bar):
        parts = split_by_length(lengths[batch], max_tokens)
        with autocast(body.device, precision), _attention_for_tuning(body, lengths[batch].max()):
            weights = _weights_in(precision, body)
            arguments = [([tokens[i] for i in batch[part]], PAD_TO_MULTIPLE_OF) for part in parts]
            embeddings = torch.cat([functional_call(body, weights, of_part) for of_part in arguments])
        labels = torch.from_numpy(indicator[batch[np.concatenate(parts)]]).to(body.device)
        value = LOSSES[loss](embeddings, label_overlap(labels))
        losses[step] = value.item()
        if not np.isfinite(losses[step]):
            raise _diverged(f"the loss of step {step + 1} of {n_steps} is {losses[step]}", learning_rate)
        optimizer.zero_grad()
        value.backward()
        optimizer.step()
        schedule.step()
        bar.set_postfix(loss=f"{losses[step]:.3f}", refresh=False)
    with torch.no_grad():
        if not body(tokens[:2]).isfinite().all():
            raise _diverged("embeddings are not finite after the last step", learning_rate)
    return losses


def _freeze_lowest(transformer: nn.Module) -> None:
    """Keep the embeddings of tokens and the lowest sixth of the layers as they are.

    Half of a small model's weights are the embeddings of single tokens, of which a few texts touch a few. To tune
    these and what is right above them takes a quarter of the time and brings no accuracy; a third of the layers does.
    """
    lists = [module for module in transformer.modules() if isinstance(module, nn.ModuleList)]
    if not lists:
        return
    layers = max(lists, key=len)
    frozen = [*layers[: len(layers) // 6]]
    for module in transformer.children():
        if any(part is layers for part in module.modules()):
            break
        frozen.append(module)  # the embeddings, of which the layers are made
    for module in frozen:
        module.requires_grad_(False)


def _weights_in(precision: str, body: Body) -> dict[str, Tensor]:
    """Return the weights of matrix products in ``precision``; autocast alone would make and keep a copy per part."""
    if precision == "float32":
        return {}
    layers = {name: layer for name, layer in body.named_modules() if isinstance(layer, nn.Linear)}
    return {
        f"{name}.{key}": weight.bfloat16() for name, layer in layers.items() for key, weight in layer.named_parameters()
    }


@contextmanager
def _attention_for_tuning(body: Body, n_tokens: int) -> Iterator[None]:
    """Compute attention in the way that is quick for texts of up to ``n_tokens`` tokens."""
    chosen = body.transformer.config._attn_implementation
    if body.device.type == "cpu" and n_tokens <= PLAIN_ATTENTION_TOKENS:
        body.transformer.set_attn_implementation("eager")
    try:
        yield
    finally:
        body.transformer.set_attn_implementation(chosen)


def _diverged(how: str, learning_rate: float) -> ValueError:
    return ValueError(f"The tuning diverged: {how}. Lower learning_rate (it was {learning_rate}).")


def _warmup_then_linear(n_steps: int, warmup_proportion: float) -> Any:
    n_warmup = max(1, round(warmup_proportion * n_steps))

    def factor(step: int) -> float:
        return min((step + 1) / n_warmup, (n_steps - step) / max(n_steps - n_warmup, 1), 1.0)

    return factor
