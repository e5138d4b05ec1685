"""The picture of embeddings."""

import sys

import matplotlib
import numpy as np
import pandas as pd
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


EQUAL = {
    "nothing but 0": np.zeros((8, 384)),
    "nothing but 1": np.ones((12, 5)),
    "all but equal": np.full((8, 5), 0.5, dtype=np.float32) + np.linspace(0, 1e-9, 8)[:, np.newaxis],
    "two equal ones": np.ones((2, 3)),
    "one column": np.arange(8.0)[:, np.newaxis],
}


@pytest.mark.parametrize("embeddings", EQUAL.values(), ids=EQUAL)
def test_embeddings_without_a_spread_have_places_as_well(embeddings):
    display = EmbeddingsDisplay.from_embeddings(embeddings)
    assert display.points.shape == (len(embeddings), 2)
    assert np.isfinite(display.points).all()


def test_equal_texts_are_drawn(fitted):
    assert np.isfinite(EmbeddingsDisplay.from_estimator(fitted, ["a song"] * 4, list("abab")).points).all()


@pytest.mark.parametrize(
    "y",
    [list("ab") * 6, tuple("ab") * 6, pd.Series(list("ab") * 6, index=range(5, 17)), [True, False] * 6, [0.5, 2] * 6],
    ids=["list", "tuple", "series", "bool", "float"],
)
def test_labels_of_any_container_and_kind_have_their_points(y):
    points = np.random.RandomState(0).normal(size=(12, 2))
    display = EmbeddingsDisplay(points=points, y=y).plot()
    drawn = {scatter.get_label(): np.asarray(scatter.get_offsets()) for scatter in display.scatters_}
    assert drawn.keys() == set(map(str, y))
    np.testing.assert_allclose(drawn[str(list(y)[1])], points[1::2])


@pytest.mark.parametrize(
    ("y", "message"),
    [
        (["a", "b", None, "b"], "y has a missing label at row 2: got None"),
        (["a", "b", "a", float("nan")], "y has a missing label at row 3: got nan"),
        (np.array([0, np.nan, 1, 1]), "y has a missing label at row 1: got nan"),
        (["a", "b", 1, "b"], "y mixes labels of several kinds: 'a' at row 0, 1 at row 2"),
        (["a", "b"], r"inconsistent numbers of samples \[4, 2\]"),
    ],
)
def test_labels_that_have_no_colour_are_refused_before_anything_is_drawn(y, message):
    points = np.random.RandomState(0).normal(size=(4, 2))
    with pytest.raises(ValueError, match=message):
        EmbeddingsDisplay(points=points, y=y).plot()
    with pytest.raises(ValueError, match=message):
        EmbeddingsDisplay.from_embeddings(points, y)
    assert not pyplot.get_fignums()


def test_a_label_that_begins_with_an_underscore_stands_in_the_legend():
    display = EmbeddingsDisplay(points=np.zeros((3, 2)), y=["_none", "_other", "song"]).plot()
    assert [text.get_text() for text in display.ax_.get_legend().get_texts()] == ["_none", "_other", "song"]


def test_the_look_of_the_points_is_the_callers_where_it_is_given(fitted):
    look = {"s": 40, "color": "black", "linewidths": 2}
    for display in (
        EmbeddingsDisplay.from_estimator(fitted, X, Y, scatter_kw=look),
        EmbeddingsDisplay.from_embeddings(np.eye(18), Y, scatter_kw=look),
        EmbeddingsDisplay(points=np.zeros((18, 2)), y=Y).plot(scatter_kw=look),
    ):
        for scatter in display.scatters_:
            assert (scatter.get_sizes(), scatter.get_linewidths()) == ([40], [2])
            assert (scatter.get_facecolor(), scatter.get_alpha()) == (pytest.approx(np.array([[0, 0, 0, 0.8]])), 0.8)


def test_without_matplotlib_it_is_said_before_any_text_is_encoded(monkeypatch):
    monkeypatch.setitem(sys.modules, "matplotlib", None)
    with pytest.raises(ImportError, match=r"EmbeddingsDisplay.from_estimator requires matplotlib"):
        EmbeddingsDisplay.from_estimator(SetFitClassifier(), X, Y)
    with pytest.raises(ImportError, match=r"EmbeddingsDisplay.from_embeddings requires matplotlib"):
        EmbeddingsDisplay.from_embeddings(np.zeros((1, 2)))


def test_a_dollar_in_a_label_is_a_dollar(tmp_path):
    display = EmbeddingsDisplay.from_embeddings(np.random.RandomState(0).normal(size=(6, 3)), ["$\\bad$", "5 $"] * 3)
    display.figure_.savefig(tmp_path / "picture.png")
    assert [text.get_text() for text in display.ax_.get_legend().get_texts()] == ["\\$\\bad\\$", "5 \\$"]


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
