"""A tuning from beginning to end: fresh or going on, and which model it is of."""

import pickle
import shutil
from pathlib import Path

import numpy as np
import pytest
import torch

from conftest import make_texts
from sksetfit import SetFitClassifier, dump, load, make_templated_texts
from sksetfit.body.loading.source import model_fingerprint
from sksetfit.encoder import fitted_encoder
from sksetfit.inputs.training_data import check_training_data
from sksetfit.training.callbacks import TrainingCallback
from sksetfit.training.plan import TrainingConfig
from sksetfit.training.run import train_body

X, Y = make_texts(8)
MORE_X, MORE_Y = make_texts(4, seed=1)


@pytest.fixture(params=["tiny_classifier", "tiny_encoder"])
def estimator(request):
    return request.getfixturevalue(request.param)


def embeddings(estimator, texts):
    return getattr(estimator, "encoder_", estimator).transform(texts)


# -- warm start


def test_a_warm_start_goes_on_with_the_body_there_is(estimator):
    before = embeddings(estimator.fit(X, Y), X)
    estimator.set_params(warm_start=True, max_steps=0).fit(X + MORE_X, Y + MORE_Y)
    np.testing.assert_array_equal(embeddings(estimator, X), before)
    estimator.set_params(max_steps=3).fit(X + MORE_X, Y + MORE_Y)
    assert np.abs(embeddings(estimator, X) - before).max() > 1e-3
    assert estimator.n_steps_ == 3


def test_the_first_fit_with_a_warm_start_is_a_fresh_one(estimator):
    plain = embeddings(estimator.fit(X, Y), X)
    fresh = type(estimator)(**estimator.get_params() | {"warm_start": True})
    np.testing.assert_array_equal(embeddings(fresh.fit(X, Y), X), plain)


def test_a_warm_start_after_a_fit_on_names_alone_is_a_fresh_one(tiny_model):
    X, y = make_texts(3)
    parameters = {"random_state": 0, "label_texts": None}
    clf = SetFitClassifier(tiny_model, warm_start=True, **parameters).fit(*make_templated_texts(["food", "music"]))
    assert clf.n_steps_ == 0
    clf.fit(X, y)
    fresh = SetFitClassifier(tiny_model, **parameters).fit(X, y)
    assert clf.n_steps_ == fresh.n_steps_ > 0
    np.testing.assert_array_equal(clf.predict_proba(X), fresh.predict_proba(X))


def test_without_a_warm_start_a_second_fit_is_as_the_first(estimator):
    first = embeddings(estimator.fit(X, Y), X)
    np.testing.assert_array_equal(embeddings(estimator.fit(X, Y), X), first)


def test_new_classes_and_fewer_classes_may_come(tiny_classifier):
    some = [i for i, label in enumerate(Y) if label != "sport"]
    tiny_classifier.set_params(warm_start=True).fit([X[i] for i in some], [Y[i] for i in some])
    assert tiny_classifier.classes_.tolist() == ["food", "music"]
    assert tiny_classifier.fit(X, Y).classes_.tolist() == ["food", "music", "sport"]
    assert tiny_classifier.predict_proba(X).shape == (24, 3)
    labels = np.column_stack([np.array(Y) == "food", np.array(Y) != "music", np.arange(24) % 2])
    assert tiny_classifier.fit(X, labels).predict(X).shape == (24, 3)


@pytest.mark.parametrize("at", ["step", "head"])
def test_a_warm_start_that_fails_leaves_the_estimator_as_it_was(tiny_classifier, monkeypatch, at):
    before = tiny_classifier.fit(X, Y).predict_proba(X)
    tiny_classifier.set_params(warm_start=True)

    def interrupted(*_, **__):
        raise KeyboardInterrupt

    place = {"step": "torch.optim.AdamW.step", "head": "sklearn.linear_model.LogisticRegression.fit"}[at]
    monkeypatch.setattr(place, interrupted)
    with pytest.raises(KeyboardInterrupt):
        tiny_classifier.fit(X + MORE_X, Y + MORE_Y)
    np.testing.assert_array_equal(tiny_classifier.predict_proba(X), before)


def test_a_warm_start_goes_on_from_a_file(tiny_classifier, tmp_path):
    dump(tiny_classifier.set_params(warm_start=True).fit(X, Y), tmp_path / "monday.skops")
    here = tiny_classifier.fit(X + MORE_X, Y + MORE_Y).predict_proba(X)
    there = load(tmp_path / "monday.skops").fit(X + MORE_X, Y + MORE_Y).predict_proba(X)
    np.testing.assert_allclose(there, here, atol=1e-5)


@pytest.mark.parametrize("change", [{"model": "another"}, {"prompt": "query: "}, {"max_seq_length": 16}])
def test_warm_start_with_another_model_raises(estimator, change):
    estimator.fit(X, Y).set_params(warm_start=True, **change)
    with pytest.raises(ValueError, match=f"warm_start=True goes on with a body of {next(iter(change))}="):
        estimator.fit(X, Y)


def test_the_same_model_as_a_path_is_no_other(estimator):
    estimator.set_params(warm_start=True).fit(X, Y).set_params(model=Path(estimator.model)).fit(X, Y)


def test_a_warm_start_makes_a_third_of_the_steps(estimator):
    assert estimator.set_params(max_steps="auto", warm_start=True).fit(X, Y).n_steps_ == 12
    assert estimator.fit(X, Y).n_steps_ == 4


def test_a_warm_start_under_inference_mode_can_still_be_tuned(tiny_classifier):
    expected = tiny_classifier.fit(X, Y).set_params(warm_start=True).fit(X, Y).predict_proba(X)
    with torch.inference_mode():
        again = SetFitClassifier(**tiny_classifier.get_params()).fit(X, Y).fit(X, Y)
    np.testing.assert_array_equal(again.predict_proba(X), expected)


def test_a_warm_start_does_not_touch_a_copy(tiny_classifier):
    tiny_classifier.fit(X, Y)
    other = SetFitClassifier(**tiny_classifier.get_params() | {"warm_start": True})
    other.__dict__.update({name: value for name, value in vars(tiny_classifier).items() if name.endswith("_")})
    before = tiny_classifier.predict_proba(X)
    other.fit(X + MORE_X, Y + MORE_Y)
    np.testing.assert_array_equal(tiny_classifier.predict_proba(X), before)


# -- what tells a model from others


def test_folder_fingerprint_depends_on_file_contents(tiny_model, tmp_path):
    copied = shutil.copytree(tiny_model, tmp_path / "copy")
    assert model_fingerprint(copied) == model_fingerprint(tiny_model)
    (copied / "modules.json").write_text((copied / "modules.json").read_text() + " ")
    assert model_fingerprint(copied) != model_fingerprint(tiny_model)


def test_a_model_that_is_not_there_has_no_identity():
    with pytest.raises(ValueError, match="was not found"):
        model_fingerprint("no/such-model")


def test_encoders_that_were_pickled_at_two_steps_keep_their_own_embeddings(tiny_encoder):
    params, states = tiny_encoder.get_params(), []
    texts, labels = make_texts(4)

    class Checkpoints(TrainingCallback):
        def on_step_end(self, state):
            encoder = fitted_encoder(params, state.result())
            states.append((pickle.dumps(encoder), encoder.transform(texts)))

    train_body(TrainingConfig.from_params(params), check_training_data(texts, labels), callbacks=[Checkpoints()])
    (first, at_first), *_, (last, at_last) = states
    assert np.abs(at_first - at_last).max() > 0.01
    np.testing.assert_array_equal(pickle.loads(first).transform(texts), at_first)
    np.testing.assert_array_equal(pickle.loads(last).transform(texts), at_last)
