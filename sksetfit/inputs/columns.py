"""Columns of frames that are named by labels."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from sksetfit.inputs.texts import column_names, short_repr


def align_columns(frame: Any, labels: Iterable[Any], name: str) -> Any:
    """Return a frame with its columns in the order of the labels, as a fitted estimator has them.

    What has no column names, and labels that are column numbers, are paired by position: ``frame`` stays as it is.

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
        If the names of the columns are other words than the labels.
    """
    names, known = column_names(frame), list(labels)
    if names is None or not all(isinstance(each, str) for each in [*names, *known]):
        return frame
    if sorted(names) != sorted(known):
        raise ValueError(
            f"{name} must have the columns {short_repr([str(label) for label in known])}, in any order, got "
            f"{short_repr(names)}. Name its columns by the labels, or pass an array whose columns are in this order."
        )
    if names == known:
        return frame
    return frame[known] if hasattr(frame, "loc") else frame.select(known)
