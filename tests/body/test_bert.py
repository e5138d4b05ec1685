import copy

import numpy as np
import pytest
import torch
from transformers import CONFIG_MAPPING, AutoConfig, AutoModel

from sksetfit.body import bert as bert_module
from sksetfit.body.bert import Prepacked, can_prepack, has_layers_of_bert, layers_of_bert, multiply, n_frozen_layers
from sksetfit.body.layers import freeze_lowest
from sksetfit.body.loading.load import load_body
from sksetfit.body.packing import lower_states, packed_states

KINDS = sorted(bert_module._KINDS & set(CONFIG_MAPPING))
TOKENS = [np.arange(5, 5 + n, dtype=np.int32) for n in (3, 11, 1, 7)]


def make_transformer(kind, **changes):
    sizes = {"vocab_size": 100, "hidden_size": 32, "intermediate_size": 64, "max_position_embeddings": 40}
    counts = {"num_hidden_layers": 6, "num_attention_heads": 2, "embedding_size": 16}
    config = AutoConfig.for_model(kind, **sizes, **counts, initializer_range=0.2, **changes)
    with torch.random.fork_rng():
        torch.manual_seed(0)
        return AutoModel.from_config(config).eval()


@pytest.fixture(scope="module", params=KINDS)
def transformer(request):
    return make_transformer(request.param)


@pytest.fixture(params=[torch.float32, torch.bfloat16])
def dtype(request, transformer):
    if not can_prepack(transformer, request.param):
        pytest.skip("this processor does not multiply bfloat16")
    return request.param


def texts_of(parts):
    """Return the states of each text in the order of the texts."""
    found = {i: row[of_row] for texts, rows, mask in parts for i, row, of_row in zip(texts, rows, mask, strict=True)}
    return torch.cat([found[i] for i in range(len(found))])


def test_prepacked_products_equal_plain_products(transformer, dtype):
    prepacked = Prepacked(transformer, dtype)
    with torch.inference_mode():
        for layer in layers_of_bert(transformer):
            states = torch.randn(7, 32)
            for linears in (layer.attention, (layer.after_attention,), (layer.up,)):
                found = prepacked(states, *linears)
                expected = torch.cat([linear.to(dtype)(states.to(dtype)) for linear in copy.deepcopy(linears)], dim=1)
                assert found.dtype == dtype
                tolerance = 1e-5 if dtype == torch.float32 else 2e-2
                torch.testing.assert_close(found, expected, atol=tolerance, rtol=tolerance)


def test_states_by_prepacked_products_equal_states_by_plain_ones(transformer, dtype):
    with torch.inference_mode(), torch.autocast("cpu", torch.bfloat16, enabled=dtype == torch.bfloat16):
        plain, prepacked = (
            texts_of(packed_states(transformer, TOKENS, product))
            for product in (multiply, Prepacked(transformer, dtype))
        )
    tolerance = 1e-5 if dtype == torch.float32 else 5e-2
    torch.testing.assert_close(prepacked, plain, atol=tolerance, rtol=tolerance)


def test_only_layers_like_those_of_bert_on_a_processor_are_prepacked(monkeypatch):
    bert = make_transformer("bert")
    assert can_prepack(bert, torch.float32)
    assert not can_prepack(make_transformer("bert", is_decoder=True), torch.float32)
    assert not can_prepack(make_transformer("distilbert"), torch.float32)
    assert not can_prepack(copy.deepcopy(bert).to("meta"), torch.float32)
    with monkeypatch.context() as switched_off:
        switched_off.setattr(torch.backends.mkldnn, "enabled", False)
        assert not can_prepack(bert, torch.float32)
    assert can_prepack(bert, torch.float32)
    monkeypatch.setattr(bert_module, "_onednn", lambda: ())  # a build of torch without them
    assert not can_prepack(bert, torch.float32)


@pytest.mark.parametrize("n_frozen", [0, 1, 6])
def test_states_behind_frozen_layers_lead_to_the_same_last_states(transformer, n_frozen):
    tuned = copy.deepcopy(transformer)
    tuned.requires_grad_(False)
    tuned.encoder.layer[n_frozen:].requires_grad_(True)
    assert n_frozen_layers(tuned) == n_frozen
    lower = lower_states(tuned, TOKENS)
    assert [len(states) for states in lower] == [len(ids) for ids in TOKENS]
    assert not lower[0].requires_grad
    whole, continued = (texts_of(packed_states(tuned, TOKENS, lower=given)) for given in (None, lower))
    torch.testing.assert_close(continued, whole, atol=1e-5, rtol=1e-5)


@pytest.mark.parametrize(
    ("kind", "name"),
    [
        ("bert", "embeddings.LayerNorm.weight"),
        ("electra", "embeddings_project.bias"),
        ("mpnet", "encoder.relative_attention_bias.weight"),
    ],
)
def test_no_layer_is_frozen_where_something_below_it_is_tuned(kind, name):
    tuned = make_transformer(kind).requires_grad_(False)
    assert n_frozen_layers(tuned) == 6
    tuned.get_parameter(name).requires_grad_(True)
    assert n_frozen_layers(tuned) == 0


def test_other_transformers_have_no_layers_that_are_frozen():
    distilbert = make_transformer("distilbert").requires_grad_(False)
    assert not has_layers_of_bert(distilbert)
    assert n_frozen_layers(distilbert) == 0


def test_predictions_follow_the_weights(tiny_model):
    body = load_body(tiny_model)
    before = body.encode(["bread", "piano"])
    freeze_lowest(body)
    with torch.no_grad():
        for weight in body.parameters():
            weight += 0.1 * torch.randn_like(weight) * weight.requires_grad
    body.weights_changed()
    after = body.encode(["bread", "piano"])
    assert np.abs(after - before).max() > 1e-3
    with torch.inference_mode():
        expected = body(body.tokenize(["bread", "piano"]).tokens).numpy()
    np.testing.assert_allclose(after, expected, atol=1e-6)


def test_a_copy_of_a_body_has_products_of_its_own(tiny_model):
    body = load_body(tiny_model)
    expected = body.encode(["bread"])
    assert body.exports
    copied = copy.deepcopy(body)
    assert not copied.exports
    np.testing.assert_array_equal(copied.encode(["bread"]), expected)
