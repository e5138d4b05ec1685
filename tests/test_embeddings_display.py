"""The picture of embeddings."""

import matplotlib
import numpy as np
import pytest
from sklearn.decomposition import PCA
from sklearn.exceptions import NotFittedError
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import make_pipeline

from conftest import make_texts
from sksetfit import EmbeddingsDisplay, SetFitClassifier, SetFitEncoder

matplotlib.use("agg")
from matplotlib import pyplot

X, Y = make_texts(6)


@pytest.fixture(autouse=True)
def closed():
    yield
    pyplot.close("all")


def test_each_class_is_drawn_with_its_name_at_the_places_of_its_texts(fitted):
    display = EmbeddingsDisplay.from_estimator(fitted, X, Y)
    assert [scatter.get_label() for scatter in display.scatters_] == ["food", "music", "sport"]
    assert [text.get_text() for text in display.ax_.get_legend().get_texts()] == ["food", "music", "sport"]
    food = display.scatters_[0].get_offsets()
    np.testing.assert_allclose(food, display.points[np.array(Y) == "food"])
    assert display.figure_ is display.ax_.figure


def test_a_reducer_of_the_callers_is_used_and_left_unfitted(fitted):
    reducer = PCA(2, svd_solver="full")
    display = EmbeddingsDisplay.from_estimator(fitted.encoder_, X, Y, reducer=reducer)
    expected = PCA(2, svd_solver="full").fit_transform(fitted.encoder_.transform(X))
    np.testing.assert_array_equal(display.points, expected)
    assert not hasattr(reducer, "components_")


def test_neighbours_stay_neighbours_and_the_map_is_the_same_each_time():
    rng = np.random.RandomState(0)
    centres = np.repeat(np.eye(5) * 10, 8, axis=0)
    embeddings = centres + rng.normal(size=centres.shape)
    display = EmbeddingsDisplay.from_embeddings(embeddings, np.repeat(np.arange(5), 8))
    gaps = np.linalg.norm(display.points[:, None] - display.points[None], axis=2)
    np.fill_diagonal(gaps, np.inf)
    np.testing.assert_array_equal(gaps.argmin(axis=1) // 8, np.arange(40) // 8)
    np.testing.assert_array_equal(EmbeddingsDisplay.from_embeddings(embeddings).points, display.points)


def test_without_classes_there_is_one_colour_and_no_legend(fitted):
    display = EmbeddingsDisplay.from_estimator(fitted, X)
    assert len(display.scatters_) == 1
    assert display.ax_.get_legend() is None


def test_more_classes_than_colours_differ_by_their_marks():
    embeddings = np.random.RandomState(0).normal(size=(60, 3))
    display = EmbeddingsDisplay.from_embeddings(embeddings, np.arange(60) % 30)
    looks = {(str(s.get_facecolor()), str(s.get_paths()[0].vertices)) for s in display.scatters_}
    assert len(looks) == 30


def test_two_texts_are_enough(fitted):
    assert EmbeddingsDisplay.from_estimator(fitted, X[:2], Y[:2]).points.shape == (2, 2)


def test_it_draws_into_the_axes_that_it_is_given(fitted):
    ax = pyplot.subplots()[1]
    assert EmbeddingsDisplay.from_estimator(fitted, X, Y, ax=ax).ax_ is ax


def test_the_front_of_a_pipeline_is_drawn_and_the_whole_is_told_how(tiny_model):
    pipeline = make_pipeline(SetFitEncoder(tiny_model, max_steps=2, random_state=0), LogisticRegression()).fit(X, Y)
    assert EmbeddingsDisplay.from_estimator(pipeline[:-1], X, Y).points.shape == (18, 2)
    with pytest.raises(TypeError, match=r"pipeline\[:-1\]"):
        EmbeddingsDisplay.from_estimator(pipeline, X, Y)


@pytest.mark.parametrize("estimator", [SetFitClassifier(), SetFitEncoder()], ids=["classifier", "encoder"])
def test_an_estimator_that_is_not_fitted_is_told_so(estimator):
    with pytest.raises(NotFittedError):
        EmbeddingsDisplay.from_estimator(estimator, X, Y)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"y": Y[:-1]}, "inconsistent numbers of samples"),
        ({"reducer": PCA(3)}, r"two columns.*got an array of shape \(18, 3\)"),
        ({"X": X[:1], "y": Y[:1]}, "minimum of 2"),
        ({"y": np.ones((18, 3))}, "1d array"),
    ],
)
def test_what_cannot_be_drawn_is_said(fitted, arguments, message):
    with pytest.raises(ValueError, match=message):
        EmbeddingsDisplay.from_estimator(fitted, **{"X": X, "y": Y, **arguments})
    assert not pyplot.get_fignums()
