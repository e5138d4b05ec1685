"""How much each text counts: sample weights, class weights and both together.

Floor 0: knows numpy and scikit-learn.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray
from sklearn.utils.class_weight import compute_sample_weight

from sksetfit._targets import Targets
from sksetfit._validation import shown

Weights = NDArray[np.float64]
SIZES_OF_WEIGHTS = 1e-15, 1e15  # beyond which products and sums in float32 are none any more
FEW = 8  # texts of a class, which "balanced" leaves it however few another has


def check_sample_weight(sample_weight: Any, n_texts: int) -> Weights | None:
    """Return the weights as an array of shape (n_texts,), None for None.

    Raises
    ------
    ValueError
        If there are not as many weights as texts, or one is negative, missing, infinite or no number, or all are 0.
    """
    if sample_weight is None:
        return None
    try:
        weights = np.asarray(sample_weight, dtype=np.float64)
    except (TypeError, ValueError) as error:
        raise ValueError(
            f"sample_weight must hold one number per text, got {shown(sample_weight)} ({error})."
        ) from None
    if weights.shape != (n_texts,):
        raise ValueError(
            f"sample_weight must hold one number per text, of shape ({n_texts},), got shape {weights.shape}. "
            f"(sample_weight.shape == {weights.shape}, expected ({n_texts},)!)"
        )
    small, large = SIZES_OF_WEIGHTS
    if (wrong := np.flatnonzero(np.isfinite(weights) & ((weights > large) | ((weights > 0) & (weights < small))))).size:
        raise ValueError(
            f"sample_weight must hold numbers between {small:g} and {large:g}, and 0, got {weights[wrong[0]]} at row "
            f"{wrong[0]}. Divide all of them by one number."
        )
    if (wrong := np.flatnonzero(~(np.isfinite(weights) & (weights >= 0)))).size:
        raise ValueError(
            f"sample_weight must hold finite numbers from 0 on, got {weights[wrong[0]]} at row {wrong[0]}. (Negative "
            f"values in data passed to `sample_weight`, NaN or infinity.) Use 0 for a text that is not to count."
        )
    if not weights.any():
        raise ValueError(
            "sample_weight is 0 for all texts. At least one text of each class must count. (All weights are zero.)"
        )
    return weights


def counted_rows(weights: Weights | None, targets: Targets) -> NDArray[np.intp] | None:
    """Return the rows that have a weight, None for all: a text of weight 0 counts as one that is not there.

    Raises
    ------
    ValueError
        If a label is then on no text, or in multi-label data on all.
    """
    if weights is None or weights.all():
        return None
    rows = np.flatnonzero(weights)
    kept = targets.indicator[rows]
    for label, column in zip(targets.classes, kept.T, strict=True):
        if not column.any() or (targets.multi_label and column.all()):
            rest = "no" if not column.any() else "every"
            raise ValueError(
                f"sample_weight is 0 for so many texts that {rest} text that counts has the label {shown(label)}. Drop "
                f"the label, or give some of those texts a weight."
            )
    return rows


def even_rows(targets: Targets) -> NDArray[np.intp]:
    """Return rows of which no class has more than the rarest, or than a few: of the others some, evenly spaced.

    Weights alone do not even out classes of a body that is tuned. Few texts are learned by heart and many are not, so
    that a new text of a rare class lies nearer to the many: at 8 texts against 160, weights bring a few points of
    balanced accuracy, and leaving texts out twenty.
    """
    counts = targets.indicator.sum(axis=0)
    n_most = max(counts.min(), FEW)
    of_classes = [np.flatnonzero(column) for column in targets.indicator.T]
    some = [rows[np.linspace(0, len(rows) - 1, min(len(rows), n_most)).round().astype(int)] for rows in of_classes]
    return np.sort(np.concatenate(some))


def class_weights(class_weight: Any, targets: Targets) -> Weights | None:
    """Return the weight of each text that its labels give it; of several labels, the product.

    "balanced" gives each class the same sum: for one label per text only, because a text of several labels would
    need several weights.

    Raises
    ------
    ValueError
        If ``class_weight`` names labels that ``y`` does not have, or a weight is no number from 0 on.
    """
    if class_weight is None:
        return None
    if isinstance(class_weight, Mapping):
        by_label = _checked(class_weight, targets.classes.tolist())
        of_labels: Weights = np.where(targets.indicator, by_label, 1.0).prod(axis=1)
        return of_labels
    if targets.multi_label:
        return None
    balanced: Weights = compute_sample_weight("balanced", targets.indicator.argmax(axis=1))
    return balanced


def _checked(class_weight: Mapping[Any, Any], classes: list[Any]) -> list[float]:
    unknown = [label for label in class_weight if label not in classes]
    if unknown:
        raise ValueError(
            f"class_weight names labels that y does not have: {shown(unknown)}. The labels of y are {shown(classes)}."
        )
    for label, weight in class_weight.items():
        if not isinstance(weight, (int, float, np.number)) or not SIZES_OF_WEIGHTS[0] <= weight <= SIZES_OF_WEIGHTS[1]:
            raise ValueError(
                f"class_weight must give each label a number greater than 0, got {shown(weight)} for {shown(label)}."
            )
    return [float(class_weight.get(label, 1.0)) for label in classes]
