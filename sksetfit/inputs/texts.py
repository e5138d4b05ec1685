"""Everything that can be wrong with texts, said before any training.

All other modules get texts as a plain list of ``str`` and never see the caller's containers. The checks of targets
are in `sksetfit.inputs.targets`.
"""

from __future__ import annotations

import difflib
import reprlib
from collections.abc import Iterable, KeysView, Mapping, Sequence, Set
from itertools import pairwise
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy import sparse
from sklearn.utils import check_random_state

KEEP_AS_TEXT = 'pandas.read_csv(..., keep_default_na=False) keeps "None" and "n/a" as text.'

_short = reprlib.Repr()
_short.maxstring = _short.maxlong = _short.maxother = 60


def short_repr(value: Any) -> str:
    """Return a representation in one line that cannot flood a message, however much ``value`` holds."""
    is_time = isinstance(value, (np.datetime64, np.timedelta64))  # whose item can be a number of nanoseconds
    value = value.item() if isinstance(value, np.generic) and not is_time else value
    return " ".join(_short.repr(value).split())


def did_you_mean(name: Any, known: Iterable[Any]) -> str:
    """Return a question that names the closest of the known names, with a space before it; "" where none is close."""
    by_text = {str(each): each for each in known}
    near = difflib.get_close_matches(str(name), by_text, n=1)
    if not near:
        return ""
    meant = by_text[near[0]]
    of_type = f", of type {type(meant).__name__}" if near[0] == str(name) else ""
    return f" Did you mean {meant!r}{of_type}?"


def both_given(X: Any, y: Any, name: str) -> bool:
    """Tell whether both ``X_name`` and ``y_name`` are given.

    Raises
    ------
    ValueError
        If one is given without the other.
    """
    if (X is None) != (y is None):
        given, missing = ("X", "y") if y is None else ("y", "X")
        raise ValueError(f"{given}_{name} was given without {missing}_{name}. Pass both or neither.")
    return X is not None


def is_missing(value: Any) -> bool:
    """Tell whether a value is None, NaN, NaT or pandas' NA."""
    if value is None or type(value).__name__ in {"NAType", "NaTType"}:
        return True
    if isinstance(value, (np.datetime64, np.timedelta64)):
        return bool(np.isnat(value))
    return isinstance(value, (float, np.floating)) and bool(np.isnan(value))


def check_texts(X: Any, name: str = "X") -> list[str]:
    """Return the texts of ``X`` as a list of ``str``.

    Parameters
    ----------
    X : list, tuple, ndarray, pandas or polars Series, pyarrow array, or frame of one column, of shape (n_texts,)
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
    check_sequence(X, name, of="text")
    if sparse.issparse(X):
        raise TypeError(
            f"{name} must hold texts, got a sparse matrix of shape {X.shape}. Pass the texts themselves; "
            f"they are turned into numbers by the model."
        )
    rows = as_list(_only_column(X, name), name, of="text")
    if not rows:
        raise ValueError(f"{name} is empty: at least one text is needed (got 0 samples; a minimum of 1 is required).")
    if missing := [i for i, row in enumerate(rows) if is_missing(row)]:
        raise ValueError(_missing_texts(X, rows, missing, name))
    return [_check_text(row, i, name, X) for i, row in enumerate(rows)]


# How what is not in memory is brought there: a method that such a container has, and the call. The first that fits.
_TO_MEMORY = (
    ("toPandas", "toPandas()"),  # of Spark
    ("fetchdf", "df()"),  # of DuckDB
    ("read_all", "read_all()"),  # a RecordBatchReader of pyarrow
    ("to_table", "to_table()"),  # a dataset of pyarrow
    ("collect", "collect()"),  # a LazyFrame of polars
    ("execute", "execute()"),  # of ibis
)


def _way_to_memory(values: Any, name: str) -> str | None:
    """Return how to compute what is lazy, and None for what is in memory."""
    if isinstance(values, type):
        return None
    if hasattr(values, "__dask_graph__") and values.__dask_graph__() is not None:
        return f"Compute it first: {name}.compute()."
    call = next((call for method, call in _TO_MEMORY if callable(getattr(values, method, None))), None)
    verb = "Collect it" if call == "collect()" else "Read it into memory"
    return None if call is None else f"{verb} first: {name}.{call}."


def check_sequence(values: Any, name: str, of: str) -> None:
    """Raise TypeError for what has no rows, has them in no order or not in memory, with the way to a sequence."""
    kind = type(values).__name__
    if isinstance(values, (str, bytes, bytearray, memoryview)):
        # Of texts a single one makes sense, of labels only the name of a column does.
        way = "Wrap it in a list: [text]." if of == "text" else "Pass the column itself, e.g. table['label']."
        raise TypeError(f"{name} must be a sequence of {of}s, got a single {kind}: {short_repr(values)}. {way}")
    if (call := _way_to_memory(values, name)) is not None:
        raise TypeError(f"{name} must be a sequence of {of}s, got {kind}: {short_repr(values)}. {call}")
    sized = hasattr(values, "__len__") or hasattr(values, "__array__")
    no_rows = getattr(values, "shape", None) == ()
    if sized and not isinstance(values, (type, Mapping, Set)) and not no_rows:
        return
    if hasattr(values, "data_vars"):
        way = f"Select the variable of a Dataset that holds the {of}s: {name}[...]."
    elif isinstance(values, Mapping):
        way = f"Take what it holds, e.g. list({name}.values())."
    elif isinstance(values, Set) and not isinstance(values, KeysView):
        match = {"X": " with y", "y": " with X"}.get(name[:1], "")
        way = f"A set has no order, so its {of}s cannot be matched{match}. Pass the list or column that it was made of."
    elif no_rows and not isinstance(values, np.generic):
        way = f"It holds a single value and no rows: pass what it was made of, or [{name}.item()]."
    elif isinstance(values, Iterable) and hasattr(values, "column_names"):
        way = f"Make a list of a column first: [row[...] for row in {name}]."
    elif isinstance(values, Iterable) and (not sized or isinstance(values, KeysView)):
        way = f"Make it a list first: list({name})."
    else:
        way = "Pass a list, an array or a DataFrame column."
    raise TypeError(f"{name} must be a sequence of {of}s, got {kind}: {short_repr(values)}. {way}")


def column_names(frame: Any) -> list[Any] | None:
    """Return the column names of a pandas, polars or pyarrow frame, and None for what is no frame."""
    names = getattr(frame, "column_names", None)  # pyarrow, whose `columns` are the columns themselves
    names = getattr(frame, "columns", None) if names is None else names
    # Of a member of an enumeration numpy would take its own `__str__` for the name.
    return None if names is None else [str.__str__(name) if isinstance(name, str) else name for name in names]


def names_of_columns(names: list[Any] | None, n_columns: int) -> list[Any]:
    """Return the names where there is one for each column, else the column numbers."""
    return list(range(n_columns)) if names is None or len(names) != n_columns else names


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


def only_column(frame: Any) -> Any:
    """Return the column of a frame that has one."""
    return frame.iloc[:, 0] if hasattr(frame, "iloc") else frame[column_names(frame)[0]]  # type: ignore[index]


def _only_column(X: Any, name: str) -> Any:
    columns = column_names(X)
    if columns is not None:
        if len(columns) == 1:
            return only_column(X)
        some = ", ".join(map(repr, columns[:8])) + (", ..." if len(columns) > 8 else "")
        raise ValueError(
            f"{name} must have one column of texts, got a frame of {len(columns)} columns ({some}). "
            f"Select the one that holds the text, or use a ColumnTransformer."
        )
    shape = tuple(getattr(X, "shape", (None,)))
    if len(shape) == 1:
        return X
    if len(shape) == 2 and shape[1] == 1:
        return np.ravel(X)
    raise ValueError(
        f"{name} must have one column of texts, got an array of shape {shape}. Select the column that holds the text, "
        f"e.g. {name}[:, 0]."
    )


def as_list(values: Any, name: str, of: str) -> list[Any]:
    """Return the rows of a sequence, as Python's own objects where its container knows how."""
    try:
        if getattr(getattr(values, "dtype", None), "kind", "") in {"m", "M"}:
            return list(values)  # tolist would make integers of times in nanoseconds
        for to_list in ("to_pylist", "to_list", "tolist"):
            if hasattr(values, to_list):
                return list(getattr(values, to_list)())
        return np.asarray(values).tolist() if hasattr(values, "__array__") else list(values)
    except Exception as error:  # whatever an object that only looks like a sequence happens to raise
        raise TypeError(
            f"{name} must be a sequence of {of}s, got {type(values).__name__}, whose rows cannot be read "
            f"({type(error).__name__}: {error}). Pass a list, an array or a DataFrame column."
        ) from error


def row_location(values: Any, row: int) -> str:
    """Return where a row is; in pandas also by its index, which after a split is the row of the caller's own table."""
    index = getattr(values, "index", None)
    if index is None or callable(index) or short_repr(index[row]) == short_repr(row):
        return f"row {row}"
    return f"row {row} (index {short_repr(index[row])})"


def _missing_texts(X: Any, rows: list[Any], missing: list[int], name: str) -> str:
    first = missing[0]
    others = f", and {len(missing) - 1} more" if len(missing) > 1 else ""
    return (
        f"{name} has a missing value at {row_location(X, first)}: got {short_repr(rows[first])}{others} (NaN and None "
        f"are no texts). Drop such rows or fill them, e.g. with the empty string. {KEEP_AS_TEXT}"
    )


def _check_text(row: Any, i: int, name: str, X: Any) -> str:
    if isinstance(row, str):
        surrogate = lone_surrogate(row)
        if surrogate is not None:
            raise ValueError(
                f"{name} holds a text at {row_location(X, i)} that is no valid Unicode: a lone surrogate at character "
                f"{surrogate} ({row[surrogate]!r}). Decode the source with errors='replace'."
            )
        return str.__str__(row)  # a plain str, also of numpy.str_ and of enumerations with a __str__ of their own
    if getattr(row, "ndim", None) == 0 and not isinstance(row, np.generic):
        way = "Take the value of each array: row.item()."
    elif isinstance(row, bytes):
        way = "Decode it first, e.g. row.decode('utf-8')."
    elif isinstance(row, (list, tuple, Set, np.ndarray)):
        way = "Pass a flat sequence; join the parts of a text first, e.g. ' '.join(row)."
    else:
        way = "Select the column that holds the text, or make text of it, e.g. str(row)."
    raise TypeError(
        f"{name} must hold one str per row, got {type(row).__name__} at {row_location(X, i)}: {short_repr(row)}. {way}"
    )


def lone_surrogate(text: str) -> int | None:
    """Return where a text cannot be written as UTF-8, None where it can."""
    try:
        text.encode()
    except UnicodeEncodeError as error:
        return error.start
    return None


def local_random_state(random_state: int | np.random.RandomState | None) -> np.random.RandomState:
    """Return a random state; for None a fresh one, not numpy's global one, which is left as it was found."""
    return np.random.RandomState() if random_state is None else check_random_state(random_state)


def fixed_seed(random_state: int | np.random.RandomState | None) -> int | None:
    """Return the seed that a fit is drawn from: of a RandomState a number that it draws, None for any."""
    if isinstance(random_state, np.random.RandomState):
        return int(random_state.randint(2**31 - 1))
    return random_state


def word_counts(texts: list[str]) -> NDArray[np.float64]:
    """Return the least, the median and the greatest number of words, which are what white space parts."""
    return np.quantile([len(text.split()) for text in texts], [0, 0.5, 1])


def distinct(texts: Sequence[str]) -> tuple[list[str], NDArray[np.intp]]:
    """Return each text once, in the order of their first row, and for each row the place of its text among them."""
    once = list(dict.fromkeys(texts))
    if len(once) == len(texts):
        return once, np.arange(len(texts))
    place = {text: i for i, text in enumerate(once)}
    return once, np.fromiter(map(place.__getitem__, texts), np.intp, len(texts))


def side_by_side(texts: Sequence[str]) -> tuple[list[str], NDArray[np.intp]]:
    """Return texts in an order in which equal ones stand side by side, and the row of each."""
    once, places = distinct(texts)
    if len(once) == len(texts):
        return once, places
    rows = np.argsort(places, kind="stable")
    return [texts[row] for row in rows], rows


def merge_duplicates(texts: Sequence[str], indicator: NDArray[np.bool_]) -> tuple[list[str], NDArray[np.bool_]]:
    """Return the distinct texts, in the order of their first row, and the labels of each.

    A text that stands in several rows under different labels gets all of them: a contrastive loss could not pull a
    text away from itself.
    """
    once, rows = distinct(texts)
    merged = np.zeros((len(once), indicator.shape[1]), dtype=bool)
    np.logical_or.at(merged, rows, indicator)
    return once, merged
