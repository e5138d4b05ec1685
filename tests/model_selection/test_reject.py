"""RejectClassifier: its threshold, its answers, and that it is one of scikit-learn's meta-estimators."""

import pickle
from unittest import SkipTest

import joblib
import numpy as np
import pandas as pd
import pytest
from scipy.stats import binomtest
from sklearn import config_context
from sklearn.base import BaseEstimator, ClassifierMixin, clone
from sklearn.calibration import CalibratedClassifierCV
from sklearn.datasets import make_classification
from sklearn.exceptions import NotFittedError
from sklearn.feature_extraction.text import TfidfVectorizer
from sklearn.frozen import FrozenEstimator
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import (
    GridSearchCV,
    GroupKFold,
    KFold,
    PredefinedSplit,
    ShuffleSplit,
    StratifiedKFold,
    cross_val_predict,
    cross_val_score,
    train_test_split,
)
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from sklearn.svm import LinearSVC, OneClassSVM
from sklearn.utils import estimator_checks, get_tags
from sklearn.utils.estimator_checks import parametrize_with_checks
from sklearn.utils.validation import check_is_fitted

from conftest import make_texts
from sksetfit import SetFitClassifier, dump, load, load_tickets
from sksetfit.model_selection.reject import RejectClassifier

X, Y = make_classification(300, 8, n_informative=4, n_classes=3, class_sep=0.8, random_state=0)
WORDS = np.array(["ham", "jam", "spam"])[Y]
LOGISTIC = LogisticRegression()
TEXTS, TOPICS_OF = make_texts(10)
BAG = make_pipeline(TfidfVectorizer(), LOGISTIC)


class Oracle(ClassifierMixin, BaseEstimator):
    """Says what it is given: a row of X holds the probabilities of the classes."""

    def fit(self, X, y):
        self.classes_ = np.unique(y)
        return self

    def predict_proba(self, X):
        return np.asarray(X)


def proba_of(confidence, right, n_classes=2):
    """Return probabilities of such largest ones, and labels for which the answers are right or wrong."""
    rng = np.random.RandomState(0)
    answers = rng.randint(n_classes, size=len(confidence))
    proba = np.full((len(confidence), n_classes), (1 - np.asarray(confidence)[:, np.newaxis]) / (n_classes - 1))
    proba[np.arange(len(confidence)), answers] = confidence
    return proba, np.where(right, answers, (answers + 1) % n_classes)


def on_answers(confidence, right, **parameters):
    proba, labels = proba_of(confidence, right)
    oracle = Oracle().fit(proba, [0, 1])
    return RejectClassifier(oracle, cv="prefit", **parameters).fit(proba, labels)


# -- the threshold


@pytest.mark.parametrize(
    ("parameters", "threshold", "coverage", "precision"),
    [
        ({"precision": 1.0}, 0.9, 0.4, 1.0),
        ({"precision": 0.8}, 0.7, 1.0, 0.8),  # all are answered, whatever the confidence
        ({"precision": 0.75}, 0.7, 1.0, 0.8),
        ({"coverage": 0.3}, 0.9, 0.4, 1.0),
        ({"coverage": 0.4}, 0.9, 0.4, 1.0),
        ({"coverage": 0.5}, 0.8, 0.6, 2 / 3),
        ({"coverage": 1.0}, 0.7, 1.0, 0.8),
    ],
)
def test_the_threshold_is_the_last_that_reaches_the_target(parameters, threshold, coverage, precision):
    confidence, right = [0.95, 0.9, 0.8, 0.75, 0.7], [True, True, False, True, True]
    classifier = on_answers(confidence, right, **parameters)
    assert classifier.threshold_ == (0 if coverage == 1 else threshold)
    assert (classifier.coverage_, classifier.precision_) == pytest.approx((coverage, precision))


def by_force(confidence, right, target, share):
    """Return the threshold that reaches it of all thresholds, by trying each; 0 answers everything."""
    tried = {}
    for threshold in [0.0, *confidence]:
        answered = confidence >= threshold
        tried[threshold] = {"precision": right[answered].mean(), "coverage": answered.mean()}[target]
    reached = [threshold for threshold, found in tried.items() if found >= share]
    chosen = min(reached) if target == "precision" else max(reached)
    same = [t for t in tried if ((confidence >= t) == (confidence >= chosen)).all()]  # e.g. 0 and the lowest
    return min(same)


@pytest.mark.parametrize("seed", range(20))
def test_the_threshold_is_that_of_trying_all(seed):
    rng = np.random.RandomState(seed)
    confidence = rng.randint(50, 100, size=40) / 100  # with ties
    right = rng.uniform(size=40) < confidence
    right[confidence == confidence.max()] = True  # so that every precision is reached
    for target in ("precision", "coverage"):
        share = rng.choice([0.5, 0.75, 0.8, 0.9, 1.0])
        classifier = on_answers(confidence, right, **{target: share})
        assert classifier.threshold_ == by_force(confidence, right, target, share)
        answered = confidence >= classifier.threshold_
        assert classifier.coverage_ == answered.mean()
        assert classifier.precision_ == right[answered].mean()


def test_texts_of_one_confidence_are_answered_together():
    classifier = on_answers([0.9, 0.8, 0.8, 0.6], [True, True, False, False], coverage=0.5)
    assert (classifier.threshold_, classifier.coverage_) == (0.8, 0.75)


def test_unreached_precision_warns_with_closest():
    confidence, right = [0.9, 0.8, 0.7, 0.6], [False, True, True, False]
    with pytest.warns(UserWarning, match=r"precision=0\.95 .*precision is taken: 0\.667 at coverage 0\.750") as caught:
        classifier = on_answers(confidence, right, precision=0.95)
    assert caught[0].filename == __file__
    assert (classifier.threshold_, classifier.coverage_) == (0.7, 0.75)


@pytest.mark.parametrize("level", [0.5, 0.8, 0.95])
def test_with_a_confidence_level_the_lower_bound_must_reach_the_precision(level):
    confidence = np.linspace(0.99, 0.6, 200)
    right = np.random.RandomState(0).uniform(size=200) < np.linspace(1.1, 0.4, 200)
    sure = [
        binomtest(int(right[:n].sum()), n, alternative="greater").proportion_ci(level).low >= 0.8 for n in range(1, 201)
    ]
    n_answered = np.flatnonzero(sure)[-1] + 1
    classifier = on_answers(confidence, right, precision=0.8, confidence_level=level)
    assert classifier.coverage_ == n_answered / 200 < on_answers(confidence, right, precision=0.8).coverage_
    assert classifier.precision_ == right[:n_answered].mean() > 0.8


def test_confidence_level_with_few_texts_takes_highest_precision():
    confidence, right = np.linspace(0.99, 0.6, 10), np.arange(10) < 6
    message = r"at confidence_level=0\.9 .*1\.000, which is at least 0\.681 at this level, at coverage 0\.600"
    with pytest.warns(UserWarning, match=message):
        classifier = on_answers(confidence, right, precision=0.9, confidence_level=0.9)
    assert classifier.threshold_ == confidence[5]


@pytest.mark.parametrize(("precision", "level", "n_needed"), [(0.99, 0.95, 299), (0.9, 0.9, 22), (0.5, 0.75, 2)])
def test_the_number_of_texts_that_a_confidence_level_needs_is_said_and_is_enough(precision, level, n_needed):
    wanted = {"precision": precision, "confidence_level": level}
    n = n_needed - 1
    message = rf"needs at least {n_needed} accepted texts without an error; {n} of {n} accepted texts are right\. Label"
    with pytest.warns(UserWarning, match=message):
        on_answers(np.full(n, 0.8), np.full(n, True), **wanted)
    assert on_answers(np.full(n_needed, 0.8), np.full(n_needed, True), **wanted).coverage_ == 1


def test_a_precision_of_one_is_reached_at_no_confidence_level():
    with pytest.warns(UserWarning, match=r"No number of texts.*9 of 9 accepted.*Lower precision"):
        on_answers(np.full(9, 0.8), np.full(9, True), precision=1.0, confidence_level=0.5)


def test_the_threshold_is_of_texts_that_the_classifier_was_not_fitted_on():
    classifier = RejectClassifier(LOGISTIC, precision=0.9, cv=4).fit(X, WORDS)
    proba = cross_val_predict(LOGISTIC, X, WORDS, cv=4, method="predict_proba")
    confidence, right = proba.max(axis=1), classifier.classes_[proba.argmax(axis=1)] == WORDS
    assert classifier.threshold_ == by_force(confidence, right, "precision", 0.9)
    np.testing.assert_array_equal(classifier.estimator_.coef_, LogisticRegression().fit(X, WORDS).coef_)


def test_a_share_that_is_held_out_is_drawn_once_by_random_state():
    fits = [RejectClassifier(LOGISTIC, coverage=0.7, cv=0.4, random_state=seed).fit(X, Y) for seed in (0, 0, 1)]
    assert fits[0].threshold_ == fits[1].threshold_ != fits[2].threshold_
    assert fits[0].coverage_ == 84 / 120  # of 0.4 of 300


@pytest.mark.parametrize("cv", [None, 3, StratifiedKFold(3), ShuffleSplit(4, random_state=0), 0.3])
def test_cv_is_what_scikit_learn_takes(cv):
    classifier = RejectClassifier(LOGISTIC, coverage=0.7, cv=cv, random_state=0).fit(X, Y)
    assert 0.7 <= classifier.coverage_ < 0.72


def test_an_iterable_of_splits_is_taken():
    splits = list(StratifiedKFold(3).split(X, Y))
    by_splits = RejectClassifier(LOGISTIC, coverage=0.7, cv=splits).fit(X, Y)
    assert by_splits.threshold_ == RejectClassifier(LOGISTIC, coverage=0.7, cv=3).fit(X, Y).threshold_


def test_n_jobs_changes_nothing():
    with joblib.parallel_config(backend="threading"):
        two = RejectClassifier(LOGISTIC, coverage=0.7, n_jobs=2).fit(X, Y)
    assert two.threshold_ == RejectClassifier(LOGISTIC, coverage=0.7).fit(X, Y).threshold_


def test_prefit_fits_nothing_and_reads_all_texts_as_held_out():
    fitted = LogisticRegression().fit(X[:150], WORDS[:150])
    classifier = RejectClassifier(fitted, coverage=0.6, cv="prefit").fit(X[150:], WORDS[150:])
    assert classifier.estimator_ is fitted
    assert (classifier.predict(X[150:]) != "not sure").mean() == classifier.coverage_ == 0.6


def test_reject_counts_unknown_validation_labels_as_wrong():
    fitted = LogisticRegression().fit(X, WORDS)
    strange = np.where(np.arange(300) % 3 == 0, "neither", WORDS)
    assert RejectClassifier(fitted, coverage=1.0, cv="prefit").fit(X, strange).precision_ <= 2 / 3


def test_a_frozen_estimator_is_the_same_as_prefit():
    fitted = LogisticRegression().fit(X[:150], WORDS[:150])
    frozen = RejectClassifier(FrozenEstimator(fitted), coverage=0.6).fit(X[150:], WORDS[150:])
    assert frozen.threshold_ == RejectClassifier(fitted, coverage=0.6, cv="prefit").fit(X[150:], WORDS[150:]).threshold_


# -- the answers


def test_it_answers_where_it_is_sure_and_nowhere_else():
    classifier = RejectClassifier(LOGISTIC, coverage=0.6).fit(X, WORDS)
    answers, proba = classifier.predict(X), classifier.predict_proba(X)
    sure = proba.max(axis=1) >= classifier.threshold_
    assert 0 < sure.sum() < len(X)
    assert (answers[~sure] == "not sure").all()
    np.testing.assert_array_equal(answers[sure], classifier.estimator_.predict(X)[sure])
    np.testing.assert_array_equal(proba, classifier.estimator_.predict_proba(X))
    assert classifier.classes_.tolist() == ["ham", "jam", "spam"]
    assert classifier.score(X, WORDS) == (answers == WORDS).mean()


@pytest.mark.parametrize(
    ("labels", "given", "reject_label", "dtype"),
    [
        (np.array(["a", "b"], dtype="U1"), None, "not sure", "U8"),
        (np.array(["a", "b"], dtype="U1"), "somebody should look at it", "somebody should look at it", "U26"),
        (np.array(["quite long a name", "b"]), None, "not sure", "U17"),
        (np.array(["a", "b"], dtype=object), None, "not sure", "O"),
        (np.array([0, 1]), None, -1, "i8"),
        (np.array([0, 1], dtype="u1"), None, -1, "i8"),
        (np.array([0, 1], dtype="i1"), 1000, 1000, "i8"),
        (np.array([1.0, 2.0]), None, -1, "f8"),
        (np.array([False, True]), None, -1, "i8"),
        (np.array([-1, 1]), 0, 0, "i8"),
        (np.array([0, 1]), np.int32(7), 7, "i8"),
    ],
)
def test_the_reject_label_is_whole_and_of_the_labels_kind(labels, given, reject_label, dtype):
    y = labels[(Y > 0).astype(int)]
    classifier = RejectClassifier(LOGISTIC, coverage=0.5, reject_label=given).fit(X, y)
    answers = classifier.predict(X)
    assert classifier.reject_label_ == reject_label
    assert type(classifier.reject_label_) in {str, int}
    assert set(answers.tolist()) == {*labels.tolist(), reject_label}
    assert answers.dtype == classifier.predict(X[:1]).dtype == np.dtype(dtype), "whoever is answered"


@pytest.mark.parametrize(
    "form", [list, lambda X: np.array(X, dtype=object), pd.Series, lambda X: pd.DataFrame({"text": X})]
)
def test_texts_are_handed_on_as_they_are(form, tiny_classifier):
    classifier = RejectClassifier(tiny_classifier.set_params(max_steps=2), coverage=0.8, cv=2)
    answers = classifier.fit(form(TEXTS), TOPICS_OF).predict(form(TEXTS))
    assert set(answers) <= {"food", "music", "sport", "not sure"}
    assert 0.8 <= classifier.coverage_ <= 0.9


# -- a meta-estimator of scikit-learn


def test_clones_get_the_same_parameters():
    classifier = RejectClassifier(LogisticRegression(C=3), precision=0.9, reject_label="no", cv=3)
    again = clone(classifier)
    assert again.get_params()["estimator__C"] == 3
    assert repr(again) == repr(classifier)


@pytest.mark.parametrize("estimator", [LOGISTIC, SetFitClassifier()], ids=["numbers", "texts"])
def test_its_tags_are_those_of_what_it_holds(estimator):
    tags = get_tags(RejectClassifier(estimator))
    assert tags.input_tags == get_tags(estimator).input_tags
    assert tags.estimator_type == "classifier"
    assert not tags.classifier_tags.multi_label


@pytest.mark.parametrize(
    "check",
    [
        "check_do_not_raise_errors_in_init_or_set_params",
        "check_estimators_unfitted",
        "check_get_params_invariance",
        "check_no_attributes_set_in_init",
        "check_param_validation",
        "check_parameters_default_constructible",
        "check_set_params",
        "check_valid_tag_types",
    ],
)
def test_checks_that_read_no_x_hold(check):
    getattr(estimator_checks, check)("RejectClassifier", RejectClassifier(SetFitClassifier(), coverage=0.8))


UNANSWERED = {"check_classifiers_train": "compares predict with the largest probability, for all rows"}
MINUS_ONE = {"check_classifiers_classes": "has the labels -1 and 1, and -1 is what None stands for"}


@parametrize_with_checks(
    [RejectClassifier(LOGISTIC, coverage=1.0, cv=2), RejectClassifier(LOGISTIC, coverage=0.8, cv=2)],
    expected_failed_checks=lambda classifier: MINUS_ONE | (UNANSWERED if classifier.coverage < 1 else {}),
)
def test_scikit_learns_battery_holds(estimator, check, monkeypatch):
    monkeypatch.setenv("SCIPY_ARRAY_API", "1")  # without it check_array_api_input skips itself
    try:
        check(estimator)
    except SkipTest as skipped:
        pytest.fail(f"scikit-learn skipped the check: {skipped}")


def test_reject_in_pipeline_scores_rejections_as_wrong():
    pipeline = make_pipeline(StandardScaler(), RejectClassifier(LOGISTIC, coverage=0.5, cv=2))
    scores = cross_val_score(pipeline, X, WORDS, cv=3)
    assert (scores < 0.6).all()
    answers = cross_val_predict(pipeline, X, WORDS, cv=3)
    answered = answers != "not sure"
    assert 0.4 < answered.mean() < 0.6
    assert (answers == WORDS)[answered].mean() > cross_val_score(LOGISTIC, X, WORDS, cv=3).mean()


def test_it_is_shown_in_a_notebook_with_what_it_holds():
    assert "LogisticRegression" in RejectClassifier(LOGISTIC, coverage=0.5)._repr_html_()


def test_a_grid_reaches_into_it():
    search = GridSearchCV(
        RejectClassifier(BAG, coverage=0.8, cv=2), {"estimator__logisticregression__C": [1, 10]}, cv=2
    )
    search.fit(TEXTS, TOPICS_OF)
    assert search.best_estimator_.threshold_ > 0


def test_it_takes_what_is_behind_other_steps_and_shows_their_columns():
    frame = pd.DataFrame(X, columns=[f"column {i}" for i in range(8)])
    classifier = RejectClassifier(make_pipeline(StandardScaler(), LOGISTIC), coverage=0.8).fit(frame, Y)
    assert classifier.n_features_in_ == 8
    assert classifier.feature_names_in_.tolist() == list(frame)
    on_texts = RejectClassifier(BAG, coverage=0.8).fit(TEXTS, TOPICS_OF)
    assert not hasattr(on_texts, "feature_names_in_")


def test_metadata_goes_to_the_fit_and_to_the_splitter():
    weight, groups = np.arange(300) % 3, np.arange(300) % 5
    with config_context(enable_metadata_routing=True):
        weighted = LogisticRegression().set_fit_request(sample_weight=True)
        classifier = RejectClassifier(weighted, coverage=0.7, cv=GroupKFold(5))
        classifier.fit(X, Y, sample_weight=weight, groups=groups)
    expected = LogisticRegression().fit(X, Y, sample_weight=weight)
    np.testing.assert_array_equal(classifier.estimator_.coef_, expected.coef_)
    folds = [
        LogisticRegression().fit(X[a], Y[a], sample_weight=weight[a]).predict_proba(X[b]).max(axis=1)
        for a, b in GroupKFold(5).split(X, Y, groups)
    ]
    assert classifier.threshold_ == np.sort(np.concatenate(folds))[::-1][209]


def test_metadata_without_routing_is_refused():
    with pytest.raises(ValueError, match="sample_weight"):
        RejectClassifier(LOGISTIC, coverage=0.7).fit(X, Y, sample_weight=np.ones(300))


# -- errors, all before any training


class Untrainable(LogisticRegression):
    def fit(self, X, y):
        raise AssertionError("trained")


@pytest.mark.parametrize(
    ("parameters", "y", "error", "match"),
    [
        ({}, Y, ValueError, r"one of precision and coverage.*precision=None, coverage=None"),
        ({"precision": 0.9, "coverage": 0.8}, Y, ValueError, r"one of .*precision=0\.9, coverage=0\.8"),
        ({"precision": 0}, Y, ValueError, r"'precision' parameter.*Got 0 "),
        ({"precision": 95}, Y, ValueError, r"'precision' parameter.*Got 95 "),
        ({"coverage": 1.2}, Y, ValueError, r"'coverage' parameter.*Got 1\.2 "),
        ({"coverage": 0.8, "confidence_level": 0.9}, Y, ValueError, "confidence_level says how sure precision"),
        ({"precision": 0.8, "confidence_level": 1}, Y, ValueError, r"'confidence_level' parameter.*Got 1 "),
        ({"coverage": 0.8, "reject_label": "jam"}, WORDS, ValueError, "none of the classes, got 'jam' beside"),
        ({"coverage": 0.8, "reject_label": 2}, Y, ValueError, "none of the classes, got 2 beside"),
        ({"coverage": 0.8}, Y - 1, ValueError, r"got -1 \(the default\) beside \[-1, 0, 1\]"),
        ({"coverage": 0.8, "reject_label": -1}, WORDS, TypeError, "must be a str, .*got -1 beside .*'not sure'"),
        ({"coverage": 0.8, "reject_label": "no"}, Y, TypeError, "must be a whole number, .*got 'no' beside"),
        ({"coverage": 0.8, "reject_label": 0.5}, Y, ValueError, "'reject_label' parameter"),
        ({"coverage": 0.8, "cv": 1.5}, Y, ValueError, "'cv' parameter"),
        ({"coverage": 0.8, "cv": "fitted"}, Y, ValueError, "'cv' parameter"),
        (
            {"coverage": 0.8},
            np.eye(3, dtype=int)[Y],
            ValueError,
            "one label per text, got an indicator matrix of 3 columns",
        ),
        ({"coverage": 0.8}, X[:, 0], ValueError, "Unknown label type: y is continuous, got .* at row 0"),
        ({"coverage": 0.8}, Y[:9], ValueError, "inconsistent numbers of samples"),
        ({"coverage": 0.8}, np.full(300, "ham"), ValueError, "a single class, 'ham'"),
        ({"coverage": 0.8}, [None, *WORDS[1:]], ValueError, "missing label at row 0"),
        (
            {"coverage": 0.8},
            np.arange(300).astype("datetime64[D]"),
            (TypeError, ValueError),
            "must hold str, int or bool",
        ),
    ],
)
def test_what_is_wrong_is_said_before_any_training(parameters, y, error, match):
    classifier = RejectClassifier(Untrainable(), **parameters)
    with pytest.raises(error, match=match):
        classifier.fit(X, y)
    assert not [name for name in vars(classifier) if name.endswith("_")]


@pytest.mark.parametrize(
    ("y", "cv", "match"),
    [
        (
            ["a"] * 9 + ["b"],
            None,
            r"Split \d of cv leaves 8 texts .* of class 'a'.*\{'a': 9, 'b': 1\}. Label at least two",
        ),
        (["a"] * 3 + ["b"] * 3, None, r"cv=5 folds need 5 texts .* has 3. Lower cv to 3"),
        (list("abcd"), None, r"cv=5 folds need 5 texts .* has 1. Label more texts, or fit the estimator first"),
        (["a"] * 5 + ["b"] * 5, KFold(2), r"Split 0 of cv leaves 5 texts to fit on, all of class 'b'"),
        (["a"] * 9 + ["b"], 0.2, "Label at least two texts of each class.*least populated class"),
        (
            list("abc") * 3,
            0.2,
            r"cv=0.2 cannot split y.*'c': 3\}. Take a cv from 0.34 to 0.66, or .*cv=2.*test_size = 2",
        ),
        (list("abc") * 3, 0.9, r"cv=0.9 cannot split y.* from 0.34 to 0.66"),
        (list("ab") * 6, [], r"cv gives no split. Give .* cv=5"),
        (list("ab") * 6, PredefinedSplit([0] * 12), r"Split 0 of cv fits on no rows.*pass cv='prefit'"),
        (list("ab") * 6, [([0, 1, 2], [])], r"Split 0 of cv holds out no rows"),
        (list("ab") * 6, [([0, 1], [2]), ([0, 1], [2, 12])], r"Split 1 of cv holds out row 12, .* rows 0 to 11"),
        (list("ab") * 6, [([0, -13], [2])], r"Split 0 of cv fits on row -13"),
    ],
)
@pytest.mark.filterwarnings("ignore:The least populated class")
def test_splits_that_leave_one_class_are_refused_before_any_training(y, cv, match):
    with pytest.raises(ValueError, match=match):
        RejectClassifier(Untrainable(), coverage=0.8, cv=cv).fit(X[: len(y)], y)


@pytest.mark.parametrize(
    ("y", "cv"),
    [
        (["a"] * 9 + ["b"] * 2, 2),
        (["a"] * 3 + ["b"] * 3, 3),
        (["a"] * 5 + ["b"] * 5, 2),
        (list("abc") * 3, 0.34),
        (list("abc") * 3, 0.66),
        (list("abc") * 3, 2),
        (list("ab") * 6, [(np.arange(12) < 6, np.arange(12) >= 6)]),
    ],
    ids=["another text", "fewer folds", "stratified", "larger share", "smaller share", "no share", "masks"],
)
def test_the_ways_out_of_splits_with_one_class_work(y, cv):
    RejectClassifier(LOGISTIC, coverage=0.8, cv=cv).fit(X[: len(y)], y).predict(X)


@pytest.mark.parametrize("y", [Y.astype(object), (Y > 0).astype(object), pd.Series(WORDS, dtype="category")])
def test_labels_of_any_container_are_taken(y):
    classifier = RejectClassifier(LOGISTIC, coverage=0.8).fit(X, y)
    assert set(classifier.predict(X)) - {classifier.reject_label_} <= set(y)


def test_a_classifier_without_probabilities_is_told_how_to_get_them():
    with pytest.raises(TypeError, match=r"LinearSVC\(\), which has none.*CalibratedClassifierCV"):
        RejectClassifier(LinearSVC(), coverage=0.8).fit(X, Y)
    RejectClassifier(CalibratedClassifierCV(LinearSVC()), coverage=0.8, cv=2).fit(X, Y)
    with pytest.raises(TypeError, match="CalibratedClassifierCV"):
        RejectClassifier(SetFitClassifier(head=LinearSVC()), coverage=0.8).fit(TEXTS, TOPICS_OF)


def test_prefit_wants_a_fitted_estimator_that_knows_such_labels():
    with pytest.raises(NotFittedError, match=r"cv='prefit'.*LogisticRegression\(\), which is not"):
        RejectClassifier(LogisticRegression(), coverage=0.8, cv="prefit").fit(X, Y)
    fitted = LogisticRegression().fit(X, WORDS)
    with pytest.raises(ValueError, match=r"no label that the fitted estimator knows: got \d at row 0.*'spam'"):
        RejectClassifier(fitted, coverage=0.8, cv="prefit").fit(X, Y)
    with pytest.raises(ValueError, match="none of the classes, got 'spam'"):
        RejectClassifier(fitted, coverage=0.8, cv="prefit", reject_label="spam").fit(X[Y < 2], WORDS[Y < 2])


def test_a_frozen_class_that_is_not_in_y_is_no_reject_label_either():
    frozen = FrozenEstimator(LogisticRegression().fit(X, WORDS))
    with pytest.raises(ValueError, match="none of the classes, got 'spam'"):
        RejectClassifier(frozen, coverage=0.8, reject_label="spam").fit(X[Y < 2], WORDS[Y < 2])


@pytest.mark.parametrize("method", ["predict", "predict_proba"])
def test_an_unfitted_one_says_so(method):
    with pytest.raises(NotFittedError):
        getattr(RejectClassifier(LogisticRegression().fit(X, Y), coverage=0.8), method)(X)


class FailsTheSecondTime(LogisticRegression):
    def fit(self, X, y):
        if len(X) == 300:  # the last fit, on all
            raise KeyboardInterrupt
        return super().fit(X, y)


def test_a_fit_that_fails_leaves_it_as_it_was():
    classifier = RejectClassifier(FailsTheSecondTime(), coverage=0.8)
    with pytest.raises(KeyboardInterrupt):
        classifier.fit(X, Y)
    with pytest.raises(NotFittedError):
        check_is_fitted(classifier)
    before = dict(vars(classifier.fit(X[:200], WORDS[:200])))
    with pytest.raises(KeyboardInterrupt):
        classifier.fit(X, Y)
    assert vars(classifier) == before


# -- with the classifier of texts


@pytest.fixture(scope="module")
def sure(fitted):
    """A RejectClassifier around a fitted classifier that no test may change."""
    return RejectClassifier(fitted, coverage=0.6, cv="prefit").fit(*make_texts(20, seed=1))


def test_a_saved_one_answers_as_before(sure, tmp_path):
    dump(sure, tmp_path / "sure.skops")
    again = load(tmp_path / "sure.skops")
    texts, _ = make_texts(20, seed=2)
    np.testing.assert_array_equal(again.predict(texts), sure.predict(texts), strict=True)
    assert "not sure" in again.predict(texts)
    assert vars(again).keys() == vars(sure).keys()


@pytest.mark.parametrize(
    "change",
    [
        {"threshold_": "0.5"},
        {"classes_": ["food"]},
        {"predict": "nothing"},
        {"estimator_": {}},
        {"estimator_": None},
        {"estimator_": LogisticRegression},
        {"estimator_": LinearSVC()},
    ],
)
def test_a_state_that_is_none_is_refused(sure, change):
    with pytest.raises(ValueError, match="The saved RejectClassifier"):
        clone(sure).__setstate__(sure.__getstate__() | change)


def test_a_state_without_its_estimator_is_refused(sure):
    state = sure.__getstate__()
    del state["estimator_"]
    with pytest.raises(ValueError, match="The saved RejectClassifier's estimator_ must be of type object, got nothing"):
        clone(sure).__setstate__(state)


# -- texts that belong to no class: the recipe of the documentation


def likeness(classifier, texts):
    return make_pipeline(FrozenEstimator(classifier.encoder_), OneClassSVM()).fit(texts)


def test_likeness_is_a_pipeline_on_the_tuned_encoder(fitted):
    texts, _ = make_texts(8)
    model = likeness(fitted, texts)
    assert model[0].estimator is fitted.encoder_
    assert model.score_samples(["zzz 999", "zzz 999", texts[0]]).shape == (3,)
    assert model.score_samples(make_texts(8, seed=1)[0]).mean() > model.score_samples(["?!", "qqq", "7 7 7"]).max()


def test_likeness_is_saved_once_it_is_trusted(fitted, tmp_path):
    texts, _ = make_texts(8)
    model, file = likeness(fitted, texts), tmp_path / "likeness.skops"
    with pytest.warns(UserWarning, match=r"trusted=\['sklearn\.svm\._classes\.OneClassSVM'\]"):
        dump(model, file)
    again = load(file, trusted=["sklearn.svm._classes.OneClassSVM"])
    np.testing.assert_array_equal(again.score_samples(texts), model.score_samples(texts))


@pytest.mark.slow
@pytest.mark.real_weights
def test_texts_that_are_no_tickets_are_less_like_tickets():
    tickets, labels = load_tickets(return_X_y=True)
    train, test, y_train, _ = train_test_split(tickets, labels, train_size=80, stratify=labels, random_state=0)
    classifier = SetFitClassifier(random_state=0).fit(train, y_train)
    strange = [
        "the mitochondria are the powerhouse of the cell",
        "zwei Eier, ein halber Liter Milch und etwas Mehl",
        "qwertz asdf yxcv 12345",
        "the first movement is a sonata in d minor",
    ]
    model = likeness(classifier, train)
    assert model.score_samples(strange).max() < np.quantile(model.score_samples(test), 0.1)


def test_large_numbers_without_a_sign_come_back_as_they_are():
    labels = np.array([2**60, 2**60 + 1], dtype=np.uint64)
    classifier = RejectClassifier(LOGISTIC, coverage=0.5, cv=2).fit(X, labels[Y % 2])
    assert set(classifier.predict(X).tolist()) == {-1, *labels.tolist()}


def test_probabilities_that_are_not_finite_raise():
    with pytest.raises(ValueError, match="predict_proba gives values that are not finite"):
        RejectClassifier(Oracle().fit(None, [0, 1]), coverage=0.5, cv="prefit").fit([[0.2, np.nan]] * 2, [0, 1])


def test_copies_keep_requests_and_files_do_not(tmp_path):
    with config_context(enable_metadata_routing=True):
        classifier = RejectClassifier(LOGISTIC, coverage=0.5, cv=2).set_score_request(sample_weight=True).fit(X, Y)
    assert pickle.loads(pickle.dumps(classifier))._metadata_request.score.requests == {"sample_weight": True}
    dump(classifier, tmp_path / "model.skops")
    assert not hasattr(load(tmp_path / "model.skops"), "_metadata_request")


@pytest.mark.parametrize(
    "change", [{"reject_label_": np.zeros((5, 1))}, {"classes_": np.zeros((2, 2))}, {"threshold_": float("nan")}]
)
def test_a_state_of_other_shapes_is_refused(change):
    classifier = RejectClassifier(LOGISTIC, coverage=0.5, cv=2).fit(X, Y)
    with pytest.raises(ValueError, match="The saved RejectClassifier must have"):
        clone(classifier).__setstate__(classifier.__getstate__() | change)
