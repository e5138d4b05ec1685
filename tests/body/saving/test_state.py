import copy
import json
import re
import shutil

import numpy as np
import pytest
import torch
from sentence_transformers import SentenceTransformer
from sentence_transformers.sentence_transformer.modules import Dense, Dropout, LayerNorm, Pooling, Transformer
from transformers import CONFIG_MAPPING

from conftest import write_tiny_transformer
from sksetfit.body.loading.load import load_body
from sksetfit.body.saving import limits
from sksetfit.body.saving.architectures import TRANSFORMERS
from sksetfit.body.saving.state import body_from_state, body_to_state
from sksetfit.training.callbacks import TrainingState
from sksetfit.training.loop import run_steps
from sksetfit.training.losses import contrastive_loss
from sksetfit.training.plan import Plan

CPU = torch.device("cpu")
TEXTS = ["bread and cheese", "", "tennis " * 100, "Piano, JAZZ!"]


@pytest.fixture(scope="module")
def body(tiny_model):
    return load_body(tiny_model, prompt="say: ", max_seq_length=20, device="cpu")


@pytest.fixture
def state(body):
    return copy.deepcopy(body_to_state(body))


def test_the_round_trip_gives_equal_embeddings_and_weights(body, state):
    again = body_from_state(state, CPU)
    np.testing.assert_array_equal(again.encode(TEXTS), body.encode(TEXTS))
    described = body_to_state(again)
    weights, expected = described.pop("weights"), state.pop("weights")
    assert described == state
    assert weights.keys() == expected.keys()
    assert all(weights[name].tobytes() == expected[name].tobytes() for name in weights)


def test_the_state_is_plain_data(state):
    weights = state.pop("weights")
    assert {(type(array), array.dtype.name) for array in weights.values()} == {(np.ndarray, "float32")}
    assert json.loads(json.dumps(state)) == state


def test_the_weights_of_a_state_are_those_of_the_body_and_no_copies(body):
    tensors = body.state_dict()
    for name, array in body_to_state(body)["weights"].items():
        assert array.ctypes.data == tensors[name].data_ptr()


def test_weights_that_must_not_be_written_to_are_copied(body, state):
    for array in state["weights"].values():
        array.flags.writeable = False  # as joblib maps them into several processes
    np.testing.assert_array_equal(body_from_state(state, CPU).encode(TEXTS), body.encode(TEXTS))


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


@pytest.mark.parametrize("kind", sorted(TRANSFORMERS & set(CONFIG_MAPPING)))
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
    tokens = body.tokenize(["bread", "tennis goal", "soup rice", "golf"]).tokens
    indicator = np.array([[1, 0], [0, 1], [1, 0], [0, 1]], dtype=bool)
    loss = contrastive_loss("supcon", indicator, None)
    state = TrainingState(body, {}, Plan(batch_size=4, n_steps=2, learning_rate=1e-2, precision="float32"))
    run_steps(state, tokens, [np.arange(4)] * 2, loss, warmup_proportion=0.1, weight_decay=0.01)
    changed = [name for name, tensor in body.transformer.named_parameters() if not torch.equal(tensor, before[name])]
    return {int(number) for name in changed for number in re.findall(r"(?:layers?|block)\.(\d)\.", name)[:1]}


def test_a_body_that_could_not_be_read_again_is_refused_before_it_is_tuned(tiny_model, tmp_path):
    modules = [Transformer(tiny_model), Pooling(32), Dense(32, 8, activation_function=torch.nn.Softplus())]
    SentenceTransformer(modules=modules, device="cpu").save_pretrained(str(tmp_path))
    with pytest.raises(ValueError, match=r"cannot be used: it could not be saved: .*activation_function is 'Softplus'"):
        load_body(tmp_path, device="cpu")


def with_tensors(**changes):
    """Return a change of a state's weights: a tensor in the place of another, or None to leave one out."""

    def change(state):
        tensors = state["weights"] | {key.replace("__", "."): array for key, array in changes.items()}
        state["weights"] = {name: array for name, array in tensors.items() if array is not None}

    return change


def with_tokenizer(**changes):
    """Return a change of a state's tokenizer, whose parts are named in the JSON of the tokenizers library."""

    def change(state):
        state["tokenizer"] = json.dumps(json.loads(state["tokenizer"]) | changes)

    return change


def with_config(**changes):
    """Return a change of the description of a state's transformer."""
    return lambda state: state["transformer"].update(changes)


def with_module(**description):
    """Return a change that puts one more module behind the transformer."""
    return lambda state: state["tail"].append(description)


ROPE = {"rope_type": "linear", "factor": 2.0, "rope_theta": 10000.0}
NAMES = {"module_input_name": "sentence_embedding", "module_output_name": "sentence_embedding"}
DENSE = {"kind": "Dense", "in_features": 32, "out_features": 32, "bias": True, **NAMES}
NORM = "transformer__embeddings__LayerNorm__weight"
PIECES = "transformer__embeddings__word_embeddings__weight"
TENFOLD = {"type": "Replace", "pattern": {"String": "e"}, "content": "e" * 10}
HOSTILE = {
    # the state as a whole
    "no dict": (lambda state: state.clear(), "format None"),
    "another format": (lambda state: state.update(format=1), "format 1"),
    "a format that is no number": (lambda state: state.update(format=[1]), "format [1]"),
    "a missing part": (lambda state: state.pop("prompt"), "lacks keys ['prompt']"),
    "a part too many": (lambda state: state.update(hook="os.system"), "unexpected keys ['hook']"),
    "parts that were swapped": (lambda state: state.update(prompt=state["weights"]), "state.prompt is {"),
    "a tail that is no list": (
        lambda state: state.update(tail="Pooling"),
        "state.tail is 'Pooling', and must be of type list",
    ),
    "padding beyond the vocabulary": (lambda state: state.update(pad_token_id=10**9), "pad_token_id is 1000000000"),
    "padding before the vocabulary": (lambda state: state.update(pad_token_id=-1), "pad_token_id is -1"),
    "more tokens than positions": (lambda state: state.update(max_seq_length=10**6), "an integer from 1 to 64"),
    "another way with long texts": (lambda state: state.update(long_texts="cut"), "long_texts is 'cut'"),
    "a negative count of long texts": (lambda state: state.update(n_long_texts=-1), "n_long_texts is -1"),
    "a field that its format does not have": (lambda state: state.update(format=2), "unexpected keys ['long_texts', "),
    "a count of long texts in words": (lambda state: state.update(n_long_texts="many"), "n_long_texts is 'many'"),
    "no tokens": (lambda state: state.update(max_seq_length=0), "max_seq_length is 0"),
    "an endless prompt": (lambda state: state.update(prompt="bread " * 10**6), "a text of 0 to 2,000 characters"),
    "a prompt that is no text": (lambda state: state.update(prompt="\ud800"), "state.prompt is"),
    # the transformer
    "a transformer of another type": (with_config(model_type="evil"), "'evil'"),
    "a class path as type": (with_config(model_type="os.system"), "'os.system'"),
    "a type that is no name": (with_config(model_type=["bert"]), "model_type is ['bert']"),
    "another type than the weights are of": (with_config(model_type="albert"), "unexpected keys"),
    "code of its own": (with_config(auto_map={"AutoModel": "x.y"}), "auto_map"),
    "an attention kernel": (with_config(_attn_implementation="a/b"), "_attn_impl"),
    "an attention kernel by its public name": (with_config(attn_implementation="a/b"), "attn_impl"),
    "quantisation": (with_config(quantization_config={"quant_method": "awq"}), "quantization_config"),
    "another type of numbers": (with_config(dtype="float16"), "dtype"),
    "a path": (with_config(name_or_path="/etc"), "name_or_path"),
    "an object in the config": (with_config(hidden_act=print), "hidden_act is <built-in function print>"),
    "an object deep in the config": (with_config(hidden_act=[{"a": (1, {2})}]), "hidden_act is [{'a'"),
    "an activation that does not exist": (with_config(hidden_act="evil"), "hidden_act is 'evil'"),
    "an activation that imports a package": (with_config(hidden_act="xielu"), "hidden_act is 'xielu'"),
    "a number beyond all bounds": (with_config(vocab_size=10**400), "vocab_size is 1000"),
    "a claim of many layers": (with_config(num_hidden_layers=300), "num_hidden_layers is 300"),
    "a size that is no number": (with_config(hidden_size="32"), "saved body"),
    "a size below zero": (with_config(intermediate_size=-1), "saved body"),
    "heads that do not divide the size": (with_config(num_attention_heads=7), "saved body"),
    "norms that are not finite": (with_config(layer_norm_eps=float("nan")), "layer_norm_eps is nan"),
    "a claim of gigabytes": (with_config(vocab_size=10**7), "vocab_size is 10000000"),
    "a claim of endless layers": (with_config(num_hidden_layers=10**9), "layers"),
    "a claim of endless positions": (with_config(max_position_embeddings=10**8), "max_position_embeddings is"),
    # what is behind it
    "an unknown module": (with_module(kind="os.system"), "'os.system'"),
    "an unknown module key": (lambda state: state["tail"][0].update(path="/etc"), "'path'"),
    "a class path as activation": (
        with_module(**DENSE, activation_function="os.system"),
        "activation_function is 'os.system'",
    ),
    "a huge module": (
        with_module(**DENSE | {"in_features": 10**6}, activation_function="Tanh"),
        "in_features is 1000000",
    ),
    "a module that does not follow": (with_module(kind="LayerNorm", dimension=31), "missing"),
    "no pooling": (lambda state: state.update(tail=[]), "damaged"),
    "endless modules": (lambda state: state.update(tail=state["tail"] * 10**6), "a list of at most 16"),
    # the tokenizer
    "a broken tokenizer": (lambda state: state.update(tokenizer="{"), "damaged"),
    "a tokenizer that is another thing": (lambda state: state.update(tokenizer="[]"), "saved body"),
    "a tokenizer of an unknown model": (with_tokenizer(model={"type": "Evil"}), "model.type is 'Evil'"),
    "an enormous tokenizer": (with_tokenizer(extra="x" * 2_000_000), "1,034,200 characters"),
    "a tokenizer that makes texts longer and longer": (
        with_tokenizer(normalizer={"type": "Sequence", "normalizers": [TENFOLD] * 9}),
        "(1000000000, 1000000000)",
    ),
    "a tokenizer that adds many tokens": (
        with_tokenizer(
            post_processor={
                "type": "TemplateProcessing",
                "single": [{"SpecialToken": {"id": "x", "type_id": 0}}] * 100
                + [{"Sequence": {"id": "A", "type_id": 0}}],
                "pair": [{"Sequence": {"id": "A", "type_id": 0}}, {"Sequence": {"id": "B", "type_id": 0}}],
                "special_tokens": {"x": {"id": "x", "ids": [1] * 100, "tokens": ["[UNK]"] * 100}},
            }
        ),
        "a list of at most 33",
    ),
    "a tokenizer that reads each text twice": (
        with_tokenizer(
            post_processor={
                "type": "Sequence",
                "processors": [
                    {
                        "type": "TemplateProcessing",
                        "single": [{"Sequence": {"id": "A", "type_id": 0}}] * 2,
                        "pair": [{"Sequence": {"id": "A", "type_id": 0}}, {"Sequence": {"id": "B", "type_id": 0}}],
                        "special_tokens": {},
                    }
                ],
            }
        ),
        "a template with A once",
    ),
    "a tokenizer that knows more tokens": (
        with_tokenizer(model={"type": "WordLevel", "vocab": {"[UNK]": 10**6}, "unk_token": "[UNK]"}),
        "token numbers below 1,342",
    ),
    # the weights
    "bytes as weights": (lambda state: state.update(weights=b"cos\nsystem\n(S'true'\ntR."), "type dict"),
    "a missing tensor": (with_tensors(**{NORM: None}), "missing"),
    "a tensor too many": (with_tensors(extra=np.zeros(1, np.float32)), "unexpected"),
    "a tensor that is a list": (with_tensors(**{NORM: [1.0] * 32}), "is 'list', and must be an array"),
    "a tensor of objects": (with_tensors(**{NORM: np.full(32, print)}), "got object"),
    "a tensor of another shape": (with_tensors(**{NORM: np.ones(31, np.float32)}), "shape"),
    "a tensor of another type": (with_tensors(**{NORM: np.ones(32, np.float16)}), "float32"),
    "a tensor of the other byte order": (with_tensors(**{NORM: np.ones(32, ">f4")}), ">f4"),
    "a tensor with NaN": (with_tensors(**{NORM: np.full(32, np.nan, np.float32)}), "not finite"),
    "a tensor with an infinity": (with_tensors(**{NORM: np.full(32, np.inf, np.float32)}), "not finite"),
    "a tensor that is one number many times": (
        with_tensors(**{PIECES: np.broadcast_to(np.float32(0), (10**6, 32))}),
        "shape",
    ),
}


@pytest.mark.parametrize("case", HOSTILE)
def test_a_state_that_was_tampered_with_is_refused(state, case):
    tamper, message = HOSTILE[case]
    tamper(state)
    with pytest.raises(ValueError, match="saved body") as caught:
        body_from_state(state, CPU)
    assert message in str(caught.value)


def test_a_prompt_is_read_at_the_first_use(state):
    state["prompt"] = "bread " * 99
    body = body_from_state(state, CPU)
    with pytest.raises(ValueError, match="prompt takes all of the 20 tokens"):
        body.encode(["a text"])


OTHER_KINDS = {
    "groups without end": ("albert", {"num_hidden_groups": 10**7}, "num_hidden_groups is"),
    "layers of groups without end": ("albert", {"inner_group_num": 10**7}, "inner_group_num is"),
    "more than the whole turned": (
        "llama",
        {"rope_parameters": ROPE | {"partial_rotary_factor": 4e7}},
        "partial_rotary_factor is 4",
    ),
    "an activation by another key": ("gemma3_text", {"hidden_activation": "xielu"}, "hidden_activation is 'xielu'"),
    "a size that no weight has": ("modernbert", {"head_dim": 10**6}, "head_dim"),
    "a direction that is none": ("llama", {"is_causal": "yes"}, "is_causal is 'yes'"),
    "layers without units": ("llama", {"intermediate_size": 0}, "intermediate_size is 0"),
    "an activation that is not used": ("modernbert", {"classifier_activation": "xielu"}, "is 'xielu'"),
}


@pytest.mark.filterwarnings("ignore:Initializing zero-element tensors")
@pytest.mark.parametrize("case", OTHER_KINDS)
def test_a_state_of_another_kind_that_was_tampered_with_is_refused(tiny_model, tmp_path, case):
    kind, changes, message = OTHER_KINDS[case]
    shutil.copytree(tiny_model, tmp_path, dirs_exist_ok=True)
    write_tiny_transformer(kind, tmp_path)
    state = copy.deepcopy(body_to_state(load_body(tmp_path, max_seq_length=60, device="cpu")))
    state["transformer"].update(changes)
    with pytest.raises(ValueError, match="The saved body") as caught:
        body_from_state(state, CPU)
    assert message in str(caught.value)


@pytest.fixture
def mpnet_state(tiny_model, tmp_path):
    shutil.copytree(tiny_model, tmp_path, dirs_exist_ok=True)
    write_tiny_transformer("mpnet", tmp_path)
    return copy.deepcopy(body_to_state(load_body(tmp_path, device="cpu")))


def test_an_mpnet_with_too_few_buckets_of_distances_is_refused(mpnet_state):
    bias = "transformer.encoder.relative_attention_bias.weight"
    mpnet_state["weights"][bias] = mpnet_state["weights"][bias][:24]
    mpnet_state["transformer"]["relative_attention_num_buckets"] = 24
    with pytest.raises(ValueError, match="relative_attention_num_buckets is 24, and must be an integer from 32"):
        body_from_state(mpnet_state, CPU)


def test_an_mpnet_whose_attention_would_take_the_memory_is_refused(monkeypatch, mpnet_state):
    length = mpnet_state["max_seq_length"]
    monkeypatch.setattr(limits, "MOST_SCORES", 8 * length**2)
    body_from_state(mpnet_state, CPU)
    monkeypatch.setattr(limits, "MOST_SCORES", 8 * length**2 - 1)
    with pytest.raises(ValueError, match=rf"max_seq_length is {length}, and must be .* to {length - 1}\."):
        body_from_state(mpnet_state, CPU)


@pytest.fixture
def t5_state(tiny_model, tmp_path):
    shutil.copytree(tiny_model, tmp_path, dirs_exist_ok=True)
    write_tiny_transformer("t5", tmp_path)
    return copy.deepcopy(body_to_state(load_body(tmp_path, device="cpu", max_seq_length=60)))


@pytest.mark.parametrize(
    ("values", "message"),
    [
        ({"relative_attention_num_buckets": 2}, "relative_attention_num_buckets is 2,"),
        (
            {"relative_attention_max_distance": 32},
            "relative_attention_max_distance is 32, and must be above the number of buckets",
        ),
        ({"feed_forward_proj": "gated-xielu"}, "feed_forward_proj is 'gated-xielu'"),
        ({"num_layers": 150}, "num_layers is 150"),
        ({"class": "T5EncoderModel"}, "unexpected keys ['class']"),
    ],
)
def test_forged_configs_of_a_t5_are_refused(t5_state, values, message):
    body_from_state(t5_state, CPU)
    t5_state["transformer"] |= values
    with pytest.raises(ValueError) as caught:
        body_from_state(t5_state, CPU)
    assert message in str(caught.value)


def test_a_state_may_not_bring_a_class_of_its_own(t5_state):
    t5_state["transformer"] |= {"model_type": "other", "class": dict, "config": {}}
    with pytest.raises(ValueError, match=r"transformer.model_type is 'other'"):
        body_from_state(t5_state, CPU)
