"""Everything that can be wrong with targets, said before any training.

All other modules get targets as `Targets`, one form for single labels and for multi-label data.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy import sparse

from sksetfit.inputs.labels import indicator_array, label_array, numeric_indicator, plain_label
from sksetfit.inputs.texts import (
    KEEP_AS_TEXT,
    as_list,
    check_column_order,
    check_sequence,
    column_names,
    is_missing,
    names_of_columns,
    only_column,
    row_location,
    short_repr,
)


@dataclass(frozen=True)
class Targets:
    """What `check_targets` makes of ``y``: one form for single-label and multi-label problems.

    Attributes
    ----------
    multi_label : bool
    y : ndarray of shape (n_texts,) or (n_texts, n_labels)
        What the head is fitted on: the caller's own labels, or the dense indicator matrix as int64.
    classes : ndarray of shape (n_classes,)
        The sorted labels; for multi-label problems the column names of a DataFrame where they are str, else the column
        numbers.
    indicator : ndarray of shape (n_texts, n_classes), dtype bool
        Which text has which label.
    """

    multi_label: bool
    y: NDArray[Any]
    classes: NDArray[Any]
    indicator: NDArray[np.bool_]

    @property
    def constant(self) -> NDArray[np.bool_]:
        """Which labels all texts have, or none has: nothing can be learned of them."""
        return np.asarray(self.indicator.all(axis=0) | ~self.indicator.any(axis=0))

    def take(self, rows: NDArray[np.intp]) -> Targets:
        """Return these rows only."""
        return Targets(self.multi_label, self.y[rows], self.classes, self.indicator[rows])

    def as_y(self, indicator: NDArray[np.bool_]) -> NDArray[Any]:
        """Return rows of an indicator in the form of ``y``."""
        return indicator.astype(np.int64) if self.multi_label else self.classes[indicator.argmax(axis=1)]


def check_targets(y: Any, n_texts: int, *, single_class: bool = False) -> Targets:
    """Return the targets of ``y``, which must have ``n_texts`` rows.

    Parameters
    ----------
    y : array-like of shape (n_texts,), or indicator matrix of shape (n_texts, n_labels)
        Labels as str, int, bool or object; or a dense, sparse or DataFrame matrix of 0 and 1, or a column of its rows.
    n_texts : int
        The number of texts.
    single_class : bool, default=False
        Whether all rows may have the same label, as where a fitted classifier is only asked for answers.

    Raises
    ------
    ValueError
        If rows do not match or are missing, there are fewer than two classes, all indicator columns are constant, or
        ``y`` is continuous or multi-class multi-output.
    TypeError
        If ``y`` is no sequence, or a label is neither str nor number.
    """
    return targets_of(target_array(y, n_texts), column_names(y), single_class=single_class)


def target_array(y: Any, n_rows: int | None = None, name: str = "y", *, warn: bool = True) -> NDArray[Any]:
    """Return one label per row, in an array of their type, or an indicator matrix as int64.

    It is the one rule that all estimators read targets by.

    Parameters
    ----------
    y : array-like
        As in `check_targets`.
    n_rows : int or None, default=None
        How many rows there must be; None takes any number.
    name : str, default="y"
        What the argument is called in an error.
    warn : bool, default=True
        Whether one column of labels gets scikit-learn's warning.

    Raises
    ------
    ValueError, TypeError
        As of `check_targets`, but classes are not counted.
    """
    if y is None:
        raise ValueError(f"This estimator requires {name} to be passed, but the target {name} is None.")
    check_sequence(y, name, of="label")
    if (cells := numeric_indicator(y)) is not None:
        _check_n_rows(cells, n_rows, name)
        return cells
    values = as_labels(y, n_rows, name)
    if values.ndim == 1 or values.shape[1] == 1:
        return label_array(y, values, name, warn=warn)
    return indicator_array(y, values, name)


def targets_of(
    y: NDArray[Any], names: list[Any] | None = None, name: str = "y", *, single_class: bool = False
) -> Targets:
    """Return the targets of what `target_array` returns; ``names`` are those of its columns.

    Raises
    ------
    ValueError
        If there are fewer than two classes, all indicator columns are constant, or two have one name.
    """
    return _one_label(y, name, single_class=single_class) if y.ndim == 1 else _many_labels(y, names, name)


def as_labels(y: Any, n_texts: int | None = None, name: str = "y") -> NDArray[np.object_]:
    """Return ``y`` as it is, an array of objects in one or two dimensions, none of which is missing.

    Raises
    ------
    ValueError
        If there are no rows, or they do not match or are missing.
    TypeError
        If it is no sequence.
    """
    check_sequence(y, name, of="label")
    values = _as_objects(y, name)
    _check_n_rows(values, n_texts, name)
    if not len(values):
        raise ValueError(f"{name} is empty: at least one label is needed (got 0 samples; a minimum of 1 is required).")
    for i, row in enumerate(values.reshape(len(values), -1)):
        for column, value in enumerate(row):
            if is_missing(value) or (isinstance(value, (float, np.floating)) and np.isinf(value)):
                names = names_of_columns(column_names(y), len(row))
                where = row_location(y, i) + (f", column {names[column]!r}" if len(row) > 1 else "")
                raise ValueError(_absent(value, where, name, values))
    return values


def _check_n_rows(values: NDArray[Any], n_texts: int | None, name: str) -> None:
    if n_texts is not None and len(values) != n_texts:
        raise ValueError(
            f"X{name.removeprefix('y')} and {name} must have the same number of rows: found input variables "
            f"with inconsistent numbers of samples [{n_texts}, {len(values)}]."
        )


def _as_objects(y: Any, name: str) -> NDArray[np.object_]:
    """Return ``y`` as an array of objects, a column of rows as a matrix.

    In a list of str numpy would make 'nan' of NaN and '1' of 1 before anyone could complain.
    """
    if sparse.issparse(y):
        y = y.toarray()
    if fields := getattr(getattr(y, "dtype", None), "names", None):
        raise ValueError(
            f"{name} must hold one label per text, or be an indicator matrix of 0 and 1, got a structured array of the "
            f"fields {short_repr(fields)}. Make a frame of it: pandas.DataFrame({name})."
        )
    if np.ma.is_masked(y):
        y = y.tolist()  # with None where it is masked; as an array it would be read as if it were not
    names, one_column = column_names(y), y
    if names is not None and len(names) == 1:
        one_column = only_column(y)
    rows = y if _is_plain_array(one_column) else [_plain_row(row) for row in as_list(one_column, name, of="label")]
    try:
        values = np.asarray(rows, dtype=object)
    except Exception as error:  # arrays that do not fit together, and whatever a foreign array happens to raise
        raise TypeError(
            f"{name} must be a sequence of labels, got {type(y).__name__}, which numpy cannot read "
            f"({type(error).__name__}: {error}). Pass a list, an array or a DataFrame column."
        ) from error
    if values.ndim not in {1, 2}:
        raise ValueError(
            f"{name} must hold one label per text, or be an indicator matrix of 0 and 1, got {values.ndim} dimensions: "
            f"{short_repr(y)}. Take one label of each row."
        )
    if values.shape[1:] == (0,):
        raise ValueError(
            f"{name} has no columns: {short_repr(y)}. Pass one label per text, or an indicator matrix of 0 and 1."
        )
    if one_column is not y and values.ndim == 1:
        values = values[:, np.newaxis]
    if values.shape[1:] == (1,) and len(getattr(y, "shape", ())) == 1:  # a column of lists with one label each
        values = np.array([*rows, None], dtype=object)[:-1]
    plain: NDArray[np.object_] = np.frompyfunc(plain_label, 1, 1)(values)
    return plain


def _is_plain_array(y: Any) -> bool:
    """Tell whether numpy reads ``y`` by itself: its columns, or what is no object; of times it would make integers."""
    kind = getattr(getattr(y, "dtype", None), "kind", "")
    several = len(getattr(y, "shape", ())) > 1 or column_names(y) is not None
    return kind not in {"m", "M"} and (several or (isinstance(y, np.ndarray) and kind != "O"))


def _plain_row(row: Any) -> Any:
    """Return a label, or the labels of a row that a tensor or a column holds."""
    row = plain_label(row)
    if isinstance(row, np.ndarray):
        return list(row) if row.dtype.kind in "mM" else row
    return row.tolist() if getattr(row, "ndim", 0) and hasattr(row, "tolist") else row


def _absent(value: Any, where: str, name: str, values: NDArray[np.object_]) -> str:
    if not is_missing(value):
        return f"Input {name} contains infinity or a value too large: {short_repr(value)} at {where}."
    of_text = f" {KEEP_AS_TEXT}" if any(isinstance(each, str) for each in values.flat) else ""
    return (
        f"{name} has a missing label at {where}: got {short_repr(value)}. Drop the row or give it a label. (Input "
        f"{name} contains NaN or None.){of_text}"
    )


def _one_label(labels: NDArray[Any], name: str, *, single_class: bool) -> Targets:
    classes, codes = np.unique(labels, return_inverse=True)
    if len(classes) < 2 and not single_class:
        raise ValueError(
            f"{name} has a single class, {short_repr(classes[0])}, in all {len(labels)} rows. A classifier needs at "
            f"least two classes, got one class."
        )
    return Targets(False, labels, classes, codes[:, np.newaxis] == np.arange(len(classes)))


def _many_labels(y: NDArray[np.int64], names: list[Any] | None, name: str) -> Targets:
    indicator = y.astype(bool)
    names = names_of_columns(names, indicator.shape[1])
    twice = next((each for i, each in enumerate(names) if each in names[:i]), None)
    if twice is not None:
        raise ValueError(
            f"{name} has several columns of the name {twice!r}. Labels need names of their own: rename them."
        )
    check_column_order(names, name)
    if (indicator == indicator[0]).all():
        every = "" if len(names) == 1 else ", and the other columns are constant as well"
        raise ValueError(
            f"Column {names[0]!r} of {name} is {int(indicator[0, 0])} in all {len(indicator)} rows{every}. At least "
            f"one label must be on some texts and not on others: add such texts."
        )
    return Targets(True, y, _label_array(names), indicator)


def _label_array(names: list[Any]) -> NDArray[Any]:
    """Return the names where all are words, else the column numbers.

    Two classes that are numbers look binary to scikit-learn's scorers, which would take the sign of a score from them.
    """
    return np.array(names) if all(isinstance(name, str) for name in names) else np.arange(len(names))


def align_columns(frame: Any, labels: Iterable[Any], name: str) -> Any:
    """Return a frame with its columns in the order of the labels, as a fitted estimator has them.

    Names that are str, or the column numbers, are found by name. All else is paired by position: what has no column
    names, and names that ``fit`` does not keep (see `check_column_order`). A frame of one column may hold rows, and
    stays as it is where there are several labels.

    Parameters
    ----------
    frame : array-like of shape (n_texts, n_labels), or of another shape
        A pandas, polars or pyarrow frame, or anything else.
    labels : array-like of shape (n_labels,)
        The labels.
    name : str
        What the frame is called in the error.

    Raises
    ------
    ValueError
        If the names of the columns are other words than the labels, or are no str and in no order.
    """
    names, known = column_names(frame), list(labels)
    of_outputs = any(isinstance(label, np.ndarray) for label in known)  # as a forest has: no names
    if names is None or of_outputs or names == known or (len(names) == 1 < len(known)):
        return frame
    if set(names) == set(known) and len(names) == len(known):
        order = [names.index(label) for label in known]
        return frame.iloc[:, order] if hasattr(frame, "iloc") else frame.select(known)
    if all(isinstance(each, str) for each in [*names, *known]):
        raise ValueError(
            f"{name} must have the columns {short_repr([str(label) for label in known])}, in any order, got "
            f"{short_repr(names)}. Name its columns by the labels, or pass an array whose columns are in this order."
        )
    check_column_order(names, name)
    return frame
