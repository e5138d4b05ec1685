"""RiskCoverageDisplay: the curve, its area and what is drawn of it."""

import sys

import matplotlib as mpl
import numpy as np
import pandas as pd
import pytest
from matplotlib import pyplot
from sklearn.datasets import make_classification
from sklearn.exceptions import NotFittedError
from sklearn.linear_model import LogisticRegression

from sksetfit import RejectClassifier, RiskCoverageDisplay

X, Y = make_classification(200, 8, n_informative=4, n_classes=3, class_sep=0.7, random_state=0)
WORDS = np.array(["ham", "jam", "spam"])[Y]
LOGISTIC = LogisticRegression().fit(X[:100], WORDS[:100])


@pytest.fixture(autouse=True)
def _no_window():
    with mpl.rc_context({"backend": "agg"}):
        yield
        pyplot.close("all")


def by_force(proba, labels, y):
    """Return {coverage: risk} for each threshold, by trying each."""
    confidence, wrong = proba.max(axis=1), labels[proba.argmax(axis=1)] != y
    tried = [confidence >= threshold for threshold in np.unique(confidence)[::-1]]
    return {answered.mean(): wrong[answered].mean() for answered in tried}


@pytest.mark.parametrize("decimals", [16, 1], ids=["all differ", "many ties"])
def test_the_curve_has_a_point_for_each_threshold(decimals):
    proba = LOGISTIC.predict_proba(X[100:]).round(decimals)
    display = RiskCoverageDisplay.from_predictions(WORDS[100:], proba)
    expected = by_force(proba, LOGISTIC.classes_, WORDS[100:])
    assert len(expected) == (100 if decimals == 16 else len(np.unique(proba.max(axis=1))))
    np.testing.assert_allclose(display.coverage, list(expected))
    np.testing.assert_allclose(display.risk, list(expected.values()), atol=1e-12)
    assert display.coverage[-1] == 1


def test_the_area_without_ties_is_the_mean_risk():
    display = RiskCoverageDisplay.from_estimator(LOGISTIC, X[100:], WORDS[100:])
    assert display.area == pytest.approx(display.risk.mean())


def test_the_area_is_what_lies_below_the_line():
    proba = LOGISTIC.predict_proba(X[100:]).round(1)
    display = RiskCoverageDisplay.from_predictions(WORDS[100:], proba)
    x, y = display.line_.get_data()
    assert display.line_.get_drawstyle() == "steps-pre"
    assert display.area == pytest.approx((np.diff(x) * y[1:]).sum())
    assert (x[0], x[-1]) == (0, 1)


def test_who_knows_when_it_is_wrong_has_the_smaller_area():
    labels = np.tile([0, 1], 50)
    wrong = np.arange(100) >= 80
    answers = np.where(wrong, 1 - labels, labels)
    areas = []
    for confidence in (np.linspace(0.99, 0.6, 100), np.linspace(0.6, 0.99, 100)):
        proba = np.where(
            np.arange(2) == answers[:, np.newaxis], confidence[:, np.newaxis], 1 - confidence[:, np.newaxis]
        )
        display = RiskCoverageDisplay.from_predictions(labels, proba)
        assert display.risk[-1] == pytest.approx(0.2)
        areas.append(display.area)
    assert areas[0] < 0.03 < 0.2 < areas[1]


def test_an_estimator_and_its_probabilities_give_the_same_curve():
    of_estimator = RiskCoverageDisplay.from_estimator(LOGISTIC, X[100:], WORDS[100:])
    proba = LOGISTIC.predict_proba(X[100:])
    of_predictions = RiskCoverageDisplay.from_predictions(WORDS[100:], proba, labels=["ham", "jam", "spam"])
    np.testing.assert_array_equal(of_estimator.risk, of_predictions.risk)
    assert (of_estimator.name, of_predictions.name) == ("LogisticRegression", None)


def test_labels_may_lack_in_y_true():
    proba, two = LOGISTIC.predict_proba(X[100:]), WORDS[100:] != "spam"
    display = RiskCoverageDisplay.from_estimator(LOGISTIC, X[100:][two], WORDS[100:][two])
    assert display.risk[-1] == pytest.approx((LOGISTIC.predict(X[100:]) != WORDS[100:])[two].mean())
    with pytest.raises(ValueError, match=r"column for each of the 2 labels, got 3: \['ham', 'jam'\]. Give labels"):
        RiskCoverageDisplay.from_predictions(WORDS[100:][two], proba[two])


@pytest.mark.parametrize("classes", [["ham", "jam", "spam"], [0, 1, 2]], ids=["words", "numbers"])
@pytest.mark.parametrize("order", [[2, 0, 1], [0, 2, 1]])
@pytest.mark.parametrize("given", [False, True])
def test_columns_of_a_frame_are_found_by_their_names(classes, order, given):
    y, proba = np.array(classes)[Y[100:]], LOGISTIC.predict_proba(X[100:])
    expected = RiskCoverageDisplay.from_predictions(y, proba)
    frame = pd.DataFrame(proba, columns=classes).iloc[:, order]
    display = RiskCoverageDisplay.from_predictions(y, frame, labels=classes if given else None)
    np.testing.assert_array_equal(display.risk, expected.risk)
    some = y != classes[2]
    display = RiskCoverageDisplay.from_predictions(y[some], frame[some])  # whose names tell the label that y lacks
    np.testing.assert_array_equal(
        display.risk, RiskCoverageDisplay.from_predictions(y[some], proba[some], labels=classes).risk
    )


def test_columns_of_other_names_are_those_of_the_labels_given():
    proba = LOGISTIC.predict_proba(X[100:])
    frame = pd.DataFrame(proba, columns=["p0", "p1", "p2"])
    display = RiskCoverageDisplay.from_predictions(WORDS[100:], frame, labels=LOGISTIC.classes_)
    np.testing.assert_array_equal(display.risk, RiskCoverageDisplay.from_predictions(WORDS[100:], proba).risk)


@pytest.mark.parametrize("names", [["spam", "jam", "p2"], ["jam", "spam"]])
@pytest.mark.parametrize("given", [False, True])
def test_columns_named_by_some_labels_only_are_refused(names, given):
    proba = LOGISTIC.predict_proba(X[100:])[:, : len(names)]
    frame = pd.DataFrame(proba, columns=names)
    with pytest.raises(ValueError, match=r"got the columns \['.* and the labels \['ham', 'jam', 'spam'\]") as error:
        RiskCoverageDisplay.from_predictions(WORDS[100:], frame, labels=LOGISTIC.classes_ if given else None)
    assert str(names) in str(error.value)


def test_numbered_columns_are_paired_by_position():
    proba, y = LOGISTIC.predict_proba(X[100:]), Y[100:] + 1
    display = RiskCoverageDisplay.from_predictions(y, pd.DataFrame(proba))
    np.testing.assert_array_equal(display.risk, RiskCoverageDisplay.from_predictions(y, proba).risk)


def test_a_reject_classifier_stands_on_its_own_curve():
    classifier = RejectClassifier(LOGISTIC, coverage=0.6, cv="prefit").fit(X[100:], WORDS[100:])
    display = RiskCoverageDisplay.from_estimator(classifier, X[100:], WORDS[100:])
    assert display.risk[display.coverage == classifier.coverage_] == pytest.approx(1 - classifier.precision_)
    assert display.name == "RejectClassifier"


# -- the drawing


def test_it_draws_on_new_axes_or_on_those_that_are_given():
    first = RiskCoverageDisplay.from_estimator(LOGISTIC, X[100:], WORDS[100:], name="first")
    second = RiskCoverageDisplay.from_estimator(LOGISTIC, X[:100], WORDS[:100], name="second", ax=first.ax_)
    assert second.ax_ is first.ax_
    assert second.figure_ is first.figure_ is first.ax_.figure
    assert [text.get_text() for text in first.ax_.get_legend().get_texts()] == [
        f"first (area = {first.area:.3f})",
        f"second (area = {second.area:.3f})",
    ]
    assert first.ax_.get_xlabel() == "Coverage: answered, of all"
    assert first.ax_.get_ylabel() == "Risk: wrong, of those answered"
    assert first.ax_.get_ylim()[0] == 0
    assert RiskCoverageDisplay.from_estimator(LOGISTIC, X, WORDS).ax_ is not first.ax_


@pytest.mark.parametrize("risks", [[0.6, 0.1], [0.1, 0.6]])
def test_the_axes_start_at_0_and_hold_the_higher_of_two_curves(risks):
    axes = None
    for risk in risks:
        axes = RiskCoverageDisplay(coverage=np.array([0.5, 1]), risk=np.array([0.05, risk])).plot(ax=axes).ax_
    axes.figure.canvas.draw()
    assert axes.get_ylim()[0] == 0
    assert 0.6 < axes.get_ylim()[1] < 0.7


def test_what_plot_is_given_goes_to_matplotlib():
    display = RiskCoverageDisplay.from_estimator(LOGISTIC, X[100:], WORDS[100:], color="red", linestyle="--")
    assert (display.line_.get_color(), display.line_.get_linestyle()) == ("red", "--")
    again = display.plot(drawstyle="default", label="mine")
    assert again is display
    assert (again.line_.get_drawstyle(), again.line_.get_label()) == ("default", "mine")


def test_without_name_and_area_there_is_no_legend():
    display = RiskCoverageDisplay(coverage=np.array([0.5, 1]), risk=np.array([0.0, 0.2]))
    assert display.plot().ax_.get_legend() is None
    assert display.plot(name="mail").ax_.get_legend().get_texts()[0].get_text() == "mail"


# -- errors


def test_an_unfitted_estimator_says_so():
    with pytest.raises(NotFittedError):
        RiskCoverageDisplay.from_estimator(LogisticRegression(), X, Y)


@pytest.mark.parametrize(
    ("y", "proba", "match"),
    [
        ([0, 1], [0.2, 0.8], "Expected 2D array"),
        ([0, 1, 1], [[0.2, 0.8], [0.4, 0.6]], "inconsistent numbers of samples"),
        ([0, 1], [[0.2, 0.8], [np.nan, 0.6]], "y_proba contains NaN"),
        ([[0, 1], [1, 0]], [[0.2, 0.8], [0.4, 0.6]], "should be a 1d array"),
    ],
)
def test_arrays_that_do_not_fit_are_refused(y, proba, match):
    with pytest.raises(ValueError, match=match):
        RiskCoverageDisplay.from_predictions(y, proba)


def test_without_matplotlib_the_error_says_what_to_install(monkeypatch):
    monkeypatch.setitem(sys.modules, "matplotlib", None)
    with pytest.raises(ImportError, match=r"RiskCoverageDisplay\.from_predictions requires matplotlib"):
        RiskCoverageDisplay.from_predictions([0, 1], [[0.2, 0.8], [0.4, 0.6]])
