"""A few texts of each class to train on: what is drawn, what is refused, and where scikit-learn takes the splits."""

import pickle
from collections import Counter
from functools import partial
from itertools import combinations

import numpy as np
import pandas as pd
import polars as pl
import pytest
from scipy import sparse
from sklearn import config_context
from sklearn.base import clone
from sklearn.dummy import DummyClassifier
from sklearn.experimental import enable_halving_search_cv  # noqa: F401
from sklearn.feature_extraction.text import TfidfVectorizer
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import (
    BaseShuffleSplit,
    GridSearchCV,
    HalvingGridSearchCV,
    check_cv,
    cross_val_predict,
    cross_val_score,
    cross_validate,
    learning_curve,
    permutation_test_score,
    validation_curve,
)
from sklearn.multiclass import OneVsRestClassifier
from sklearn.pipeline import make_pipeline

from conftest import make_texts
from sksetfit import FewShotSplit, load_tickets

X, y = (np.array(rows, dtype=object) for rows in make_texts(20))
TAGS = load_tickets(target="tags").target
UNEVEN = np.repeat(["a", "b", "c", "d"], [12, 25, 40, 90])


def words():
    return make_pipeline(TfidfVectorizer(), LogisticRegression())


def counts(labels):
    return dict(Counter(np.asarray(labels).tolist()))


# -- which texts are drawn


@pytest.mark.parametrize("n_per_class", [1, 2, 8, 11])
def test_as_many_texts_of_each_class_as_asked_train_and_all_others_test(n_per_class):
    for train, test in FewShotSplit(n_per_class, random_state=0).split(UNEVEN, UNEVEN):
        assert counts(UNEVEN[train]) == dict.fromkeys("abcd", n_per_class)
        assert sorted([*train, *test]) == list(range(len(UNEVEN)))


def test_the_indices_are_integers_and_those_to_test_on_are_sorted():
    for train, test in FewShotSplit(test_size=20, random_state=0).split(X, y):
        assert train.dtype.kind == test.dtype.kind == "i"
        np.testing.assert_array_equal(test, np.unique(test))
        assert not set(train) & set(test)


def test_few_shot_split_prefixes_are_balanced():
    for train, _ in FewShotSplit(6, random_state=0).split(UNEVEN, UNEVEN):
        for n in range(len(train) + 1):
            drawn = [counts(UNEVEN[train[:n]]).get(label, 0) for label in "abcd"]
            assert max(drawn) - min(drawn) <= 1


def test_no_class_always_has_the_first_turn():
    splits = FewShotSplit(2, n_splits=40, random_state=0).split(UNEVEN, UNEVEN)
    first = [[UNEVEN[row] for row in train[[0, 4]]] for train, _ in splits]
    assert {turn[0] for turn in first} == {turn[1] for turn in first} == set("abcd")


def test_every_text_of_a_class_is_drawn_equally_often():
    n_splits = 1000
    times = np.zeros((2, len(UNEVEN)))
    for split in FewShotSplit(5, n_splits=n_splits, test_size=9, random_state=0).split(UNEVEN, UNEVEN):
        for drawn, rows in zip(times, split, strict=True):
            drawn[rows] += 1
    trained_on = 5 / pd.Series(UNEVEN).map(counts(UNEVEN))
    tested_on = (1 - trained_on) * 9 / (len(UNEVEN) - 20)
    for drawn, share in zip(times, (trained_on, tested_on), strict=True):
        assert (np.abs(drawn - n_splits * share) < 4 * np.sqrt(n_splits * share * (1 - share))).all()


def test_splits_are_drawn_anew():
    splits = list(FewShotSplit(n_splits=20, test_size=9, random_state=0).split(X, y))
    assert len({tuple(sorted(train)) for train, _ in splits}) == len({tuple(test) for _, test in splits}) == 20


def test_any_two_texts_of_a_class_may_be_tested_together():
    labels = np.repeat(["a", "b"], [7, 40])
    together = {
        tuple(test[test < 7])
        for _, test in FewShotSplit(1, n_splits=300, test_size=15, random_state=0).split(labels, labels)
    }
    assert {pair for pair in together if len(pair) == 2} == set(combinations(range(7), 2))


# -- which texts are tested


@pytest.mark.parametrize("test_size", [1, 4, 7, 60, 135])
def test_a_number_of_texts_to_test_on_keeps_the_share_of_each_class(test_size):
    for train, test in FewShotSplit(8, n_splits=10, test_size=test_size, random_state=0).split(UNEVEN, UNEVEN):
        assert len(test) == test_size
        left = counts(np.delete(UNEVEN, train))
        for label, n_left in left.items():
            assert abs(counts(UNEVEN[test]).get(label, 0) - test_size * n_left / sum(left.values())) < 1


@pytest.mark.parametrize("share", [0.1, np.float64(0.5), 0.8])
def test_a_share_to_test_on_is_one_of_all_texts_rounded_up(share):
    _, test = next(FewShotSplit(8, test_size=share, random_state=0).split(UNEVEN, UNEVEN))
    assert len(test) == np.ceil(share * len(UNEVEN))


def test_how_many_texts_are_tested_on_does_not_change_which_train():
    trains = [
        [train.tolist() for train, _ in FewShotSplit(test_size=test_size, random_state=0).split(X, y)]
        for test_size in (None, 5, 0.5)
    ]
    assert trains[0] == trains[1] == trains[2]


@pytest.mark.parametrize("test_size", [37, 0.65])
def test_more_texts_to_test_on_than_are_left_are_refused(test_size):
    with pytest.raises(ValueError, match=r"24 of 60 texts are drawn .* leaves 36 to test on, where test_size=.* wants"):
        next(FewShotSplit(8, test_size=test_size).split(X, y))


# -- classes of few texts


def test_a_class_that_could_not_be_tested_on_is_refused_by_name_and_number():
    with pytest.raises(ValueError, match=r"too few texts of 1 of its 4 classes: {'a': 12}.* each needs 13.*take_all"):
        FewShotSplit(12).split(UNEVEN, UNEVEN)


def test_of_many_classes_of_few_texts_some_are_named():
    many = np.arange(600) % 300
    with pytest.raises(ValueError, match=r"300 of its 300 classes: {0: 2, 1: 2, 2: 2, 3: 2, \.\.\.}"):
        FewShotSplit(2).split(many, many)


def test_one_text_more_than_train_is_enough():
    _, test = next(FewShotSplit(11, random_state=0).split(UNEVEN, UNEVEN))
    assert counts(UNEVEN[test])["a"] == 1


def test_classes_of_few_texts_are_taken_whole_where_asked():
    for train, test in FewShotSplit(30, too_few="take_all", random_state=0).split(UNEVEN, UNEVEN):
        assert counts(UNEVEN[train]) == {"a": 12, "b": 25, "c": 30, "d": 30}
        assert counts(UNEVEN[test]) == {"c": 10, "d": 60}
        assert counts(UNEVEN[train[:48]]) == dict.fromkeys("abcd", 12)


def test_where_all_texts_are_taken_none_is_left_to_test_on():
    with pytest.raises(ValueError, match="60 of 60 texts are drawn to train on, which leaves 0 to test on"):
        next(FewShotSplit(20, too_few="take_all").split(X, y))


# -- several labels per text


@pytest.mark.parametrize("n_per_class", [1, 4, 8, 16])
def test_of_several_labels_each_has_as_many_texts_as_asked_and_hardly_more(n_per_class):
    of_label = []
    for train, test in FewShotSplit(n_per_class, n_splits=10, random_state=0).split(TAGS, TAGS):
        of_label.append(TAGS[train].sum(axis=0))
        assert TAGS[test].any(axis=0).all()
        assert sorted([*train, *test]) == list(range(len(TAGS)))
        assert len(train) <= n_per_class * (TAGS.shape[1] + 1)  # the last for texts without any label
    assert np.min(of_label) == n_per_class
    assert np.mean(of_label) < 1.1 * n_per_class


def test_the_first_texts_of_several_labels_have_all_labels():
    for train, _ in FewShotSplit(8, random_state=0).split(TAGS, TAGS):
        half = TAGS[train[: len(train) // 2]].sum(axis=0)
        assert half.min() >= 3


def test_texts_without_any_label_are_a_class_that_both_sides_have():
    none = ~TAGS.any(axis=1)
    for n_none in (1, 2, 6, 100):
        rows = np.r_[np.flatnonzero(~none), np.flatnonzero(none)[:n_none]]
        train, _ = next(FewShotSplit(8, random_state=0).split(rows, TAGS[rows]))
        assert none[rows[train]].sum() == min(8, n_none // 2)


@pytest.mark.parametrize("n_per_class", [1, 3])
def test_no_label_is_on_all_texts_to_train_on(n_per_class):
    frequent = np.arange(40)[:, np.newaxis] >= [1, 2, 25]
    for train, _ in FewShotSplit(n_per_class, n_splits=20, random_state=0).split(frequent, frequent):
        assert not frequent[train].all(axis=0).any()
        assert frequent[train].sum(axis=0).min() >= n_per_class


def test_a_label_of_few_texts_is_refused_by_its_column_or_taken_whole():
    tags = pd.DataFrame(TAGS[:60], columns=[f"tag {i}" for i in range(8)])
    least = tags.sum().idxmin()
    with pytest.raises(ValueError, match=f"too few texts of .*'{least}': {tags[least].sum()}"):
        FewShotSplit(8).split(tags, tags)
    train, _ = next(FewShotSplit(8, too_few="take_all", random_state=0).split(tags, tags))
    np.testing.assert_array_less(np.minimum(tags.sum(), 8) - 1, tags.iloc[train].sum())


def test_texts_to_test_on_have_each_label_as_often_as_those_that_are_left():
    for train, test in FewShotSplit(8, n_splits=10, test_size=100, random_state=0).split(TAGS, TAGS):
        left = np.delete(TAGS, train, axis=0)
        assert len(test) == 100
        assert np.abs(TAGS[test].sum(axis=0) - 100 * left.mean(axis=0)).max() < 5
        rarest = left.sum(axis=0).argmin()
        assert abs(TAGS[test, rarest].sum() - 100 * left[:, rarest].mean()) < 1


def test_a_matrix_of_labels_gives_the_same_splits_in_every_form():
    forms = [TAGS, TAGS.tolist(), TAGS.astype(bool), sparse.csr_array(TAGS), pd.DataFrame(TAGS), pl.DataFrame(TAGS)]
    expected = list(FewShotSplit(4, random_state=0).split(TAGS, TAGS))
    for form in forms:
        np.testing.assert_equal(list(FewShotSplit(4, random_state=0).split(TAGS, form)), expected)


# -- what goes in


@pytest.mark.parametrize(
    "labels",
    [y, y.tolist(), y.astype(str), pd.Series(y, index=range(60, 0, -1)), pd.Series(y, dtype="category"), pl.Series(y)],
    ids=["object", "list", "str", "Series", "category", "polars"],
)
def test_labels_in_every_form_give_the_same_splits(labels):
    expected = list(FewShotSplit(random_state=0).split(X, y))
    np.testing.assert_equal(list(FewShotSplit(random_state=0).split(X, labels)), expected)


@pytest.mark.parametrize("labels", [y == "food", np.unique(y, return_inverse=True)[1], (y == "food") * 1.0])
def test_labels_may_be_bools_and_numbers(labels):
    train, _ = next(FewShotSplit(3, random_state=0).split(X, labels))
    assert set(counts(labels[train]).values()) == {3}


@pytest.mark.parametrize(
    "texts",
    [X, X.tolist(), pd.Series(X), pd.DataFrame({"text": X}), pl.Series(X), np.zeros(60), np.zeros((60, 3)),
     sparse.csr_array((60, 2)), [None] * 60],
    ids=lambda texts: type(texts).__name__,
)  # fmt: skip
def test_of_the_texts_only_their_number_counts(texts):
    expected = list(FewShotSplit(random_state=0).split(X, y))
    np.testing.assert_equal(list(FewShotSplit(random_state=0).split(texts, y)), expected)


def test_texts_without_a_number_are_refused():
    for texts in (None, (text for text in X), 60):
        with pytest.raises(TypeError, match="Expected sequence or array-like"):
            FewShotSplit().split(texts, y)


def test_targets_are_required():
    with pytest.raises(TypeError, match="missing 1 required positional argument: 'y'"):
        FewShotSplit().split(X)
    with pytest.raises(ValueError, match="requires y"):
        FewShotSplit().split(X, None)


@pytest.mark.parametrize(
    ("labels", "message"),
    [
        (y[:-1], r"same number of rows.*\[60, 59\]"),
        (np.linspace(0, 1, 60), "continuous"),
        (np.full(60, "food"), "single class"),
        ([None, *y[1:]], "missing label at row 0"),
        (np.arange(120).reshape(60, 2), "multi-class multi-output"),
        (np.ones((60, 2), dtype=int), "Column 0 of y is 1 in all 60 rows"),
    ],
)
def test_targets_that_no_classifier_could_be_fitted_on_are_refused_at_once(labels, message):
    with pytest.raises(ValueError, match=message):
        FewShotSplit().split(X, labels)


@pytest.mark.parametrize("value", [0, -1, 2.0, "8", None, True, np.nan])
@pytest.mark.parametrize("name", ["n_per_class", "n_splits"])
def test_a_number_that_is_none_is_refused_before_the_targets_are_read(name, value):
    with pytest.raises(ValueError, match=f"The '{name}' parameter of FewShotSplit must be "):
        FewShotSplit(**{name: value}).split(X, None)


@pytest.mark.parametrize(
    ("name", "value"),
    [
        *(("test_size", value) for value in (0, -1, 0.0, 1.0, 1.5, -0.1, np.nan, "all", True)),
        *(("too_few", value) for value in ("skip", None, False)),
        *(("random_state", value) for value in ("0", -1, 0.5, True)),
    ],
)
def test_other_parameters_are_checked_as_well(name, value):
    with pytest.raises(ValueError, match=f"The '{name}' parameter of FewShotSplit must be "):
        FewShotSplit(**{name: value}).split(X, None)


# -- what scikit-learn's own splitters do


def test_it_is_a_splitter_of_scikit_learn():
    cv = FewShotSplit(n_splits=3)
    assert isinstance(cv, BaseShuffleSplit)
    assert check_cv(cv, y, classifier=True) is cv
    assert cv.get_n_splits() == cv.get_n_splits(X, y) == 3
    assert len(list(cv.split(X, y))) == 3


def test_it_shows_its_parameters():
    shown = "FewShotSplit(n_per_class=4, n_splits=5, random_state=0, test_size=None, too_few='raise')"
    assert " ".join(repr(FewShotSplit(4, random_state=0)).split()) == shown


def test_a_seed_gives_the_same_splits_in_each_call():
    cv = FewShotSplit(test_size=10, random_state=0)
    np.testing.assert_equal(list(cv.split(X, y)), list(cv.split(X, y)))
    other = FewShotSplit(test_size=10, random_state=1)
    assert next(cv.split(X, y))[0].tolist() != next(other.split(X, y))[0].tolist()


@pytest.mark.parametrize("random_state", [None, np.random.RandomState(0)])
def test_without_a_seed_each_call_draws_other_splits(random_state):
    cv = FewShotSplit(random_state=random_state)
    assert next(cv.split(X, y))[0].tolist() != next(cv.split(X, y))[0].tolist()


@pytest.mark.parametrize("random_state", [None, 0])
def test_numpys_global_random_state_is_neither_read_nor_changed(random_state):
    before = np.random.get_state()[1:3]
    list(FewShotSplit(test_size=10, random_state=random_state).split(X, y))
    np.testing.assert_equal(np.random.get_state()[1:3], before)


def test_groups_are_ignored_with_scikit_learns_warning():
    cv = FewShotSplit(random_state=0)
    with pytest.warns(UserWarning, match="The groups parameter is ignored by FewShotSplit"):
        splits = cv.split(X, y, groups=np.arange(60))
    np.testing.assert_equal(list(splits), list(cv.split(X, y)))


def test_it_asks_for_no_metadata():
    cv = FewShotSplit()
    assert not cv.get_metadata_routing().split.requests
    assert not hasattr(cv, "set_split_request")


@pytest.mark.parametrize("copied", [partial(clone, safe=False), lambda cv: pickle.loads(pickle.dumps(cv))])
def test_a_copy_draws_the_same(copied):
    cv = FewShotSplit(4, n_splits=2, test_size=9, too_few="take_all", random_state=np.random.RandomState(0))
    copy = copied(cv)
    np.testing.assert_equal(list(copy.split(X, y)), list(cv.split(X, y)))


# -- where scikit-learn takes it


def test_a_cross_validation_trains_on_few_texts():
    cv = FewShotSplit(8, n_splits=4, random_state=0)
    found = cross_validate(words(), X, y, cv=cv, return_indices=True)
    assert [len(train) for train in found["indices"]["train"]] == [24] * 4
    assert found["test_score"].min() > 0.8
    fewer = cross_val_score(words(), X, y, cv=FewShotSplit(1, n_splits=4, random_state=0))
    assert fewer.mean() < found["test_score"].mean()


def test_a_learning_curve_has_balanced_samples_without_shuffling():
    class Balanced(DummyClassifier):
        def fit(self, X, y):
            self.balanced_ = len(set(counts(y).values())) == 1
            return super().fit(X, y)

        def score(self, X, y):
            return float(self.balanced_)

    sizes, scores, _ = learning_curve(
        Balanced(), X, y, cv=FewShotSplit(16, random_state=0), train_sizes=[3, 6, 12, 24, 48]
    )
    assert sizes.tolist() == [3, 6, 12, 24, 48]
    assert (scores == 1).all()


def test_a_learning_curve_of_words_rises():
    _, _, scores = learning_curve(words(), X, y, cv=FewShotSplit(16, random_state=0), train_sizes=[3, 48])
    assert scores.mean(axis=1)[0] < scores.mean(axis=1)[1]


def test_searches_take_it_also_within_another():
    grid = {"logisticregression__C": [1e-3, 10]}
    search = GridSearchCV(words(), grid, cv=FewShotSplit(4, n_splits=2, random_state=0)).fit(X, y)
    assert search.n_splits_ == 2
    scores = cross_val_score(search, X, y, cv=FewShotSplit(8, n_splits=2, random_state=0), error_score="raise")
    assert scores.min() > 0.5
    steps = HalvingGridSearchCV(
        words(), grid, cv=FewShotSplit(4, random_state=0), resource="logisticregression__max_iter",
        min_resources=100, max_resources=300, error_score="raise",
    ).fit(X, y)  # fmt: skip
    assert steps.best_params_["logisticregression__C"] in {1e-3, 10}


def test_a_search_within_that_has_too_few_texts_says_so():
    search = GridSearchCV(words(), {"logisticregression__C": [1]}, cv=FewShotSplit(8))
    with pytest.raises(ValueError, match="For n_per_class=8 each needs 9"):
        cross_val_score(search, X, y, cv=FewShotSplit(8), error_score="raise")


def test_validation_curves_and_permutation_tests_take_it():
    cv = FewShotSplit(4, n_splits=2, random_state=0)
    _, scores = validation_curve(words(), X, y, param_name="logisticregression__C", param_range=[1, 10], cv=cv)
    assert scores.shape == (2, 2)
    score, permuted, _ = permutation_test_score(words(), X, y, cv=cv, n_permutations=5, random_state=0)
    assert score > permuted.max()


def test_cross_val_predict_refuses_it_as_every_splitter_that_draws():
    with pytest.raises(ValueError, match="only works for partitions"):
        cross_val_predict(words(), X, y, cv=FewShotSplit())


def test_weights_are_routed_past_it():
    table, cv, params = np.eye(60), FewShotSplit(4, n_splits=2, random_state=0), {"sample_weight": np.ones(60)}
    with config_context(enable_metadata_routing=True):
        asks = LogisticRegression().set_fit_request(sample_weight=True).set_score_request(sample_weight=True)
        scores = cross_val_score(asks, table, y, cv=cv, params=params, error_score="raise")
        search = GridSearchCV(asks, {"C": [1]}, cv=cv).fit(table, y, **params)
    assert scores.mean() == search.best_score_


def test_several_labels_are_cross_validated():
    texts = load_tickets().data
    pipeline = make_pipeline(TfidfVectorizer(), OneVsRestClassifier(LogisticRegression(class_weight="balanced")))
    cv = FewShotSplit(16, n_splits=2, test_size=200, random_state=0)
    scores = cross_val_score(pipeline, texts, TAGS, cv=cv, scoring="f1_macro", error_score="raise")
    assert scores.min() > 0.2


def test_the_classifier_is_cross_validated_on_eight_texts_per_class(tiny_classifier):
    scores = cross_val_score(tiny_classifier, X, y, cv=FewShotSplit(8, n_splits=2, random_state=0))
    assert scores.min() > 0.6


@pytest.mark.parametrize("value", [0, 1])
def test_a_constant_label_takes_no_part(value):
    indicator = np.column_stack([np.arange(60) % 2, np.arange(60) % 3 == 0, np.full(60, value)])
    for train, _ in FewShotSplit(4, n_splits=3, too_few="take_all", random_state=0).split(X, indicator):
        assert len(train) < 12
        assert (indicator[train, :2].sum(axis=0) >= 4).all()
    if value == 0:
        with pytest.raises(ValueError, match=r"too few texts of 1 of its 3 classes: \{2: 0\}"):
            FewShotSplit(4).split(X, indicator)
