"""Models that were loaded and then gave other embeddings than sentence-transformers: followed, or refused."""

import json
import shutil

import numpy as np
import pytest
import safetensors.torch
import torch
from sentence_transformers import SentenceTransformer
from sentence_transformers.sentence_transformer.modules import Dense, LayerNorm, Normalize, Pooling, Transformer
from transformers import PreTrainedTokenizerFast

from conftest import make_texts, write_tiny_model_of_kind
from sksetfit import SetFitClassifier, read_setfit, write_setfit
from sksetfit.body.loading.load import load_body
from sksetfit.body.saving import architectures as architectures_module
from sksetfit.body.saving.state import body_from_state, body_to_state

TEXTS = ["bread and cheese", "tennis goal, medal PIANO! soup " * 4, ""]
CPU = torch.device("cpu")


def refused(model, **parameters):
    with pytest.raises(ValueError) as caught:
        load_body(model, device="cpu", **parameters)
    return str(caught.value)


def embeddings_by_sentence_transformers(folder, **options):
    return SentenceTransformer(str(folder), device="cpu", local_files_only=True).encode(TEXTS, batch_size=1, **options)


def change_json(file, **values):
    file.write_text(json.dumps(json.loads(file.read_text()) | values))


def save_with(folder, *tail, **options):
    """Put other modules behind the transformer of a folder."""
    modules = [Transformer(str(folder)), *tail]
    SentenceTransformer(modules=modules, device="cpu", **options).save_pretrained(str(folder))


@pytest.fixture
def folder(tiny_model, tmp_path):
    """A copy of the tiny model."""
    shutil.copytree(tiny_model, tmp_path / "model")
    return tmp_path / "model"


# -- what is built again is what was loaded


@pytest.mark.parametrize(
    ("kind", "values"),
    [
        ("gemma3_text", {"use_bidirectional_attention": True, "sliding_window": 8, "query_pre_attn_scalar": 16}),
        *[(kind, {"is_causal": False}) for kind in ("llama", "mistral", "qwen2", "qwen3")],
        (
            "deberta-v2",
            {"relative_attention": True, "position_buckets": 8, "share_att_key": True, "pos_att_type": "c2p"},
        ),
        ("deberta-v2", {"relative_attention": True, "norm_rel_ebd": "layer_norm", "conv_kernel_size": 3}),
        ("t5", {"feed_forward_proj": "gated-gelu"}),
    ],
)
def test_what_a_config_says_is_kept_by_copies_of_copies(tiny_model, tmp_path, kind, values):
    write_tiny_model_of_kind(tiny_model, tmp_path, kind, **values)
    body = load_body(tmp_path, device="cpu")
    expected = embeddings_by_sentence_transformers(tmp_path)
    for _ in range(3):
        np.testing.assert_allclose(body.encode(TEXTS), expected, atol=1e-5)
        body = body_from_state(body_to_state(body), CPU)


def test_a_body_that_could_not_be_built_again_is_refused_when_it_is_loaded(tiny_model, tmp_path, monkeypatch):
    write_tiny_model_of_kind(tiny_model, tmp_path, "qwen2", is_causal=False)
    monkeypatch.setattr(architectures_module, "_UNDECLARED", {})
    assert "from those by SentenceTransformer.encode" in refused(tmp_path)


@pytest.mark.parametrize("dtype", [torch.float16, torch.bfloat16, torch.float64])
def test_modules_behind_a_transformer_are_cast_as_it_is(folder, dtype, caplog, capfd):
    save_with(folder, Pooling(32), Dense(32, 8), LayerNorm(8), Normalize())
    SentenceTransformer(str(folder), device="cpu").to(dtype).save_pretrained(str(folder))
    capfd.readouterr()
    body = load_body(folder, device="cpu")
    assert {parameter.dtype for parameter in body.parameters()} == {torch.float32}
    assert body.encode(TEXTS).shape == (3, 8)
    assert not caplog.records
    assert capfd.readouterr() == ("", "")


def test_embeddings_of_some_transformers_do_not_depend_on_the_padding_of_a_batch(tiny_model, tmp_path):
    write_tiny_model_of_kind(tiny_model, tmp_path, "fnet")
    with pytest.warns(UserWarning, match="'fnet', which dump does not save"):
        body = load_body(tmp_path, device="cpu")
    for each in (body, body_from_state(body_to_state(body), CPU, listed_only=False)):
        np.testing.assert_allclose(each.encode(TEXTS), embeddings_by_sentence_transformers(tmp_path), atol=1e-5)


def test_a_file_may_not_name_another_kind(tiny_model, tmp_path):
    write_tiny_model_of_kind(tiny_model, tmp_path, "fnet")
    with pytest.warns(UserWarning, match="which dump does not save"):
        state = body_to_state(load_body(tmp_path, device="cpu"))
    with pytest.raises(ValueError, match="model_type is 'fnet', and must be one of"):
        body_from_state(state, CPU)


# -- what is not followed


def test_special_tokens_that_are_to_be_split_are_refused(folder):
    change_json(folder / "tokenizer_config.json", split_special_tokens=True)
    assert "split_special_tokens true" in refused(folder)


def test_a_chat_template_that_is_applied_is_refused(folder):
    template = "{% for message in messages %}user: {{ message['content'] }}{% endfor %}"
    (folder / "chat_template.jinja").write_text(template)
    of_message = {"method": "forward", "method_output_name": "last_hidden_state", "format": "flat"}
    text = {"method": "forward", "method_output_name": "last_hidden_state"}
    change_json(folder / "sentence_bert_config.json", modality_config={"text": text, "message": of_message})
    assert "the modality 'message'" in refused(folder)


def test_hidden_states_of_another_layer_are_refused(folder):
    other = {"text": {"method": "forward", "method_output_name": ["hidden_states", -2]}}
    change_json(folder / "sentence_bert_config.json", modality_config=other, module_output_name="token_embeddings")
    assert "method_output_name ['hidden_states', -2]" in refused(folder)


def test_types_of_tokens_by_the_post_processor_are_refused(folder):
    tokenizer = json.loads((folder / "tokenizer.json").read_text())
    for piece in tokenizer["post_processor"]["single"]:
        next(iter(piece.values()))["type_id"] = 1
    (folder / "tokenizer.json").write_text(json.dumps(tokenizer))
    whole = PreTrainedTokenizerFast(tokenizer_file=str(folder / "tokenizer.json"), pad_token="[PAD]")
    whole.save_pretrained(folder)
    names = ["input_ids", "token_type_ids", "attention_mask"]
    change_json(folder / "tokenizer_config.json", model_input_names=names)
    assert "token_type_ids [1, 1, " in refused(folder)


def test_whatever_makes_other_embeddings_is_refused(folder, monkeypatch):
    monkeypatch.setattr(Pooling, "forward", _doubled(Pooling.forward), raising=True)
    assert "the embeddings of 'a text' and 'Another one, which is LONGER: " in refused(folder)


def _doubled(forward):
    calls = iter(range(100))

    def doubled(self, features):
        features = forward(self, features)
        features["sentence_embedding"] = features["sentence_embedding"].clone()
        features["sentence_embedding"][:, 0] += next(calls)
        return features

    return doubled


@pytest.mark.parametrize("kind", ["longrope", "dynamic"])
def test_positions_that_depend_on_the_batch_are_refused_where_texts_are_long(tiny_model, tmp_path, kind):
    rope = {"rope_type": kind, "rope_theta": 10000.0, "factor": 2.0, "original_max_position_embeddings": 32}
    if kind == "longrope":
        rope |= {"short_factor": [1.0] * 8, "long_factor": [2.0] * 8}
    write_tiny_model_of_kind(tiny_model, tmp_path, "llama", rope_parameters=rope, max_position_embeddings=64)
    message = refused(tmp_path)
    assert f"rope_type {kind!r}" in message
    assert "Set max_seq_length=32 or less" in message
    body = load_body(tmp_path, device="cpu", max_seq_length=32)
    theirs = SentenceTransformer(str(tmp_path), device="cpu")
    theirs.max_seq_length = 32
    np.testing.assert_allclose(body.encode(TEXTS), theirs.encode(TEXTS, batch_size=1), atol=1e-5)


# -- what is followed


def test_a_dense_whose_output_is_not_read_changes_nothing(folder):
    save_with(folder, Pooling(32), Dense(32, 8, module_output_name="other"))
    body = load_body(folder, device="cpu")
    assert body.n_dimensions == 32
    np.testing.assert_allclose(body.encode(TEXTS), embeddings_by_sentence_transformers(folder), atol=1e-5)


def test_a_padding_token_without_an_embedding_is_not_asked(tiny_model, tmp_path):
    write_tiny_model_of_kind(tiny_model, tmp_path, "llama", pad_token_id=None)
    tokenizer = PreTrainedTokenizerFast.from_pretrained(tmp_path)
    tokenizer.add_special_tokens({"pad_token": "<pad>"})
    tokenizer.save_pretrained(tmp_path)
    assert tokenizer.pad_token_id >= 171
    body = load_body(tmp_path, device="cpu")
    np.testing.assert_allclose(body.encode(TEXTS), embeddings_by_sentence_transformers(tmp_path), atol=1e-5)
    clf = SetFitClassifier(tmp_path, max_steps=1, label_texts=None, device="cpu").fit(*make_texts(2))
    assert np.isfinite(clf.predict_proba(TEXTS)).all()


@pytest.mark.parametrize("name", ["Classification", "classification"])
def test_a_prompt_for_classification_is_taken(folder, name):
    prompts = {"query": "query: ", "Retrieval": "find: ", name: "sort: "}
    change_json(folder / "config_sentence_transformers.json", prompts=prompts)
    body = load_body(folder, device="cpu")
    assert body.prompt == "sort: "
    np.testing.assert_allclose(
        body.encode(TEXTS), embeddings_by_sentence_transformers(folder, prompt_name=name), atol=1e-5
    )
    assert load_body(folder, device="cpu", prompt="").prompt == ""
    change_json(folder / "config_sentence_transformers.json", default_prompt_name="query")
    assert load_body(folder, device="cpu").prompt == "query: "


def test_verbose_says_which_prompt_is_taken(folder, capsys):
    change_json(folder / "config_sentence_transformers.json", prompts={"Classification": "sort: "})
    SetFitClassifier(folder, max_steps=1, verbose=1, device="cpu").fit(*make_texts(2))
    assert "each text begins with the model's own prompt 'sort: '" in capsys.readouterr().out


# -- written for others


def test_a_model_of_setfit_gets_no_prompt_that_setfit_does_not_take(folder, tmp_path):
    clf = SetFitClassifier(folder, max_steps=1, label_texts=None, device="cpu").fit(*make_texts(2))
    write_setfit(clf, tmp_path / "new")
    change_json(tmp_path / "new" / "config_sentence_transformers.json", prompts={"Classification": "sort: "})
    again = read_setfit(tmp_path / "new", trust_pickle=True, device="cpu")
    np.testing.assert_allclose(again.predict_proba(TEXTS), clf.predict_proba(TEXTS), atol=1e-5)


@pytest.mark.parametrize("kind", ["bert", "t5"])
def test_a_prompt_that_is_not_pooled_is_written(tiny_model, tmp_path, kind):
    write_tiny_model_of_kind(tiny_model, tmp_path / "old", kind)
    save_with(
        tmp_path / "old", Pooling(32, include_prompt=False), prompts={"own": "say it: "}, default_prompt_name="own"
    )
    clf = SetFitClassifier(tmp_path / "old", max_steps=1, label_texts=None, device="cpu").fit(*make_texts(2))
    write_setfit(clf, tmp_path / "new")
    expected = clf.encoder_.transform(TEXTS)
    np.testing.assert_allclose(embeddings_by_sentence_transformers(tmp_path / "new"), expected, atol=1e-5)
    again = read_setfit(tmp_path / "new", trust_pickle=True, device="cpu")
    np.testing.assert_allclose(again.encoder_.transform(TEXTS), expected, atol=1e-5)


def test_a_file_of_which_no_weight_fits_is_refused(tiny_model, tmp_path):
    shutil.copytree(tiny_model, tmp_path, dirs_exist_ok=True)
    weights = safetensors.torch.load_file(tmp_path / "model.safetensors")
    renamed = {f"net.{name}": weight for name, weight in weights.items()}
    safetensors.torch.save_file(renamed, tmp_path / "model.safetensors", metadata={"format": "pt"})
    assert "its file of weights lacks" in refused(tmp_path)


@pytest.mark.parametrize("kind", ["marian", "blenderbot"])
def test_an_encoder_whose_weights_are_not_read_is_refused(tiny_model, tmp_path, kind):
    write_tiny_model_of_kind(tiny_model, tmp_path, kind)
    assert "its file of weights lacks" in refused(tmp_path)
