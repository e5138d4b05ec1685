"""The gradient of a batch's loss, in as many parts as the memory takes."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn
from torch.func import functional_call

from sksetfit.body.bert import n_frozen_layers
from sksetfit.body.contexts import autocast, is_out_of_memory
from sksetfit.body.model import Body
from sksetfit.body.packing import lower_states, split_by_length
from sksetfit.body.windows import Tokens
from sksetfit.utils.warn import warn_caller

# Tokens per micro-batch, with any padding. A processor is quickest with what fits its caches, a GPU wants many.
MICRO_BATCH_TOKENS, MICRO_BATCH_TOKENS_ELSEWHERE = 768, 16384

MOST_LOWER_BYTES = 2**25  # the states of 20,000 tokens in 384 dimensions

LossOfBatch = Callable[[Tensor, NDArray[np.intp]], Tensor]  # of the embeddings, and of the texts that they are of


class ParametricLoss(nn.Module):
    """A `LossOfBatch` with trainable weights, which have a separate learning rate."""

    learning_rate: float


class Gradients:
    """Adds the gradient of a loss of a batch's embeddings to the weights of a body.

    A batch is embedded in micro-batches of similar length. As long as the memory holds what all of them leave behind
    for the way back, each is computed once. When it does not, the embeddings are computed first and the gradient of
    the loss by them, and then one micro-batch after the other again, on which that gradient is laid [1]_: the same
    gradient for a third more time. Micro-batches become half as long until they fit.

    Parameters
    ----------
    body : Body
    precision : {"float32", "bfloat16"}

    References
    ----------
    .. [1] Gao et al. (2021). "Scaling Deep Contrastive Learning Batch Size under Memory Limited Setup", section 3.
       arXiv:2101.06983.
    """

    def __init__(self, body: Body, precision: str) -> None:
        self._body = body
        self._precision = precision
        self._max_tokens = MICRO_BATCH_TOKENS if body.device.type == "cpu" else MICRO_BATCH_TOKENS_ELSEWHERE
        self._all_at_once = True
        self._lower = _LowerStates(body) if body.packs and n_frozen_layers(body.transformer) else None

    def add(self, tokens: Tokens, batch: NDArray[np.intp], loss: LossOfBatch) -> float:
        """Add the gradient for a batch, and return the loss.

        Parameters
        ----------
        tokens : list of ndarray
            The token numbers of all texts.
        batch : ndarray of shape (n_texts,)
            Which of them are in the batch.
        loss : callable
            Gives the loss of embeddings, a Tensor of shape (n_texts, n_dimensions), and the texts that they are of.
        """
        before = self._max_tokens
        while True:
            try:
                value = (self._backward_full if self._all_at_once else self._backward_gradcache)(tokens, batch, loss)
                break
            except RuntimeError as error:
                longest = max(len(tokens[i]) for i in batch)
                if not is_out_of_memory(error) or (not self._all_at_once and self._max_tokens < longest):
                    raise
            self._shrink_micro_batches(loss)  # outside of `except`: the error holds what was computed
        if self._max_tokens < before:
            warn_caller(
                f"Out of memory on {self._body.device} while tuning: it goes on with at most {self._max_tokens} tokens "
                f"at once, which takes longer. A smaller max_seq_length or batch_size needs less.",
            )
        return value

    def _shrink_micro_batches(self, loss: LossOfBatch) -> None:
        for module in (self._body, loss):
            if isinstance(module, nn.Module):
                module.zero_grad()
        if self._body.device.type == "cuda":
            torch.cuda.empty_cache()
        self._all_at_once = False
        self._max_tokens //= 2

    def _backward_full(self, tokens: Tokens, batch: NDArray[np.intp], loss: LossOfBatch) -> float:
        parts = self._parts(tokens, batch)
        weights = weights_in(self._precision, self._body)
        value = loss(torch.cat([self._embed(tokens, part, weights) for part in parts]), np.concatenate(parts))
        if value.isfinite():
            value.backward()
        return value.item()

    def _backward_gradcache(self, tokens: Tokens, batch: NDArray[np.intp], loss: LossOfBatch) -> float:
        parts = self._parts(tokens, batch)
        with torch.no_grad():
            weights = weights_in(self._precision, self._body)
            embeddings = torch.cat([self._embed(tokens, part, weights) for part in parts])
        value = loss(embeddings.requires_grad_(), np.concatenate(parts))
        if value.isfinite():
            value.backward()
            assert embeddings.grad is not None  # noqa: S101  (which mypy cannot know)
            gradients = embeddings.grad.split([len(part) for part in parts])
            for part, gradient in zip(parts, gradients, strict=True):
                self._embed(tokens, part, weights_in(self._precision, self._body)).backward(gradient)
        return value.item()

    def _parts(self, tokens: Tokens, batch: NDArray[np.intp]) -> list[NDArray[np.intp]]:
        lengths = np.array([len(tokens[i]) for i in batch])
        return [batch[part] for part in split_by_length(lengths, self._max_tokens, padded=not self._body.packs)]

    def _embed(self, tokens: Tokens, part: NDArray[np.intp], weights: dict[str, Tensor]) -> Tensor:
        batch = [tokens[i] for i in part]
        with autocast(self._body.device, self._precision):
            lower = None if self._lower is None else self._lower.of(part, batch)
            embeddings: Tensor = functional_call(self._body, weights, (batch,), {"lower": lower} if lower else {})
            return embeddings


class _LowerStates:
    """The states of texts behind the layers that are frozen: a text is in many batches, and has them from its first.

    Parameters
    ----------
    body : Body
    """

    def __init__(self, body: Body) -> None:
        self._transformer = body.transformer
        self._states: dict[int, Tensor] = {}
        self._n_bytes_left = MOST_LOWER_BYTES

    def of(self, texts: NDArray[np.intp], tokens: Tokens) -> list[Tensor]:
        """Return the states of texts that have these tokens, and keep them up to `MOST_LOWER_BYTES`."""
        missing = [place for place, text in enumerate(texts) if text not in self._states]
        found = lower_states(self._transformer, [tokens[place] for place in missing]) if missing else []
        new = dict(zip(missing, found, strict=True))
        for place, states in new.items():
            if states.nbytes <= self._n_bytes_left:
                self._n_bytes_left -= states.nbytes
                self._states[int(texts[place])] = states.clone()  # which is a part of the states of all
        return [new[place] if place in new else self._states[text] for place, text in enumerate(texts.tolist())]


def weights_in(precision: str, body: Body) -> dict[str, Tensor]:
    """Return the weights of matrix products in ``precision``; autocast alone would make and keep a copy per part."""
    if precision == "float32":
        return {}
    layers = {name: layer for name, layer in body.named_modules() if isinstance(layer, nn.Linear)}
    return {
        f"{name}.{key}": weight.bfloat16() for name, layer in layers.items() for key, weight in layer.named_parameters()
    }
