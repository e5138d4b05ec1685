"""Texts and targets that are refused, each with its error and the parts of its message."""

from datetime import date
from decimal import Decimal
from enum import Enum

import numpy as np
import pandas as pd
import polars as pl
import pyarrow as pa
import pytest
from scipy import sparse

NAN = float("nan")
TEXTS = ["short", "a longer text", "", "zwölf Boxkämpfer 🥊"]
LABELS = ["b", "a", "b", "a"]
INDICATOR = np.array([[1, 0], [0, 1], [1, 1], [0, 0]])
FRAME = pd.DataFrame(INDICATOR, columns=["urgent", "billing"])


def named(cases):
    """Turn ``{id: case}`` into parameters of a test."""
    return [pytest.param(case, id=name) for name, case in cases.items()]


def masked(values, row):
    return np.ma.masked_array(values, mask=np.arange(len(values)) == row)


def assert_refused(error, message, function, *args):
    """Assert that a call raises an error whose one short line holds these parts in this order."""
    with pytest.raises(error) as raised:
        function(*args)
    said, place = str(raised.value), 0
    for part in message:
        assert part in said[place:]
        place += said[place:].index(part) + len(part)
    assert len(said) < 700
    assert "\n" not in said


class OnlyLen:
    def __len__(self):
        return 4


class Broken:
    def __len__(self):
        return 4

    def __iter__(self):
        raise KeyError("rows")


class Colour(Enum):
    RED = 1
    BLUE = 2


SELECT = "Select the column that holds the text, or make text of it, e.g. str(row)."
ONE_FRAME_COLUMN = "Select the one that holds the text, or use a ColumnTransformer."
FLAT = "Pass a flat sequence; join the parts of a text first, e.g. ' '.join(row)."
NO_SEQUENCE = "Pass a list, an array or a DataFrame column."
FILL = "(NaN and None are no texts). Drop such rows or fill them, e.g. with the empty string."

# What is wrong, the error, and what its message holds, in order. Each has four rows where it has rows.
BAD_TEXTS = {
    "a bare string": ("abcd", TypeError, "X must be a sequence of texts, got a single str: 'abcd'.", "[text]"),
    "a numpy string": (
        np.str_("abcd"),
        TypeError,
        "X must be a sequence of texts, got a single str_: 'abcd'.",
        "[text]",
    ),
    "bytes": (b"abcd", TypeError, "X must be a sequence of texts, got a single bytes: b'abcd'.", "[text]"),
    "a bytearray": (bytearray(b"abcd"), TypeError, "X must be a sequence of texts, got a single bytearray", "[text]"),
    "a memoryview": (
        memoryview(b"abcd"),
        TypeError,
        "X must be a sequence of texts, got a single memoryview",
        "[text]",
    ),
    "None": (None, TypeError, "X must be a sequence of texts, got NoneType: None.", NO_SEQUENCE),
    "a number": (3, TypeError, "X must be a sequence of texts, got int: 3.", NO_SEQUENCE),
    "a numpy number": (np.float64(3), TypeError, "X must be a sequence of texts, got float64: 3.0.", NO_SEQUENCE),
    "an array without dimensions": (
        np.array("a"),
        TypeError,
        "X must be a sequence of texts, got ndarray",
        "It holds a single value and no rows: pass what it was made of, or [X.item()].",
    ),
    "a class": (list, TypeError, "X must be a sequence of texts, got type: <class 'list'>.", NO_SEQUENCE),
    "an enumeration": (Colour, TypeError, "X must be a sequence of texts, got EnumType", NO_SEQUENCE),
    "a function": (len, TypeError, "X must be a sequence of texts, got builtin_function_or_method", NO_SEQUENCE),
    "an object with a length only": (OnlyLen(), TypeError, "X must be a sequence of texts, got OnlyLen", NO_SEQUENCE),
    "an object whose rows fail": (Broken(), TypeError, "X must be", "Broken", "KeyError: 'rows'", NO_SEQUENCE),
    "a dict": ({"a": "b"}, TypeError, "X must be a sequence of texts, got dict: {'a': 'b'}.", "list(X.values())"),
    "a set": ({"a"}, TypeError, "X must be a sequence of texts, got set: {'a'}.", "no order", "matched with y"),
    "the keys of a dict": ({"a": 1}.keys(), TypeError, "X must be a sequence of texts, got dict_keys", "list(X)"),
    "a generator": ((t for t in "abcd"), TypeError, "X must be a sequence of texts, got generator", "list(X)"),
    "a lazy frame": (pl.LazyFrame({"t": TEXTS}), TypeError, "X must be a sequence", "LazyFrame", "X.collect()"),
    "no row": ([], ValueError, "X is empty: at least one text is needed"),
    "a frame without rows": (pd.DataFrame({"t": []}), ValueError, "X is empty: at least one text is needed"),
    "a frame without columns": (
        pd.DataFrame(),
        ValueError,
        "X must have one column of texts, got a frame of 0 columns",
    ),
    "two columns of pandas": (
        pd.DataFrame({"subject": TEXTS, "body": TEXTS}),
        ValueError,
        "X must have one column of texts, got a frame of 2 columns ('subject', 'body').",
        ONE_FRAME_COLUMN,
    ),
    "two columns of polars": (
        pl.DataFrame({"subject": TEXTS, "body": TEXTS}),
        ValueError,
        "X must have one column of texts, got a frame of 2 columns ('subject', 'body').",
        ONE_FRAME_COLUMN,
    ),
    "two columns of pyarrow": (
        pa.table({"subject": TEXTS, "body": TEXTS}),
        ValueError,
        "X must have one column of texts, got a frame of 2 columns ('subject', 'body').",
        ONE_FRAME_COLUMN,
    ),
    "many columns": (
        pd.DataFrame(np.zeros((4, 30))),
        ValueError,
        "got a frame of 30 columns (0, 1, 2, 3, 4, 5, 6, 7, ...).",
        ONE_FRAME_COLUMN,
    ),
    "two columns of numpy": (
        np.array([TEXTS, TEXTS]).T,
        ValueError,
        "X must have one column of texts, got an array of shape (4, 2).",
        "X[:, 0]",
    ),
    "three dimensions": (
        np.zeros((4, 1, 1)),
        ValueError,
        "X must have one column of texts, got an array of shape (4, 1, 1)",
    ),
    "a sparse matrix": (sparse.eye_array(4), TypeError, "X must hold texts, got a sparse matrix of shape (4, 4)."),
    "None among the texts": (["a", None, "c", "d"], ValueError, "X has a missing value at row 1: got None", FILL),
    "NaN among the texts": (["a", "b", NAN, None], ValueError, "X has a missing value at row 2: got nan", FILL),
    "NaT among the texts": (["a", "b", "c", pd.NaT], ValueError, "X has a missing value at row 3: got NaT", FILL),
    "NA of pandas": (
        pd.Series(["a", None, "c", "d"], dtype="string", index=[9, 8, 7, 6]),
        ValueError,
        "X has a missing value at row 1 (index 8): got <NA>",
        FILL,
    ),
    "null of polars": (pl.Series(["a", None, "c", "d"]), ValueError, "X has a missing value at row 1: got None", FILL),
    "null of pyarrow": (pa.array(["a", None, "c", "d"]), ValueError, "X has a missing value at row 1: got None", FILL),
    "a masked text": (masked(np.array(TEXTS), 2), ValueError, "X has a missing value at row 2: got None", FILL),
    "bytes among the texts": (
        ["a", "b", b"c", "d"],
        TypeError,
        "X must hold one str per row, got bytes at row 2: b'c'.",
        "row.decode('utf-8')",
    ),
    "an array of bytes": (np.array([b"a"] * 4), TypeError, "X must hold one str per row, got bytes at row 0: b'a'."),
    "a number among the texts": (
        ["a", 1, "c", "d"],
        TypeError,
        "X must hold one str per row, got int at row 1: 1.",
        SELECT,
    ),
    "integers": (np.arange(4), TypeError, "X must hold one str per row, got int at row 0: 0.", SELECT),
    "floats": (np.ones(4), TypeError, "X must hold one str per row, got float at row 0: 1.0.", SELECT),
    "one column of numbers": (pd.DataFrame({"n": range(4)}), TypeError, "got int at row 0: 0.", SELECT),
    "a matrix of numbers": (np.eye(4), ValueError, "X must have one column of texts, got an array of shape (4, 4)."),
    "dates": ([date(2020, 2, 3)] * 4, TypeError, "X must hold one str per row, got date at row 0", SELECT),
    "datetimes of numpy": (
        np.array(["2020-02-03"] * 4, "M8[D]"),
        TypeError,
        "X must hold one str per row, got datetime64",
        SELECT,
    ),
    "an array without dimensions among the texts": (
        ["a", np.array("b"), "c", "d"],
        TypeError,
        "X must hold one str per row, got ndarray at row 1",
        "row.item()",
    ),
    "lists of words": (
        [["a"], ["b", "c"], [], ["d"]],
        TypeError,
        "X must hold one str per row, got list at row 0",
        FLAT,
    ),
    "tuples": ([("a", "b")] * 4, TypeError, "X must hold one str per row, got tuple at row 0: ('a', 'b').", FLAT),
    "a lone surrogate": (
        ["a", "b", "caf\udce9", "d"],
        ValueError,
        "X holds a text at row 2 that is no valid Unicode: a lone surrogate at character 3 ('\\udce9').",
        "Decode the source with errors='replace'.",
    ),
}

MAKE_STR = "Labels can be made str: [str(label) for label in y]."
DROP = "Drop the row or give it a label."
BINARIZE = "MultiLabelBinarizer"

# What is wrong, the error, and what its message holds, in order. Each is for four texts.
BAD_TARGETS = {
    "None": (None, ValueError, "requires y to be passed, but the target y is None"),
    "a bare string": ("abab", TypeError, "y must be a sequence of labels, got a single str: 'abab'.", "table['label']"),
    "bytes": (b"abab", TypeError, "y must be a sequence of labels, got a single bytes: b'abab'."),
    "a memoryview": (memoryview(b"abab"), TypeError, "y must be a sequence of labels, got a single memoryview"),
    "a number": (1, TypeError, "y must be a sequence of labels, got int: 1.", NO_SEQUENCE),
    "an array without dimensions": (
        np.array(1),
        TypeError,
        "y must be a sequence of labels, got ndarray",
        "[y.item()]",
    ),
    "a class": (list, TypeError, "y must be a sequence of labels, got type: <class 'list'>.", NO_SEQUENCE),
    "an object with a length only": (OnlyLen(), TypeError, "y must be a sequence of labels, got OnlyLen", NO_SEQUENCE),
    "an object whose rows fail": (Broken(), TypeError, "y must be a", "Broken", "KeyError: 'rows'", NO_SEQUENCE),
    "a dict": ({1: 1, 2: 0, 3: 1, 4: 0}, TypeError, "y must be a sequence of labels, got dict", "list(y.values())"),
    "a set": ({"a", "b", "c", "d"}, TypeError, "y must be a sequence of labels, got set", "no order", "with X"),
    "a generator": ((label for label in LABELS), TypeError, "y must be a sequence of labels, got generator", "list(y)"),
    "a lazy frame": (pl.LazyFrame({"y": LABELS}), TypeError, "y must be a sequence", "LazyFrame", "y.collect()"),
    "arrays that do not fit": ([np.eye(2), np.ones((2, 3))] * 2, TypeError, "y must be a sequence of labels, got list"),
    "too few": (["a", "b"], ValueError, "X and y must have the same number of rows", "[4, 2]"),
    "too many": (["a", "b"] * 4, ValueError, "X and y must have the same number of rows", "[4, 8]"),
    "no row": ([], ValueError, "X and y must have the same number of rows", "[4, 0]"),
    "one row of many columns": (np.array([LABELS]), ValueError, "X and y must have the same number of rows", "[4, 1]"),
    "no column": (np.empty((4, 0)), ValueError, "y has no columns"),
    "a frame without columns": (pd.DataFrame(index=range(4)), ValueError, "y has no columns"),
    "three dimensions": (np.zeros((4, 2, 2)), ValueError, "y must hold one label per text", "got 3 dimensions"),
    "None among str": (["a", None, "b", "a"], ValueError, "y has a missing label at row 1", "got None", DROP),
    "NaN in a list of str": (["a", "b", NAN, "a"], ValueError, "y has a missing label at row 2", "got nan", DROP),
    "NaN in a tuple of str": (("a", "b", NAN, "a"), ValueError, "y has a missing label at row 2", "got nan", DROP),
    "NaN among objects": (
        np.array(["a", "b", NAN, "a"], object),
        ValueError,
        "y has a missing label at row 2",
        DROP,
    ),
    "NaN among numbers": ([1, 0, NAN, 1], ValueError, "y has a missing label at row 2", "got nan", DROP),
    "None among int": ([1, None, 0, 1], ValueError, "y has a missing label at row 1", "got None", DROP),
    "NaN in a Series": (pd.Series(["a", "b", NAN, "a"]), ValueError, "y has a missing label at row 2", DROP),
    "NaN among categories": (
        pd.Categorical(["a", "b", NAN, "a"]),
        ValueError,
        "y has a missing label at row 2",
        DROP,
    ),
    "NA among nullable int": (
        pd.array([1, 0, None, 1], "Int64"),
        ValueError,
        "y has a missing label at row 2",
        "got <NA>",
        DROP,
    ),
    "null of polars": (
        pl.Series(["a", "b", None, "a"]),
        ValueError,
        "y has a missing label at row 2",
        "got None",
        DROP,
    ),
    "null of pyarrow": (pa.array([1, 0, None, 1]), ValueError, "y has a missing label at row 2", DROP),
    "a masked label": (masked(np.array([1, 0, 1, 0]), 2), ValueError, "y has a missing label at row 2", DROP),
    "NaN in an indicator": ([[1, 0], [0, NAN], [1, 1], [0, 0]], ValueError, "y has a missing label at row 1", DROP),
    "infinity": ([1, 0, float("inf"), 1], ValueError, "Input y contains infinity", "inf at row 2"),
    "str and number": (["a", 1, "b", "a"], ValueError, "y mixes labels", "'a' at row 0, 1 at row 1.", MAKE_STR),
    "bool and str": ([True, False, "b", True], ValueError, "y mixes", "True at row 0, 'b' at row 2.", MAKE_STR),
    "one str": (["a"] * 4, ValueError, "y has a single class, 'a', in all 4 rows.", "at least two classes"),
    "one number": (np.ones(4, int), ValueError, "y has a single class, 1, in all 4 rows.", "at least two classes"),
    "continuous": (
        [1, 0, 0.5, 1],
        ValueError,
        "Unknown label type: y is continuous, got 0.5 at row 2.",
        "pandas.cut(y, bins=3, labels=False)",
    ),
    "continuous with two columns": (
        [[1, 0], [0, 0.5], [1, 1], [0, 0]],
        ValueError,
        "Unknown label type: y is continuous with several columns, got 0.5 at row 1, column 1.",
        "indicator matrix of 0 and 1",
    ),
    "multi-class multi-output": (
        [[1, 0], [0, 1], [1, 1], [0, 2]],
        ValueError,
        "Unknown label type: y has several columns that hold more than 0 and 1 (multi-class multi-output)",
        "got 2 at row 3, column 1.",
        "MultiOutputClassifier",
    ),
    "columns of str": ([["a", "b"]] * 4, ValueError, "got 'a' at row 0, column 0.", "MultiOutputClassifier", BINARIZE),
    "columns of two kinds": (
        pd.DataFrame({"urgent": [0, 1, 0, 1], "topic": LABELS}),
        ValueError,
        "(multi-class multi-output), got 'b' at row 0, column 'topic'.",
        "Leave the column out if it is no label.",
        "MultiOutputClassifier",
    ),
    "an indicator of -1 and 1": (2 * INDICATOR - 1, ValueError, "more than 0 and 1", "got -1 at row 0, column 1."),
    "an indicator of 0 and 2": (2 * INDICATOR, ValueError, "more than 0 and 1", "got 2 at row 0, column 0."),
    "an indicator of str": (
        INDICATOR.astype(str),
        ValueError,
        "Column 0 of y holds the text '1' at row 0, not the number 0 or 1.",
        "y.astype(int)",
    ),
    "columns of zeros": (
        INDICATOR * 0,
        ValueError,
        "Column 0 of y is 0 in all 4 rows, and the other columns are constant",
    ),
    "a column of ones": (np.ones((4, 2)), ValueError, "Column 0 of y is 1 in all 4 rows", "add such texts"),
    "sparse zeros": (sparse.csr_array(INDICATOR * 0), ValueError, "Column 0 of y is 0 in all 4 rows"),
    "named columns of zeros": (FRAME * 0, ValueError, "Column 'urgent' of y is 0 in all 4 rows", "add such texts"),
    "two columns of one name": (
        FRAME.set_axis(["tag", "tag"], axis=1),
        ValueError,
        "y has several columns of the name 'tag'.",
        "rename them",
    ),
    "columns of mixed names": (
        FRAME.set_axis(["urgent", 1], axis=1),
        ValueError,
        "y has columns whose names are not all str, in no ascending order: ['urgent', 1].",
        "y.rename(columns=str)",
    ),
    "lists of labels": (
        [["a"], ["a", "b"], [], ["b"]],
        ValueError,
        "y must hold one",
        "list at row 0: ['a'].",
        BINARIZE,
    ),
    "sets of labels": ([{"a"}, {"b"}, set(), {"b"}], ValueError, "y must hold one", "set at row 0: {'a'}.", BINARIZE),
    "a Series of lists": (
        pd.Series([["a"], ["a", "b"], [], ["b"]]),
        ValueError,
        "y must hold one label per text",
        "got a list at row 0: ['a'].",
        BINARIZE,
    ),
    "bytes as labels": (
        [b"a", b"b"] * 2,
        TypeError,
        "y must hold str, int or bool, got bytes at row 0: b'a'.",
        "Decode them: pandas.Series(y).str.decode('utf-8').",
    ),
    "dates": ([date(2020, 2, 3), date(2020, 2, 4)] * 2, TypeError, "y must hold str", "got date at row 0", MAKE_STR),
    "NaT of numpy": (np.array(["2020", "NaT"] * 2, "M8[ns]"), ValueError, "y has a missing label at row 1", DROP),
    **{
        f"{kind}[{unit}]": (times, TypeError, f"got {kind} at row 0: np.{kind}(", MAKE_STR)
        for unit in ("D", "ns")
        for kind, times in {
            "datetime64": np.array(["2020-02-03", "2021"] * 2, f"M8[{unit}]"),
            "timedelta64": np.array([1, 2] * 2, f"m8[{unit}]"),
        }.items()
    },
    "nanoseconds in a list": (list(np.array([1, 2] * 2, "m8[ns]")), TypeError, "got timedelta64 at row 0", MAKE_STR),
    "nanoseconds in a column": (np.array([[1], [2]] * 2, "M8[ns]"), TypeError, "got datetime64 at row 0", MAKE_STR),
    "times of pandas": (pd.Series(pd.date_range("2020", periods=4)), TypeError, "got Timestamp at row 0", MAKE_STR),
    "times in a frame of polars": (
        pl.DataFrame({"y": np.array(["2020", "2021"] * 2, "M8[ns]")}),
        TypeError,
        "got datetime at row 0",
        MAKE_STR,
    ),
    "durations of pyarrow": (pa.array([1, 2] * 2, pa.duration("ns")), TypeError, "got Timedelta at row 0", MAKE_STR),
    "rows of an indicator as text": (
        ["[1, 0]", "[0, 1]"] * 2,
        ValueError,
        "y holds rows of an indicator matrix as text, got '[1, 0]' at row 0.",
        "np.array(",
    ),
    "rows of numpy as text": (pd.Series(["[1. 0.]", "[0. 1.]"] * 2), ValueError, "rows of an indicator matrix as text"),
    "complex numbers": (
        [1j, 2j] * 2,
        ValueError,
        "Complex data not supported: y must hold str, int or bool, got complex at row 0: 1j.",
        MAKE_STR,
    ),
    "decimals": ([1, Decimal(0), 1, 0], TypeError, "y must hold str, int or bool, got Decimal at row 1", MAKE_STR),
    "members of an enumeration": (list(Colour) * 2, TypeError, "y must hold str", "got Colour at row 0", MAKE_STR),
    "records": (
        np.array([("a", 1), ("b", 2)] * 2, dtype="U1,i8"),
        ValueError,
        "y must hold one",
        "pandas.DataFrame(y)",
    ),
    "dicts": ([{}, {}, {}, {}], TypeError, "y must hold str, int or bool, got dict at row 0: {}.", MAKE_STR),
    "integers beyond int64": ([2**70, 1] * 2, ValueError, "y holds numbers that do not fit into int64", MAKE_STR),
    "unsigned beyond int64": (np.array([2**63, 1] * 2, np.uint64), ValueError, "do not fit into int64", MAKE_STR),
    "a lone surrogate": (["a", "b\udce9"] * 2, ValueError, "y holds a label at row 1", "lone surrogate in 'b\\udce9'"),
}
