import numpy as np
import pytest

from sksetfit.training.sampler import balanced_batches

# Texts per class, and the batch size: all classes fit, do not divide it, do not fit, are unequal, are singletons.
SIZES = [
    ([8, 8], 16),
    ([8, 8, 8], 24),
    ([10] * 6, 24),
    ([7, 7, 7], 15),
    ([5, 5], 8),
    ([13, 9], 10),
    ([10] * 10, 8),
    ([3] * 5, 4),
    ([4] * 7, 2),
    ([2, 50], 24),
    ([1, 1, 1], 24),
    ([1, 6, 1], 6),
]


def one_hot(sizes):
    """Return the indicator matrix of texts with one label each."""
    return np.repeat(np.eye(len(sizes), dtype=bool), sizes, axis=0)


def batches_of(indicator, batch_size, n_batches=60, seed=0):
    return list(balanced_batches(indicator, n_batches, batch_size, np.random.RandomState(seed)))


def seen(batches, n_texts):
    """Return how often each text stands in the batches."""
    return np.bincount(np.concatenate(batches), minlength=n_texts)


def random_indicator(seed):
    """Return a multi-label indicator matrix, some rows of which have no label."""
    rng = np.random.RandomState(seed)
    indicator = rng.uniform(size=(rng.randint(2, 40), rng.randint(2, 8))) < rng.uniform(0.1, 0.6)
    indicator[0], indicator[1] = True, False  # no column is constant
    return indicator


MULTI_LABEL = [random_indicator(seed) for seed in range(10)]


@pytest.mark.parametrize(("sizes", "batch_size"), SIZES)
def test_a_batch_holds_the_same_number_of_texts_of_each_of_its_classes(sizes, batch_size):
    n_drawn = min(len(sizes), batch_size // 2)
    for batch in batches_of(one_hot(sizes), batch_size):
        counts = one_hot(sizes)[batch].sum(axis=0)
        drawn = np.flatnonzero(counts)
        assert len(drawn) == n_drawn
        has_more = counts[drawn] < np.array(sizes)[drawn]
        fair = counts[drawn][has_more]
        assert np.ptp(fair) <= 1 if len(fair) else len(batch) == np.array(sizes)[drawn].sum()
        assert (counts[drawn] <= max(fair, default=batch_size)).all()


@pytest.mark.parametrize(("sizes", "batch_size"), [([8, 8, 8], 24), ([10] * 6, 24), ([10] * 10, 8), ([7, 7, 7], 15)])
def test_a_batch_is_full_where_the_classes_are_large_enough(sizes, batch_size):
    assert {len(batch) for batch in batches_of(one_hot(sizes), batch_size)} == {batch_size}


@pytest.mark.parametrize("indicator", [*(one_hot(sizes) for sizes, _ in SIZES), *MULTI_LABEL])
@pytest.mark.parametrize("batch_size", [2, 3, 8, 24])
def test_the_texts_of_a_batch_are_distinct(indicator, batch_size):
    batches = batches_of(indicator, batch_size)
    assert len(batches) == 60
    for batch in batches:
        assert 1 <= len(batch) <= batch_size
        assert len(set(batch.tolist())) == len(batch)
        assert 0 <= batch.min() <= batch.max() < len(indicator)


@pytest.mark.parametrize(("sizes", "batch_size"), SIZES)
@pytest.mark.parametrize("n_batches", [1, 12, 60])
def test_the_texts_of_a_class_are_seen_equally_often(sizes, batch_size, n_batches):
    indicator = one_hot(sizes)
    counts = seen(batches_of(indicator, batch_size, n_batches), len(indicator))
    for of_class in indicator.T:
        assert np.ptp(counts[of_class]) <= 1


@pytest.mark.parametrize("indicator", MULTI_LABEL)
@pytest.mark.parametrize("batch_size", [4, 24])
def test_no_text_with_several_labels_or_none_is_forgotten(indicator, batch_size):
    counts = seen(batches_of(indicator, batch_size, n_batches=200), len(indicator))
    assert counts.min() > 0


@pytest.mark.parametrize(("n_classes", "batch_size"), [(10, 8), (5, 4), (7, 2), (6, 5)])
def test_classes_take_turns_where_they_do_not_all_fit(n_classes, batch_size):
    batches = batches_of(one_hot([9] * n_classes), batch_size, n_batches=30)
    drawn = [set((batch // 9).tolist()) for batch in batches]
    assert {len(classes) for classes in drawn} == {batch_size // 2}
    turns = [sum(label in classes for classes in drawn) for label in range(n_classes)]
    assert max(turns) - min(turns) <= 1


def test_texts_without_labels_have_a_share_like_a_class():
    indicator = np.zeros((30, 2), dtype=bool)
    indicator[:10, 0] = indicator[10:20, 1] = True
    for batch in batches_of(indicator, 12):
        assert np.bincount(batch // 10).tolist() == [4, 4, 4]


def test_a_class_of_one_text_stands_in_every_batch_once():
    for batch in batches_of(one_hot([1, 20, 20]), 12):
        assert (batch == 0).sum() == 1
        assert len(batch) == 12


def test_sampler_skips_texts_taken_by_another_label():
    indicator = np.zeros((6, 2), dtype=bool)
    indicator[:5, 0] = indicator[0, 1] = indicator[5, 1] = True
    counts = seen(batches_of(indicator, 4, n_batches=500), 6)
    assert counts[1:5].min() > 150
    assert np.ptp(counts[1:5]) <= 1


def test_the_random_state_decides_the_batches():
    first, again, other = (batches_of(one_hot([9, 9, 9]), 9, seed=seed) for seed in (0, 0, 1))
    np.testing.assert_array_equal(first, again)
    assert not np.array_equal(first, other)


def test_batches_leave_the_global_random_state_alone():
    before = np.random.get_state()[1].copy()
    batches_of(one_hot([9, 9, 9]), 9)
    np.testing.assert_array_equal(np.random.get_state()[1], before)


def test_batches_are_drawn_when_they_are_asked_for():
    assert len(next(balanced_batches(one_hot([9, 9]), 10**12, 8, np.random.RandomState(0)))) == 8
