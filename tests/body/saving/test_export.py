import importlib.util
import logging
import pickle
import shutil
import warnings

import numpy as np
import pytest
from sentence_transformers import SentenceTransformer
from transformers import CONFIG_MAPPING

from conftest import make_texts, write_tiny_transformer
from sksetfit import SetFitClassifier
from sksetfit.body.loading.load import load_body
from sksetfit.body.saving.architectures import TRANSFORMERS
from sksetfit.body.saving.export import _silence, has_openvino, write_body

TEXTS = ["bread and cheese", "", "tennis goal " * 100, "Piano, JAZZ!", "bread and cheese"]
ADVICE = logging.getLogger("sentence_transformers.backend.utils")
with_openvino = pytest.mark.skipif(not has_openvino(), reason="the extra openvino is not installed")
# torch's tracer and the exporter's own use of transformers warn of what they do themselves
exporting = pytest.mark.filterwarnings("ignore::DeprecationWarning", "ignore::FutureWarning")


@pytest.mark.parametrize("prompt", ["", "query: "])
def test_exported_folder_gives_same_embeddings(tiny_model, tmp_path, prompt):
    body = load_body(tiny_model, max_seq_length=16, prompt=prompt, device="cpu")
    write_body(body, tmp_path / "new")
    theirs = SentenceTransformer(str(tmp_path / "new"), device="cpu")
    np.testing.assert_allclose(theirs.encode(TEXTS), body.encode(TEXTS), atol=1e-6)
    assert theirs.max_seq_length == 16


def test_what_was_written_is_read_again(tiny_model, tmp_path):
    body = load_body(tiny_model, prompt="query: ", device="cpu")
    write_body(body, tmp_path)
    again = load_body(tmp_path, device="cpu")
    np.testing.assert_array_equal(again.encode(TEXTS), body.encode(TEXTS))
    assert (again.prompt, again.max_seq_length, again.pad_token_id) == ("query: ", body.max_seq_length, 0)


@pytest.mark.parametrize("kind", sorted(TRANSFORMERS & set(CONFIG_MAPPING)))
def test_every_kind_of_transformer_is_written(tiny_model, tmp_path, kind):
    shutil.copytree(tiny_model, tmp_path / "old")
    write_tiny_transformer(kind, tmp_path / "old")
    body = load_body(tmp_path / "old", max_seq_length=60, device="cpu")
    write_body(body, tmp_path / "new")
    theirs = SentenceTransformer(str(tmp_path / "new"), device="cpu")
    np.testing.assert_allclose(theirs.encode(TEXTS), body.encode(TEXTS), atol=1e-5)


def test_writing_leaves_the_body_as_it_was(tiny_model, tmp_path):
    body = load_body(tiny_model, device="cpu")
    before = body.encode(TEXTS), body.tokenizer.to_str()
    write_body(body, tmp_path)
    np.testing.assert_array_equal(body.encode(TEXTS), before[0])
    assert body.tokenizer.to_str() == before[1]


def test_a_backend_that_is_not_installed_is_refused_before_training(tiny_model, monkeypatch):
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: None)
    with pytest.raises(ValueError, match=r"backend='openvino' needs .* pip install '\.\[openvino\]' in a clone"):
        SetFitClassifier(tiny_model, backend="openvino").fit(*make_texts(2))


def test_openvino_missing_falls_back_to_torch(fitted, monkeypatch):
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: None)
    clf = pickle.loads(pickle.dumps(fitted))
    clf.set_params(backend="openvino")
    with pytest.raises(ValueError, match=r"of a fitted estimator: set_params\(backend='torch'\)"):
        clf.predict(TEXTS)
    clf.set_params(backend="torch")
    assert clf.predict(TEXTS).tolist() == fitted.predict(TEXTS).tolist()


def test_silence_ends():
    with _silence():
        warnings.warn("about exporting", stacklevel=1)
        assert ADVICE.disabled
    assert not ADVICE.disabled


@with_openvino
@exporting
def test_openvino_gives_the_same_answers(tiny_model, capfd):
    X, y = make_texts(4)
    clf = SetFitClassifier(tiny_model, backend="openvino", random_state=0, device="cpu").fit(X, y)
    ours = SetFitClassifier(tiny_model, random_state=0, device="cpu").fit(X, y)
    np.testing.assert_allclose(clf.predict_proba(TEXTS), ours.predict_proba(TEXTS), atol=1e-5)
    assert clf.predict(X).tolist() == ours.predict(X).tolist()
    assert capfd.readouterr() == ("", "")


@with_openvino
@exporting
def test_a_loaded_model_changes_its_backend(tiny_model):
    X, y = make_texts(4)
    clf = SetFitClassifier(tiny_model, random_state=0, device="cpu").fit(X, y)
    expected = clf.predict_proba(TEXTS)
    clf.set_params(backend="openvino")
    np.testing.assert_allclose(clf.predict_proba(TEXTS), expected, atol=1e-5)
    again = pickle.loads(pickle.dumps(clf))
    np.testing.assert_allclose(again.predict_proba(TEXTS), expected, atol=1e-5)
    again.set_params(precision="bfloat16")
    assert np.abs(again.predict_proba(TEXTS) - expected).max() < 0.1


@with_openvino
@exporting
def test_a_second_fit_is_exported_anew(tiny_model):
    X, y = make_texts(4)
    clf = SetFitClassifier(tiny_model, backend="openvino", random_state=0, device="cpu").fit(X, y)
    encoder = clf.encoder_
    first = encoder.transform(TEXTS)
    assert np.abs(encoder.fit(X, y[::-1]).transform(TEXTS) - first).max() > 1e-3
