"""What a label and a cell of an indicator matrix may be, and the arrays that they become."""

from __future__ import annotations

import re
from collections.abc import Mapping
from contextlib import suppress
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy import sparse
from sklearn.utils import column_or_1d

from sksetfit.inputs.texts import column_names, did_you_mean, lone_surrogate, names_of_columns, short_repr

# In an array of str, numpy gives each label four bytes for each character of the longest. Where that is longer than any
# name, in characters, and the array larger than this, labels are kept as objects.
WIDE, MAX_BYTES_OF_WIDE = 256, 2**24


def _row_of(cell: str) -> str:
    return rf"\s*[\[(]\s*(?:{cell})(?:(?:\s*,\s*|\s+)(?:{cell}))+\s*(?:,\s*)?[\])]\s*"


# Rows of several labels as text, as a CSV file holds them, e.g. "[1, 0]", or "[1 0]" of a numpy array: what they are,
# and how to read them. {0} stands for code that gives the words of each row, {1} for the name of the argument.
_NAME = r"""(?:'(?:[^'\\]|\\.)*'|"(?:[^"\\]|\\.)*")"""
_WRITTEN = {
    re.compile(_row_of(r"[01](?:\.0*)?")): (
        "rows of an indicator matrix",
        "Make numbers of them: np.array({0}, dtype=float)",
    ),
    re.compile(_row_of("True|False")): (
        "rows of an indicator matrix",
        "Make numbers of them: np.array({0}) == 'True'",
    ),
    re.compile(rf"\s*\[\s*(?:{_NAME}(?:\s*,\s*{_NAME})*\s*(?:,\s*)?)?\]\s*"): (
        "lists of labels",
        "Make an indicator matrix of them: MultiLabelBinarizer().fit_transform([ast.literal_eval(row) for row in {1}])",
    ),
}
# Pairs of words that a table may hold in place of 0 and 1.
_WORDS = (("no", "yes"), ("false", "true"), ("n", "y"), ("f", "t"), ("off", "on"))


def plain_label(label: Any) -> Any:
    """Return a label as Python's own str, int or float, and the value of an array without dimensions.

    Subclasses such as enumerations have a ``__str__`` and a ``__hash__`` of their own: numpy would take the former for
    the label, and no dict would find it by the latter.
    """
    if isinstance(label, str):
        return str.__str__(label)
    if isinstance(label, bool | np.generic):
        return label
    if isinstance(label, int):
        return int.__int__(label)
    if isinstance(label, float):
        return float.__float__(label)
    if getattr(label, "ndim", None) == 0 and hasattr(label, "item"):
        return label[()] if isinstance(label, np.ndarray) else label.item()
    return label


def plain_keys(by_label: Mapping[Any, Any]) -> dict[Any, Any]:
    """Return a dict of labels with plain labels as keys."""
    return {plain_label(label): value for label, value in by_label.items()}


def check_labels_known(by_label: Mapping[Any, Any], classes: list[Any], name: str) -> None:
    """Raise ValueError if a dict names unknown labels while a class is not in it, which is then likely a misspelling.

    As in scikit-learn, a dict may name more classes than ``y`` has if it names all of these: a fold of a
    cross-validation can lack a rare class.
    """
    unknown = [label for label in by_label if label not in classes]
    lacking = [label for label in classes if label not in by_label]
    if not unknown or not lacking:
        return
    raise ValueError(
        f"{name} names labels that y does not have: {short_repr(unknown)}.{did_you_mean(unknown[0], lacking)} The "
        f"labels of y are {short_repr(classes)}. A dict may name further labels only if it names all of y."
    )


def is_number(value: Any) -> bool:
    """Tell whether a value is a number or a bool."""
    is_duration = isinstance(value, np.timedelta64)  # which numpy counts among the integers
    return isinstance(value, (int, float, np.integer, np.floating, np.bool_)) and not is_duration


def check_label(label: Any, i: int, first: Any, name: str = "y") -> None:
    """Raise an error unless a label is one that a classifier takes, and of the kind of the first one."""
    kind = type(label).__name__
    make_str = f"Labels can be made str: [str(label) for label in {name}]."
    if isinstance(label, (list, tuple, set, frozenset, np.ndarray)):
        raise ValueError(
            f"{name} must hold one label per text, or be an indicator matrix of 0 and 1, got a {kind} at row {i}: "
            f"{short_repr(label)}. You appear to be using a legacy multi-label data representation: "
            f"MultiLabelBinarizer makes an indicator matrix of it."
        )
    if isinstance(label, bytes):
        raise TypeError(
            f"Unknown label type: {name} must hold str, int or bool, got bytes at row {i}: {short_repr(label)}. Decode "
            f"them: pandas.Series({name}).str.decode('utf-8')."
        )
    if isinstance(label, (complex, np.complexfloating)):
        raise ValueError(
            f"Complex data not supported: {name} must hold str, int or bool, got {kind} at row {i}: "
            f"{short_repr(label)}. {make_str}"
        )
    if not (is_number(label) or isinstance(label, str)):
        raise TypeError(
            f"Unknown label type: {name} must hold str, int or bool, got {kind} at row {i}: {short_repr(label)}. "
            f"{make_str}"
        )
    if is_number(label) != is_number(first):
        raise ValueError(
            f"{name} mixes labels of several kinds: {short_repr(first)} at row 0, {short_repr(label)} at row {i}. "
            f"{make_str}"
        )
    if isinstance(label, str):
        _check_characters(label, i, name)
    else:
        _check_number(label, i, name, make_str)


def _check_number(label: Any, i: int, name: str, make_str: str) -> None:
    if label != int(label):
        raise ValueError(
            f"Unknown label type: {name} is continuous, got {short_repr(label)} at row {i}. This is a classifier. Cut "
            f"the numbers into classes: pandas.cut({name}, bins=3, labels=False)."
        )
    if abs(int(label)) >= 2**63:
        raise ValueError(
            f"Unknown label type: {name} holds numbers that do not fit into int64, got {short_repr(label)} at row {i}. "
            f"{make_str}"
        )


def _check_characters(label: str, i: int, name: str) -> None:
    if label.endswith("\0"):
        raise ValueError(
            f"{name} holds a label at row {i} that ends in a NUL character, which numpy drops: {short_repr(label)}."
        )
    if lone_surrogate(label) is not None:
        raise ValueError(
            f"{name} holds a label at row {i} that is no valid Unicode: a lone surrogate in {short_repr(label)}."
        )


def label_array(y: Any, values: NDArray[np.object_], name: str = "y", *, warn: bool = True) -> NDArray[Any]:
    """Return one label per row as an array of str, numbers or objects.

    Parameters
    ----------
    y : array-like
        What the caller passed; an array of numbers keeps its dtype.
    values : ndarray of shape (n_rows,) or (n_rows, 1), dtype object
        Its labels.
    name : str, default="y"
        What the argument is called in an error.
    warn : bool, default=True
        Whether to warn of two dimensions.

    Raises
    ------
    ValueError, TypeError
        If a label is none that a classifier takes, or they are of several kinds.

    Warns
    -----
    DataConversionWarning
        If ``values`` has two dimensions.
    """
    flat = values.ravel().tolist()
    for i, label in enumerate(flat):
        check_label(label, i, flat[0], name)
    if flat and isinstance(flat[0], str):
        _check_not_written(flat, name)
        labels = _strings(y, values)
    else:
        labels = _numbers(y, flat).reshape(values.shape)
    array: NDArray[Any] = column_or_1d(labels, warn=warn)
    return array


def _strings(y: Any, values: NDArray[np.object_]) -> NDArray[Any]:
    """Return str of a list or an array of them as such an array, unless it would be large; all others as objects."""
    width = max(map(len, values.ravel().tolist()))
    if width > WIDE and 4 * width * len(values) > MAX_BYTES_OF_WIDE:
        return values
    dtype = getattr(y, "dtype", None)
    if isinstance(dtype, np.dtype) and dtype.kind == "U":
        return np.asarray(y)
    return values if hasattr(y, "__array__") else np.array(values.tolist())


def _numbers(y: Any, flat: list[Any]) -> NDArray[Any]:
    """Return numbers in the dtype of their container, or else in one that keeps different numbers apart."""
    if hasattr(y, "__array__"):
        with suppress(Exception):  # of an array on a GPU, for example, whose rows have been read in another way
            own = np.asarray(y)
            if own.dtype.kind in "biuf":
                return own
    labels = np.array(flat)
    whole = [int(label) for label in flat]
    if labels.dtype.kind == "f" and list(map(int, labels.tolist())) != whole:  # float64 merges integers above 2**53
        labels = np.array(whole, dtype=np.int64)
    return labels


def _check_not_written(flat: list[str], name: str) -> None:
    """Raise ValueError where all labels are rows of several labels as text, as a CSV file holds them."""
    form = next((form for form in _WRITTEN if form.fullmatch(flat[0])), None)
    if form is None or not all(map(form.fullmatch, set(flat))):
        return
    what, way = _WRITTEN[form]
    way = way.format(f"[row.strip('[]() ').replace(',', ' ').split() for row in {name}]", name)
    raise ValueError(f"{name} holds {what} as text, got {short_repr(flat[0])} at row 0. {way}.")


def numeric_indicator(y: Any) -> NDArray[np.int64] | None:
    """Return the cells of ``y`` at once where it is a matrix of the numbers 0 and 1 with several columns.

    None stands for all else, which is read cell by cell, so that an error can name the cell.
    """
    first = y[0] if isinstance(y, (list, tuple)) and y else None
    holds_rows = isinstance(first, (list, tuple)) and bool(first) and is_number(first[0])
    is_matrix = len(getattr(y, "shape", ())) == 2 and not isinstance(y, np.ma.MaskedArray)
    if not (holds_rows or is_matrix):
        return None
    with suppress(Exception):  # of what only looks like a matrix, or is on a GPU
        cells = y.toarray() if sparse.issparse(y) else np.asarray(y)
        if cells.dtype.kind in "biuf" and cells.size and cells.shape[1] > 1 and ((cells == 0) | (cells == 1)).all():
            return cells.astype(np.int64)
    return None


def indicator_array(y: Any, values: NDArray[np.object_], name: str = "y") -> NDArray[np.int64]:
    """Return cells of 0 and 1 as int64.

    Parameters
    ----------
    y : array-like
        What the caller passed.
    values : ndarray of shape (n_rows, n_labels), dtype object
        Its cells.
    name : str, default="y"
        What the argument is called in an error.

    Raises
    ------
    ValueError
        If a cell is another number, or no number.
    """
    for (i, column), value in np.ndenumerate(values):
        if not is_number(value) or value not in {0, 1}:
            label = short_repr(names_of_columns(column_names(y), values.shape[1])[column])
            raise ValueError(_refusal(y, values, name, value, i, label))
    return values.astype(np.int64)


def _refusal(y: Any, values: NDArray[np.object_], name: str, value: Any, i: int, label: str) -> str:
    where = f"{short_repr(value)} at row {i}, column {label}"
    if isinstance(value, (float, np.floating)) and not value.is_integer():
        return (
            f"Unknown label type: {name} is continuous with several columns, got {where}. Multi-label targets must be "
            f"an indicator matrix of 0 and 1."
        )
    if (numbers := _as_numbers(values, _as_table(y, values, name))) is not None:
        return (
            f"Column {label} of {name} holds the text {short_repr(value)} at row {i}, not the number 0 or 1. Make "
            f"numbers of all columns: {numbers}."
        )
    return (
        f"Unknown label type: {name} has several columns that hold more than 0 and 1 (multi-class multi-output), got "
        f"{where}. Leave the column out if it is no label. If each column is a target of its own, fit one classifier "
        f"per column, e.g. with MultiOutputClassifier. If the columns list labels, make an indicator matrix of them "
        f"with MultiLabelBinarizer."
    )


def _as_numbers(values: NDArray[np.object_], table: str) -> str | None:
    """Return code that makes 0 and 1 of texts which say so; None for other cells."""
    cells = set(map(str, values.ravel().tolist()))
    if cells <= {"0", "1"}:
        return f"{table}.astype(int)"
    if cells <= {"0", "1", "0.0", "1.0"}:
        return f"{table}.astype(float)"
    for no, yes in _WORDS:
        if {cell.lower() for cell in cells} == {no, yes} and len(cells) == 2:
            return f"({table} == {next(cell for cell in cells if cell.lower() == yes)!r}).astype(int)"
    return None


def _as_table(y: Any, values: NDArray[np.object_], name: str) -> str:
    """Return code for the cells as a frame of pandas, which keeps the names of columns, or as an array."""
    if getattr(y, "shape", None) == values.shape:
        return name if hasattr(y, "astype") else f"{name}.to_pandas()"
    names = column_names(y)
    return f"np.array(list({name if names is None else f'{name}[{names[0]!r}]'}))"
