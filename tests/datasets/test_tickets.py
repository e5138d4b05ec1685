from collections import Counter

import numpy as np
import pandas as pd
import pytest

from sksetfit import load_tickets

TARGETS = ["category", "tags"]


def test_every_category_has_enough_tickets():
    counts = Counter(load_tickets().target.tolist())
    assert len(counts) >= 8
    assert min(counts.values()) >= 40


def test_the_texts_are_distinct_and_not_empty():
    texts = load_tickets().data.tolist()
    assert len(set(texts)) == len(texts)
    assert len({" ".join(text.lower().split()) for text in texts}) == len(texts)
    assert all(text == text.strip() != "" for text in texts)


def test_the_texts_are_short_and_long():
    words = [len(text.split()) for text in load_tickets().data]
    assert min(words) < 10
    assert max(words) > 40


def test_no_text_gives_its_category_away_by_the_name_alone():
    tickets = load_tickets()
    named = [
        category.replace("_", " ") in text.lower() for text, category in zip(tickets.data, tickets.target, strict=True)
    ]
    assert np.mean(named) < 0.4


def test_categories_are_words():
    tickets = load_tickets()
    assert tickets.target_names.tolist() == sorted(set(tickets.target.tolist()))
    assert all(name.replace("_", "").isalpha() for name in tickets.target_names)


def test_the_file_is_not_sorted_by_category():
    target = load_tickets().target
    assert np.mean(target[1:] == target[:-1]) < 0.3


def test_tags_are_an_indicator_matrix_with_one_row_per_ticket():
    tickets, tags = load_tickets(), load_tickets(target="tags")
    np.testing.assert_array_equal(tags.data, tickets.data)
    assert tags.target.shape == (len(tickets.data), len(tags.target_names))
    assert tags.target.dtype == np.int64
    assert set(np.unique(tags.target)) == {0, 1}
    assert tags.target_names.tolist() == sorted(tags.target_names)


def test_tags_are_none_one_or_several_and_each_is_frequent():
    tags = load_tickets(target="tags").target
    assert {0, 1, 2} <= set(tags.sum(axis=1))
    assert tags.sum(axis=0).min() >= 20
    assert tags.mean(axis=0).max() < 0.6


def test_tags_are_not_the_categories():
    assert not set(load_tickets(target="tags").target_names) & set(load_tickets().target_names)


@pytest.mark.parametrize("target", TARGETS)
@pytest.mark.parametrize("as_frame", [False, True])
def test_a_pair_is_what_the_bunch_holds(target, as_frame):
    bunch = load_tickets(target=target, as_frame=as_frame)
    data, y = load_tickets(target=target, as_frame=as_frame, return_X_y=True)
    assert type(data) is type(bunch.data)
    np.testing.assert_array_equal(data, bunch.data)
    np.testing.assert_array_equal(y, bunch.target)


@pytest.mark.parametrize("target", TARGETS)
def test_arrays_hold_plain_texts(target):
    bunch = load_tickets(target=target)
    assert bunch.data.shape == (478,)
    assert {type(text) for text in bunch.data} == {str}
    assert bunch.frame is None


@pytest.mark.parametrize("target", TARGETS)
def test_a_frame_holds_the_same_as_the_arrays(target):
    arrays, frames = load_tickets(target=target), load_tickets(target=target, as_frame=True)
    assert isinstance(frames.data, pd.Series)
    assert frames.data.name == "text"
    assert isinstance(frames.target, pd.Series if target == "category" else pd.DataFrame)
    names = ["category"] if target == "category" else arrays.target_names.tolist()
    assert frames.frame.columns.tolist() == ["text", *names]
    np.testing.assert_array_equal(frames.data, arrays.data)
    np.testing.assert_array_equal(frames.target, arrays.target)
    pd.testing.assert_frame_equal(frames.frame, pd.concat([frames.data, frames.target], axis=1))


@pytest.mark.parametrize("target", TARGETS)
def test_the_bunch_describes_itself(target):
    bunch = load_tickets(target=target)
    assert bunch.feature_names == ["text"]
    assert bunch.filename == "tickets.csv"
    assert "synthetic" in bunch.DESCR.lower()
    assert str(len(bunch.data)) in bunch.DESCR
    assert all(name in bunch.DESCR for name in bunch.target_names)


def test_the_docstring_counts_right():
    tickets, tags = load_tickets(), load_tickets(target="tags").target
    counts = Counter(tickets.target.tolist()).values()
    said = " ".join(load_tickets.__doc__.split())
    for fact in (
        f"Load {len(tickets.data)} support tickets",
        f"Categories {len(tickets.target_names)} ",
        f"Tickets/category {min(counts)} to {max(counts)} ",
        f"Tags {tags.shape[1]}, {tags.sum(axis=1).min()} to {tags.sum(axis=1).max()} of a ticket",
    ):
        assert fact in said


def test_each_call_gives_a_copy_of_its_own():
    load_tickets().data[0] = "changed"
    assert load_tickets().data[0] != "changed"


@pytest.mark.parametrize("target", ["label", "", None, ["category"]])
def test_another_target_is_refused(target):
    with pytest.raises(ValueError, match=r"target must be 'category' or 'tags', got "):
        load_tickets(target=target)
