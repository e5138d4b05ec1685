"""Rows of which each label has its share."""

import numpy as np
import pytest

from sksetfit import load_tickets
from sksetfit.inputs.stratification import stratified_folds, stratified_holdout


@pytest.mark.parametrize("fraction", [0.1, 0.25, 0.5])
def test_each_class_gives_its_share_and_one_at_least(fraction):
    counts = np.array([1, 2, 8, 40])
    indicator = np.repeat(np.arange(4), counts)[:, None] == np.arange(4)
    held_out = stratified_holdout(indicator, fraction, np.random.RandomState(0))
    of_class = indicator[held_out].sum(axis=0)
    np.testing.assert_array_equal(of_class[1:], np.maximum(1, np.round(fraction * counts[1:])))
    assert of_class[0] == 0  # its only text is needed to learn from


@pytest.mark.parametrize("seed", range(5))
def test_of_several_labels_each_is_on_both_sides(seed):
    rng = np.random.RandomState(seed)
    indicator = rng.rand(60, 5) < [0.05, 0.1, 0.3, 0.5, 0.8]
    indicator[:2, 0] = True
    held_out = stratified_holdout(indicator, 0.2, rng)
    assert indicator[held_out].any(axis=0).all()
    assert indicator[~held_out].any(axis=0).all()
    assert 8 <= held_out.sum() <= 20


@pytest.mark.parametrize("n_parts", [2, 3, 5])
def test_the_rows_of_each_label_are_spread_evenly(n_parts):
    tags = load_tickets(target="tags").target.astype(bool)[:100]
    part_of = stratified_folds(tags, np.full(n_parts, 1 / n_parts), np.random.RandomState(0))
    counts = np.array([[tags[part_of == part, j].sum() for j in range(tags.shape[1])] for part in range(n_parts)])
    assert np.ptp(counts, axis=0).max() <= 3
    assert np.ptp(counts[:, tags.sum(axis=0).argmin()]) <= 1
    assert np.ptp(np.bincount(part_of)) <= 3


def test_of_a_label_of_most_rows_those_without_it_are_spread():
    indicator = np.arange(40)[:, np.newaxis] >= [2, 30]
    for seed in range(10):
        part_of = stratified_folds(indicator, np.full(2, 0.5), np.random.RandomState(seed))
        assert part_of[0] != part_of[1]


def test_a_stratified_split_beats_none_for_rare_labels():
    tags = load_tickets(target="tags").target.astype(bool)
    rare = tags[:, tags.sum(axis=0).argsort()[:3]]
    rows = np.flatnonzero(rare.any(axis=1))[:12]
    part_of = stratified_folds(rare[rows], np.full(4, 0.25), np.random.RandomState(0))
    ours = [rare[rows][part_of != part].all(axis=0).any() for part in range(4)]
    assert not any(ours)
