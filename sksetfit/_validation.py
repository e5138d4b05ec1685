"""Everything that can be wrong with texts and targets, said before any training.

Floor 0: knows numpy and scikit-learn. Every room above gets its texts as a plain list of ``str`` and its targets as
`Targets`, and never looks at the caller's containers again.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence, Set
from dataclasses import dataclass
from itertools import pairwise
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy import sparse
from sklearn.utils import column_or_1d
from sklearn.utils.multiclass import type_of_target


@dataclass(frozen=True)
class Targets:
    """What `check_targets` makes of ``y``: one form for single-label and multi-label problems.

    Attributes
    ----------
    multi_label : bool
    y : ndarray of shape (n_texts,) or (n_texts, n_labels)
        What the head is fitted on: the caller's own labels, or the dense indicator matrix as int64.
    classes : ndarray of shape (n_classes,)
        The sorted labels; for multi-label problems the column names of a DataFrame, else the column numbers.
    indicator : ndarray of shape (n_texts, n_classes), dtype bool
        Which text has which label.
    """

    multi_label: bool
    y: NDArray[Any]
    classes: NDArray[Any]
    indicator: NDArray[np.bool_]

    def as_y(self, indicator: NDArray[np.bool_]) -> NDArray[Any]:
        """Return rows of an indicator in the form of ``y``."""
        return indicator.astype(np.int64) if self.multi_label else self.classes[indicator.argmax(axis=1)]


def check_texts(X: Any, name: str = "X") -> list[str]:
    """Return the texts of ``X`` as a list of ``str``.

    Parameters
    ----------
    X : list, tuple, ndarray, pandas or polars Series, pyarrow array, or a frame of one column
        One text per row.
    name : str, default="X"
        What the argument is called in an error.

    Raises
    ------
    TypeError
        If ``X`` is no sequence of texts, or a row is no ``str``.
    ValueError
        If ``X`` is empty, has several columns, or a row is missing or cannot be written as UTF-8.
    """
    rows = _rows(X, name)
    if not rows:
        raise ValueError(f"{name} is empty: at least one text is needed (got 0 samples; a minimum of 1 is required).")
    return [_check_text(row, i, name) for i, row in enumerate(rows)]


def _rows(X: Any, name: str) -> list[Any]:
    if isinstance(X, (str, bytes, bytearray)):
        raise TypeError(
            f"{name} must be a sequence of texts, got a single {type(X).__name__}: {_short(X)}. "
            f"Wrap it in a list: [text]."
        )
    if X is None or isinstance(X, (Mapping, Set)) or not (hasattr(X, "__len__") or hasattr(X, "__array__")):
        raise TypeError(
            f"{name} must be a sequence of texts such as a list, an array or a DataFrame column, "
            f"got {type(X).__name__}: {_short(X)}."
        )
    if sparse.issparse(X):
        raise TypeError(
            f"{name} must hold texts, got a sparse matrix of shape {X.shape}. Pass the texts themselves; "
            f"they are turned into numbers by the model."
        )
    columns = getattr(X, "column_names", None)  # pyarrow tables
    if columns is None:
        columns = getattr(X, "columns", None)  # pandas and polars frames
    if columns is not None:
        X = _only_column(X, list(columns), name)
    elif isinstance(X, np.ndarray) and X.ndim != 1:
        if X.ndim != 2 or X.shape[1] != 1:
            raise ValueError(
                f"{name} must have one column of texts, got an array of shape {X.shape}. "
                f"Select the column that holds the text, e.g. {name}[:, 0]."
            )
        X = X[:, 0]
    for to_list in ("to_pylist", "to_list", "tolist"):
        if hasattr(X, to_list):
            return list(getattr(X, to_list)())
    return list(X)


def _only_column(frame: Any, columns: list[Any], name: str) -> Any:
    if len(columns) != 1:
        shown = ", ".join(map(repr, columns[:8])) + (", ..." if len(columns) > 8 else "")
        raise ValueError(
            f"{name} must have one column of texts, got a frame of {len(columns)} columns ({shown}). "
            f"Select the one that holds the text, or use a ColumnTransformer."
        )
    return frame[columns[0]]


def _check_text(row: Any, i: int, name: str) -> str:
    if isinstance(row, str):
        try:
            row.encode()
        except UnicodeEncodeError as error:
            raise ValueError(
                f"{name} holds a text at row {i} that is no valid Unicode: a lone surrogate at character "
                f"{error.start} ({row[error.start]!r}). Decode the source with errors='replace'."
            ) from None
        return str(row)  # also turns numpy.str_ into a plain str
    if is_missing(row):
        raise ValueError(
            f"{name} has a missing value at row {i} ({row!r}, NaN or None). Drop the row or fill it, "
            f"e.g. with the empty string."
        )
    hint = " Decode it first, e.g. row.decode('utf-8')." if isinstance(row, bytes) else ""
    raise TypeError(f"{name} must hold one str per row, got {type(row).__name__} at row {i}: {_short(row)}.{hint}")


def is_missing(value: Any) -> bool:
    """Tell whether a value is None, NaN, NaT or pandas' NA."""
    if value is None or type(value).__name__ in {"NAType", "NaTType"}:
        return True
    return isinstance(value, (float, np.floating)) and bool(np.isnan(value))


def check_targets(y: Any, n_texts: int) -> Targets:
    """Return the targets of ``y``, which must have ``n_texts`` rows.

    Parameters
    ----------
    y : array-like of shape (n_texts,), or indicator matrix of shape (n_texts, n_labels)
        Labels as str, int, bool or object; or a dense, sparse or DataFrame matrix of 0 and 1.
    n_texts : int
        The number of texts.

    Raises
    ------
    ValueError
        If rows do not match or are missing, there are fewer than two classes, an indicator column is constant,
        or ``y`` is continuous or multi-class multi-output.
    """
    if y is None:
        raise ValueError("This estimator requires y to be passed, but the target y is None.")
    values, columns = _target_array(y)
    if len(values) != n_texts:
        raise ValueError(
            f"X and y must have the same number of rows: found input variables with inconsistent numbers "
            f"of samples [{n_texts}, {len(values)}]."
        )
    _check_no_missing_target(values)
    _check_one_kind(values)
    kind = type_of_target(values, input_name="y")
    if kind in {"binary", "multiclass"}:
        return _single_label(column_or_1d(values, warn=True))
    if kind == "multilabel-indicator":
        return _multi_label(values, columns)
    raise ValueError(
        _UNSUPPORTED_TARGETS.get(
            kind, f"Unknown label type: y must hold one label per text, or be a 0/1 indicator matrix, got {_short(y)}."
        )
    )


_UNSUPPORTED_TARGETS = {
    "continuous": "Unknown label type: y is continuous. This is a classifier; for numbers to be read as classes, cut "
    "them into bins, e.g. with KBinsDiscretizer or pandas.cut.",
    "continuous-multioutput": "Unknown label type: y is continuous with several columns. Multi-label targets must be "
    "an indicator matrix of 0 and 1.",
    "multiclass-multioutput": "Unknown label type: y has several columns that hold more than 0 and 1 (multi-class "
    "multi-output). Fit one classifier per column, e.g. with MultiOutputClassifier, or pass "
    "an indicator matrix of 0 and 1.",
}


def _target_array(y: Any) -> tuple[NDArray[Any], list[Any] | None]:
    """Return ``y`` as an array and, for a frame, its column names."""
    if isinstance(y, (str, bytes)):
        raise ValueError(f"y must hold one label per text, got a single {type(y).__name__}: {_short(y)}.")
    if sparse.issparse(y):
        return y.toarray(), None
    columns = getattr(y, "columns", None)
    try:
        values = np.asarray(y)
    except ValueError:
        values = np.empty(0, dtype=object)
    if values.ndim == 0 or _holds_sequences(values) or (values.size == 0 and len(y) > 0):
        raise ValueError(
            "y must hold one label per text, or be a 0/1 indicator matrix. You appear to be using a "
            "legacy multi-label data representation: sequences of labels are made an indicator matrix by "
            f"MultiLabelBinarizer. Got {_short(y)}."
        )
    return values, None if columns is None or values.ndim != 2 else list(columns)


def _holds_sequences(values: NDArray[Any]) -> bool:
    return values.dtype == object and any(isinstance(value, (list, tuple, set, np.ndarray)) for value in values.flat)


def _check_no_missing_target(values: NDArray[Any]) -> None:
    if values.dtype.kind not in "fcOmM":
        return
    for i, row in enumerate(values.reshape(len(values), -1)):
        for value in row:
            if is_missing(value) or value is np.ma.masked:
                raise ValueError(
                    f"Input y contains NaN: the target at row {i} is missing ({value!r}, NaN or None). "
                    f"Drop the row or give it a label."
                )
            if isinstance(value, (float, np.floating)) and np.isinf(value):
                raise ValueError(f"Input y contains infinity or a value too large: {value!r} at row {i}.")


def _check_one_kind(values: NDArray[Any]) -> None:
    """Labels must be sortable: no mix of str, numbers and bool."""
    if values.dtype != object:
        return
    kinds = [_label_kind(value) for value in values.flat]
    for i, (before, after) in enumerate(pairwise(kinds)):
        if before != after:
            row = (i + 1) * len(values) // len(kinds)
            raise ValueError(
                f"y mixes labels of several kinds: {before} at row 0, {after} at row {row}. Make them "
                f"one kind, e.g. with [str(label) for label in y]."
            )


def _label_kind(value: Any) -> str:
    if isinstance(value, (int, float, np.number, np.bool_)):
        return "number"
    return "str" if isinstance(value, str) else type(value).__name__


def _single_label(y: NDArray[Any]) -> Targets:
    if y.dtype == object and _label_kind(y[0]) == "number":
        y = np.array(y.tolist())
    classes, codes = np.unique(y, return_inverse=True)
    if len(classes) < 2:
        raise ValueError(
            f"y has a single class, {_short(classes[0])}, in all {len(y)} rows. A classifier needs at "
            f"least two classes."
        )
    indicator = np.zeros((len(y), len(classes)), dtype=bool)
    indicator[np.arange(len(y)), codes] = True
    return Targets(False, y, classes, indicator)


def _multi_label(y: NDArray[Any], columns: list[Any] | None) -> Targets:
    indicator = y.astype(bool)
    names = list(range(indicator.shape[1])) if columns is None else columns
    for name, column in zip(names, indicator.T, strict=True):
        if column.all() or not column.any():
            raise ValueError(
                f"Column {name!r} of y is {int(column[0])} in all {len(column)} rows. A label needs at "
                f"least one text that has it and one that has not: drop the column or add such texts."
            )
    return Targets(True, indicator.astype(np.int64), _label_array(names), indicator)


def _label_array(names: Sequence[Any]) -> NDArray[Any]:
    array = np.array(names)
    return array if array.ndim == 1 and len({type(name) for name in names}) == 1 else np.array(names, dtype=object)


def check_label_texts(label_texts: Mapping[Any, Any], classes: Iterable[Any]) -> dict[Any, list[str]]:
    """Return ``{label: [texts]}`` for labels that are in ``classes``, each with at least one text.

    Raises
    ------
    ValueError
        If a label is unknown.
    TypeError
        If the texts of a label are no texts.
    """
    known = list(classes)
    unknown = [label for label in label_texts if label not in known]
    if unknown:
        raise ValueError(
            f"label_texts names labels that y does not have: {_short(unknown)}. The labels of y are {_short(known)}."
        )
    return {
        label: check_texts([texts] if isinstance(texts, str) else texts, f"label_texts[{label!r}]")
        for label, texts in label_texts.items()
    }


def _short(value: Any, limit: int = 60) -> str:
    """Return a representation that cannot flood a message."""
    shown = repr(value[:limit] if isinstance(value, (str, bytes)) else value).replace("\n", " ")
    return shown if len(shown) <= limit else shown[: limit - 3] + "..."
