import copy
import json
import re
import shutil

import numpy as np
import pytest
import safetensors.torch
import torch
from sentence_transformers import SentenceTransformer
from sentence_transformers.sentence_transformer.modules import Dense, Dropout, LayerNorm, Pooling, Transformer
from transformers import CONFIG_MAPPING

from conftest import write_tiny_transformer
from sksetfit._body_source import load_body
from sksetfit._body_state import _TRANSFORMERS, body_from_state, body_to_state
from sksetfit._finetune import finetune

CPU = torch.device("cpu")
TEXTS = ["bread and cheese", "", "tennis " * 100, "Piano, JAZZ!"]


@pytest.fixture(scope="module")
def body(tiny_model):
    return load_body(tiny_model, prompt="say: ", max_seq_length=20, device="cpu")


@pytest.fixture
def state(body):
    return copy.deepcopy(body_to_state(body))


def test_the_round_trip_gives_equal_embeddings_and_bytes(body, state):
    again = body_from_state(state, CPU)
    np.testing.assert_array_equal(again.encode(TEXTS), body.encode(TEXTS))
    assert body_to_state(again) == state


def test_the_state_is_plain_data(state):
    weights = state.pop("weights")
    assert isinstance(weights, bytes)
    assert json.loads(json.dumps(state)) == state


def test_taking_the_state_leaves_the_body_as_it_was(body):
    before = {name: tensor.clone() for name, tensor in body.state_dict().items()}
    body_to_state(body)
    assert all(torch.equal(tensor, before[name]) for name, tensor in body.state_dict().items())


def test_building_a_body_leaves_the_random_state_as_it_was(state):
    torch.manual_seed(3)
    before = torch.get_rng_state()
    body_from_state(state, CPU)
    assert torch.equal(torch.get_rng_state(), before)


@pytest.mark.parametrize("activation", [torch.nn.Tanh(), torch.nn.GELU(), None])
def test_every_kind_of_module_behind_the_transformer_is_kept(tiny_model, tmp_path, activation):
    dense = Dense(32, 8, activation_function=activation)
    modules = [Transformer(tiny_model), Pooling(32, ("mean", "cls")), Dense(64, 32), LayerNorm(32), dense, Dropout(0.1)]
    SentenceTransformer(modules=modules, device="cpu").save_pretrained(str(tmp_path))
    body = load_body(tmp_path, device="cpu")
    again = body_from_state(body_to_state(body), CPU)
    assert again.n_dimensions == 8
    np.testing.assert_array_equal(again.encode(TEXTS), body.encode(TEXTS))


@pytest.mark.parametrize("kind", sorted(_TRANSFORMERS & set(CONFIG_MAPPING)))
def test_every_kind_of_transformer_is_read_tuned_and_kept(tiny_model, tmp_path, kind):
    shutil.copytree(tiny_model, tmp_path, dirs_exist_ok=True)
    write_tiny_transformer(kind, tmp_path)
    body = load_body(tmp_path, max_seq_length=60, device="cpu")
    theirs = SentenceTransformer(str(tmp_path), device="cpu")
    theirs.max_seq_length = 60
    np.testing.assert_allclose(body.encode(TEXTS), theirs.encode(TEXTS), atol=1e-5)
    again = body_from_state(body_to_state(body), CPU)
    np.testing.assert_array_equal(again.encode(TEXTS), body.encode(TEXTS))
    assert tuned_layers(again) == ({0} if kind == "albert" else {1, 2, 3, 4, 5})  # ALBERT uses one layer six times


def tuned_layers(body):
    """Tune for two steps and return the numbers of the layers that changed."""
    before = {name: tensor.clone() for name, tensor in body.transformer.named_parameters()}
    tokens, _ = body.tokenize(["bread", "tennis goal", "soup rice", "golf"])
    indicator = np.array([[1, 0], [0, 1], [1, 0], [0, 1]], dtype=bool)
    rates = {"learning_rate": 1e-2, "warmup_proportion": 0.1, "weight_decay": 0.01}
    budget = {"n_steps": 2, "batch_size": 4, "precision": "float32", "rng": np.random.RandomState(0)}
    finetune(body, tokens, indicator, loss="supcon", **rates, **budget)
    changed = [name for name, tensor in body.transformer.named_parameters() if not torch.equal(tensor, before[name])]
    return {int(number) for name in changed for number in re.findall(r"layers?\.(\d)\.", name)}


def test_a_body_that_could_not_be_read_again_is_refused_before_it_is_tuned(tiny_model, tmp_path):
    modules = [Transformer(tiny_model), Pooling(32), Dense(32, 8, activation_function=torch.nn.Softplus())]
    SentenceTransformer(modules=modules, device="cpu").save_pretrained(str(tmp_path))
    with pytest.raises(ValueError, match="cannot be used: a module with the activation Softplus could not be saved"):
        load_body(tmp_path, device="cpu")


def with_tensors(**changes):
    """Return a change of a state's weights: a tensor in the place of another, or None to leave one out."""

    def change(state):
        tensors = safetensors.torch.load(state["weights"]) | {key.replace("__", "."): t for key, t in changes.items()}
        state["weights"] = safetensors.torch.save({name: t for name, t in tensors.items() if t is not None})

    return change


PIECES = "transformer__embeddings__word_embeddings__weight"
NORM = "transformer__embeddings__LayerNorm__weight"
HOSTILE = {
    "another format": (lambda state: state.update(format=2), "format 2"),
    "a transformer of another type": (lambda state: state["transformer"].update(model_type="evil"), "'evil'"),
    "code of its own": (lambda state: state["transformer"].update(auto_map={"AutoModel": "x.y"}), "auto_map"),
    "an attention kernel": (lambda state: state["transformer"].update(_attn_implementation="a/b"), "_attn_impl"),
    "quantisation": (lambda state: state["transformer"].update(quantization_config={}), "quantization_config"),
    "an object in the config": (lambda state: state["transformer"].update(hidden_act=print), "builtin_function"),
    "an unknown module": (lambda state: state["tail"].append({"kind": "os.system"}), "'os.system'"),
    "an unknown module key": (lambda state: state["tail"][0].update(path="/etc"), "'path'"),
    "a class path as activation": (
        lambda state: state["tail"].append(
            {"kind": "Dense", "in_features": 32, "out_features": 32, "activation_function": "os.system"}
        ),
        "unknown activation 'os.system'",
    ),
    "broken tokenizer": (lambda state: state.update(tokenizer="{"), "damaged"),
    "weights that are cut off": (lambda state: state.update(weights=state["weights"][:-9]), "damaged"),
    "a pickle as weights": (lambda state: state.update(weights=b"cos\nsystem\n(S'true'\ntR."), "damaged"),
    "a missing tensor": (with_tensors(**{NORM: None}), "missing"),
    "a tensor too many": (with_tensors(extra=torch.zeros(1)), "unexpected"),
    "a tensor of another shape": (with_tensors(**{NORM: torch.ones(31)}), "shape"),
    "a tensor of another type": (with_tensors(**{NORM: torch.ones(32, dtype=torch.float16)}), "float32"),
    "a tensor with NaN": (with_tensors(**{NORM: torch.full((32,), float("nan"))}), "finite"),
    "a missing part": (lambda state: state.pop("prompt"), "damaged"),
    "a claim of endless layers": (lambda state: state["transformer"].update(num_hidden_layers=10**9), "layers"),
    "a huge module": (
        lambda state: state["tail"].append(
            {"kind": "Dense", "in_features": 10**6, "out_features": 10**6, "activation_function": "Tanh"}
        ),
        "missing",
    ),
    "padding beyond the vocabulary": (lambda state: state.update(pad_token_id=10**9), "pads with token"),
    "no pooling": (lambda state: state.update(tail=[]), "damaged"),
    "norms that are not finite": (lambda state: state["transformer"].update(layer_norm_eps=float("nan")), "finite"),
    "a claim of gigabytes": (lambda state: state["transformer"].update(vocab_size=10**9), "shape"),
}


@pytest.mark.parametrize("case", HOSTILE)
def test_a_state_that_was_tampered_with_is_refused(state, case):
    tamper, message = HOSTILE[case]
    tamper(state)
    with pytest.raises(ValueError, match="saved body") as caught:
        body_from_state(state, CPU)
    assert message in str(caught.value)
