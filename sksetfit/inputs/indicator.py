"""What the cells and the columns of an indicator matrix may be."""

from __future__ import annotations

from itertools import pairwise
from typing import Any

import numpy as np
from numpy.typing import NDArray

from sksetfit.inputs.labels import is_number
from sksetfit.inputs.texts import column_names, names_of_columns, short_repr

# Pairs of words that a table may hold in place of 0 and 1.
_WORDS = (("no", "yes"), ("false", "true"), ("n", "y"), ("f", "t"), ("off", "on"))


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


def check_column_order(names: list[Any], name: str) -> None:
    """Raise ValueError for column names that ``fit`` does not keep and that do not fix an order.

    Only names that are all str are kept as labels. Others, such as numbers, must ascend: so a frame to score has its
    columns in the order of the frame that was fitted on.
    """
    if all(isinstance(each, str) for each in names):
        return
    try:
        ascending = all(a < b for a, b in pairwise(names))
    except TypeError:  # names of several kinds
        ascending = False
    if not ascending:
        raise ValueError(
            f"{name} has columns whose names are not all str, in no ascending order: {short_repr(names)}. Make them "
            f"str, which are kept as labels: {name}.rename(columns=str)."
        )


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
