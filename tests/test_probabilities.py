"""What docs/probabilities.md promises of calibrated classifiers."""

from pathlib import Path

import numpy as np
import pytest
import sklearn
from packaging.version import Version
from sklearn.calibration import CalibratedClassifierCV
from sklearn.frozen import FrozenEstimator
from sklearn.metrics import log_loss
from sklearn.model_selection import train_test_split

from conftest import TOPICS, make_texts
from sksetfit import SetFitClassifier, load_tickets

pytestmark = pytest.mark.skipif(
    Version(sklearn.__version__) < Version("1.8"), reason="scikit-learn below 1.8 has no temperature scaling"
)
BENCHMARKS = Path(__file__).parents[1] / "examples" / "benchmarks"


@pytest.fixture
def expected_calibration_error(monkeypatch):
    monkeypatch.syspath_prepend(str(BENCHMARKS))
    from calibration import expected_calibration_error

    return expected_calibration_error


def rows_of_sum_one(probabilities):
    return probabilities / probabilities.sum(axis=1, keepdims=True)


def test_temperature_of_frozen_classifier_keeps_predictions(fitted):
    steps = fitted.loss_curve_.copy()
    texts, labels = make_texts(4, seed=2)
    labels[:3] = labels[1:4]  # some wrong, so that a temperature can be told
    calibrated = CalibratedClassifierCV(FrozenEstimator(fitted), method="temperature", cv=2).fit(texts, labels)
    X_test = make_texts(20, seed=1)[0]
    assert (calibrated.predict(X_test) == fitted.predict(X_test)).all()
    assert not np.allclose(calibrated.predict_proba(X_test), fitted.predict_proba(X_test))
    assert calibrated.calibrated_classifiers_[0].estimator.estimator is fitted
    np.testing.assert_array_equal(fitted.loss_curve_, steps)


def test_temperature_of_correct_texts_gives_0_and_1(fitted):
    texts, labels = make_texts(8)  # which it has learned
    assert fitted.score(texts, labels) == 1
    calibrated = CalibratedClassifierCV(FrozenEstimator(fitted), method="temperature", cv=2).fit(texts, labels)
    assert calibrated.calibrated_classifiers_[0].calibrators[0].beta_ > 10
    assert np.median(calibrated.predict_proba(make_texts(20, seed=1)[0]).max(axis=1)) > 0.999


@pytest.mark.parametrize(("ensemble", "n_bodies"), [(True, 2), (False, 1)])
def test_an_ensemble_keeps_a_body_per_fold_and_else_one_is_kept(tiny_classifier, ensemble, n_bodies):
    calibrated = CalibratedClassifierCV(tiny_classifier, method="temperature", ensemble=ensemble, cv=2)
    calibrated.fit(*make_texts(4))
    bodies = {id(of_fold.estimator.encoder_) for of_fold in calibrated.calibrated_classifiers_}
    assert len(bodies) == n_bodies


def test_temperature_encodes_labels_as_numbers(tiny_classifier):
    texts, labels = make_texts(4)
    calibrated = CalibratedClassifierCV(tiny_classifier, method="temperature", cv=2).fit(texts, labels)
    nameless = calibrated.calibrated_classifiers_[0].estimator
    assert (nameless.classes_.tolist(), nameless.encoder_.label_texts_) == ([0, 1, 2], {})

    names = dict(enumerate(sorted(TOPICS)))
    numbers = np.unique(labels, return_inverse=True)[1]
    calibrated.set_params(estimator__label_texts=names).fit(texts, numbers)
    assert calibrated.calibrated_classifiers_[0].estimator.encoder_.label_texts_.keys() == names.keys()


@pytest.mark.slow
@pytest.mark.real_weights
def test_a_temperature_of_kept_tickets_makes_the_probabilities_fit_better(expected_calibration_error):
    X, y = load_tickets(return_X_y=True)
    X_train, X_rest, y_train, y_rest = train_test_split(X, y, train_size=80, stratify=y, random_state=0)
    X_kept, X_test, y_kept, y_test = train_test_split(
        X_rest, y_rest, train_size=80, test_size=200, stratify=y_rest, random_state=0
    )
    clf = SetFitClassifier(max_steps=6, random_state=0).fit(X_train, y_train)
    calibrated = CalibratedClassifierCV(FrozenEstimator(clf), method="temperature", cv=2).fit(X_kept, y_kept)
    losses, errors = [], []
    for classifier in (clf, calibrated):
        probabilities = rows_of_sum_one(classifier.predict_proba(X_test))
        right = classifier.classes_[probabilities.argmax(axis=1)] == y_test
        losses.append(log_loss(y_test, probabilities, labels=classifier.classes_))
        errors.append(expected_calibration_error(probabilities.max(axis=1), right))
    assert losses[1] < losses[0]
    assert errors[1] < errors[0] / 1.5


def test_the_expected_calibration_error_is_the_mean_gap_of_fifteen_bins(expected_calibration_error):
    sure = np.repeat([0.99, 0.75, 0.5], [10, 4, 2])
    right = np.array([1] * 10 + [1, 1, 1, 0] + [1, 1], dtype=bool)
    assert expected_calibration_error(sure, right) == pytest.approx((10 * 0.01 + 4 * 0 + 2 * 0.5) / 16)
    in_one_bin = np.array([2 / 15, 2 / 15 - 0.01])  # an edge belongs to the bin below it
    assert expected_calibration_error(in_one_bin, np.array([True, False])) == pytest.approx(
        abs(1 - in_one_bin.sum()) / 2
    )
