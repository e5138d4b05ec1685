"""Rows spread over the parts of a split such that each part has its share of every label."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray


def stratified_folds(
    indicator: NDArray[np.bool_], shares: NDArray[np.float64], rng: np.random.RandomState
) -> NDArray[np.intp]:
    """Return the part of each row, such that each label is in each part as often as its share says.

    Labels take turns, the rarest first; each of their rows goes to the part that lacks the label most [1]_.

    References
    ----------
    .. [1] Sechidis, Tsoumakas, Vlahavas (2011). "On the Stratification of Multi-label Data". ECML PKDD.
    """
    rare = np.where(indicator.mean(axis=0) > 0.5, ~indicator, indicator)  # of a label of most rows, those without it
    columns = np.column_stack([rare, np.ones(len(rare), dtype=bool)])  # at last come rows that have no label
    lacking = np.outer(shares, columns.sum(axis=0))
    part_of = np.full(len(columns), -1)
    for column in np.argsort(columns.sum(axis=0), kind="stable"):
        for row in rng.permutation(np.flatnonzero(columns[:, column] & (part_of < 0))):
            part = np.lexsort((lacking @ columns[row], lacking[:, column]))[-1]
            part_of[row] = part
            lacking[part] -= columns[row]
    return part_of


def stratified_holdout(indicator: NDArray[np.bool_], fraction: float, rng: np.random.RandomState) -> NDArray[np.bool_]:
    """Return which rows to hold out: of each label about this fraction, but one at least, and not its last.

    The rarest label chooses first, and what it takes counts for the other labels of its rows, as in
    `stratified_folds`, of which the shares alone count. With one label per text that is a stratified split.

    Parameters
    ----------
    indicator : ndarray of shape (n_texts, n_classes), dtype bool
    fraction : float
    rng : RandomState

    Returns
    -------
    ndarray of shape (n_texts,), dtype bool
    """
    labels = np.column_stack([indicator, ~indicator.any(axis=1)])  # texts without any label are a group as well
    held_out = np.zeros(len(labels), dtype=bool)
    for column in labels.T[np.argsort(labels.sum(axis=0), kind="stable")]:
        n_wanted = max(1, round(fraction * column.sum())) - (column & held_out).sum()
        for row in rng.permutation(np.flatnonzero(column & ~held_out)):
            if n_wanted <= 0:
                break
            left = labels[~held_out].sum(axis=0)
            if (left[labels[row]] > 1).all():
                held_out[row] = True
                n_wanted -= 1
    return held_out
