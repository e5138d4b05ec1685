import gc
import importlib.util
import json
import shutil
import weakref
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest
import safetensors.torch
import torch
from huggingface_hub import HfApi
from sentence_transformers import SentenceTransformer
from sklearn.base import clone

from conftest import make_texts, write_tiny_model_of_kind
from sksetfit import DistilledSetFitClassifier, SetFitClassifier, SetFitEncoder
from sksetfit.body.devices import available_device, chosen_device
from sksetfit.body.loading import source as source_module
from sksetfit.body.loading.load import load_body
from sksetfit.body.loading.source import MINILM, find_source, model_fingerprint
from sksetfit.body.saving.state import body_from_state, body_to_state


def refused(model, **parameters):
    with pytest.raises(ValueError) as caught:
        load_body(model, **parameters)
    return str(caught.value)


def test_a_model_that_cannot_be_fetched_names_three_remedies(monkeypatch):
    def unreachable(self, name, **options):
        raise ConnectionError("no route to host")

    monkeypatch.setattr(HfApi, "model_info", unreachable)
    message = refused("some-team/some-model")
    assert "model='some-team/some-model' was not found" in message
    assert "no route to host" in message
    for remedy in ("(1) Check the spelling", "(2) Give the folder", "(3) Without a network, pip install"):
        assert remedy in message


@pytest.mark.parametrize("name", ["not a name", "/no/such/folder", "./models/mine", "a/b/c", ""])
def test_what_is_neither_folder_nor_hub_name_is_refused(name):
    assert f"model={name!r} was not found" in refused(name)


def test_a_body_that_is_let_go_gives_its_memory_back(tiny_model):
    gc.disable()  # which would come to it some time later
    try:
        weight = weakref.ref(next(load_body(tiny_model, device="cpu").transformer.parameters()))
        assert weight() is None
    finally:
        gc.enable()


def test_a_folder_without_a_model_is_refused(tmp_path):
    (tmp_path / "notes.txt").write_text("nothing here")
    assert "holds no Sentence Transformer" in refused(tmp_path)


@pytest.mark.parametrize("missing", ["model.safetensors", "tokenizer.json", "1_Pooling/config.json"])
def test_a_folder_with_half_a_model_is_refused(tiny_model, tmp_path, missing):
    folder = tmp_path / "half"
    shutil.copytree(tiny_model, folder)
    (folder / missing).unlink()
    (folder / "vocab.txt").unlink(missing_ok=True)
    assert "could not be loaded as a Sentence Transformer" in refused(folder)


def test_weights_that_are_cut_off_are_refused(tiny_model, tmp_path):
    folder = tmp_path / "cut"
    shutil.copytree(tiny_model, folder)
    weights = folder / "model.safetensors"
    weights.write_bytes(weights.read_bytes()[:1000])
    assert "could not be loaded as a Sentence Transformer" in refused(folder)


@pytest.mark.parametrize(
    ("lost", "message"),
    [
        ("encoder.layer.1.output.dense.bias", "lacks 1 of them, among them 'encoder.layer.1.output.dense.bias'"),
        (
            "embeddings.word_embeddings.weight",
            "vocab_size is 171, and must be an integer from 1 to 64, as its tensors",
        ),
    ],
)
def test_a_file_of_weights_that_lacks_one_is_refused(tiny_model, tmp_path, lost, message):
    folder = tmp_path / "gap"
    shutil.copytree(tiny_model, folder)
    tensors = safetensors.torch.load_file(folder / "model.safetensors")
    del tensors[lost]
    safetensors.torch.save_file(tensors, folder / "model.safetensors", metadata={"format": "pt"})
    assert message in refused(folder)


def test_weights_without_pooler_load_silently(tiny_model, tmp_path, caplog):
    shutil.copytree(tiny_model, tmp_path, dirs_exist_ok=True)
    tensors = safetensors.torch.load_file(tmp_path / "model.safetensors")
    tensors = {name: tensor for name, tensor in tensors.items() if "pooler" not in name}
    safetensors.torch.save_file(tensors, tmp_path / "model.safetensors", metadata={"format": "pt"})
    np.testing.assert_array_equal(load_body(tmp_path).encode(["bread"]), load_body(tiny_model).encode(["bread"]))
    assert not caplog.records


def test_a_model_that_wants_its_texts_processed_otherwise_is_refused(tiny_model, tmp_path):
    shutil.copytree(tiny_model, tmp_path, dirs_exist_ok=True)
    config = tmp_path / "sentence_bert_config.json"
    config.write_text(json.dumps(json.loads(config.read_text()) | {"processing_kwargs": {"text": {"max_length": 4}}}))
    assert "processing_kwargs" in refused(tmp_path)


def test_a_body_that_is_no_transformer_is_refused(tmp_path):
    from sentence_transformers import SentenceTransformer
    from sentence_transformers.sentence_transformer.modules import BoW

    SentenceTransformer(modules=[BoW(["bread"])], device="cpu").save_pretrained(str(tmp_path))
    assert "starts with BoW" in refused(tmp_path)


def test_more_tokens_than_the_model_reads_are_refused(tiny_model):
    assert "max_seq_length=65 is more than the 64 tokens" in refused(tiny_model, max_seq_length=65)


@pytest.mark.parametrize(
    ("kind", "values", "most"),
    [("t5", {}, 2500), ("llama", {"max_position_embeddings": 1_000_010}, 1_000_000)],
)
def test_a_model_without_a_bound_reads_as_many_tokens_as_can_be_saved(tiny_model, tmp_path, kind, values, most):
    write_tiny_model_of_kind(tiny_model, tmp_path, kind, **values)
    (tmp_path / "sentence_bert_config.json").write_text("{}")
    config = tmp_path / "tokenizer_config.json"
    config.write_text(json.dumps(json.loads(config.read_text()) | {"model_max_length": 10**30}))
    body = load_body(tmp_path, device="cpu")
    assert body.max_seq_length == most
    assert body_from_state(body_to_state(body), torch.device("cpu")).max_seq_length == most
    assert f"Set max_seq_length={most} or less" in refused(tmp_path, max_seq_length=most + 1)


@pytest.mark.parametrize("length", [0, -1])
def test_a_tokenizer_that_keeps_no_token_is_refused(tiny_model, tmp_path, length):
    write_tiny_model_of_kind(tiny_model, tmp_path, "t5")
    config = tmp_path / "tokenizer_config.json"
    config.write_text(json.dumps(json.loads(config.read_text()) | {"model_max_length": length}))
    message = refused(tmp_path, device="cpu")
    assert f"model={str(tmp_path)!r} would read {length} tokens of a text, where 1 to 2500 are possible" in message


@pytest.mark.parametrize("device", ["abacus", "cuda:99", "meta"])
def test_a_device_that_is_not_there_is_refused(tiny_model, device):
    assert f"device={device!r} cannot be used on this machine" in refused(tiny_model, device=device)


def test_a_saved_model_takes_the_best_device_where_its_own_is_missing():
    assert available_device("cuda:99").type in {"cuda", "mps", "cpu"}
    assert available_device("cpu") == torch.device("cpu")


@pytest.mark.parametrize("error", [RuntimeError, AssertionError, ImportError, NotImplementedError, TypeError, KeyError])
def test_a_device_that_torch_was_not_built_with_is_refused_or_replaced(monkeypatch, error):
    def not_built(*args, device):
        raise error("not in this build")

    monkeypatch.setattr(torch, "zeros", not_built)
    with pytest.raises(ValueError, match=r"device='npu' cannot be used on this machine: .*not in this build"):
        chosen_device("npu")
    assert available_device("npu") == available_device(None)


@pytest.mark.real_weights
@pytest.mark.parametrize("name", [MINILM, "all-MiniLM-L6-v2"])
def test_the_offline_wheel_serves_the_default_model(name, monkeypatch):
    monkeypatch.setattr(source_module, "check_on_hub", lambda *names: pytest.fail("the hub was asked"))
    assert load_body(name).n_dimensions == 384


@pytest.mark.real_weights
def test_other_weights_in_the_offline_wheel_are_refused(monkeypatch):
    monkeypatch.setattr(source_module, "_MINILM_SHA256", "0" * 64)
    assert "SHA-256 differs" in refused(MINILM)


def test_a_cached_model_is_loaded_without_asking_the_hub(tiny_model, tmp_path, monkeypatch):
    snapshot = tmp_path / "models--team--tiny" / "snapshots" / ("0" * 40)
    shutil.copytree(tiny_model, snapshot)
    refs = tmp_path / "models--team--tiny" / "refs"
    refs.mkdir()
    (refs / "main").write_text("0" * 40)
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_CACHE", str(tmp_path))
    monkeypatch.setattr(source_module, "check_on_hub", lambda *names: pytest.fail("the hub was asked"))
    assert find_source("team/tiny") == ("team/tiny", None, True)


def test_a_path_is_as_good_as_a_string(tiny_model):
    classifier = SetFitClassifier(Path(tiny_model), max_steps=1, label_texts=None)
    assert classifier.fit(["bread", "rice", "violin", "song"], [0, 0, 1, 1]).score(["bread"], [0]) in {0, 1}


def test_a_half_precision_model_is_tuned_in_float32(tiny_model, tmp_path):
    from sentence_transformers import SentenceTransformer

    SentenceTransformer(tiny_model, device="cpu").half().save_pretrained(str(tmp_path))
    assert {parameter.dtype for parameter in load_body(tmp_path, device="cpu").parameters()} == {torch.float32}


def save_with(tiny_model, folder, *tail, **options):
    from sentence_transformers import SentenceTransformer
    from sentence_transformers.sentence_transformer.modules import Transformer

    SentenceTransformer(modules=[Transformer(tiny_model), *tail], device="cpu", **options).save_pretrained(str(folder))


def test_modules_that_would_give_other_embeddings_are_refused(tiny_model, tmp_path):
    from sentence_transformers.sentence_transformer.modules import CNN, Normalize, Pooling

    save_with(tiny_model, tmp_path, CNN(32, 8), Pooling(24), Normalize())
    assert "cannot be used: a module of kind 'CNN' could not be saved" in refused(tmp_path)


def test_embeddings_that_are_cut_are_refused(tiny_model, tmp_path):
    from sentence_transformers.sentence_transformer.modules import Pooling

    save_with(tiny_model, tmp_path, Pooling(32), truncate_dim=8)
    config = tmp_path / "config_sentence_transformers.json"
    config.write_text(config.read_text().replace("{", '{"truncate_dim": 8,', 1))
    assert "truncate_dim=8" in refused(tmp_path)


def test_threads_load_the_same_weights(tiny_model):
    from concurrent.futures import ThreadPoolExecutor

    import numpy as np

    with ThreadPoolExecutor(4) as pool:
        embeddings = list(pool.map(lambda _: load_body(tiny_model, device="cpu").encode(["bread"]), range(8)))
    assert all(np.array_equal(embedding, embeddings[0]) for embedding in embeddings)


# -- names, revisions and the Hub's cache


@pytest.fixture
def cache(tiny_model, tmp_path, monkeypatch):
    """A cache of the Hub with the tiny model as "team/tiny", and a function that says what was asked of the Hub."""
    commit = "0" * 40
    snapshot = tmp_path / "models--team--tiny" / "snapshots" / commit
    shutil.copytree(tiny_model, snapshot)
    (snapshot.parents[1] / "refs").mkdir()
    (snapshot.parents[1] / "refs" / "main").write_text(commit)
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_CACHE", str(tmp_path))
    monkeypatch.delenv("SENTENCE_TRANSFORMERS_HOME", raising=False)
    return snapshot


@pytest.fixture
def hub(monkeypatch):
    """A Hub that has every model; the names and revisions that it was asked for."""
    asked = []

    def model_info(self, name, revision=None, timeout=None):
        asked.append((name, revision))
        return SimpleNamespace(sha="1" * 40)

    monkeypatch.setattr(HfApi, "model_info", model_info)
    return asked


@pytest.mark.parametrize(
    ("model", "name"),
    [
        ("bert-base-uncased", "bert-base-uncased"),
        ("DistilRoBERTa-base", "DistilRoBERTa-base"),
        ("all-mpnet-base-v2", "sentence-transformers/all-mpnet-base-v2"),
        ("team/model", "team/model"),
    ],
)
def test_names_are_completed_as_sentence_transformers_does(cache, hub, model, name):
    assert find_source(model) == (name, None, False)
    assert hub == [(name, None)]


def test_a_half_filled_cache_is_completed(cache, hub, tiny_model, monkeypatch):
    weights = (cache / "model.safetensors").read_bytes()
    (cache / "model.safetensors").unlink()
    calls = []

    def fetching(name, **options):
        calls.append(options["local_files_only"])
        if not options["local_files_only"]:
            (cache / "model.safetensors").write_bytes(weights)
        return SentenceTransformer(str(cache), **options | {"local_files_only": True, "revision": None})

    monkeypatch.setattr("sksetfit.body.loading.load.SentenceTransformer", fetching)
    body = load_body("team/tiny", device="cpu")
    assert calls == [True, False]
    np.testing.assert_array_equal(body.encode(["bread"]), load_body(tiny_model, device="cpu").encode(["bread"]))


def test_a_half_filled_cache_without_a_network_says_both(cache, monkeypatch):
    (cache / "model.safetensors").unlink()
    monkeypatch.setattr(HfApi, "model_info", unreachable)
    monkeypatch.setattr(
        "sksetfit.body.loading.load.SentenceTransformer",
        lambda name, **options: SentenceTransformer(str(cache), **options | {"revision": None}),
    )
    message = refused("team/tiny")
    assert "the Hub's local cache does not hold all of it (" in message
    assert "no route to host" in message


def test_a_cache_that_may_lack_modules_is_compared_with_the_hub(cache, hub, monkeypatch):
    (cache / "modules.json").unlink()
    assert find_source("team/tiny") == ("team/tiny", None, False)
    monkeypatch.setattr(HfApi, "model_info", unreachable)
    assert find_source("team/tiny") == ("team/tiny", None, True)


def unreachable(self, name, **options):
    raise ConnectionError("no route to host")


def test_a_revision_is_looked_for_in_the_cache_and_on_the_hub(cache, hub):
    assert find_source("team/tiny", "0" * 40) == ("team/tiny", "0" * 40, True)
    assert find_source("team/tiny", "v2") == ("team/tiny", "v2", False)
    assert hub == [("team/tiny", "v2")]
    assert model_fingerprint("team/tiny") == "team/tiny@" + "0" * 40
    assert model_fingerprint("team/tiny", "v2") == "team/tiny@" + "1" * 40


def test_a_revision_is_loaded_by_every_estimator(cache, hub, tmp_path, monkeypatch):
    asked = []

    def read(name, **options):
        asked.append((name, options["revision"], options["local_files_only"]))
        return SentenceTransformer(str(cache), **options | {"revision": None})

    monkeypatch.setattr("sksetfit.body.loading.load.SentenceTransformer", read)
    X, y = make_texts(2)
    commit = "0" * 40
    clf = SetFitClassifier("team/tiny", revision=commit, max_steps=1, label_texts=None, random_state=0, device="cpu")
    clf.set_params(memory=tmp_path / "memory").fit(X, y)
    SetFitEncoder("team/tiny", revision="v2", max_steps=0, device="cpu").fit(X, y)
    DistilledSetFitClassifier(clf, "team/tiny", revision="v3", max_steps=1, device="cpu").fit(X)
    assert asked == [("team/tiny", commit, True), ("team/tiny", "v2", False), ("team/tiny", "v3", False)]
    clone(clf).fit(X, y)
    assert len(asked) == 3  # found in the memory
    clone(clf).set_params(revision="v2").fit(X, y)
    assert asked[3:] == [("team/tiny", "v2", False)]


@pytest.mark.parametrize("model", [None, "static"])
def test_a_student_made_of_its_teacher_has_no_revision(fitted, model):
    with pytest.raises(ValueError, match="revision='v2' is for a model on the Hub"):
        DistilledSetFitClassifier(fitted, model, revision="v2").fit(["bread"])


def test_a_folder_has_no_revision(tiny_model):
    assert "revision='main' is for models on the Hub" in refused(tiny_model, revision="main")


# -- tokenizers


def test_a_slow_tokenizer_is_named(tiny_model, tmp_path):
    shutil.copytree(tiny_model, tmp_path, dirs_exist_ok=True)
    (tmp_path / "tokenizer.json").unlink()
    config = tmp_path / "tokenizer_config.json"
    slow = {"tokenizer_class": "BertJapaneseTokenizer", "word_tokenizer_type": "basic"}
    config.write_text(json.dumps(json.loads(config.read_text()) | slow))
    assert "a BertJapaneseTokenizer, which has no fast version" in refused(tmp_path)


def test_a_tokenizer_of_sentencepiece_names_the_packages(tiny_model, tmp_path, monkeypatch):
    shutil.copytree(tiny_model, tmp_path, dirs_exist_ok=True)
    (tmp_path / "tokenizer.json").unlink()
    (tmp_path / "vocab.txt").unlink(missing_ok=True)
    (tmp_path / "spiece.model").write_bytes(b"a model of sentencepiece")
    config = tmp_path / "tokenizer_config.json"
    config.write_text(json.dumps(json.loads(config.read_text()) | {"tokenizer_class": "T5Tokenizer"}))
    found = importlib.util.find_spec
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: None if name == "google" else found(name))
    message = refused(tmp_path)
    assert "install the packages sentencepiece and protobuf" in message
    assert "protobuf)" in message


def test_the_fingerprint_of_an_adapter_depends_on_its_base(tiny_model, tmp_path):
    base, adapter = tmp_path / "base", tmp_path / "adapter"
    shutil.copytree(tiny_model, base)
    adapter.mkdir()
    (adapter / "modules.json").write_text("[]")
    (adapter / "adapter_config.json").write_text(json.dumps({"base_model_name_or_path": str(base)}))
    before = model_fingerprint(adapter)
    assert model_fingerprint(adapter) == before
    (base / "model.safetensors").write_bytes(b"other weights")
    assert model_fingerprint(adapter) != before
