"""The columns of multi-label targets, and what messages about targets advise."""

from enum import Enum

import numpy as np
import pandas as pd
import polars as pl
import pyarrow as pa
import pytest

from conftest import make_texts
from sksetfit import TorchHead
from sksetfit.inputs.targets import align_columns, check_targets

X, _ = make_texts(4)
ROWS = np.random.RandomState(0).normal(size=(20, 3))
INDICATOR = (ROWS > 0).astype(int)
TABLE = pd.DataFrame(INDICATOR)


class Tag(str, Enum):  # noqa: UP042  (the str() of a StrEnum is its value)
    URGENT = "urgent"
    BILLING = "billing"
    LOGIN = "login"


TAGS = [tag.value for tag in Tag]


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
    clf = TorchHead().fit(ROWS, TABLE.set_axis(TAGS, axis=1))
    rows = frame(pd.DataFrame({"l": INDICATOR.tolist()}))
    assert clf.score(ROWS, rows) == clf.score(ROWS, INDICATOR) > 0.8


def test_members_of_an_enumeration_name_columns_by_their_text():
    named = TABLE.set_axis(list(Tag), axis=1)
    assert check_targets(named, 20).classes.tolist() == TAGS
    clf = TorchHead().fit(ROWS, named)
    assert clf.score(ROWS, named[list(Tag)[::-1]]) == clf.score(ROWS, TABLE.set_axis(TAGS, axis=1)) > 0.8
    assert clf.score(ROWS, pd.DataFrame({Tag.LOGIN: INDICATOR.tolist()})) > 0.8
    with pytest.raises(ValueError, match="several columns of the name 'urgent'"):
        check_targets(TABLE.set_axis([Tag.URGENT, "urgent", "login"], axis=1), 20)
