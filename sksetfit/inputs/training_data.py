"""Texts, targets and weights of a fit, checked together, with how much each text counts."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray
from sklearn.utils.class_weight import compute_sample_weight

from sksetfit.inputs.labels import check_labels_known, plain_keys
from sksetfit.inputs.targets import Targets, align_columns, as_labels, target_array, targets_of
from sksetfit.inputs.templates import names_only
from sksetfit.inputs.texts import check_texts, column_names, short_repr
from sksetfit.utils.warn import warn_caller

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
            f"sample_weight must hold one number per text, got {short_repr(sample_weight)} ({error})."
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


def rows_with_weight(weights: Weights | None, targets: Targets) -> NDArray[np.intp] | None:
    """Return the rows that have a weight, None for all: a text of weight 0 counts as one that is not there.

    Raises
    ------
    ValueError
        If there is then no text of a class, or in multi-label data no label that some texts have and others have not.
    """
    if weights is None or weights.all():
        return None
    rows = np.flatnonzero(weights)
    kept = targets.take(rows)
    if kept.constant.all() if targets.multi_label else kept.constant.any():
        i = kept.constant.argmax()
        raise ValueError(
            f"sample_weight is 0 for so many texts that {'every' if kept.indicator[0, i] else 'no'} text that counts "
            f"has the label {short_repr(targets.classes[i])}. Drop the label, or give some of those texts a weight."
        )
    return rows


def undersample(targets: Targets) -> NDArray[np.intp]:
    """Return rows of which no class has more than the rarest, or than a few: of the others some, evenly spaced.

    Weights alone do not balance the classes of a body that is tuned. It overfits the small classes and then predicts
    the large ones: at 8 texts against 160, weights bring a few points of balanced accuracy, and leaving texts out
    twenty.
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
        If ``class_weight`` names labels that ``y`` does not have while others have no weight, or a weight is no number
        greater than 0.
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
    class_weight = plain_keys(class_weight)
    check_labels_known(class_weight, classes, "class_weight")
    for label, weight in class_weight.items():
        if not isinstance(weight, (int, float, np.number)) or not SIZES_OF_WEIGHTS[0] <= weight <= SIZES_OF_WEIGHTS[1]:
            raise ValueError(
                f"class_weight must give each label a number greater than 0, got {short_repr(weight)} for "
                f"{short_repr(label)}."
            )
    return [float(class_weight.get(label, 1.0)) for label in classes]


@dataclass(frozen=True)
class TrainingData:
    """Texts, their targets, and how much each counts.

    Attributes
    ----------
    texts : list of str
    targets : Targets
    weights : ndarray of shape (n_texts,) or None
        All greater than 0; None: all count alike.
    """

    texts: list[str]
    targets: Targets
    weights: NDArray[np.float64] | None = None

    def take(self, rows: NDArray[np.intp]) -> TrainingData:
        """Return these rows only."""
        weights = None if self.weights is None else self.weights[rows]
        return TrainingData([self.texts[i] for i in rows], self.targets.take(rows), weights)

    @property
    def names_only(self) -> bool:
        """Whether all texts are made of the names of their classes."""
        return names_only(self.texts, self.targets.indicator, self.targets.classes)

    def weights_of_labels(self, indicator: NDArray[np.bool_]) -> NDArray[np.float64] | None:
        """Return how much rows of single labels count: as much as the texts of their label on the average."""
        if self.weights is None:
            return None
        n_texts = self.targets.indicator.sum(axis=0)
        sums = np.where(n_texts, self.weights @ self.targets.indicator, self.weights.mean())  # a label may have no text
        means: NDArray[np.float64] = sums / np.maximum(n_texts, 1)
        return indicator @ means


def check_training_data(X: Any, y: Any, sample_weight: Any = None, class_weight: Any = None) -> TrainingData:
    """Return the texts and targets, without those that do not count.

    Raises
    ------
    ValueError, TypeError
        If the texts, targets or weights are not what they must be.

    Warns
    -----
    UserWarning
        If a column of multi-label targets is constant.
    """
    texts = check_texts(X)
    labels = target_array(y, len(texts))
    _check_order(texts, labels)
    targets = targets_of(labels, column_names(y))
    labelled = TrainingData(texts, targets, check_sample_weight(sample_weight, len(texts)))
    rows = rows_with_weight(labelled.weights, labelled.targets)
    labelled = labelled if rows is None else labelled.take(rows)
    if class_weight == "balanced" and not labelled.targets.multi_label:
        labelled = labelled.take(undersample(labelled.targets))
    if labelled.targets.multi_label:
        _warn_of_constant(labelled.targets)
    by_class = class_weights(class_weight, labelled.targets)
    if by_class is None:
        return labelled
    weights = by_class if labelled.weights is None else by_class * labelled.weights
    return TrainingData(labelled.texts, labelled.targets, weights)


def unlabelled_data(X: Any) -> TrainingData:
    """Return texts without targets, for a body that is left as it is.

    Raises
    ------
    ValueError, TypeError
        If the texts are not what they must be.
    """
    texts = check_texts(X)
    no_labels = np.zeros((len(texts), 0), dtype=bool)
    return TrainingData(texts, Targets(True, no_labels, np.empty(0), no_labels))


def _warn_of_constant(targets: Targets) -> None:
    for label, value in zip(targets.classes[targets.constant], targets.indicator[0, targets.constant], strict=True):
        warn_caller(
            f"Column {short_repr(label)} of y is {int(value)} in all {len(targets.indicator)} rows (those of weight 0 "
            f"aside). It is predicted as {int(value)} for every text. Drop the column or add texts with another value."
        )


def _check_order(texts: list[str], labels: NDArray[Any]) -> None:
    """Raise ValueError where the labels look like texts and the texts like labels."""
    n_rows, n_texts = len(texts), len(set(texts))
    if labels.ndim > 1 or not isinstance(labels[0], str) or n_rows < 4 or n_texts == n_rows:
        return
    if len(set(labels.tolist())) == n_rows:
        raise ValueError(
            f"X and y look swapped: y has another label in each of its {n_rows} rows and X only {n_texts} different "
            f"text{'s' * (n_texts > 1)}, got {short_repr(texts[0])} as the first text and {short_repr(labels[0])} as "
            f"its label. Pass the texts first: fit(texts, labels)."
        )


def check_validation_data(X_val: Any, y_val: Any, targets: Targets) -> tuple[list[str], NDArray[Any]]:
    """Return validation texts and their targets, which may lack classes of the training data.

    Raises
    ------
    ValueError, TypeError
        If they are not what they must be, or there is a label that is not in ``y``.
    """
    texts = check_texts(X_val, "X_val")
    y_val = align_columns(y_val, targets.classes, "y_val") if targets.multi_label else y_val
    labels = as_labels(y_val, len(texts), "y_val")
    if targets.multi_label:
        if labels.shape != (len(texts), len(targets.classes)) or not np.isin(labels, (0, 1)).all():
            raise ValueError(
                f"y_val must be a matrix of 0 and 1 of shape ({len(texts)}, {len(targets.classes)}), as y is, got "
                f"shape {labels.shape}."
            )
        return texts, labels.astype(np.int64)
    flat = labels.ravel().tolist()
    if len(flat) != len(texts):
        raise ValueError(f"y_val must hold one label per text, as y does, got shape {labels.shape}.")
    known = set(targets.classes.tolist())
    for i, label in enumerate(flat):
        if label not in known:
            raise ValueError(f"y_val has a label at row {i} that y does not have: {short_repr(label)}.")
    return texts, np.array(flat, dtype=targets.classes.dtype)
