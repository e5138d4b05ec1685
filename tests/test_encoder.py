import pickle
import re

import numpy as np
import pandas as pd
import pytest
import torch
from sklearn.base import clone

from conftest import make_texts
from sksetfit import SetFitEncoder
from sksetfit.training.losses import label_overlap, supervised_contrastive


def nearest_neighbour_accuracy(encoder):
    """Share of new texts whose nearest training text is of their class."""
    X, y = make_texts(8)
    X_new, y_new = make_texts(30, seed=1)
    nearest = (encoder.transform(X_new) @ encoder.transform(X).T).argmax(axis=1)
    return np.mean(np.array(y)[nearest] == y_new)


@pytest.mark.parametrize("loss", ["supcon", "cosine"])
def test_tuning_makes_neighbours_of_texts_of_a_class(tiny_encoder, tiny_model, loss):
    X, y = make_texts(8)
    frozen = SetFitEncoder(tiny_model, max_steps=0).fit(X, y)
    accuracies = [  # the mean, because a single seed moves it by three points
        nearest_neighbour_accuracy(tiny_encoder.set_params(loss=loss, random_state=seed).fit(X, y)) for seed in range(4)
    ]
    assert np.mean(accuracies) > nearest_neighbour_accuracy(frozen) + 0.1


def test_a_saved_encoder_with_a_body_that_is_no_description_is_refused(fitted):
    state = fitted.encoder_.__getstate__()
    state = {name: value for name, value in state.items() if name != "body" and not name.endswith("_")}
    with pytest.raises(ValueError, match="has a body that is no description of one"):
        object.__new__(SetFitEncoder).__setstate__(state | {"_tuned": {}})


def test_precision_and_device_count_when_they_are_set(fitted):
    X, encoder = make_texts(4)[0], pickle.loads(pickle.dumps(fitted.encoder_))
    before = encoder.transform(X)
    assert 0 < np.abs(encoder.set_params(precision="bfloat16").transform(X) - before).max() < 0.1
    with pytest.raises(ValueError, match="device='abacus' cannot be used on this machine"):
        encoder.set_params(device="abacus").transform(X)
    np.testing.assert_array_equal(encoder.set_params(precision="auto", device="cpu:0").transform(X), before)


def test_transform_gives_float32_rows(tiny_encoder):
    X, y = make_texts(4)
    embeddings = tiny_encoder.fit_transform(X, y)
    assert embeddings.shape == (len(X), 32)
    assert embeddings.dtype == np.float32
    np.testing.assert_array_equal(embeddings, tiny_encoder.transform(X))


def test_features_are_named_after_the_class(tiny_encoder):
    X, y = make_texts(4)
    names = tiny_encoder.fit(X, y).get_feature_names_out()
    assert names.shape == (32,)
    assert names[0] == "setfitencoder0"


@pytest.mark.parametrize("container", ["pandas", "polars"])
def test_set_output_gives_a_frame_with_the_index_of_a_frame(tiny_encoder, container):
    X, y = make_texts(4)
    frame = pd.DataFrame({"text": X}, index=[f"row {i}" for i in range(len(X))])
    output = tiny_encoder.set_output(transform=container).fit(frame, y).transform(frame)
    assert list(output.columns) == list(tiny_encoder.get_feature_names_out())
    if container == "pandas":
        assert list(output.index) == list(frame.index)


@pytest.mark.parametrize("max_steps", [0, 1, 7])
def test_max_steps_is_the_number_of_steps(tiny_encoder, max_steps):
    encoder = tiny_encoder.set_params(max_steps=max_steps).fit(*make_texts(4))
    assert encoder.n_steps_ == max_steps
    assert encoder.loss_curve_.shape == (max_steps,)


def test_the_planned_number_of_steps_is_bounded_and_grows_with_the_texts(tiny_model):
    encoder = SetFitEncoder(tiny_model, max_steps="auto", random_state=0)
    few, many = (encoder.fit(*make_texts(n)).n_steps_ for n in (2, 100))
    assert 1 <= few < many <= 500


def test_words_as_labels_are_learnt_from(tiny_encoder):
    encoder = tiny_encoder.set_params(label_texts={"food": ["bread", "cheese"], "music": "violin"}).fit(*make_texts(4))
    assert encoder.label_texts_ == {"food": ["bread", "cheese"], "music": ["violin"]}


@pytest.mark.parametrize("labels", [[0, 1, 2], ["1", "2", "3"], ["a", "b", "c"], [True, False, True]])
def test_labels_that_are_no_words_are_left_alone(tiny_encoder, labels):
    X, y = make_texts(4)
    renamed = dict(zip(["food", "music", "sport"], labels, strict=True))
    assert tiny_encoder.fit(X, [renamed[label] for label in y]).label_texts_ == {}


def test_label_texts_can_be_switched_off(tiny_encoder):
    assert tiny_encoder.set_params(label_texts=None).fit(*make_texts(4)).label_texts_ == {}


def test_label_texts_change_the_tuning(tiny_encoder):
    X, y = make_texts(4)
    without = tiny_encoder.set_params(label_texts=None).fit_transform(X, y)
    texts = {"food": "bread rice soup", "music": "violin song", "sport": "tennis goal"}
    assert np.abs(tiny_encoder.set_params(label_texts=texts).fit_transform(X, y) - without).max() > 1e-3


def test_several_labels_per_text_are_learnt(tiny_encoder):
    topics = ["food", "music"]
    X, _ = make_texts(8, topics=topics)
    both, _ = make_texts(8, seed=5, topics=topics)
    X = X + [f"{a} {b}" for a, b in zip(X, both, strict=True)]
    indicator = np.zeros((len(X), 2), dtype=int)
    for i, text in enumerate(X):
        indicator[i] = ["bread" in text or "rice" in text, "song" in text or "opera" in text]
    overlap = label_overlap(torch.from_numpy(indicator.astype(bool)))
    frozen = clone(tiny_encoder).set_params(max_steps=0).fit_transform(X, indicator)
    tuned = tiny_encoder.fit_transform(X, indicator)
    before, after = (supervised_contrastive(torch.from_numpy(of), overlap) for of in (frozen, tuned))
    assert after < before - 0.1


def test_verbose_tells_the_plan_and_counts_texts_that_are_cut(tiny_encoder, capsys):
    X, y = make_texts(4)
    X[0] = "bread " * 100
    tiny_encoder.set_params(verbose=1, label_texts=None, long_texts="truncate").fit(X, y)
    printed = capsys.readouterr()
    assert "12 distinct texts in 3 classes, label texts included, 1 of them cut at 64 tokens" in printed.out
    assert "(max_seq_length): 10 tuning steps" in printed.out
    assert re.search(r"in (bfloat16|float32) on \w+, about \d+ s without loading and head\n", printed.out)
    assert "10/10" in printed.err


def test_a_shorter_reading_gives_other_embeddings(tiny_encoder):
    X, y = make_texts(4)
    long = ["bread soup rice lemon pasta violin drum song"]
    whole = tiny_encoder.fit(X, y).transform(long)
    assert np.abs(tiny_encoder.set_params(max_seq_length=4).fit(X, y).transform(long) - whole).max() > 1e-3


def test_predicting_in_bfloat16_is_asked_for_by_precision(tiny_encoder):
    X, y = make_texts(4)
    exact = tiny_encoder.set_params(precision="float32").fit(X, y).transform(X)
    rough = tiny_encoder.set_params(precision="bfloat16").transform(X)
    assert 0 < np.abs(exact - rough).max() < 0.1
