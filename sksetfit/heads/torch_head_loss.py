"""The loss of a `TorchHead` with its class weights: for its own fit, and for the tuning of a body.

The parameters of the head are those that `resolve` has set. torch is imported inside the functions that need it.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray
from sklearn.utils.class_weight import compute_class_weight

from sksetfit.inputs.targets import Targets
from sksetfit.training.callbacks import code_of

if TYPE_CHECKING:
    from sksetfit.heads.head_loss import HeadLoss
    from sksetfit.heads.torch_head import TorchHead
    from sksetfit.training.gradients import LossOfBatch


def check_torch_head(head: TorchHead, n_classes: int, *, multi_label: bool, weighted: bool) -> None:
    """Raise an error if the loss of a head cannot be learned from, or not be weighted where it is to be.

    Raises
    ------
    ValueError, TypeError
        If it cannot.
    """
    from sksetfit.heads.head_loss import check_loss

    weighted = weighted or head.class_weight is not None
    check_loss(head.loss, n_classes, multi_label=multi_label, weighted=weighted)


class TorchHeadLoss:
    """The loss of a head, by which a body is trained as well."""

    def __init__(self, head: TorchHead, targets: Targets) -> None:
        self._head, self._targets = head, targets

    @property
    def key(self) -> tuple[Any, ...]:
        """What of the head decides what becomes of the body, for the cache."""
        head = self._head
        return head.loss, code_of(head.loss), head.class_weight, float(head.learning_rate)

    def added_to(
        self,
        loss: LossOfBatch,
        indicator: NDArray[np.bool_],
        weights: NDArray[np.float64] | None,
        n_dimensions: int,
    ) -> HeadLoss:
        """Return the sum of another loss and that of the head, for texts with these labels and weights."""
        targets = self._targets
        return loss_of_head(
            self._head,
            indicator,
            weights,
            targets.classes,
            n_dimensions=n_dimensions,
            multi_label=targets.multi_label,
            contrastive_loss=loss,
        )


def loss_of_head(
    head: TorchHead,
    indicator: NDArray[np.bool_],
    weights: NDArray[np.float64] | None,
    classes: NDArray[Any],
    *,
    n_dimensions: int,
    multi_label: bool,
    contrastive_loss: LossOfBatch | None = None,
) -> HeadLoss:
    """Return the loss of embeddings of texts with these labels and weights."""
    from sksetfit.heads.head_loss import HeadLoss

    if head.class_weight is not None:
        sides = indicator.T.astype(int) if multi_label else [classes[indicator.argmax(axis=1)]]
        by_class = np.column_stack([_class_weights(head.class_weight, side, weights) for side in sides])
        weights = by_class if weights is None else by_class * weights[:, np.newaxis]
        weights = weights if multi_label else weights[:, 0]
    elif multi_label and weights is not None:
        weights = np.repeat(weights[:, np.newaxis], indicator.shape[1], axis=1)
    return HeadLoss(
        head.loss,
        indicator,
        weights,
        n_dimensions=n_dimensions,
        multi_label=multi_label,
        learning_rate=head.learning_rate,
        contrastive_loss=contrastive_loss,
    )


def _class_weights(
    class_weight: Any, labels: NDArray[Any], sample_weight: NDArray[np.float64] | None
) -> NDArray[np.float64]:
    """Return the weight that its class gives to each row."""
    classes, codes = np.unique(labels, return_inverse=True)
    weights: NDArray[np.float64] = compute_class_weight(
        class_weight, classes=classes, y=labels, sample_weight=sample_weight
    )
    return weights[codes]
