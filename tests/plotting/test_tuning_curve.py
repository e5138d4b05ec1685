"""The picture of a tuning."""

import sys

import matplotlib
import numpy as np
import pytest
from sklearn.exceptions import NotFittedError
from sklearn.pipeline import make_pipeline

from conftest import make_texts
from sksetfit import SetFitClassifier, TuningCurveDisplay

matplotlib.use("agg")
from matplotlib import pyplot


@pytest.fixture(autouse=True)
def closed():
    yield
    pyplot.close("all")


@pytest.fixture(scope="module")
def stopped(tiny_model):
    clf = SetFitClassifier(tiny_model, early_stopping=True, max_steps=10, random_state=0, scoring="f1_macro")
    return clf.fit(*make_texts(8))


def test_the_loss_and_the_scores_are_drawn(stopped):
    display = TuningCurveDisplay.from_estimator(stopped)
    np.testing.assert_array_equal(display.line_.get_ydata(), stopped.loss_curve_)
    np.testing.assert_array_equal(display.line_.get_xdata(), np.arange(1, stopped.n_steps_ + 1))
    np.testing.assert_array_equal(display.score_line_.get_xydata()[:, 0], stopped.validation_steps_)
    np.testing.assert_array_equal(display.score_line_.get_xydata()[:, 1], stopped.validation_scores_)
    assert (display.ax_.get_ylabel(), display.score_ax_.get_ylabel()) == ("loss", "f1_macro")
    assert display.figure_ is display.ax_.figure


def test_without_early_stopping_the_loss_is_drawn_alone(fitted):
    for estimator in (fitted, fitted.encoder_):
        display = TuningCurveDisplay.from_estimator(estimator)
        assert len(display.figure_.axes) == 1
        assert display.score_ax_ is display.score_line_ is None


def test_axes_of_the_users_own_are_used(stopped):
    axes = pyplot.subplots()[1]
    display = TuningCurveDisplay.from_estimator(stopped, ax=axes)
    assert display.ax_ is axes
    assert display.score_ax_ in axes.figure.axes


def test_the_look_of_the_loss_is_the_callers_where_it_is_given(stopped):
    look = {"color": "black", "linestyle": ":"}
    for display in (
        TuningCurveDisplay.from_estimator(stopped, line_kw=look),
        TuningCurveDisplay(loss_curve=np.ones(3)).plot(line_kw=look),
    ):
        assert (display.line_.get_color(), display.line_.get_linestyle()) == ("black", ":")
        assert display.line_.get_label() == "loss"


def test_without_matplotlib_it_is_said_first(monkeypatch):
    monkeypatch.setitem(sys.modules, "matplotlib", None)
    with pytest.raises(ImportError, match=r"TuningCurveDisplay.from_estimator requires matplotlib"):
        TuningCurveDisplay.from_estimator(SetFitClassifier())


@pytest.mark.parametrize(("scoring", "name"), [(None, "accuracy"), (len, "score"), ("roc_auc", "roc_auc")])
def test_the_scores_are_called_what_they_are(stopped, scoring, name):
    clf = SetFitClassifier(scoring=scoring)
    clf.__dict__.update({key: value for key, value in vars(stopped).items() if key.endswith("_")})
    assert TuningCurveDisplay.from_estimator(clf).score_name == name


def test_the_weights_that_were_kept_are_the_last_of_the_best():
    display = TuningCurveDisplay(
        loss_curve=np.ones(4), validation_steps=[0, 2, 4], validation_scores=np.array([0.5, 0.9, 0.9])
    ).plot()
    assert display.score_ax_.lines[1].get_xdata()[0] == 4


def test_no_steps_can_be_drawn_as_well():
    assert len(TuningCurveDisplay(loss_curve=np.array([])).plot().line_.get_xdata()) == 0


def test_estimator_that_is_not_fitted_raises():
    with pytest.raises(NotFittedError):
        TuningCurveDisplay.from_estimator(SetFitClassifier())


def test_another_estimator_raises(fitted):
    with pytest.raises(TypeError, match=r"must be a SetFitClassifier or .*, got Pipeline.*pipeline\[-1\]"):
        TuningCurveDisplay.from_estimator(make_pipeline(fitted))
