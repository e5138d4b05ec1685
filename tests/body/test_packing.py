import itertools

import numpy as np
import pytest
import torch
from transformers import CONFIG_MAPPING, AutoConfig, AutoModel

from sksetfit.body import packing as packing_module
from sksetfit.body.packing import (
    ATTENTION,
    Block,
    packed_states,
    plain_is_quick,
    rounded_up,
    split_by_length,
    use_packing,
)

KINDS = packing_module._KINDS | packing_module._KINDS_COUNTING_FROM_PADDING
PADDING = 1
LENGTHS = [5, 30, 17, 60, 1, 0, 9, 9]


def make_transformer(kind):
    """Return a transformer of three layers with random weights, and tokens of texts, one of them a padding token."""
    sizes = {"vocab_size": 100, "hidden_size": 32, "intermediate_size": 64, "max_position_embeddings": 80}
    counts = {"num_hidden_layers": 3, "num_attention_heads": 2}
    ends = {"bos_token_id": 2, "eos_token_id": 3, "mask_token_id": 4}
    config = AutoConfig.for_model(kind, **sizes, **counts, **ends, pad_token_id=PADDING, initializer_range=0.2)
    with torch.random.fork_rng():
        torch.manual_seed(0)
        transformer = AutoModel.from_config(config).eval()
    rng = np.random.RandomState(0)
    tokens = [rng.randint(5, 100, length).astype(np.int32) for length in LENGTHS]
    tokens[1][7] = PADDING  # as where a text has "<pad>" in it
    return transformer, tokens


def padded_states(transformer, tokens):
    """Return the states of each text's tokens as transformers computes them on padded texts."""
    input_ids = torch.full((len(tokens), max(map(len, tokens))), PADDING)
    mask = torch.zeros_like(input_ids)
    for row, ids in enumerate(tokens):
        input_ids[row, : len(ids)] = torch.from_numpy(ids)
        mask[row, : len(ids)] = 1
    states = transformer(input_ids=input_ids, attention_mask=mask).last_hidden_state
    return [row[: len(ids)] for row, ids in zip(states, tokens, strict=True)]


def packed_states_of(transformer, tokens):
    transformer.set_attn_implementation(ATTENTION)
    parts = packed_states(transformer, tokens)
    of_text = {
        i: row[of_row] for texts, states, mask in parts for i, row, of_row in zip(texts, states, mask, strict=True)
    }
    return [of_text[i] for i in range(len(tokens))]


@pytest.mark.parametrize("kind", sorted(KINDS & set(CONFIG_MAPPING)))
def test_states_are_those_of_padded_texts(kind):
    transformer, tokens = make_transformer(kind)
    with torch.no_grad():
        expected = padded_states(transformer, tokens)
        for got, wanted in zip(packed_states_of(transformer, tokens), expected, strict=True):
            torch.testing.assert_close(got, wanted, atol=1e-5, rtol=1e-5)


@pytest.mark.parametrize("plain", [False, True])
@pytest.mark.parametrize("block_tokens", [1, 100, 10**6])
@pytest.mark.parametrize("kind", ["bert", "mpnet"])
def test_packed_gradients_equal_padded_gradients(monkeypatch, kind, plain, block_tokens):
    monkeypatch.setattr(packing_module, "plain_is_quick", lambda *_: plain)
    monkeypatch.setattr(packing_module, "BLOCK_TOKENS", block_tokens)
    transformer, tokens = make_transformer(kind)
    gradients = []
    for states in (padded_states, packed_states_of):
        value = sum(text.square().sum() for text in states(transformer, tokens))
        weights = [weight for name, weight in transformer.named_parameters() if not name.startswith("pooler")]
        gradients.append(torch.autograd.grad(value, weights))
    for expected, got in zip(*gradients, strict=True):
        torch.testing.assert_close(got, expected, atol=1e-4, rtol=1e-3)


def test_states_beyond_the_end_of_a_text_are_zero():
    transformer, tokens = make_transformer("bert")
    transformer.set_attn_implementation(ATTENTION)
    for _, states, mask in packed_states(transformer, tokens):
        assert (states[~mask] == 0).all()


def test_texts_of_one_length_lie_where_they_are():
    states = torch.arange(12.0).reshape(4, 3)
    block = Block(0, np.array([2, 2]), 2, torch.device("cpu"))
    assert block.pad(states).data_ptr() == states.data_ptr()
    assert block.unpad(block.pad(states)).data_ptr() == states.data_ptr()


@pytest.mark.parametrize("n_heads", [1, 2])
@pytest.mark.parametrize("lengths", [[2, 2], [2, 1], [0, 2]])
def test_padding_is_undone(n_heads, lengths):
    states = torch.randn(sum(lengths), 6)
    block = Block(0, np.array(lengths), 2, torch.device("cpu"))
    padded = block.pad(states, n_heads)
    assert padded.shape == (2, n_heads, 2, 6 // n_heads)
    assert torch.equal(padded[1, :, 0].flatten(), states[lengths[0]])
    assert torch.equal(block.unpad(padded), states)


@pytest.mark.parametrize("n_texts", [1, 2])
def test_texts_without_any_token_have_states_of_zero(n_texts):
    transformer, tokens = make_transformer("bert")
    states = packed_states_of(transformer, [tokens[LENGTHS.index(0)]] * n_texts)
    assert [len(text) for text in states] == [0] * n_texts


def test_small_blocks_pad_little(monkeypatch):
    monkeypatch.setattr(packing_module, "BLOCK_TOKENS", 64)
    transformer, tokens = make_transformer("bert")
    transformer.set_attn_implementation(ATTENTION)
    parts = packed_states(transformer, tokens)
    assert max(mask.numel() for _, _, mask in parts) <= 64
    assert sum(mask.numel() for _, _, mask in parts) < 1.5 * sum(LENGTHS)


@pytest.mark.parametrize(("bfloat16", "length"), [(True, 160), (False, 131)])
def test_a_row_has_few_lengths_in_bfloat16(monkeypatch, bfloat16, length):
    transformer, tokens = make_transformer("distilbert")
    lengths = []
    monkeypatch.setattr(transformer, "forward", lambda input_ids, **_: lengths.append(input_ids.shape[1]) or 1 / 0)
    with pytest.raises(ZeroDivisionError), torch.autocast("cpu", torch.bfloat16, enabled=bfloat16):
        packed_states(transformer, tokens)
    assert lengths == [length]


@pytest.mark.parametrize(("n_tokens", "expected"), [(1, 16), (48, 48), (49, 64), (65, 80), (257, 320), (512, 512)])
def test_numbers_of_tokens_are_few_in_bfloat16(n_tokens, expected):
    cpu = torch.device("cpu")
    with torch.autocast("cpu", torch.bfloat16):
        assert rounded_up(n_tokens, cpu) == expected
    assert rounded_up(n_tokens, cpu) == n_tokens


def test_blocks_have_few_widths_in_bfloat16():
    transformer, tokens = make_transformer("bert")
    transformer.set_attn_implementation(ATTENTION)
    with torch.autocast("cpu", torch.bfloat16), torch.no_grad():
        assert {mask.shape[1] % 16 for _, _, mask in packed_states(transformer, tokens)} == {0}


@pytest.mark.parametrize(
    ("device", "bfloat16", "n_tokens", "expected"),
    [("cpu", True, 256, True), ("cpu", True, 257, False), ("cpu", False, 8, False), ("cuda", True, 8, False)],
)
def test_plain_attention_is_for_short_texts_in_bfloat16_on_processors(device, bfloat16, n_tokens, expected):
    with torch.autocast("cpu", torch.bfloat16, enabled=bfloat16):
        assert plain_is_quick(torch.device(device), n_tokens) is expected


@pytest.mark.parametrize(("kind", "changes"), [("modernbert", {}), ("eurobert", {}), ("bert", {"is_decoder": True})])
def test_transformers_with_another_attention_are_not_packed(kind, changes):
    with torch.device("meta"):
        assert not use_packing(AutoModel.from_config(AutoConfig.for_model(kind, **changes)))


def test_mpnet_is_packed():
    transformer, _ = make_transformer("mpnet")
    assert use_packing(transformer)


def test_mpnet_is_packed_in_bfloat16_as_precisely_as_padded():
    transformer, tokens = make_transformer("mpnet")
    with torch.no_grad():
        exact = torch.cat(padded_states(transformer, tokens))
        with torch.autocast("cpu", torch.bfloat16):
            padded, packed = (torch.cat(states(transformer, tokens)) for states in (padded_states, packed_states_of))
    assert (packed - exact).abs().mean() < 1.2 * (padded - exact).abs().mean()


def test_transformers_that_decline_the_attention_are_not_packed(monkeypatch):
    transformer, _ = make_transformer("distilbert")
    monkeypatch.setattr(type(transformer), "_can_set_attn_implementation", classmethod(lambda cls: False))
    assert not use_packing(transformer)


@pytest.mark.parametrize("seed", range(10))
@pytest.mark.parametrize("max_tokens", [1, 64, 256, 4096])
def test_split_by_length_is_a_permutation_within_bounds(seed, max_tokens):
    rng = np.random.RandomState(seed)
    lengths = rng.randint(1, rng.choice([4, 64, 512]), size=rng.randint(1, 200))
    parts = split_by_length(lengths, max_tokens)
    assert sorted(np.concatenate(parts).tolist()) == list(range(len(lengths)))
    for part in parts:
        assert len(part) * lengths[part].max() <= max_tokens or len(part) == 1
    assert (np.diff(lengths[np.concatenate(parts)]) <= 0).all()


@pytest.mark.parametrize("seed", range(5))
def test_split_by_length_fills_its_parts(seed):
    lengths = np.random.RandomState(seed).randint(1, 64, size=100)
    parts = split_by_length(lengths, 256)
    assert len(parts) > 1
    for part in parts[:-1]:
        assert (len(part) + 1) * lengths[part].max() > 256


@pytest.mark.parametrize("seed", range(5))
def test_split_by_length_counts_padding_only_where_asked(seed):
    lengths = np.random.RandomState(seed).randint(1, 300, size=100)
    parts = split_by_length(lengths, 256, padded=False)
    assert sorted(np.concatenate(parts).tolist()) == list(range(len(lengths)))
    for part, following in itertools.pairwise(parts):
        assert lengths[part].sum() <= 256 or len(part) == 1
        assert lengths[part].sum() + lengths[following[0]] > 256


@pytest.mark.parametrize(("lengths", "parts"), [([], 0), ([0, 0], 1), ([5000], 1), ([5000, 5000, 1], 3)])
def test_split_by_length_of_odd_lengths(lengths, parts):
    assert len(split_by_length(np.array(lengths, dtype=int), 4096)) == parts
