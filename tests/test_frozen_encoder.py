"""SetFitEncoder(max_steps=0, label_texts=None): embeddings of the body as it comes, which need no labels."""

import pickle

import numpy as np
import pandas as pd
import pytest
from sklearn.base import clone
from sklearn.cluster import KMeans
from sklearn.compose import ColumnTransformer
from sklearn.linear_model import Ridge
from sklearn.model_selection import GridSearchCV, cross_val_score
from sklearn.pipeline import make_pipeline
from sklearn.utils import get_tags

from conftest import make_texts
from sksetfit import dump, load

X, Y = make_texts(6)
SCORES = np.linspace(0.0, 1.0, len(X)) ** 2


@pytest.fixture
def frozen(tiny_encoder):
    return tiny_encoder.set_params(max_steps=0, label_texts=None)


def test_fit_needs_no_labels(frozen):
    with_labels = clone(frozen).fit(X, Y).transform(X)
    np.testing.assert_array_equal(frozen.fit(X).transform(X), with_labels)
    np.testing.assert_array_equal(clone(frozen).fit_transform(X), with_labels)
    assert frozen.n_steps_ == 0
    assert len(frozen.loss_curve_) == 0
    assert not hasattr(frozen, "class_count_")
    assert frozen.word_counts_.shape == (3,)


def test_a_fit_without_labels_drops_what_one_with_labels_had_counted(tiny_encoder):
    tiny_encoder.set_params(max_steps=1).fit(X, Y)
    assert hasattr(tiny_encoder, "class_count_")
    tiny_encoder.set_params(max_steps=0, label_texts=None).fit(X)
    assert not hasattr(tiny_encoder, "class_count_")


def test_an_empty_dict_of_label_texts_needs_no_labels_either(frozen):
    expected = clone(frozen).fit(X).transform(X)
    np.testing.assert_array_equal(frozen.set_params(label_texts={}).fit(X).transform(X), expected)
    assert not get_tags(frozen).target_tags.required


@pytest.mark.parametrize("y", [SCORES, SCORES.reshape(-1, 1), np.full(len(X), np.nan), ["one"] * len(X)])
def test_fit_does_not_read_y(frozen, y):
    expected = clone(frozen).fit(X).transform(X)
    np.testing.assert_array_equal(frozen.fit(X, y, sample_weight=None).transform(X), expected)


def test_regression_on_embeddings(frozen):
    pipe = make_pipeline(frozen, Ridge())
    assert pipe.fit(X, SCORES).predict(X).shape == (len(X),)
    assert np.isfinite(cross_val_score(pipe, X, SCORES, cv=2)).all()
    search = GridSearchCV(pipe, {"ridge__alpha": [0.1, 1.0]}, cv=2, error_score="raise").fit(X, SCORES)
    assert search.best_params_["ridge__alpha"] in {0.1, 1.0}


def test_clustering_of_embeddings(frozen):
    labels = make_pipeline(frozen, KMeans(2, random_state=0)).fit_predict(X)
    assert set(labels) == {0, 1}


def test_columns_of_a_frame_are_embedded_without_labels(frozen):
    frame = pd.DataFrame({"text": X, "length": [len(text) for text in X]})
    columns = ColumnTransformer([("text", frozen, "text")], remainder="passthrough")
    expected = clone(frozen).fit(X).transform(X)
    np.testing.assert_allclose(columns.fit_transform(frame)[:, :-1], expected, rtol=1e-6)


def test_a_file_a_pickle_and_a_memory_keep_a_frozen_encoder(frozen, tmp_path):
    expected = frozen.fit(X).transform(X)
    dump(frozen, tmp_path / "frozen.skops")
    np.testing.assert_array_equal(load(tmp_path / "frozen.skops").transform(X), expected)
    np.testing.assert_array_equal(pickle.loads(pickle.dumps(frozen)).transform(X), expected)
    cached = clone(frozen).set_params(memory=str(tmp_path / "memory"))
    for _ in range(2):
        np.testing.assert_array_equal(clone(cached).fit(X).transform(X), expected)


def test_verbose_says_that_nothing_is_tuned(frozen, capsys):
    frozen.set_params(verbose=1).fit(X)
    assert "0 tuning steps" in capsys.readouterr().out


@pytest.mark.parametrize("parameters", [{"max_steps": 1}, {"max_steps": "auto"}, {"label_texts": "auto"}])
def test_other_encoders_need_labels(frozen, parameters):
    assert not get_tags(frozen).target_tags.required
    frozen.set_params(**parameters)
    assert get_tags(frozen).target_tags.required
    with pytest.raises(ValueError, match=r"requires y to be passed.*max_steps=0 and label_texts=None"):
        frozen.fit(X)


def test_a_wrong_text_is_an_error_without_labels(frozen):
    with pytest.raises(ValueError, match="row 1"):
        frozen.fit(["a text", None])
