"""One decision threshold per label: found on rows held out, for any multi-label classifier, by any metric."""

import pickle
from collections import Counter
from functools import cache
from unittest import SkipTest

import numpy as np
import pandas as pd
import polars as pl
import pyarrow as pa
import pytest
import sklearn
from scipy import sparse
from sklearn.base import BaseEstimator, ClassifierMixin, clone, is_classifier
from sklearn.compose import make_column_transformer
from sklearn.datasets import make_multilabel_classification
from sklearn.dummy import DummyClassifier
from sklearn.ensemble import RandomForestClassifier
from sklearn.exceptions import NotFittedError
from sklearn.feature_extraction.text import TfidfVectorizer
from sklearn.frozen import FrozenEstimator
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import f1_score, fbeta_score, get_scorer, make_scorer
from sklearn.model_selection import (
    GridSearchCV,
    GroupKFold,
    KFold,
    PredefinedSplit,
    RepeatedKFold,
    cross_val_predict,
    cross_val_score,
)
from sklearn.multiclass import OneVsRestClassifier
from sklearn.multioutput import ClassifierChain, MultiOutputClassifier
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from sklearn.svm import LinearSVC
from sklearn.utils import estimator_checks, get_tags
from sklearn.utils.estimator_checks import parametrize_with_checks
from sklearn.utils.validation import _num_samples, check_is_fitted

from conftest import make_texts
from sksetfit import MultiLabelThresholdClassifier, SetFitClassifier, dump, load, load_tickets
from sksetfit.inputs.targets import check_targets

X, Y = make_multilabel_classification(120, n_features=10, n_classes=4, n_labels=1, random_state=0)
BASE = OneVsRestClassifier(LogisticRegression(C=0.01))


@cache
def of_numbers(base="rest", cv=None):
    """Return one that is fitted on X and Y; no test may change it."""
    estimator = BASE if base == "rest" else MultiOutputClassifier(LogisticRegression())
    return MultiLabelThresholdClassifier(estimator, cv=cv, random_state=0).fit(X, Y)


class Given(ClassifierMixin, BaseEstimator):
    """A classifier whose probabilities are its X."""

    def fit(self, X, y):
        self.fitted_ = True
        return self

    def predict_proba(self, X):
        return X


def tuned(probabilities, y, **parameters):
    classifier = MultiLabelThresholdClassifier(Given().fit(None, None), cv="prefit", **parameters)
    return classifier.fit(probabilities, y)


def coarse(shape, seed=0, n_values=12):
    """Return probabilities of which many are equal, and labels that go with them."""
    rng = np.random.RandomState(seed)
    probabilities = rng.randint(n_values + 1, size=shape) / n_values
    return probabilities, (rng.uniform(size=shape) < probabilities).astype(int)


# -- which threshold


@pytest.mark.parametrize("scoring", ["f1", "balanced_accuracy", "jaccard", "accuracy", "matthews_corrcoef", "beta"])
@pytest.mark.parametrize("seed", range(3))
def test_no_threshold_is_better_on_the_rows_held_out(scoring, seed):
    scoring = make_scorer(fbeta_score, beta=2) if scoring == "beta" else scoring
    probabilities, y = coarse((40, 3), seed)
    clf = tuned(probabilities, y, scoring=scoring, smooth=0)
    metric = get_scorer(scoring)._score_func
    keywords = get_scorer(scoring)._kwargs
    for j, threshold in enumerate(clf.thresholds_):
        scores = [metric(y[:, j], probabilities[:, j] >= other, **keywords) for other in np.arange(-1, 25) / 24]
        assert metric(y[:, j], probabilities[:, j] >= threshold, **keywords) == max(scores)


def test_a_metric_that_is_to_be_low_is_made_low():
    probabilities, y = coarse((40, 3))
    wrong = make_scorer(lambda a, b: np.mean(np.asarray(a) != b), greater_is_better=False)
    same = tuned(probabilities, y, scoring="accuracy").thresholds_
    np.testing.assert_array_equal(tuned(probabilities, y, scoring=wrong).thresholds_, same)


def test_a_threshold_is_midway_between_the_probabilities_of_two_rows():
    probabilities = np.array([[0.1, 0.9], [0.2, 0.1], [0.6, 0.2], [0.7, 0.8]])
    y = [[0, 1], [0, 0], [1, 0], [1, 1]]
    np.testing.assert_allclose(tuned(probabilities, y, smooth=0).thresholds_, [0.4, 0.5])


def test_smoothing_draws_toward_the_median_by_the_number_of_rows_that_tell():
    probabilities, y = coarse((60, 3))
    y[:, 0] = 1 - (np.arange(60) < 3)  # on nearly all rows: those without it tell
    y[:, 1] = np.arange(60) < 5
    own = tuned(probabilities, y, smooth=0).thresholds_
    n_rows = np.array([3, 5, min(y[:, 2].sum(), 60 - y[:, 2].sum())])
    expected = (n_rows * own + 10 * np.median(own)) / (n_rows + 10)
    assert len(set(own)) == 3
    np.testing.assert_allclose(tuned(probabilities, y, smooth=10).thresholds_, expected)
    np.testing.assert_allclose(tuned(probabilities, y, smooth=1e12).thresholds_, np.median(own))


def test_many_rows_are_not_tried_one_by_one():
    calls = []

    def counted(a, b):
        calls.append(1)
        return f1_score(a, b)

    rng = np.random.RandomState(0)
    probabilities = rng.uniform(size=(800, 2))
    y = (rng.uniform(size=(800, 2)) < probabilities).astype(int)
    clf = tuned(probabilities, y, scoring=make_scorer(counted), smooth=0)
    assert len(calls) == 200
    for j, threshold in enumerate(clf.thresholds_):
        best = max(f1_score(y[:, j], probabilities[:, j] >= other) for other in np.linspace(0, 0.99, 100))
        assert f1_score(y[:, j], probabilities[:, j] >= threshold) > best - 0.002


def test_probabilities_that_are_all_equal_give_the_label_to_all_rows():
    _, y = coarse((20, 2))
    np.testing.assert_array_equal(tuned(np.full((20, 2), 0.3), y).thresholds_, [0.15, 0.15])


# -- on which rows


def test_thresholds_use_out_of_fold_probabilities():
    cv = KFold(3, shuffle=True, random_state=0)
    held_out = cross_val_predict(BASE, X, Y, cv=cv, method="predict_proba")
    expected = tuned(held_out, Y).thresholds_
    clf = MultiLabelThresholdClassifier(BASE, cv=cv).fit(X, Y)
    np.testing.assert_allclose(clf.thresholds_, expected, rtol=1e-12)
    np.testing.assert_allclose(
        MultiLabelThresholdClassifier(BASE, cv=list(cv.split(X))).fit(X, Y).thresholds_, expected, rtol=1e-12
    )
    np.testing.assert_array_equal(clf.predict_proba(X), clone(BASE).fit(X, Y).predict_proba(X))


class Recording(Given):
    seen = []

    def fit(self, X, y):
        self.seen.append((np.asarray(X)[:, 0], np.asarray(y)))
        return super().fit(X, y)


def fitted_on(cv, **parameters):
    """Return on which rows copies are fitted, the last of them on all."""
    probabilities, y = coarse((60, 3))
    probabilities[:, 0] = np.arange(60) / 60
    Recording.seen.clear()
    clf = MultiLabelThresholdClassifier(Recording(), cv=cv, random_state=0, **parameters).fit(probabilities, y)
    return [set((60 * first).round().astype(int)) for first, _ in Recording.seen], clf


@pytest.mark.parametrize(("cv", "n_parts"), [(None, 5), (3, 3), (2, 2)])
def test_a_number_of_parts_holds_each_row_out_once(cv, n_parts):
    (*copies, last), _ = fitted_on(cv)
    assert last == set(range(60))
    assert len(copies) == n_parts
    assert Counter(row for copy in copies for row in last - copy) == Counter(range(60))


def test_a_share_holds_out_as_much_once():
    (copy, last), clf = fitted_on(0.25)
    assert (len(copy), len(last)) == (45, 60)
    held_out = sorted(last - copy)
    probabilities, y = coarse((60, 3))
    probabilities[:, 0] = np.arange(60) / 60
    np.testing.assert_allclose(clf.thresholds_, tuned(probabilities[held_out], y[held_out]).thresholds_)


def test_rows_that_are_held_out_twice_count_twice():
    cv = RepeatedKFold(n_splits=3, n_repeats=2, random_state=0)
    rows = np.concatenate([held_out for _, held_out in cv.split(X)])
    held_out = np.concatenate([clone(BASE).fit(X[a], Y[a]).predict_proba(X[b]) for a, b in cv.split(X)])
    clf = MultiLabelThresholdClassifier(BASE, cv=cv).fit(X, Y)
    np.testing.assert_allclose(clf.thresholds_, tuned(held_out, Y[rows]).thresholds_, rtol=1e-12)


def test_a_prefit_estimator_is_neither_fitted_nor_copied():
    fitted = clone(BASE).fit(X[:60], Y[:60])
    clf = MultiLabelThresholdClassifier(fitted, cv="prefit").fit(X[60:], Y[60:])
    assert clf.estimator_ is fitted
    frozen = MultiLabelThresholdClassifier(FrozenEstimator(fitted)).fit(X[60:], Y[60:])
    np.testing.assert_allclose(frozen.thresholds_, clf.thresholds_, rtol=1e-12)
    np.testing.assert_array_equal(frozen.predict(X), clf.predict(X))


def test_the_estimator_given_stays_as_it_is():
    base = clone(BASE)
    MultiLabelThresholdClassifier(base).fit(X, Y)
    assert not hasattr(base, "estimators_")


@pytest.mark.parametrize("n_jobs", [1, pytest.param(2, marks=pytest.mark.slow)])
def test_a_seed_decides_the_thresholds(n_jobs):
    first, again, other = (
        MultiLabelThresholdClassifier(BASE, random_state=seed, n_jobs=n_jobs).fit(X, Y).thresholds_
        for seed in (0, 0, 1)
    )
    np.testing.assert_array_equal(first, again)
    assert (first != other).any()


def test_the_global_random_state_is_neither_read_nor_changed():
    before = pickle.dumps(np.random.get_state())
    MultiLabelThresholdClassifier(BASE).fit(X, Y)
    assert pickle.dumps(np.random.get_state()) == before


# -- the parts


def test_a_label_of_two_rows_is_enough():
    y = Y.copy()
    y[:, 3] = 0
    y[:2, 3] = 1
    for seed in range(4):
        clf = MultiLabelThresholdClassifier(BASE, cv=3, random_state=seed).fit(X, y)
        assert ((clf.thresholds_ > 0) & (clf.thresholds_ < 1)).all()


# -- which estimators, X and y


@pytest.mark.parametrize(
    "base",
    [
        OneVsRestClassifier(LogisticRegression()),
        MultiOutputClassifier(LogisticRegression()),
        ClassifierChain(LogisticRegression()),
        RandomForestClassifier(10, random_state=0),
        GridSearchCV(OneVsRestClassifier(LogisticRegression()), {"estimator__C": [0.1, 1]}, cv=2),
    ],
    ids=lambda base: type(base).__name__,
)
def test_probabilities_are_one_array_whatever_the_estimator_gives(base):
    clf = MultiLabelThresholdClassifier(base, cv=2, random_state=0).fit(X, Y)
    proba = clf.predict_proba(X)
    given = clf.estimator_.predict_proba(X)
    assert proba.shape == (120, 4)
    for j in range(4):
        np.testing.assert_array_equal(proba[:, j], given[j][:, 1] if isinstance(given, list) else given[:, j])
    assert clf.predict(X).dtype == np.int64
    np.testing.assert_array_equal(clf.predict(X), proba >= clf.thresholds_)


@pytest.mark.parametrize(
    "form",
    [np.ndarray.tolist, sparse.csr_matrix, sparse.coo_array, pd.DataFrame, lambda y: y.astype(bool), np.asfortranarray],
)
def test_y_is_an_indicator_in_any_form(form):
    expected = of_numbers("each" if form is pd.DataFrame else "rest")
    clf = clone(expected).fit(X, form(Y))
    np.testing.assert_array_equal(clf.thresholds_, expected.thresholds_)
    np.testing.assert_array_equal(clf.predict(X), expected.predict(X))
    np.testing.assert_array_equal(clf.classes_, [0, 1, 2, 3])


def test_labels_have_the_names_of_the_columns_and_the_estimator_sees_them():
    Recording.seen.clear()
    names = ["a", "b", "c", "d"]
    proba = np.random.RandomState(0).uniform(size=(120, 4))
    clf = MultiLabelThresholdClassifier(Recording(), cv=2).fit(proba, pd.DataFrame(Y, columns=names))
    assert clf.classes_.tolist() == names

    class OfFrames(Given):
        def fit(self, X, y):
            assert list(y.columns) == names
            return super().fit(X, y)

    MultiLabelThresholdClassifier(OfFrames(), cv=2).fit(proba, pd.DataFrame(Y, columns=names))


TAGGED = load_tickets(target="tags")
TEXTS, TAGS = TAGGED.data[:150], TAGGED.target[:150]


@cache
def of_texts():
    """Return one that is fitted on texts; no test may change it."""
    base = make_pipeline(TfidfVectorizer(), OneVsRestClassifier(LogisticRegression()))
    return MultiLabelThresholdClassifier(base, cv=3, random_state=0).fit(TEXTS, TAGS)


@pytest.mark.parametrize("form", [list, np.array, pd.Series, lambda x: pd.Series(x, index=np.arange(150)[::-1])])
def test_x_may_be_texts(form):
    clf = clone(of_texts()).fit(form(TEXTS), TAGS)
    np.testing.assert_array_equal(clf.predict(form(TEXTS)), of_texts().predict(TEXTS))
    fixed = f1_score(TAGS, clf.estimator_.predict(TEXTS), average="macro")
    assert f1_score(TAGS, clf.predict(TEXTS), average="macro") > fixed


def test_x_may_be_a_table_of_texts_and_numbers():
    table = pd.DataFrame({"text": TEXTS, "n": [len(text) for text in TEXTS]})
    columns = make_column_transformer((TfidfVectorizer(), "text"), (StandardScaler(), ["n"]))
    base = make_pipeline(columns, OneVsRestClassifier(LogisticRegression()))
    clf = MultiLabelThresholdClassifier(base, cv=3).fit(table, TAGS)
    assert clf.predict(table).shape == TAGS.shape
    assert clf.n_features_in_ == 2
    assert clf.feature_names_in_.tolist() == ["text", "n"]


def test_x_may_be_sparse():
    clf = MultiLabelThresholdClassifier(BASE, random_state=0).fit(sparse.coo_matrix(X), Y)
    np.testing.assert_allclose(clf.thresholds_, of_numbers().thresholds_, rtol=1e-3)
    assert get_tags(clf).input_tags.sparse


def test_a_classifier_of_texts_is_tuned(tiny_classifier):
    texts, topics = make_texts(12)
    y = pd.get_dummies(pd.Series(topics)).astype(int)
    clf = MultiLabelThresholdClassifier(tiny_classifier, cv=2, random_state=0).fit(texts, y)
    assert f1_score(y, clf.predict(texts), average="macro") > 0.9
    assert clf.classes_.tolist() == clf.estimator_.classes_.tolist()
    assert get_tags(clf).input_tags.string
    assert not hasattr(clf, "n_features_in_")
    assert not hasattr(clf, "feature_names_in_")


# -- in scikit-learn


def test_parameters_are_those_of_a_meta_estimator():
    clf = MultiLabelThresholdClassifier(BASE, smooth=3)
    assert clf.get_params()["estimator__estimator__C"] == 0.01
    copy = clone(clf).set_params(estimator__estimator__C=5)
    assert (copy.smooth, copy.estimator.estimator.C, clf.estimator.estimator.C) == (3, 5, 0.01)
    assert "OneVsRestClassifier" in repr(clf)
    assert "OneVsRestClassifier" in clf._repr_html_()


def test_tags_say_that_it_wants_several_labels():
    tags = get_tags(MultiLabelThresholdClassifier(BASE))
    assert is_classifier(MultiLabelThresholdClassifier(BASE))
    assert (tags.classifier_tags.multi_label, tags.classifier_tags.multi_class) == (True, False)
    assert (tags.target_tags.single_output, tags.target_tags.multi_output) == (False, True)
    assert tags.target_tags.required


def test_it_stands_in_pipelines_and_searches():
    clf = make_pipeline(StandardScaler(), MultiLabelThresholdClassifier(BASE, cv=2, random_state=0))
    scores = cross_val_score(clf, X, Y, cv=3, scoring="f1_macro")
    assert (scores > cross_val_score(make_pipeline(StandardScaler(), BASE), X, Y, cv=3, scoring="f1_macro")).all()
    name = "multilabelthresholdclassifier__"
    search = GridSearchCV(clf, {f"{name}smooth": [0, 20], f"{name}estimator__estimator__C": [0.01, 1]}, cv=2)
    assert search.fit(X, Y).predict(X).shape == Y.shape
    assert clf.fit(X, Y).score(X, Y) == np.mean((clf.predict(X) == Y).all(axis=1))


class OneLabelPerRow(MultiLabelThresholdClassifier):
    """What scikit-learn's checks take: one label per row, which is that with the most above its threshold."""

    def fit(self, X, y):
        if getattr(getattr(X, "dtype", None), "kind", None) == "c":
            raise ValueError("Complex data not supported")  # which is said before y, complex as well, is looked at
        targets = check_targets(y, _num_samples(X))
        super().fit(X, targets.indicator.astype(int))
        self.classes_ = targets.classes
        return self

    def predict_proba(self, X):
        proba = super().predict_proba(X)
        above = proba / self.thresholds_
        return above / above.sum(axis=1, keepdims=True)

    def predict(self, X):
        proba = self.predict_proba(X)
        return self.classes_[proba.argmax(axis=1)]

    def __sklearn_tags__(self):
        tags = super().__sklearn_tags__()
        tags.classifier_tags.multi_class = True
        tags.classifier_tags.multi_label = False
        tags.target_tags.single_output = True
        tags.target_tags.multi_output = False
        return tags


BATTERY = parametrize_with_checks([OneLabelPerRow(MultiOutputClassifier(LogisticRegression()), cv=2, random_state=0)])


@BATTERY
def test_scikit_learns_battery_holds(estimator, check):
    try:
        check(estimator)
    except SkipTest as skipped:
        if "array_api" not in str(skipped).lower():
            raise


@pytest.mark.parametrize(
    "check",
    [
        "check_classifiers_multilabel_output_format_predict",
        "check_classifiers_multilabel_output_format_predict_proba",
        "check_classifiers_multilabel_representation_invariance",
        "check_do_not_raise_errors_in_init_or_set_params",
        "check_estimator_cloneable",
        "check_estimator_repr",
        "check_get_params_invariance",
        "check_mixin_order",
        "check_no_attributes_set_in_init",
        "check_param_validation",
        "check_parameters_default_constructible",
        "check_set_params",
        "check_valid_tag_types",
    ],
)
def test_checks_hold_on_the_estimator_itself(check):
    clf = MultiLabelThresholdClassifier(MultiOutputClassifier(LogisticRegression()), cv=2, random_state=0)
    getattr(estimator_checks, check)("MultiLabelThresholdClassifier", clf)


# -- metadata


@pytest.fixture
def routing():
    with sklearn.config_context(enable_metadata_routing=True):
        yield


@pytest.mark.usefixtures("routing")
def test_weights_reach_the_estimator_and_the_scorer():
    weights = np.where(np.arange(120) < 60, 1.0, 1e-9)
    base = MultiOutputClassifier(LogisticRegression().set_fit_request(sample_weight=True))
    scorer = make_scorer(f1_score).set_score_request(sample_weight=True)
    cv = [(np.arange(0, 120, 2), np.arange(1, 120, 2)), (np.arange(1, 120, 2), np.arange(0, 120, 2))]
    half = [(train[train < 60], np.arange(60)[held_out[held_out < 60]]) for train, held_out in cv]
    all_rows = MultiLabelThresholdClassifier(base, scoring=scorer, cv=cv).fit(X, Y, sample_weight=weights)
    first = MultiLabelThresholdClassifier(base, scoring=scorer, cv=half, smooth=0).fit(
        X[:60], Y[:60], sample_weight=weights[:60]
    )
    np.testing.assert_allclose(all_rows.predict_proba(X), first.predict_proba(X), atol=1e-3)
    unweighted = MultiLabelThresholdClassifier(base, cv=cv).fit(X, Y)
    assert (np.abs(all_rows.thresholds_ - unweighted.thresholds_) > 1e-3).any()


@pytest.mark.usefixtures("routing")
def test_weights_of_the_scorer_are_those_of_the_rows_held_out():
    probabilities, y = coarse((60, 2))
    weights = np.random.RandomState(0).randint(3, size=60)
    scorer = make_scorer(f1_score).set_score_request(sample_weight=True)
    rows = np.random.RandomState(1).permutation(60)
    parts = [(rows[:30], rows[30:]), (rows[30:], rows[:30])]
    clf = MultiLabelThresholdClassifier(Given(), scoring=scorer, cv=parts, smooth=0)
    clf.fit(probabilities, y, sample_weight=weights)
    for j, threshold in enumerate(clf.thresholds_):
        scores = [
            f1_score(y[:, j], probabilities[:, j] >= t, sample_weight=weights) for t in [*np.arange(25) / 24, threshold]
        ]
        assert scores[-1] == pytest.approx(max(scores))


@pytest.mark.usefixtures("routing")
def test_groups_reach_the_splitter():
    groups = np.arange(120) % 4
    clf = MultiLabelThresholdClassifier(BASE, cv=GroupKFold(4)).fit(X, Y, groups=groups)
    expected = MultiLabelThresholdClassifier(BASE, cv=list(GroupKFold(4).split(X, Y, groups))).fit(X, Y)
    np.testing.assert_array_equal(clf.thresholds_, expected.thresholds_)
    with pytest.raises(ValueError, match=r"sample_weight.* are passed but are not"):
        clf.fit(X, Y, groups=groups, sample_weight=np.ones(120))


def test_metadata_is_refused_where_it_is_not_routed():
    with pytest.raises(ValueError, match="enable_metadata_routing"):
        MultiLabelThresholdClassifier(BASE).fit(X, Y, sample_weight=np.ones(120))


# -- what is wrong is said


def test_a_target_of_one_label_is_refused():
    for y in (Y[:, 0], Y[:, :1], ["a", "b"] * 60):
        with pytest.raises(ValueError, match="TunedThresholdClassifierCV"):
            MultiLabelThresholdClassifier(BASE).fit(X, y)


@pytest.mark.parametrize(
    ("y", "message"),
    [(None, "requires y"), (Y + 1, "more than 0 and 1"), (Y * 0.5, "continuous"), (Y[:5], "inconsistent numbers")],
)
def test_a_target_that_is_no_indicator_is_refused(y, message):
    with pytest.raises(ValueError, match=message):
        MultiLabelThresholdClassifier(BASE).fit(X, y)


def test_an_estimator_without_probabilities_is_refused():
    with pytest.raises(ValueError, match="predict_proba"):
        MultiLabelThresholdClassifier(OneVsRestClassifier(LinearSVC())).fit(X, Y)


def test_an_estimator_of_other_labels_is_refused():
    fitted = clone(BASE).fit(X, Y)
    with pytest.raises(ValueError, match=r"array of 3 columns.*got shapes \(120, 4\)"):
        MultiLabelThresholdClassifier(fitted, cv="prefit").fit(X, Y[:, :3])
    forest = RandomForestClassifier(2).fit(X, np.column_stack([Y[:, 0], np.arange(120) % 3]))
    with pytest.raises(ValueError, match=r"list of 2 arrays of two columns.*\(120, 3\)"):
        MultiLabelThresholdClassifier(forest, cv="prefit").fit(X, Y[:, :2])


def test_a_prefit_estimator_that_is_not_fitted_is_refused():
    for unfitted in (BASE, FrozenEstimator(BASE)):
        with pytest.raises(NotFittedError):
            MultiLabelThresholdClassifier(unfitted, cv="prefit").fit(X, Y)


def test_answers_are_refused_before_a_fit():
    for method in ("predict", "predict_proba"):
        with pytest.raises(NotFittedError):
            getattr(MultiLabelThresholdClassifier(BASE), method)(X)


@pytest.mark.parametrize("base", [BASE, MultiOutputClassifier(LogisticRegression())], ids=["rest", "each"])
@pytest.mark.parametrize("some", [0, 1])
@pytest.mark.parametrize("cv", [None, 0.4])
def test_a_label_on_one_row_or_on_all_but_one_gets_the_median(base, some, cv):
    y = pd.DataFrame(Y, columns=["a", "b", "c", "grief"])
    y["grief"] = some
    y.loc[7, "grief"] = 1 - some
    with pytest.warns(UserWarning, match=r"too few rows to choose a threshold for \['grief'\]"):
        clf = MultiLabelThresholdClassifier(base, cv=cv, smooth=0, random_state=0).fit(X, y)
    assert clf.thresholds_[3] == np.median(clf.thresholds_[:3])


@pytest.mark.parametrize("value", [0, 1])
@pytest.mark.parametrize("cv", [None, 0.4, KFold(3), "prefit"])
@pytest.mark.filterwarnings("ignore:Label .* is present in all training examples")
def test_a_constant_label_is_answered_as_it_is(cv, value):
    y = pd.DataFrame(Y, columns=["a", "b", "c", "d"]).assign(c=value)
    for base in (BASE, RandomForestClassifier(5, random_state=0)):
        fitted = clone(base).fit(X, y) if cv == "prefit" else base
        with pytest.warns(UserWarning, match=r"too few rows to choose a threshold for \['c'\]"):
            clf = MultiLabelThresholdClassifier(fitted, cv=cv, random_state=0).fit(X, y)
        assert (clf.predict(X)[:, 2] == value).all()


def test_a_constant_label_in_a_fold_gives_a_score(tiny_model, tmp_path):
    texts, topics = make_texts(8)
    y = pd.get_dummies(pd.Series(topics)).astype(int).assign(rare=np.arange(24) // 23)
    clf = MultiLabelThresholdClassifier(SetFitClassifier(tiny_model, max_steps=0, random_state=0), cv=2, random_state=0)
    with pytest.warns(UserWarning, match="rare"):
        scores = cross_val_score(clf, texts, y, cv=KFold(2), scoring="f1_micro", error_score="raise")
    assert np.isfinite(scores).all()
    with pytest.warns(UserWarning, match="rare"):
        clf.fit(texts, y.assign(rare=0))
    dump(clf, tmp_path / "clf.skops")
    np.testing.assert_array_equal(load(tmp_path / "clf.skops").predict(texts), clf.predict(texts))
    assert not clf.predict(texts)[:, 3].any()


@pytest.mark.parametrize("y", [np.eye(120, 2, dtype=int), np.ones((120, 2), dtype=int)])
def test_labels_that_are_all_on_one_row_are_refused(y):
    with pytest.raises(ValueError, match=r"too few rows to choose a threshold for|the other columns are constant"):
        MultiLabelThresholdClassifier(BASE).fit(X, y)


@pytest.mark.parametrize(
    "form",
    [np.asarray, np.ndarray.tolist, lambda y: pd.Series(y.tolist()), lambda y: pd.DataFrame({"row": y.tolist()})],
)
@pytest.mark.parametrize("cv", ["prefit", 2])
def test_labels_of_a_fitted_estimator_are_kept_if_y_has_no_names(form, cv, tiny_classifier):
    texts = ["bread soup", "violin drum", "tennis goal", "tennis violin"] * 3
    y = pd.DataFrame({"sport": [0, 0, 1, 1], "food": [1, 0, 0, 0], "music": [0, 1, 0, 1]}).loc[[0, 1, 2, 3] * 3]
    fitted = clone(tiny_classifier).set_params(max_steps=0).fit(texts, y)
    estimator = fitted if cv == "prefit" else FrozenEstimator(fitted)
    classifier = MultiLabelThresholdClassifier(estimator, cv=cv, smooth=0).fit(texts, form(y.to_numpy()))
    assert classifier.classes_.tolist() == ["sport", "food", "music"]
    assert classifier.score(texts, y[["music", "food", "sport"]]) == classifier.score(texts, y)


@pytest.mark.parametrize("frame", [pd.DataFrame, pl.from_pandas, pa.Table.from_pandas])
@pytest.mark.parametrize("dtype", [object, bool])
def test_the_estimator_gets_the_numbers_of_a_frame(frame, dtype):
    expected = of_numbers(cv=2)
    y = frame(pd.DataFrame(Y, columns=list("abcd")).astype(bool).astype(dtype))
    classifier = MultiLabelThresholdClassifier(BASE, cv=2, random_state=0).fit(X, y)
    assert classifier.classes_.tolist() == list("abcd")
    np.testing.assert_array_equal(classifier.thresholds_, expected.thresholds_)


@pytest.mark.parametrize("frame", [pd.DataFrame, pl.from_pandas])
def test_columns_in_another_order_are_found_by_their_names(tiny_model, frame):
    texts, topics = make_texts(8)
    y = pd.get_dummies(pd.Series(topics)).astype(int)
    other = frame(y[["sport", "food", "music"]])
    fitted = SetFitClassifier(tiny_model, max_steps=0, random_state=0).fit(texts, y)
    expected = MultiLabelThresholdClassifier(fitted, cv="prefit").fit(texts, y)
    for estimator, cv in ((fitted, "prefit"), (FrozenEstimator(fitted), 2)):
        clf = MultiLabelThresholdClassifier(estimator, cv=cv, random_state=0).fit(texts, other)
        assert clf.classes_.tolist() == ["food", "music", "sport"]
        assert clf.score(texts, other) == clf.score(texts, y)
        if cv == "prefit":
            np.testing.assert_array_equal(clf.thresholds_, expected.thresholds_)
    with pytest.raises(
        ValueError, match=r"y must have the columns \['food', 'music', 'sport'\], in any order, got .*'art'"
    ):
        MultiLabelThresholdClassifier(fitted, cv="prefit").fit(texts, y.rename(columns={"food": "art"}))
    refitted = MultiLabelThresholdClassifier(fitted, cv=2, random_state=0).fit(texts, other)  # copies are fitted anew
    assert refitted.classes_.tolist() == ["sport", "food", "music"]


def test_splits_that_lack_a_label_are_refused_before_any_training():
    Recording.seen.clear()
    proba, y = coarse((20, 2))
    y[:, 1] = np.arange(20) < 5
    with pytest.raises(ValueError, match="Label 1 is on 0 of the 10 rows that split 0 fits on, and on 5 of all 20"):
        MultiLabelThresholdClassifier(Recording(), cv=KFold(2)).fit(proba, y)
    with pytest.raises(ValueError, match="Label 1 is on 0 of the 10 rows that are held out"):
        MultiLabelThresholdClassifier(Recording(), cv=[(np.arange(20), np.arange(10, 20))]).fit(proba, y)
    assert Recording.seen == []


@pytest.mark.parametrize(
    ("cv", "message"),
    [
        ([], "cv gives no split"),
        (PredefinedSplit([0] * 20), "Split 0 of cv fits on no rows"),
        ([(np.arange(10), [])], "Split 0 of cv holds out no rows"),
        ([(np.arange(10), [10, 20])], "Split 0 of cv holds out row 20, and y has the rows 0 to 19"),
        (0.01, "Split 0 of cv holds out no rows"),
    ],
)
def test_splits_without_rows_or_with_unknown_rows_are_refused_before_any_training(cv, message):
    proba, y = coarse((20, 2))
    with pytest.raises(ValueError, match=message):
        MultiLabelThresholdClassifier(Recording(), cv=cv).fit(proba, y)


@pytest.mark.parametrize(("scoring", "hint"), [("f1macro", " Did you mean 'f1_macro'"), ("goodness", "")])
def test_an_unknown_scorer_is_named(scoring, hint):
    with pytest.raises(ValueError, match=rf"scoring has '{scoring}', which is no scorer of scikit-learn\.{hint}"):
        MultiLabelThresholdClassifier(BASE, scoring=scoring).fit(X, Y)


@pytest.mark.parametrize(
    "scoring", ["roc_auc", "neg_log_loss", "average_precision", make_scorer(f1_score, response_method="predict_proba")]
)
def test_scorers_of_probabilities_are_refused(scoring):
    with pytest.raises(ValueError, match="scoring must score the decisions"):
        MultiLabelThresholdClassifier(BASE, scoring=scoring).fit(X, Y)


def test_a_metric_that_is_no_scorer_is_refused():
    for metric in (f1_score, lambda y, decisions: 0):
        with pytest.raises(ValueError, match=r"make_scorer|get a scorer"):
            MultiLabelThresholdClassifier(BASE, scoring=metric).fit(X, Y)


@pytest.mark.parametrize(
    "parameters", [{"cv": 1}, {"cv": 1.5}, {"cv": "post"}, {"smooth": -1}, {"scoring": 1}, {"scoring": None}]
)
def test_parameters_are_checked(parameters):
    with pytest.raises(ValueError, match=f"The '{next(iter(parameters))}' parameter"):
        MultiLabelThresholdClassifier(BASE, **parameters).fit(X, Y)


def test_a_fit_that_fails_leaves_nothing_behind():
    class Failing(Given):
        def fit(self, X, y):
            if len(X) == 120:
                raise RuntimeError("out of memory")
            return super().fit(X, y)

    clf = MultiLabelThresholdClassifier(Failing())
    with pytest.raises(RuntimeError):
        clf.fit(np.random.RandomState(0).uniform(size=(120, 4)), Y)
    assert vars(clf) == vars(MultiLabelThresholdClassifier(clf.estimator))
    clf.set_params(estimator=BASE).fit(X, Y)
    before = dict(vars(clf))
    with pytest.raises(ValueError):
        clf.fit(X, Y[:, 0])
    assert vars(clf) == before


# -- saved


def test_a_file_gives_it_back(tmp_path, tiny_classifier):
    texts, topics = make_texts(8)
    y = pd.get_dummies(pd.Series(topics)).astype(int)
    text_clf = MultiLabelThresholdClassifier(tiny_classifier, cv=2, random_state=0).fit(texts, y)
    numeric = MultiLabelThresholdClassifier(BASE, cv=KFold(3), scoring="balanced_accuracy").fit(X, Y)
    for clf, rows in ((text_clf, texts), (numeric, X), (make_pipeline(StandardScaler(), numeric).fit(X, Y), X)):
        dump(clf, tmp_path / "tuned.skops")
        again = load(tmp_path / "tuned.skops")
        check_is_fitted(again)
        np.testing.assert_array_equal(again.predict(rows), clf.predict(rows))
        np.testing.assert_array_equal(again.predict_proba(rows), clf.predict_proba(rows))
        again = pickle.loads(pickle.dumps(clf))
        np.testing.assert_array_equal(again.predict(rows), clf.predict(rows))


def test_a_state_without_thresholds_is_refused():
    clf = of_numbers()
    state = clf.__getstate__()
    with pytest.raises(ValueError, match="thresholds_ must be of type ndarray, got nothing"):
        clone(clf).__setstate__({name: value for name, value in state.items() if name != "thresholds_"})
    with pytest.raises(ValueError, match=r"would hide its methods: \['predict'\]"):
        clone(clf).__setstate__(state | {"predict": 1})


@pytest.mark.parametrize("thresholds", [np.zeros((4, 1)), np.zeros(3), np.full(4, np.nan), np.array(list("abcd"))])
def test_thresholds_of_another_shape_or_kind_are_refused(thresholds):
    clf = of_numbers()
    with pytest.raises(ValueError, match="thresholds_ must be finite numbers, one for each of its 4 classes"):
        clone(clf).__setstate__(clf.__getstate__() | {"thresholds_": thresholds})


def test_a_dummy_is_no_exception():
    clf = MultiLabelThresholdClassifier(DummyClassifier(), cv=2).fit(X, Y)
    assert clf.predict(X).all()
