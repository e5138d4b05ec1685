"""Labelled texts: what a fit is given, checked, with how much each text counts.

Floor 0: knows numpy.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from sksetfit._targets import Targets, as_labels, check_targets
from sksetfit._templates import names_only
from sksetfit._validation import check_texts, column_names, shown
from sksetfit._weights import check_sample_weight, class_weights, counted_rows, even_rows


@dataclass(frozen=True)
class Labelled:
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

    def take(self, rows: NDArray[np.intp]) -> Labelled:
        """Return these rows only."""
        weights = None if self.weights is None else self.weights[rows]
        return Labelled([self.texts[i] for i in rows], self.targets.take(rows), weights)

    @property
    def names_only(self) -> bool:
        """Whether all texts are made of the names of their classes."""
        return names_only(self.texts, self.targets.indicator, self.targets.classes)

    def weights_of_labels(self, indicator: NDArray[np.bool_]) -> NDArray[np.float64] | None:
        """Return how much rows of single labels count: as much as the texts of their label on the average."""
        if self.weights is None:
            return None
        means: NDArray[np.float64] = self.weights @ self.targets.indicator / self.targets.indicator.sum(axis=0)
        return indicator @ means


def check_labelled(X: Any, y: Any, sample_weight: Any = None, class_weight: Any = None) -> Labelled:
    """Return the texts and targets, without those that do not count.

    Raises
    ------
    ValueError, TypeError
        If the texts, targets or weights are not what they must be.
    """
    texts = check_texts(X)
    targets = check_targets(y, len(texts))
    _check_order(texts, targets)
    labelled = Labelled(texts, targets, check_sample_weight(sample_weight, len(texts)))
    rows = counted_rows(labelled.weights, labelled.targets)
    labelled = labelled if rows is None else labelled.take(rows)
    if class_weight == "balanced" and not labelled.targets.multi_label:
        labelled = labelled.take(even_rows(labelled.targets))
    by_class = class_weights(class_weight, labelled.targets)
    if by_class is None:
        return labelled
    weights = by_class if labelled.weights is None else by_class * labelled.weights
    return Labelled(labelled.texts, labelled.targets, weights)


def _check_order(texts: list[str], targets: Targets) -> None:
    """Raise ValueError where the labels look like texts and the texts like labels."""
    n_rows, n_texts = len(texts), len(set(texts))
    words = not targets.multi_label and isinstance(targets.y[0], str)
    if words and len(targets.classes) == n_rows >= 4 and n_texts < n_rows:
        raise ValueError(
            f"X and y look swapped: y has another label in each of its {n_rows} rows and X only {n_texts} different "
            f"text{'s' * (n_texts > 1)}, got {shown(texts[0])} as the first text and {shown(targets.y[0])} as its "
            f"label. Pass the texts first: fit(texts, labels)."
        )


def check_validation_data(X_val: Any, y_val: Any, targets: Targets) -> tuple[list[str], NDArray[Any]]:
    """Return validation texts and their targets, which may lack classes of the training data.

    Raises
    ------
    ValueError, TypeError
        If only one of both is given, they are not what they must be, or there is a label that is not in ``y``.
    """
    if X_val is None or y_val is None:
        given, missing = ("X_val", "y_val") if y_val is None else ("y_val", "X_val")
        raise ValueError(f"{given} was given without {missing}. Give both, or none for a part of X to be held out.")
    texts = check_texts(X_val, "X_val")
    labels = as_labels(y_val, len(texts), "y_val")
    names = column_names(y_val)
    if targets.multi_label and names is not None and sorted(map(str, names)) == sorted(map(str, targets.classes)):
        labels = labels[:, [names.index(name) for name in targets.classes.tolist()]]
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
            raise ValueError(f"y_val has a label at row {i} that y does not have: {shown(label)}.")
    return texts, np.array(flat, dtype=targets.classes.dtype)
