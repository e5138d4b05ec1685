"""The loss of a linear layer on embeddings, whose weights are trained with the body."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import torch
import torch.nn.functional as F
from numpy.typing import NDArray
from torch import Tensor, nn

from sksetfit.body.contexts import autocast, threads
from sksetfit.inputs.texts import short_repr
from sksetfit.training.gradients import LossOfBatch, ParametricLoss

LossOfLogits = Callable[[Tensor, Tensor], Tensor]
FLAT = {torch.float32: 1e-5, torch.float64: 1e-7}  # a gradient of the mean loss at which the bottom is reached


def cross_entropy(logits: Tensor, target: Tensor) -> Tensor:
    """Return the cross-entropy of each text; for several labels per text, the binary one of each label."""
    if target.is_floating_point():
        return F.binary_cross_entropy_with_logits(logits, target, reduction="none")
    return F.cross_entropy(logits, target, reduction="none")


def focal(logits: Tensor, target: Tensor) -> Tensor:
    """Return the cross-entropy times the square of the probability that is missing [1]_.

    References
    ----------
    .. [1] Lin et al. (2017). "Focal Loss for Dense Object Detection". arXiv:1708.02002.
    """
    loss = cross_entropy(logits, target)
    return (1 - torch.exp(-loss)).square() * loss


LOSSES: dict[str, LossOfLogits] = {"cross_entropy": cross_entropy, "focal": focal}


@torch.inference_mode(False)
def check_loss(loss: str | LossOfLogits, n_classes: int, *, multi_label: bool, weighted: bool) -> None:
    """Try a loss on two texts, and raise an error unless it can be learned from.

    Raises
    ------
    ValueError, TypeError
        If it cannot be called, or gives no Tensor, or none of a shape or with a gradient that can be used.
    """
    name = f"The loss of TorchHead, {short_repr(loss)},"
    if isinstance(loss, type):
        raise TypeError(f"{name} is a class. Call it first: loss={loss.__name__}().")
    logits = torch.zeros(2, n_classes, requires_grad=True)
    target = _target(np.eye(2, n_classes, dtype=bool), multi_label=multi_label)
    try:
        value = (LOSSES[loss] if isinstance(loss, str) else loss)(logits, target)
    except Exception as error:  # whatever a function of the user's own happens to raise
        raise ValueError(
            f"{name} cannot be called as loss(logits, target) with logits of shape (2, {n_classes}) and targets of "
            f"shape {tuple(target.shape)} and {target.dtype} ({type(error).__name__}: {error})."
        ) from error
    if not isinstance(value, Tensor):
        raise TypeError(f"{name} must give a Tensor, got {type(value).__name__}.")
    if value.shape not in {torch.Size(), target.shape} or not value.requires_grad:
        raise ValueError(
            f"{name} must give a Tensor with a gradient, of shape () or {tuple(target.shape)} as its targets, got "
            f"shape {tuple(value.shape)}{'' if value.requires_grad else ' without a gradient'}."
        )
    if weighted and value.shape != target.shape:
        each = "text and label" if multi_label else "text"
        raise ValueError(
            f"{name} gives one number for all texts, which cannot be weighted. Let it give one per {each}, as losses "
            f'of torch do with reduction="none", or fit without weights'
            f"{' and with class_weight=None in the head' if multi_label else ''}."
        )


def _target(indicator: NDArray[np.bool_], *, multi_label: bool) -> Tensor:
    return torch.from_numpy(indicator.astype(np.float32) if multi_label else indicator.argmax(axis=1))


class HeadLoss(ParametricLoss):
    """The loss of the answers that a linear layer gives to embeddings.

    Parameters
    ----------
    loss : str or callable
    indicator : ndarray of shape (n_texts, n_classes), dtype bool
        Which text has which label; of several where only one is expected, the first counts.
    weights : ndarray of shape (n_texts,), or (n_texts, n_classes) for several labels, or None
    n_dimensions : int
    multi_label : bool
    learning_rate : float
        Of the layer's weights, where they are learned in steps.
    contrastive_loss : callable or None, default=None
        Another loss of embeddings, to which this one is added.
    """

    @torch.inference_mode(False)  # what is made under it cannot be learned
    def __init__(
        self,
        loss: str | LossOfLogits,
        indicator: NDArray[np.bool_],
        weights: NDArray[np.float64] | None,
        *,
        n_dimensions: int,
        multi_label: bool,
        learning_rate: float,
        contrastive_loss: LossOfBatch | None = None,
    ) -> None:
        super().__init__()
        self.learning_rate = learning_rate
        self.loss: LossOfLogits = LOSSES[loss] if isinstance(loss, str) else loss
        self.contrastive_loss = contrastive_loss
        n_classes = indicator.shape[1]
        self.two_sides = n_classes == 2 and not multi_label  # one row of weights says which
        n_rows = 1 if self.two_sides else n_classes
        self.coef = nn.Parameter(torch.zeros(n_rows, n_dimensions))
        self.intercept = nn.Parameter(torch.zeros(n_rows))
        self.target = nn.Buffer(_target(indicator, multi_label=multi_label))
        self.weights = None if weights is None else nn.Buffer(torch.from_numpy(weights))

    def forward(self, embeddings: Tensor, texts: NDArray[np.intp]) -> Tensor:
        """Return the mean loss of these texts, each of which counts as much as its weight."""
        rows = torch.from_numpy(texts).to(embeddings.device)
        logits = F.linear(embeddings, self.coef, self.intercept)
        if self.two_sides:
            logits = torch.cat([-logits, logits], dim=1) / 2
        values = self.loss(logits, self.target[rows])
        if self.weights is not None:
            weights = self.weights[rows]
            values = values * weights / weights.mean()
        return (
            values.mean() if self.contrastive_loss is None else values.mean() + self.contrastive_loss(embeddings, texts)
        )

    @property
    def total(self) -> float:
        """How many values the loss has, or the sum of their weights."""
        return float(self.target.numel() if self.weights is None else self.weights.sum())


@torch.inference_mode(False)
def fit_layer(loss: HeadLoss, embeddings: NDArray[Any], *, C: float, max_iter: int) -> int:
    """Fit the layer of a loss to embeddings that stay as they are; return the number of iterations.

    With ``C`` as in `LogisticRegression`: the sum of all losses times C, plus half the squared weights.

    Raises
    ------
    ValueError
        If the loss stops being finite.
    """
    # A loss of the user's own may hold tensors, which are of float32 as all that torch makes.
    dtype = torch.float64 if loss.loss in LOSSES.values() else torch.float32
    X, rows = torch.tensor(embeddings, dtype=dtype), np.arange(len(embeddings))
    loss.to(dtype)
    strength = 1 / (2 * C * loss.total)
    optimizer = torch.optim.LBFGS(
        [loss.coef, loss.intercept],
        max_iter=max_iter,
        max_eval=10 * max_iter,
        tolerance_grad=FLAT[dtype],
        line_search_fn="strong_wolfe",
    )

    def closure() -> float:
        optimizer.zero_grad()
        value: Tensor = loss(X, rows) + strength * loss.coef.square().sum()
        value.backward()
        if not value.isfinite():
            raise ValueError(
                f"The loss of TorchHead, {short_repr(loss.loss)}, is {value.item()} on its training texts."
            )
        return value.item()

    with threads(), autocast(X.device, "float32"), torch.enable_grad():
        optimizer.step(closure)
    return int(optimizer.state[loss.coef]["n_iter"])
