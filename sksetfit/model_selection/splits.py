"""Splits into rows to fit on and rows to hold out, checked before any training."""

from __future__ import annotations

from numbers import Integral, Real
from typing import Any

import numpy as np
from numpy.typing import NDArray
from sklearn.model_selection import StratifiedShuffleSplit, check_cv

from sksetfit.inputs.stratification import stratified_folds
from sksetfit.inputs.targets import Targets, check_targets
from sksetfit.inputs.texts import short_repr
from sksetfit.model_selection.held_out import Rows, Splits


def single_label_splits(
    cv: Any, X: Any, targets: Targets, random_state: Any, *, is_fitted: bool, **params: Any
) -> Splits:
    """Return the splits of rows with one label each, none for ``cv="prefit"``.

    Raises
    ------
    ValueError
        If no class has enough texts for the folds, a split names no rows or others than those of ``y``, or leaves a
        single class to fit on, unless ``is_fitted``.
    """
    if isinstance(cv, str):
        return []
    if isinstance(cv, Real) and not isinstance(cv, Integral):
        splitter = StratifiedShuffleSplit(n_splits=1, test_size=cv, random_state=random_state)
    else:
        splitter = check_cv(cv, y=targets.y, classifier=True)
    if cv is None or isinstance(cv, Integral):
        n_folds, n_most = splitter.get_n_splits(), int(targets.indicator.sum(axis=0).max())
        if n_folds > n_most:
            advice = f"Lower cv to {n_most}" if n_most > 1 else "Label more texts"
            raise ValueError(
                f"cv={n_folds} folds need {n_folds} texts of some class, and the most frequent one has {n_most}. "
                f"{advice}, or fit the estimator first and pass cv='prefit' and other texts."
            )
    counts = dict(zip(targets.classes.tolist(), targets.indicator.sum(axis=0).tolist(), strict=True))
    try:
        given = list(splitter.split(X, targets.y, **params))
    except ValueError as error:
        if not isinstance(splitter, StratifiedShuffleSplit) or splitter is cv:
            raise
        least = -(-100 * len(counts) // len(targets.y)) / 100
        advice = f"Take a cv from {least} to {1 - least:g}, or a number of folds, e.g. cv=2"
        raise ValueError(
            f"cv={cv} cannot split y, which has {short_repr(counts)}. "
            f"{advice if min(counts.values()) > 1 else 'Label at least two texts of each class'}. ({error})"
        ) from error
    splits = _checked_splits(given, len(targets.y), is_fitted=is_fitted)
    for i, (train, _) in enumerate([] if is_fitted else splits):
        if len(left := np.unique(targets.y[train])) < 2:
            raise ValueError(
                f"Split {i} of cv leaves {len(train)} texts to fit on, all of class {short_repr(left[0])}: y has "
                f"{short_repr(counts)}. Label at least two texts of each class and take stratified splits, e.g. cv=2, "
                f"or fit the estimator first and pass cv='prefit' and other texts."
            )
    return splits


def multi_label_splits(
    cv: Any, X: Any, y: Any, targets: Targets, rng: np.random.RandomState, **params: Any
) -> tuple[Splits, NDArray[np.bool_]]:
    """Return the splits, none for ``cv="prefit"``, and which labels have too few rows for a threshold.

    Each other label is on some rows and not on others, on both sides of each split.

    Raises
    ------
    ValueError
        If it is not, all labels have too few rows, or a split names no rows or others than those of ``y``.
    """
    few = targets.constant
    if isinstance(cv, str):
        return [], few
    if cv is None or isinstance(cv, Real):
        size: Any = 5 if cv is None else cv
        shares = np.full(size, 1 / size) if isinstance(size, Integral) else np.array([1 - size, size])
        part_of = stratified_folds(targets.indicator, shares, rng)
        only = _only_rows(targets.indicator)  # fitted on each time, so that every copy learns every label
        few = targets.take(np.flatnonzero(~only)).constant
        if few.all():
            raise ValueError(message_of_few(targets.classes))
        parts = np.unique(part_of[~only]) if isinstance(size, Integral) else [1]
        given = [(np.flatnonzero(only | (part_of != i)), np.flatnonzero(~only & (part_of == i))) for i in parts]
    else:
        given = list(check_cv(cv).split(X, y, **params))
    splits = _checked_splits(given, len(targets.y), is_fitted=False)
    for i, (train, _) in enumerate(splits):
        _check_both(targets, ~targets.constant, train, f"that split {i} fits on")
    _check_both(targets, ~few, np.concatenate([held_out for _, held_out in splits]), "that are held out")
    return splits, few


def _checked_splits(splits: list[Any], n_rows: int, *, is_fitted: bool) -> Splits:
    """Return the splits as row numbers; only what is fitted already may have none to fit on."""
    if not splits:
        raise ValueError("cv gives no split. Give a number of folds, e.g. cv=5, or a list of at least one split.")
    checked = [(_row_numbers(train), _row_numbers(held_out)) for train, held_out in splits]
    for i, split in enumerate(checked):
        for rows, use in zip(split, ("fits on", "holds out"), strict=True):
            if not len(rows) and not (is_fitted and use == "fits on"):
                raise ValueError(
                    f"Split {i} of cv {use} no rows. Give splits with rows on both sides, e.g. cv=5, or fit the "
                    f"estimator first and pass cv='prefit' and other rows."
                )
            if len(wrong := rows[(rows < 0) | (rows >= n_rows)]):
                raise ValueError(
                    f"Split {i} of cv {use} row {wrong[0]}, and y has the rows 0 to {n_rows - 1}. Make the splits of "
                    f"the same rows: cv=list(splitter.split(X, y))."
                )
    return checked


def _row_numbers(rows: Any) -> Rows:
    """Return the numbers of rows that an iterable of splits may hold as a mask."""
    rows = np.asarray(rows)
    return np.flatnonzero(rows) if rows.dtype == bool else rows.astype(np.intp)


def message_of_few(labels: NDArray[Any]) -> str:
    """Return what is said of labels that have too few rows for a threshold."""
    return (
        f"y has too few rows to choose a threshold for {short_repr(labels.tolist())}: there must be a row with and a "
        f"row without a label to hold out and, unless cv='prefit', to fit on. Such labels get the median of the other "
        f"thresholds. Add such rows, or drop the labels."
    )


def _only_rows(indicator: NDArray[np.bool_]) -> NDArray[np.bool_]:
    """Tell which rows are the only one that has some label, or the only one without it."""
    columns = np.column_stack([indicator, ~indicator])
    return np.asarray(columns[:, columns.sum(axis=0) == 1].any(axis=1))


def _check_both(targets: Targets, checked: NDArray[np.bool_], rows: Rows, which: str) -> None:
    """Refuse rows that all have one of the labels that are checked, or none of which has it."""
    for name, of_all in zip(targets.classes[checked], targets.indicator.T[checked], strict=True):
        n_with = int(of_all[rows].sum())
        if n_with in {0, len(rows)}:
            raise ValueError(
                f"Label {short_repr(name)} is on {n_with} of the {len(rows)} rows {which}, and on {int(of_all.sum())} "
                f"of all {len(of_all)}. A threshold needs rows with and without the label on both sides of a split: "
                f"add such rows, drop the label, or give another cv."
            )


def check_one_label(y: Any, n_texts: int, known: Any) -> Targets:
    """Return the targets, of one label per row; of a single class only where those of the estimator are known."""
    targets = check_targets(y, n_texts, single_class=known is not None)
    if targets.multi_label:
        raise ValueError(
            f"y must hold one label per text, got an indicator matrix of {len(targets.classes)} columns. Of several "
            f"labels, each is sure or not by itself: there is MultiLabelThresholdClassifier."
        )
    return targets
