"""The data set that ships with the package."""

from __future__ import annotations

import csv
from importlib.resources import files
from io import StringIO
from typing import TYPE_CHECKING, Any, Literal, overload

import numpy as np
from numpy.typing import NDArray
from sklearn.utils import Bunch

if TYPE_CHECKING:
    import pandas as pd


@overload
def load_tickets(
    *, target: Literal["category", "tags"] = ..., return_X_y: Literal[False] = ..., as_frame: bool = ...
) -> Bunch: ...
@overload
def load_tickets(
    *, target: Literal["category"] = ..., return_X_y: Literal[True], as_frame: Literal[False] = ...
) -> tuple[NDArray[np.object_], NDArray[np.str_]]: ...
@overload
def load_tickets(
    *, target: Literal["tags"], return_X_y: Literal[True], as_frame: Literal[False] = ...
) -> tuple[NDArray[np.object_], NDArray[np.int64]]: ...
@overload
def load_tickets(
    *, target: Literal["category"] = ..., return_X_y: Literal[True], as_frame: Literal[True]
) -> tuple[pd.Series, pd.Series]: ...
@overload
def load_tickets(
    *, target: Literal["tags"], return_X_y: Literal[True], as_frame: Literal[True]
) -> tuple[pd.Series, pd.DataFrame]: ...
@overload
def load_tickets(*, target: Literal["category", "tags"] = ..., return_X_y: bool = ..., as_frame: bool = ...) -> Any: ...
def load_tickets(
    *, target: Literal["category", "tags"] = "category", return_X_y: bool = False, as_frame: bool = False
) -> Any:
    """Load 478 support tickets with a category each and any number of tags.

    The texts are synthetic: written for this project, short and long, with typing errors, mixed concerns and
    neighbouring categories.

    =================   ==========================
    Tickets                                    478
    Categories                                  10
    Tickets/category                      46 to 50
    Tags                     8, 0 to 4 of a ticket
    Features                     one text a ticket
    =================   ==========================

    Parameters
    ----------
    target : {"category", "tags"}, default="category"
        What to predict: one category per ticket, or a matrix that says which ticket has which tag.
    return_X_y : bool, default=False
        Return ``(data, target)`` instead of a Bunch.
    as_frame : bool, default=False
        Give ``data`` as a pandas Series and ``target`` as a Series (category) or DataFrame (tags).

    Returns
    -------
    data : Bunch
        With ``data``, the texts (ndarray of str, shape (478,)); ``target`` (ndarray of str, shape (478,), or of
        int64, shape (478, 8)); ``target_names``, the categories or tags in order; ``feature_names``; ``frame`` (a
        DataFrame of text and target, where ``as_frame=True``); ``DESCR``, what the data are; ``filename``.
    (data, target) : tuple
        Where ``return_X_y=True``.

    Raises
    ------
    ValueError
        If ``target`` is neither "category" nor "tags".

    Examples
    --------
    >>> from sksetfit import load_tickets
    >>> X, y = load_tickets(return_X_y=True)
    >>> X.shape, len(set(y))
    ((478,), 10)
    >>> tags = load_tickets(target="tags")
    >>> tags.target.shape, str(tags.target_names[-1])
    ((478, 8), 'urgent')
    """
    if target not in ("category", "tags"):
        raise ValueError(f"target must be 'category' or 'tags', got {target!r}.")
    folder = files(__package__) / "data"
    rows = list(csv.DictReader(StringIO((folder / "tickets.csv").read_text(encoding="utf-8"))))
    data: Any = np.array([row["text"] for row in rows], dtype=object)
    if target == "category":
        y: Any = np.array([row["category"] for row in rows])
        names = np.unique(y)
    else:
        tags_of = [set(filter(None, row["tags"].split(";"))) for row in rows]
        names = np.array(sorted(set().union(*tags_of)))
        y = np.array([[int(name in tags) for name in names] for tags in tags_of])
    frame = None
    if as_frame:
        import pandas as pd

        data = pd.Series(data, name="text")
        y = pd.Series(y, name="category") if target == "category" else pd.DataFrame(y, columns=names)
        frame = pd.concat([data, y], axis=1)
    if return_X_y:
        return data, y
    return Bunch(
        data=data,
        target=y,
        frame=frame,
        target_names=names,
        feature_names=["text"],
        DESCR=(folder / "tickets.rst").read_text(encoding="utf-8"),
        filename="tickets.csv",
    )
