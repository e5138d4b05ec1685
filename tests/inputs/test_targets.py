"""The columns of multi-label targets, and what messages about targets advise."""

import ast
import io
import json
import re
from enum import Enum

import numpy as np
import pandas as pd
import polars as pl
import pyarrow as pa
import pytest
from sklearn.preprocessing import MultiLabelBinarizer

from bad_inputs import named
from sksetfit import FewShotSplit, TorchHead, dump, load
from sksetfit.inputs.targets import align_columns, check_targets, target_array
from sksetfit.inputs.training_data import check_validation_data

ROWS = np.random.RandomState(0).normal(size=(20, 3))
INDICATOR = (ROWS > 0).astype(int)
TABLE = pd.DataFrame(INDICATOR)


class Tag(str, Enum):  # noqa: UP042  (the str() of a StrEnum is its value)
    URGENT = "urgent"
    BILLING = "billing"
    LOGIN = "login"


TAGS = [tag.value for tag in Tag]
NAMED = TABLE.set_axis(TAGS, axis=1)


# -- the order of columns


def test_numbered_columns_are_found_by_their_numbers():
    clf = TorchHead().fit(ROWS, TABLE)
    assert clf.score(ROWS, TABLE[[2, 0, 1]]) == clf.score(ROWS, TABLE) == clf.score(ROWS, INDICATOR) > 0.8


def test_other_numbers_are_columns_in_ascending_order():
    codes = TABLE.set_axis([10, 20, 30], axis=1)
    clf = TorchHead().fit(ROWS, codes)
    assert clf.score(ROWS, codes) > 0.8
    for refused in (clf.score, clf.fit):
        with pytest.raises(ValueError, match=r"y has columns .* not all str, in no ascending order: \[30, 10, 20\]"):
            refused(ROWS, codes[[30, 10, 20]])


@pytest.mark.parametrize("names", [[2, 0, 1], ["urgent", 1, "login"], [True, False, 2]])
def test_the_advice_for_names_that_are_not_str_works(names):
    frame = TABLE.set_axis(names, axis=1)
    with pytest.raises(ValueError, match="no ascending order") as raised:
        TorchHead().fit(ROWS, frame)
    advice = str(raised.value).rpartition("kept as labels: ")[2].rstrip(".")
    clf = TorchHead().fit(ROWS, eval(advice, {"y": frame}))
    assert clf.classes_.tolist() == list(map(str, names))
    assert clf.score(ROWS, eval(advice, {"y": frame})[clf.classes_[::-1]]) > 0.8


def test_positions_are_aligned_whatever_the_type_of_a_name():
    turned = TABLE.iloc[:, :2].set_axis([True, False], axis=1)
    assert align_columns(turned, [0, 1], "y").to_numpy().tolist() == INDICATOR[:, [1, 0]].tolist()


@pytest.mark.parametrize("frame", [pd.DataFrame, pl.from_pandas, pa.Table.from_pandas])
def test_a_frame_of_one_column_of_rows_is_not_aligned(frame):
    clf = TorchHead().fit(ROWS, NAMED)
    rows = frame(pd.DataFrame({"l": INDICATOR.tolist()}))
    assert clf.score(ROWS, rows) == clf.score(ROWS, INDICATOR) > 0.8


def test_a_frame_of_one_column_of_rows_is_read_as_y_val():
    targets = check_targets(NAMED, 20)
    texts = [f"text {i}" for i in range(20)]
    _, y_val = check_validation_data(texts, pd.DataFrame({"l": INDICATOR.tolist()}), targets)
    assert y_val.tolist() == INDICATOR.tolist()


def test_names_of_columns_survive_a_file(tmp_path):
    clf = TorchHead().fit(ROWS, NAMED)
    assert clf.classes_.tolist() == TAGS
    dump(clf, tmp_path / "head.skops")
    loaded = load(tmp_path / "head.skops")
    assert loaded.score(ROWS, NAMED[TAGS[::-1]]) == clf.score(ROWS, NAMED)
    with pytest.raises(ValueError, match=r"must have the columns \['urgent', 'billing', 'login'\], in any order"):
        loaded.score(ROWS, NAMED.rename(columns={"login": "account"}))


def test_members_of_an_enumeration_name_columns_by_their_text():
    named = TABLE.set_axis(list(Tag), axis=1)
    assert check_targets(named, 20).classes.tolist() == TAGS
    clf = TorchHead().fit(ROWS, named)
    assert clf.score(ROWS, named[list(Tag)[::-1]]) == clf.score(ROWS, NAMED) > 0.8
    assert clf.score(ROWS, pd.DataFrame({Tag.LOGIN: INDICATOR.tolist()})) > 0.8
    with pytest.raises(ValueError, match="several columns of the name 'urgent'"):
        check_targets(TABLE.set_axis([Tag.URGENT, "urgent", "login"], axis=1), 20)


# -- what messages advise


def refusal(y, error=ValueError):
    with pytest.raises(error) as raised:
        check_targets(y, len(INDICATOR))
    return str(raised.value)


def followed(y, before):
    """Return what the code makes that a message gives after the words ``before``."""
    advice = refusal(y).rpartition(before)[2].rstrip(".")
    return eval(advice, {"np": np, "pandas": pd, "ast": ast, "MultiLabelBinarizer": MultiLabelBinarizer, "y": y})


FORMS = {
    "frame": lambda y: y,
    "frame of polars": pl.from_pandas,
    "pyarrow table": pa.Table.from_pandas,
    "array": lambda y: y.to_numpy(),
    "rows": lambda y: y.to_numpy().tolist(),
    "Series of rows": lambda y: pd.Series(y.to_numpy().tolist()),
    "frame of rows": lambda y: pd.DataFrame({"l": y.to_numpy().tolist()}),
}
WORDS = {
    "0 and 1": NAMED.astype(str),
    "0 and 1 in one column": NAMED.assign(urgent=NAMED["urgent"].astype(str)),
    "floats": NAMED.astype(float).astype(str),
    "yes and no": NAMED.replace({0: "no", 1: "yes"}),
    "True and False": NAMED.replace({0: "False", 1: "True"}),
}


@pytest.mark.parametrize("form", named(FORMS))
@pytest.mark.parametrize("words", named(WORDS))
def test_the_advice_for_cells_that_are_text_works(words, form):
    y = form(words)
    targets = check_targets(followed(y, "Make numbers of all columns: "), 20)
    assert targets.y.tolist() == INDICATOR.tolist()
    is_frame = hasattr(y, "columns") and len(y.columns) == 3
    assert targets.classes.tolist() == (TAGS if is_frame else [0, 1, 2])


def test_a_column_of_text_is_named():
    said = refusal(NAMED.assign(login=NAMED["login"].astype(str)))
    assert said.startswith(f"Column 'login' of y holds the text '{INDICATOR[0, 2]}' at row 0, not the number 0 or 1.")


def test_a_column_that_is_no_label_is_to_be_left_out():
    said = refusal(NAMED.assign(n_words=range(2, 22)))
    assert "got 2 at row 0, column 'n_words'. Leave the column out if it is no label." in said


def test_the_advice_for_a_structured_array_works():
    targets = check_targets(followed(NAMED.to_records(index=False), "Make a frame of it: "), 20)
    assert targets.classes.tolist() == TAGS
    assert targets.y.tolist() == INDICATOR.tolist()


@pytest.mark.parametrize("form", [list, np.array, pd.Series, pl.Series])
def test_the_advice_for_continuous_targets_works(form):
    y = form(ROWS[:, 0].tolist())
    assert check_targets(followed(y, "into classes: "), 20).classes.tolist() == [0, 1, 2]


CELLS = {
    "int": lambda row: f"{row.tolist()}",
    "int of numpy": str,
    "float": lambda row: f"{row.astype(float).tolist()}",
    "float of numpy": lambda row: str(row.astype(float)),
    "bool": lambda row: f"{row.astype(bool).tolist()}",
    "bool of numpy": lambda row: str(row.astype(bool)),
    "tuple": lambda row: f"{tuple(row.tolist())}",
}


@pytest.mark.parametrize("write", named(CELLS))
def test_the_advice_for_rows_that_are_text_works(write):
    y = [write(row) for row in INDICATOR]
    assert "y holds rows of an indicator matrix as text" in refusal(y)
    assert check_targets(followed(y, "Make numbers of them: "), 20).y.tolist() == INDICATOR.tolist()


@pytest.mark.parametrize("write", [repr, json.dumps])
def test_the_advice_for_lists_of_labels_that_are_text_works(write):
    y = [write([tag for tag, has in zip(TAGS, row, strict=True) if has]) for row in INDICATOR]
    assert "y holds lists of labels as text" in refusal(y)
    made = followed(y, "Make an indicator matrix of them: ")
    assert made.tolist() == INDICATOR[:, np.argsort(TAGS)].tolist()


@pytest.mark.parametrize("labels", [["[food]", "[music]"], ["['a']", "b"], ["'a'", "'b'"], ["[True]", "[False]"]])
def test_other_labels_with_brackets_and_quotes_are_labels(labels):
    assert check_targets(labels, 2).classes.tolist() == sorted(labels)


# -- messages about the right argument


BAD = {
    "missing": [None, "a"],
    "continuous": [0.5, 1.0],
    "bytes": [b"a", b"b"],
    "mixed": ["a", 1],
    "dict": [{}, {}],
    "rows as text": ["[1, 0]", "[0, 1]"],
    "matrix": [[2, 0], [1, 1]],
    "text in a matrix": [["0", "1"], ["1", "0"]],
    "large": [2**70, 1],
    "surrogate": ["a", "\ud800"],
    "empty": [],
    "lengths": ["a", "b", "c"],
    "None": None,
}


@pytest.mark.parametrize("y", named(BAD))
def test_a_message_about_targets_names_the_argument(y):
    with pytest.raises((TypeError, ValueError)) as raised:
        target_array(y, 0 if y == [] else 2, "y_true")
    assert "y_true" in str(raised.value)
    assert not re.search(r"\by\b|\bX\b|y_val", str(raised.value))


def test_targets_without_rows_are_empty():
    message = "y is empty: at least one label is needed"
    frozen = TorchHead().fit(ROWS, INDICATOR)
    for call in (
        lambda: frozen.score([], []),
        lambda: list(FewShotSplit(2).split([], [])),
        lambda: check_targets(pd.DataFrame({"a": [], "b": []}), 0),
        lambda: check_targets(np.empty((0, 2)), 0),
    ):
        with pytest.raises(ValueError, match=message):
            call()


def test_score_tells_of_other_lengths_before_it_predicts():
    clf = TorchHead().fit(ROWS, INDICATOR)
    with pytest.raises(ValueError, match=r"X and y must have the same number of rows: .*\[20, 19\]"):
        clf.score(ROWS, INDICATOR[1:])


def test_text_that_reads_as_missing_can_be_kept():
    table = 'text,label\nhello,None\nbye,"n/a"\nyes,a\n'
    with pytest.raises(ValueError, match=r"y has a missing label at row 0") as raised:
        check_targets(pd.read_csv(io.StringIO(table))["label"], 3)
    assert 'pandas.read_csv(..., keep_default_na=False) keeps "None" and "n/a" as text.' in str(raised.value)
    kept = pd.read_csv(io.StringIO(table), keep_default_na=False)["label"]
    assert check_targets(kept, 3).classes.tolist() == ["None", "a", "n/a"]
