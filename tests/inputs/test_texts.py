from collections import deque

import numpy as np
import pandas as pd
import polars as pl
import pyarrow as pa
import pytest
import torch
from scipy import sparse
from sklearn.exceptions import DataConversionWarning

from bad_inputs import (
    BAD_TARGETS,
    BAD_TEXTS,
    FRAME,
    INDICATOR,
    LABELS,
    TEXTS,
    assert_refused,
    named,
)
from sksetfit.inputs.label_texts import check_label_texts
from sksetfit.inputs.targets import check_targets
from sksetfit.inputs.texts import check_texts, merge_duplicates

CONTAINERS = {
    "list": list,
    "tuple": tuple,
    "deque": deque,
    "ndarray of object": lambda texts: np.array(texts, dtype=object),
    "ndarray of str": np.array,
    "ndarray of StringDType": lambda texts: np.array(texts, dtype=np.dtypes.StringDType()),
    "ndarray of one column": lambda texts: np.array(texts)[:, np.newaxis],
    "ndarray of object, one column": lambda texts: np.array(texts, dtype=object)[:, np.newaxis],
    "masked array without a mask": np.ma.masked_array,
    "list of numpy.str_": lambda texts: list(np.array(texts)),
    "pandas Series": pd.Series,
    "pandas Series of object": lambda texts: pd.Series(texts, dtype=object),
    "pandas Series of string": lambda texts: pd.Series(texts, dtype="string"),
    "pandas Series of Arrow strings": lambda texts: pd.Series(texts, dtype=pd.ArrowDtype(pa.string())),
    "pandas categorical Series": lambda texts: pd.Series(texts, dtype="category"),
    "pandas Series with another index": lambda texts: pd.Series(texts, index=[7, 7, 0, -1]),
    "pandas Index": pd.Index,
    "pandas array": pd.array,
    "pandas frame of one column": lambda texts: pd.DataFrame({"text": texts}),
    "pandas frame with a nested column name": lambda texts: pd.DataFrame({("ticket", "text"): texts}),
    "polars Series": pl.Series,
    "polars categorical Series": lambda texts: pl.Series(texts, dtype=pl.Categorical),
    "polars frame of one column": lambda texts: pl.DataFrame({"text": texts}),
    "pyarrow array": pa.array,
    "pyarrow large strings": lambda texts: pa.array(texts, pa.large_string()),
    "pyarrow dictionary array": lambda texts: pa.array(texts).dictionary_encode(),
    "pyarrow chunked array": lambda texts: pa.chunked_array([texts[:1], texts[1:]]),
    "pyarrow table of one column": lambda texts: pa.table({"text": texts}),
    "pyarrow record batch of one column": lambda texts: pa.record_batch({"text": texts}),
}


@pytest.mark.parametrize("container", named(CONTAINERS))
def test_every_container_gives_the_same_list_of_texts(container):
    texts = check_texts(container(TEXTS))
    assert texts == TEXTS
    assert {type(text) for text in texts} == {str}


class Relation:
    """What is lazy: a sized thing with columns, and the method that gives its rows."""

    columns = ("text",)
    shape = (4, 1)

    def __init__(self, methods):
        for method in methods:
            setattr(self, method, lambda: pd.DataFrame({"text": TEXTS}))

    def __len__(self):
        return 4


LAZY = {
    "duckdb": lambda: Relation(["fetchdf", "df"]),
    "ibis": lambda: Relation(["execute"]),
    "spark": lambda: Relation(["toPandas", "collect"]),
    "polars": lambda: pl.LazyFrame({"text": TEXTS}),
    "pyarrow reader": lambda: pa.table({"text": TEXTS}).to_reader(),
    "pyarrow dataset": lambda: pytest.importorskip("pyarrow.dataset").dataset(pa.table({"text": TEXTS})),
    "dask Series": lambda: dask_frame()["text"],
    "dask frame": lambda: dask_frame(),
    "dask array": lambda: pytest.importorskip("dask.array").from_array(np.array(TEXTS)),
    "dask delayed": lambda: pytest.importorskip("dask").delayed(TEXTS),
}


def dask_frame():
    return pytest.importorskip("dask.dataframe").from_pandas(pd.DataFrame({"text": TEXTS}), npartitions=2)


@pytest.mark.parametrize("make", named(LAZY))
def test_the_advice_for_what_is_not_in_memory_works(make):
    X = make()
    for name, read in {"X": check_texts, "y": lambda y: check_targets(y, 4)}.items():
        with pytest.raises(TypeError, match=rf"^{name} must be a sequence of (text|label)s, got .* first: ") as raised:
            read(X)
        call = str(raised.value).rpartition(" first: ")[2].rstrip(".")
        assert call.startswith(f"{name}.")
    assert check_texts(eval(call, {"y": X})) == TEXTS


class Labelled:
    """An array with names of its own, as of xarray: it has `__array__` and no `tolist`."""

    def __init__(self, values):
        self.values = values
        self.shape, self.ndim, self.dtype = values.shape, values.ndim, values.dtype

    def __array__(self, dtype=None, copy=None):
        return np.asarray(self.values, dtype=dtype)

    def __len__(self):
        return len(self.values)

    def __iter__(self):
        return map(Labelled, map(np.array, self.values))


def test_an_array_of_another_library_is_read_as_an_array():
    assert check_texts(Labelled(np.array(TEXTS))) == TEXTS
    assert check_targets(Labelled(np.array(LABELS)), 4).y.tolist() == LABELS
    assert check_targets(Labelled(INDICATOR), 4).y.tolist() == INDICATOR.tolist()


def test_the_caller_s_list_is_copied():
    texts = ["a", "b"]
    assert check_texts(texts) is not texts


@pytest.mark.parametrize("case", named(BAD_TEXTS))
def test_bad_texts_are_refused_with_the_position_and_the_way_out(case):
    X, error, *message = case
    assert_refused(error, message, check_texts, X)


def test_a_message_names_the_argument_that_it_is_about():
    with pytest.raises(ValueError, match=r"^tickets has a missing value at row 0"):
        check_texts([None], name="tickets")


# Each gives the labels b, a, b, a.
LABEL_CONTAINERS = {name: container for name, container in CONTAINERS.items() if "column" not in name} | {
    "pandas categorical Series with an unused category": lambda labels: pd.Categorical(labels, ["z", "b", "a"]),
    "polars Enum": lambda labels: pl.Series(labels, dtype=pl.Enum(["b", "a"])),
}


ROWS = INDICATOR.tolist()
COLUMNS_OF_ROWS = {
    "list": ROWS,
    "Series of lists": pd.Series(ROWS),
    "Series of arrays": pd.Series([np.array(row) for row in ROWS]),
    "Series of tuples": pd.Series([tuple(row) for row in ROWS]),
    "Series of bool": pd.Series([[bool(value) for value in row] for row in ROWS]),
    "Series of Arrow lists": pd.Series(ROWS, dtype=pd.ArrowDtype(pa.list_(pa.int64()))),
    "frame of one column": pd.DataFrame({"y": ROWS}),
    "object array": np.array([*ROWS, None], dtype=object)[:-1],
    "list of arrays": [np.array(row) for row in ROWS],
    "list of tensors": [torch.tensor(row) for row in ROWS],
    "polars": pl.Series(ROWS),
    "polars array": pl.Series(ROWS, dtype=pl.Array(pl.Int64, 2)),
    "polars frame of one column": pl.DataFrame({"y": ROWS}),
    "pyarrow": pa.array(ROWS),
    "pyarrow chunks": pa.chunked_array([ROWS[:1], ROWS[1:]]),
    "pyarrow table of one column": pa.table({"y": ROWS}),
}


@pytest.mark.parametrize("y", named(COLUMNS_OF_ROWS))
def test_a_column_of_rows_is_an_indicator_matrix(y):
    targets = check_targets(y, 4)
    assert targets.multi_label
    np.testing.assert_array_equal(targets.y, INDICATOR)
    assert targets.classes.tolist() == [0, 1]


@pytest.mark.parametrize("container", named(LABEL_CONTAINERS))
def test_every_container_gives_the_same_labels(container):
    targets = check_targets(container(LABELS), 4)
    assert not targets.multi_label
    assert targets.y.tolist() == LABELS
    assert targets.classes.tolist() == ["a", "b"]
    np.testing.assert_array_equal(targets.indicator, [[0, 1], [1, 0], [0, 1], [1, 0]])


@pytest.mark.parametrize(
    "one_column",
    named(
        {
            "ndarray": np.array(LABELS)[:, np.newaxis],
            "list of lists": [[label] for label in LABELS],
            "pandas frame": pd.DataFrame({"label": LABELS}),
            "polars frame": pl.DataFrame({"label": LABELS}),
            "pyarrow table": pa.table({"label": LABELS}),
        }
    ),
)
def test_one_column_of_labels_is_read_with_the_warning_of_scikit_learn(one_column):
    with pytest.warns(DataConversionWarning, match="column-vector y"):
        targets = check_targets(one_column, 4)
    assert targets.y.tolist() == LABELS


NUMBERS = {
    "int": ([3, -1, 3, -1], "int64"),
    "int32": (np.array([3, -1, 3, -1], np.int32), "int32"),
    "uint8": (np.array([3, 1, 3, 1], np.uint8), "uint8"),
    "range": (range(4), "int64"),
    "bool": ([True, False, True, False], "bool"),
    "whole floats": ([2.0, 0.0, 2.0, 0.0], "float64"),
    "float32": (np.array([2, 0, 2, 0], np.float32), "float32"),
    "int as objects": (np.array([3, -1, 3, -1], dtype=object), "int64"),
    "bool as objects": (np.array([True, False, True, False], dtype=object), "bool"),
    "whole floats as objects": (pd.Series([2.0, 0.0, 2.0, 0.0], dtype=object), "float64"),
    "nullable int of pandas": (pd.Series([3, -1, 3, -1], dtype="Int64"), "int64"),
    "nullable bool of pandas": (pd.Series([True, False, True, False], dtype="boolean"), "bool"),
    "categories of pandas": (pd.Series([3, -1, 3, -1], dtype="category"), "int64"),
    "Arrow numbers in pandas": (pd.Series([3, -1, 3, -1], dtype=pd.ArrowDtype(pa.int64())), "int64"),
    "polars": (pl.Series([3, -1, 3, -1]), "int64"),
    "bool of polars": (pl.Series([True, False, True, False]), "bool"),
    "pyarrow": (pa.array([3, -1, 3, -1]), "int64"),
    "bool of pyarrow": (pa.chunked_array([[True, False], [True, False]]), "bool"),
}


@pytest.mark.parametrize("case", named(NUMBERS))
def test_numbers_and_bool_stay_labels_of_their_type(case):
    y, dtype = case
    targets = check_targets(y, 4)
    assert targets.y.dtype == targets.classes.dtype == np.dtype(dtype)
    assert targets.y.tolist() == list(y.to_pylist() if hasattr(y, "to_pylist") else y)
    np.testing.assert_array_equal(targets.classes[targets.indicator.argmax(axis=1)], targets.y)


@pytest.mark.parametrize(("y", "dtype"), [(LABELS, "<U1"), (np.array(LABELS), "<U1"), (pd.Series(LABELS), object)])
def test_str_labels_stay_of_their_type(y, dtype):
    targets = check_targets(y, 4)
    assert targets.y.dtype == targets.classes.dtype == dtype


def test_a_class_for_each_text_is_allowed():
    targets = check_targets([f"class {i:03}" for i in range(100)], 100)
    np.testing.assert_array_equal(targets.indicator, np.eye(100))


INDICATORS = {
    "ndarray": (INDICATOR, [0, 1]),
    "list of lists": (INDICATOR.tolist(), [0, 1]),
    "bool": (INDICATOR.astype(bool), [0, 1]),
    "float": (INDICATOR.astype(float), [0, 1]),
    "object": (INDICATOR.astype(object), [0, 1]),
    "csr matrix": (sparse.csr_matrix(INDICATOR), [0, 1]),
    "csc array of bool": (sparse.csc_array(INDICATOR.astype(bool)), [0, 1]),
    "coo array": (sparse.coo_array(INDICATOR), [0, 1]),
    "pandas frame": (FRAME, ["urgent", "billing"]),
    "pandas frame of bool": (FRAME.astype(bool), ["urgent", "billing"]),
    "pandas frame of nullable int": (FRAME.astype("Int64"), ["urgent", "billing"]),
    "pandas frame of nullable bool": (FRAME.astype("boolean"), ["urgent", "billing"]),
    "pandas sparse frame": (FRAME.astype(pd.SparseDtype(int)), ["urgent", "billing"]),
    "pandas frame without names": (pd.DataFrame(INDICATOR), [0, 1]),
    "pandas frame of nested names": (FRAME.set_axis([("tag", 1), ("tag", 2)], axis=1), [0, 1]),
    "pandas frame of numbers": (FRAME.set_axis([10, 20], axis=1), [0, 1]),
    "polars frame": (pl.from_pandas(FRAME), ["urgent", "billing"]),
    "pyarrow table": (pa.Table.from_pandas(FRAME), ["urgent", "billing"]),
}


@pytest.mark.parametrize("case", named(INDICATORS))
def test_indicator_matrices_give_same_targets(case):
    y, classes = case
    targets = check_targets(y, 4)
    assert targets.multi_label
    assert targets.classes.shape == (2,)
    assert targets.classes.tolist() == classes
    assert targets.y.dtype == np.int64
    np.testing.assert_array_equal(targets.y, INDICATOR)
    np.testing.assert_array_equal(targets.indicator, INDICATOR.astype(bool))


@pytest.mark.parametrize("y", [LABELS, [3, -1, 3, -1], INDICATOR], ids=["str", "int", "indicator"])
def test_rows_of_an_indicator_can_be_given_the_form_of_y(y):
    targets = check_targets(y, 4)
    np.testing.assert_array_equal(targets.as_y(targets.indicator), y)
    assert targets.as_y(targets.indicator[:0]).shape == np.array(y)[:0].shape


@pytest.mark.parametrize("case", named(BAD_TARGETS))
def test_bad_targets_are_refused_with_the_position_and_the_way_out(case):
    y, error, *message = case
    assert_refused(error, message, check_targets, y, 4)


def test_a_message_stays_short_however_large_the_value():
    assert_refused(TypeError, ["got a single str: 'xxx"], check_texts, "x" * 10**6)
    assert_refused(TypeError, ["at row 0: ["], check_texts, [["word"] * 10**5])
    assert_refused(
        ValueError, ["y is continuous, got 0.5 at row 99999"], check_targets, [0, 1] * 49999 + [1, 0.5], 10**5
    )


def test_label_texts_are_lists_of_texts_of_known_labels():
    given = {"food": "about food", "music": ("about music", "a song"), "sport": pd.Series(["a match"])}
    expected = {"food": ["about food"], "music": ["about music", "a song"], "sport": ["a match"]}
    assert check_label_texts(given, ["food", "music", "sport", "other"]) == expected


@pytest.mark.parametrize(
    "case",
    named(
        {
            "unknown labels": (
                {"food": "a", "sports": "b"},
                ValueError,
                "label_texts names labels that y does not have: ['sports'].",
                "The labels of y are ['food', 'music'].",
            ),
            "a number for a str": ({1: "a"}, ValueError, "names labels that y does not have: [1]."),
            "no text": ({"food": []}, ValueError, "label_texts['food'] is empty"),
            "None for a text": (
                {"food": None},
                TypeError,
                "label_texts['food'] must be a sequence of texts, got NoneType",
            ),
            "a number for a text": (
                {"music": ["a", 3]},
                TypeError,
                "label_texts['music'] must hold one str",
                "int at row 1",
            ),
        }
    ),
)
def test_bad_label_texts_are_refused_with_the_label(case):
    label_texts, error, *message = case
    assert_refused(error, message, check_label_texts, label_texts, ["food", "music"])


def test_duplicates_are_merged_in_the_order_of_their_first_row():
    indicator = np.array([[1, 0, 0], [0, 1, 0], [0, 0, 1], [0, 1, 0], [1, 0, 0]], dtype=bool)
    texts, merged = merge_duplicates(["b", "a", "b", "a", "c"], indicator)
    assert texts == ["b", "a", "c"]
    np.testing.assert_array_equal(merged, [[1, 0, 1], [0, 1, 0], [1, 0, 0]])
    assert merged.dtype == bool


@pytest.mark.parametrize("seed", range(5))
def test_merged_texts_are_distinct_and_no_label_is_lost_or_added(seed):
    rng = np.random.RandomState(seed)
    texts = rng.choice(list("abcdefgh"), size=30).tolist()
    indicator = rng.uniform(size=(30, 4)) < 0.3
    distinct, merged = merge_duplicates(texts, indicator)
    assert distinct == list(dict.fromkeys(texts))
    for text, labels in zip(distinct, merged, strict=True):
        rows = [row for other, row in zip(texts, indicator, strict=True) if other == text]
        np.testing.assert_array_equal(labels, np.any(rows, axis=0))


def test_texts_without_duplicates_stay_as_they_are():
    indicator = np.array([[1, 0], [1, 0], [0, 1]], dtype=bool)
    texts, merged = merge_duplicates(["a", "b", "c"], indicator)
    assert texts == ["a", "b", "c"]
    np.testing.assert_array_equal(merged, indicator)


@pytest.mark.parametrize(
    ("label_texts", "classes", "hint"),
    [
        ({0: "a", "1": "b"}, [0, 1], "['1']. Did you mean 1, of type int?"),
        ({0: "a", "1": "b"}, ["0", "1"], "[0]. Did you mean '0', of type str?"),
        ({"foods": "a"}, ["food", "music"], "['foods']. Did you mean 'food'?"),
    ],
)
def test_label_texts_of_another_type_are_told_apart(label_texts, classes, hint):
    with pytest.raises(ValueError) as caught:
        check_label_texts(label_texts, classes)
    assert hint in str(caught.value)
