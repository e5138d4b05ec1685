import copy
import shutil

import numpy as np
import pytest
import torch
from torch import nn
from transformers import CONFIG_MAPPING

from conftest import write_tiny_transformer
from sksetfit.body.bert import has_layers_of_bert
from sksetfit.body.layers import _layers_of, freeze_lowest, with_fewer_layers
from sksetfit.body.loading.load import load_body
from sksetfit.body.saving.architectures import TRANSFORMERS
from sksetfit.body.saving.state import body_from_state, body_to_state
from sksetfit.body.static import static_body_of
from sksetfit.training.callbacks import TrainingState
from sksetfit.training.loop import run_steps
from sksetfit.training.losses import contrastive_loss
from sksetfit.training.plan import Plan

CPU = torch.device("cpu")
TEXTS = ["bread and cheese", "", "tennis " * 100, "Piano, JAZZ!"]
KEPT_OF_SIX = {1: [0], 2: [0, 5], 3: [0, 2, 5], 4: [0, 2, 3, 5], 5: [0, 1, 2, 4, 5], 6: [0, 1, 2, 3, 4, 5]}
KINDS = sorted(TRANSFORMERS & set(CONFIG_MAPPING) - {"albert"})


@pytest.fixture(scope="module")
def load(tiny_model, tmp_path_factory):
    """Return a function that loads a body of six layers whose transformer is of some kind."""

    def load_kind(kind, **parameters):
        folder = tmp_path_factory.mktemp(kind)
        shutil.copytree(tiny_model, folder, dirs_exist_ok=True)
        write_tiny_transformer(kind, folder)
        return load_body(folder, max_seq_length=60, device="cpu", **parameters)

    return load_kind


@pytest.fixture(scope="module")
def six_layers(load):
    """A body that no test may change."""
    return load("bert", prompt="say: ")


@pytest.fixture(scope="module")
def tiny_body(tiny_model):
    """A body of two layers that no test may change."""
    return load_body(tiny_model, device="cpu")


class Passed(nn.Module):
    """A layer that is asked, and whose answer is put aside for what it was given."""

    def __init__(self, layer):
        super().__init__()
        self.layer = layer

    def __getattr__(self, name):  # what the transformer asks of its layers, such as their kind of attention
        try:
            return super().__getattr__(name)
        except AttributeError:
            return getattr(super().__getattr__("layer"), name)

    def forward(self, *arguments, **options):
        states = arguments[0] if arguments else options["hidden_states"]
        answer = self.layer(*arguments, **options)
        return states if isinstance(answer, torch.Tensor) else (states, *answer[1:])


def without(body, kept):
    """Return a copy of a body in which all layers but these change nothing."""
    shorter = copy.deepcopy(body)
    _, layers = _layers_of(shorter.transformer)
    for i in set(range(len(layers))) - set(kept):
        layers[i] = Passed(layers[i])
    if has_layers_of_bert(shorter.transformer):
        shorter.packs = False  # packed texts go through the parts of its layers
    return shorter


def weights_of(body):
    return {name: array.tobytes() for name, array in body_to_state(body)["weights"].items()}


def tuned(body):
    """Tune for two steps, and return the body."""
    tokens = body.tokenize(["bread", "tennis goal", "soup rice", "golf"]).tokens
    loss = contrastive_loss("supcon", np.array([[1, 0], [0, 1], [1, 0], [0, 1]], dtype=bool), None)
    state = TrainingState(body, {}, Plan(batch_size=4, n_steps=2, learning_rate=1e-2, precision="float32"))
    run_steps(state, tokens, [np.arange(4)] * 2, loss, warmup_proportion=0.1, weight_decay=0.01)
    return body


# -- which layers are kept


@pytest.mark.parametrize("n_layers", KEPT_OF_SIX)
def test_layers_are_kept_at_even_distances_from_the_lowest_to_the_highest(six_layers, n_layers):
    fewer = with_fewer_layers(six_layers, n_layers)
    _, layers = _layers_of(fewer.transformer)
    _, of_teacher = _layers_of(six_layers.transformer)
    assert len(layers) == n_layers
    for layer, i in zip(layers, KEPT_OF_SIX[n_layers], strict=True):
        own, teachers = layer.state_dict(), of_teacher[i].state_dict()
        assert own.keys() == teachers.keys()
        assert all(torch.equal(own[name], teachers[name]) for name in own)


def test_a_third_of_the_layers_is_kept_unless_their_number_is_given(six_layers, tiny_body):
    assert weights_of(with_fewer_layers(six_layers, None)) == weights_of(with_fewer_layers(six_layers, 2))
    assert with_fewer_layers(tiny_body, None).transformer.config.num_hidden_layers == 1  # of two


def test_a_body_that_keeps_all_layers_gives_the_very_embeddings(six_layers, tiny_body):
    for body, n_layers in [(six_layers, 6), (tiny_body, 2)]:
        same = with_fewer_layers(body, n_layers)
        assert weights_of(same) == weights_of(body)
        np.testing.assert_array_equal(same.encode(TEXTS), body.encode(TEXTS))


@pytest.mark.parametrize("kind", KINDS)
def test_every_kind_of_transformer_loses_layers_and_is_tuned_and_kept(load, kind):
    body = load(kind)
    fewer = with_fewer_layers(body, 3)
    expected = without(body, [0, 2, 5]).encode(TEXTS)
    np.testing.assert_allclose(fewer.encode(TEXTS), expected, atol=1e-6)
    assert np.abs(expected - body.encode(TEXTS)).max() > 1e-3  # the layers left out had done something
    again = body_from_state(copy.deepcopy(body_to_state(tuned(fewer))), CPU)
    np.testing.assert_array_equal(again.encode(TEXTS), fewer.encode(TEXTS))
    assert np.abs(again.encode(TEXTS) - expected).max() > 1e-4  # and the tuning has done something


@pytest.mark.parametrize("kind", ["gemma3_text", "modernbert", "qwen2"])
def test_a_layer_keeps_its_own_kind_of_attention(load, kind):
    body = load(kind)
    types = list(body.transformer.config.layer_types)
    assert with_fewer_layers(body, 3).transformer.config.layer_types == [types[0], types[2], types[5]]
    assert list(body.transformer.config.layer_types) == types


# -- what is left as it was


def test_the_body_that_lost_nothing_stays_as_it_was(load):
    body = load("bert")
    before, gradients = weights_of(body), [each.requires_grad for each in body.parameters()]
    fewer = tuned(with_fewer_layers(body, 6))
    assert weights_of(fewer) != before
    assert weights_of(body) == before
    assert [each.requires_grad for each in body.parameters()] == gradients
    assert body.transformer.config.num_hidden_layers == 6


def test_prompt_length_and_what_is_behind_the_transformer_are_kept(six_layers):
    fewer, before = with_fewer_layers(six_layers, 2), body_to_state(six_layers)
    after = body_to_state(fewer)
    for part in ("tokenizer", "tail", "prompt", "max_seq_length", "pad_token_id"):
        assert after[part] == before[part]
    assert fewer.name != six_layers.name


# -- what has no layers to lose


def test_more_layers_than_there_are_are_refused(tiny_body):
    with pytest.raises(ValueError, match="n_layers=3 is more than the 2 layers that the teacher's body has"):
        with_fewer_layers(tiny_body, 3)


@pytest.mark.parametrize("n_layers", [None, 1, 6])
def test_a_transformer_that_uses_one_layer_many_times_is_refused(load, n_layers):
    with pytest.raises(ValueError, match=r"of type 'albert', has no layers .* Give a smaller model, or model='static'"):
        with_fewer_layers(load("albert"), n_layers)


def test_a_table_of_tokens_has_no_layers_to_lose_and_is_tuned_as_a_whole(tiny_body):
    static = static_body_of(tiny_body, TEXTS)
    with pytest.raises(ValueError, match="of type 'static', has no layers"):
        with_fewer_layers(static, 1)
    freeze_lowest(static)
    assert all(each.requires_grad for each in static.parameters())
