import copy
import json
import shutil
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest
import torch
from sentence_transformers import SentenceTransformer
from sentence_transformers.sentence_transformer.modules import Dense, Normalize, Pooling, StaticEmbedding, Transformer
from tokenizers import Tokenizer, models, pre_tokenizers, processors, trainers
from transformers import PreTrainedTokenizerFast, RobertaConfig, RobertaModel

from conftest import TOPICS, make_texts
from sksetfit import SetFitClassifier, dump, load, read_setfit, write_setfit
from sksetfit.body.loading.load import load_body
from sksetfit.body.saving.export import OpenVINOBody, write_body
from sksetfit.body.saving.state import body_from_state, body_to_state
from sksetfit.body.static import RARITY, of_seen_tokens, static_body_of

CPU = torch.device("cpu")
TEXTS = ["bread and cheese", "tennis " * 100, "Piano, JAZZ!", "日本 🎻", ""]
WORDS = [word for topic in TOPICS.values() for word in topic]
UNSEEN = ["violin", "tennis", "honey"]  # words that are not in the texts


@pytest.fixture(scope="module")
def body(tiny_model):
    """A body with Normalize at its end, which no test may change."""
    return load_body(tiny_model, device="cpu")


@pytest.fixture(scope="module")
def static(body):
    """A static body that no test may change."""
    return static_body_of(body, ["bread and cheese", "bread"])


@pytest.fixture(scope="module")
def plain(tiny_model, tmp_path_factory):
    """A body without Normalize, which no test may change."""
    return load_modules(tmp_path_factory.mktemp("plain"), Transformer(tiny_model), Pooling(32))


@pytest.fixture(scope="module")
def static_folder(tmp_path_factory):
    """The folder of a StaticEmbedding of 16 dimensions, as others write it: half precision, no truncation."""
    pieces = {piece: i for i, piece in enumerate(["[UNK]", *WORDS, *"abcdefgh"])}
    tokenizer = Tokenizer(models.WordLevel(pieces, "[UNK]"))
    tokenizer.pre_tokenizer = pre_tokenizers.Whitespace()
    tokenizer.enable_padding()
    weights = np.random.RandomState(0).randn(len(pieces), 16).astype(np.float16)
    folder = tmp_path_factory.mktemp("static")
    modules = [StaticEmbedding(tokenizer, weights), Normalize()]
    SentenceTransformer(modules=modules, device="cpu").save_pretrained(str(folder), create_model_card=False)
    return str(folder)


def load_modules(folder, *modules, **parameters):
    SentenceTransformer(modules=list(modules), device="cpu").save_pretrained(str(folder), create_model_card=False)
    return load_body(folder, device="cpu", **parameters)


def vector(body, piece):
    """Return what a static body has for one token."""
    return body.transformer.weight[body.tokenizer.token_to_id(piece)].detach().numpy()


def unit(rows):
    return rows / np.linalg.norm(rows, axis=-1, keepdims=True)


# -- embeddings


def test_an_embedding_is_the_mean_of_the_vectors_of_its_tokens(plain):
    static = static_body_of(plain, ["bread"])
    expected = (vector(static, "bread") + vector(static, "tennis") + vector(static, "tennis")) / 3
    np.testing.assert_allclose(static.encode(["bread tennis tennis"])[0], expected, rtol=1e-5)


def test_static_embeddings_have_norm_of_teacher(static):
    expected = unit(vector(static, "bread") + vector(static, "tennis"))
    np.testing.assert_allclose(static.encode(["bread tennis"])[0], expected, rtol=1e-4, atol=1e-6)


def test_the_order_of_words_has_no_part(static):
    one, other = static.encode(["bread piano tennis", "tennis bread piano"])
    np.testing.assert_allclose(one, other, rtol=1e-5, atol=1e-7)


@pytest.mark.parametrize("texts", [[""], ["", " "], ["", "bread", ""]])
def test_a_text_without_tokens_has_a_mean_of_zero(static, texts):
    embeddings = static.encode(texts)
    for text, embedding in zip(texts, embeddings, strict=True):
        np.testing.assert_array_equal(embedding == 0, not text.strip())


def test_unknown_words_have_the_vector_of_the_unknown_token(static):
    np.testing.assert_allclose(static.encode(["日本"])[0], unit(vector(static, "[UNK]")), rtol=1e-4, atol=1e-6)


def test_what_is_behind_the_maximum_length_is_not_read(static):
    n = static.max_seq_length
    one, other, shorter = static.encode(["bread " * n + "tennis", "bread " * n, "bread " * (n - 1) + "tennis"])
    np.testing.assert_array_equal(one, other)
    assert np.abs(one - shorter).max() > 1e-4


def test_embeddings_do_not_depend_on_what_is_encoded_along(static):
    texts = [*make_texts(30)[0], *TEXTS]
    alone = np.concatenate([static.encode([text]) for text in texts])
    np.testing.assert_allclose(static.encode(texts), alone, rtol=1e-5, atol=1e-7)


def test_threads_encode_side_by_side(static):
    texts = make_texts(30)[0]
    expected = static.encode(texts)
    with ThreadPoolExecutor(4) as pool:
        for embeddings in pool.map(static.encode, [texts] * 8):
            np.testing.assert_array_equal(embeddings, expected)


def test_nothing_is_padded_or_added_to_the_tokens(static):
    windows = static.tokenize(["bread tennis", "", "bread " * 1000])
    tokens, n_cut = windows.tokens, windows.n_cut
    assert [len(ids) for ids in tokens] == [2, 0, static.max_seq_length]
    assert n_cut == 1


# -- the vectors to begin with


def assert_vectors_are_what_the_body_makes_of_words(body):
    """Compare differences, in which the mean of all that was taken off does not show."""
    static = static_body_of(body, ["bread"])
    expected = body.encode([UNSEEN[0]]) - body.encode(UNSEEN[1:])
    given = vector(static, UNSEEN[0]) - np.stack([vector(static, word) for word in UNSEEN[1:]])
    largest = np.abs(expected).max()
    assert largest > 0.05
    np.testing.assert_allclose(given, expected, atol=0.03 * largest)  # they may be computed in bfloat16


def test_a_vector_is_what_the_body_makes_of_a_token_alone(body, plain):
    assert_vectors_are_what_the_body_makes_of_words(body)
    assert_vectors_are_what_the_body_makes_of_words(plain)


@pytest.mark.parametrize("include_prompt", [True, False])
def test_static_vectors_include_prompt(tiny_model, tmp_path, include_prompt):
    modules = [Transformer(tiny_model), Pooling(32, include_prompt=include_prompt), Normalize()]
    body = load_modules(tmp_path, *modules, prompt="opera race: ")
    assert_vectors_are_what_the_body_makes_of_words(body)
    static = static_body_of(body, TEXTS)
    assert static.prompt == ""
    assert len(static.tokenize(["bread"]).tokens[0]) == 1


def test_static_vectors_of_byte_level_tokenizer(tmp_path):
    body = write_roberta(tmp_path)
    assert len(body.tokenize(["bread"]).tokens[0]) == 3
    assert_vectors_are_what_the_body_makes_of_words(body)
    static = static_body_of(body, TEXTS)
    assert np.isfinite(static.encode(TEXTS)).all()
    again = body_from_state(body_to_state(static), CPU)
    np.testing.assert_array_equal(again.encode(TEXTS), static.encode(TEXTS))


def write_roberta(folder):
    """Return a tiny RoBERTa with a byte-level tokenizer that knows the words of the topics."""
    tokenizer = Tokenizer(models.BPE())
    tokenizer.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    special = ["<s>", "<pad>", "</s>", "<unk>"]
    trainer = trainers.BpeTrainer(
        vocab_size=2000,
        special_tokens=special,
        show_progress=False,
        initial_alphabet=pre_tokenizers.ByteLevel.alphabet(),
    )
    tokenizer.train_from_iterator(WORDS * 3, trainer)
    tokenizer.post_processor = processors.RobertaProcessing(("</s>", 2), ("<s>", 0), add_prefix_space=False)
    ends = {"bos_token": "<s>", "eos_token": "</s>", "unk_token": "<unk>", "pad_token": "<pad>"}
    PreTrainedTokenizerFast(tokenizer_object=tokenizer, model_max_length=64, **ends).save_pretrained(folder)
    sizes = {"hidden_size": 32, "num_hidden_layers": 2, "num_attention_heads": 2, "intermediate_size": 64}
    config = RobertaConfig(vocab_size=tokenizer.get_vocab_size(), max_position_embeddings=66, pad_token_id=1, **sizes)
    with torch.random.fork_rng():
        torch.manual_seed(0)
        config.initializer_range = 0.2
        RobertaModel(config).save_pretrained(folder)
    return load_modules(folder / "whole", Transformer(str(folder)), Pooling(32), Normalize())


def test_vectors_of_frequent_tokens_are_shortened_and_no_others(body):
    texts = ["bread bread bread tennis"]
    with_texts, without_texts = static_body_of(body, texts), static_body_of(body, ["日本"])
    for word, share in {"bread": 0.75, "tennis": 0.25, "violin": 0}.items():
        expected = vector(without_texts, word) * RARITY / (RARITY + share)
        np.testing.assert_allclose(vector(with_texts, word), expected, rtol=1e-5)


def test_texts_without_tokens_tell_nothing_of_frequencies(body):
    np.testing.assert_array_equal(
        static_body_of(body, [""]).transformer.weight.detach(),
        static_body_of(body, ["", " "]).transformer.weight.detach(),
    )


def test_a_table_ends_with_normalize_only_where_the_body_does(body, plain, tiny_model, tmp_path):
    dense = load_modules(tmp_path, Transformer(tiny_model), Pooling(32), Normalize(), Dense(32, 8))
    assert [len(static_body_of(each, TEXTS).tail) for each in (body, plain, dense)] == [1, 0, 0]
    assert static_body_of(dense, TEXTS).n_dimensions == 8


def test_a_table_leaves_the_body_as_it_was(tiny_model):
    body = load_body(tiny_model, device="cpu")
    before, tokenizer = body.encode(TEXTS), body.tokenizer.to_str()
    static = static_body_of(body, TEXTS)
    with torch.no_grad():
        static.transformer.weight.zero_()
    np.testing.assert_array_equal(body.encode(TEXTS), before)
    assert body.tokenizer.to_str() == tokenizer
    assert static.tail[0] is not body.tail[-1]


def test_a_table_of_a_table_is_refused(static):
    with pytest.raises(ValueError, match="is a table of tokens already: a student of it would be no smaller"):
        static_body_of(static, TEXTS)


def test_a_body_of_the_seen_tokens_gives_the_same_embeddings(static):
    texts = make_texts(10)[0]
    tokens = static.tokenize(texts).tokens
    smaller, renumbered, seen = of_seen_tokens(static, tokens)
    np.testing.assert_allclose(smaller.encode_tokens(renumbered), static.encode(texts), rtol=1e-5, atol=1e-7)
    assert smaller.transformer.weight.shape == (len(seen), 32)
    assert len(seen) < static.transformer.weight.shape[0]


# -- as plain data


@pytest.fixture
def state(static):
    return copy.deepcopy(body_to_state(static))


def test_the_round_trip_gives_equal_embeddings_and_vectors(static, state):
    again = body_from_state(state, CPU)
    np.testing.assert_array_equal(again.encode(TEXTS), static.encode(TEXTS))
    described = body_to_state(again)
    weights, expected = described.pop("weights"), state.pop("weights")
    assert described == state
    assert list(weights) == list(expected) == ["transformer.weight"]
    assert weights["transformer.weight"].tobytes() == expected["transformer.weight"].tobytes()
    assert json.loads(json.dumps(state)) == state


def with_table(**changes):
    return lambda state: state["transformer"].update(changes)


def with_vectors(array):
    return lambda state: state["weights"].update({"transformer.weight": array})


def with_tail(*descriptions):
    return lambda state: state.update(tail=list(descriptions))


MILLIONTH = Tokenizer(models.WordLevel({"[UNK]": 10**6}, "[UNK]")).to_str()  # a token that no table here has
HOSTILE = {
    "another number of tokens": (with_table(vocab_size=170), "shape (170, 32)"),
    "another number of dimensions": (with_table(hidden_size=31), "shape (171, 31)"),
    "sizes beyond all memory": (with_table(vocab_size=10**8, hidden_size=10**8), "vocab_size is 100000000"),
    "sizes beyond all bounds": (with_table(vocab_size=172), "vocab_size is 172, and must be an integer from 1 to 171"),
    "a size beyond all numbers": (with_table(hidden_size=10**400), "hidden_size is 1000"),
    "no tokens": (with_table(vocab_size=0), "vocab_size is 0"),
    "a negative size": (with_table(vocab_size=-171), "vocab_size is -171"),
    "a truth as a size": (with_table(hidden_size=True), "hidden_size is True"),
    "a fraction as a size": (with_table(hidden_size=32.0), "hidden_size is 32.0"),
    "a text as a size": (with_table(vocab_size="171"), "vocab_size is '171'"),
    "a list as a size": (with_table(vocab_size=[171]), "vocab_size is [171]"),
    "a missing size": (lambda state: state["transformer"].pop("hidden_size"), "lacks keys ['hidden_size']"),
    "a size too many": (with_table(name_or_path="/etc"), "unexpected keys ['name_or_path']"),
    "a transformer's type": (with_table(model_type="bert"), "saved body"),
    "no type": (lambda state: state["transformer"].pop("model_type"), "model_type is None"),
    "vectors with NaN": (with_vectors(np.full((171, 32), np.nan, np.float32)), "not finite"),
    "vectors in half precision": (with_vectors(np.zeros((171, 32), np.float16)), "float16"),
    "vectors of objects": (with_vectors(np.full((171, 32), print)), "got object"),
    "no vectors": (lambda state: state.update(weights={}), "vocab_size is 171"),
    "vectors of two tables": (lambda state: state["weights"].update(more=np.zeros(1)), "unexpected ['more']"),
    "a pooling of tokens": (with_tail({"kind": "Pooling", "embedding_dimension": 32}), "lacks keys"),
    "an unknown module": (with_tail({"kind": "StaticEmbedding"}), "kind is 'StaticEmbedding'"),
    "a tokenizer of other tokens": (lambda state: state.update(tokenizer=MILLIONTH), "tokenizer.truncation is None"),
    "padding beyond the table": (lambda state: state.update(pad_token_id=171), "pad_token_id is 171"),
    "no length": (lambda state: state.update(max_seq_length=0), "max_seq_length is 0"),
    "a length beyond all numbers": (lambda state: state.update(max_seq_length=10**30), f"max_seq_length is {10**30}"),
}


@pytest.mark.parametrize("case", HOSTILE)
def test_a_state_that_was_tampered_with_is_refused(state, case):
    tamper, message = HOSTILE[case]
    tamper(state)
    with pytest.raises(ValueError, match="saved body") as caught:
        body_from_state(state, CPU)
    assert message in str(caught.value)


def test_a_token_that_the_table_has_not_is_told_when_a_text_holds_it(state):
    tokenizer = json.loads(state["tokenizer"])
    tokenizer["model"]["vocab"]["bread"] = 1000
    again = body_from_state(state | {"tokenizer": json.dumps(tokenizer)}, CPU)
    with pytest.raises(ValueError, match="a text holds token 1000, and the transformer knows 171"):
        again.encode(["bread"])


# -- as a folder


@pytest.mark.parametrize("of", ["body", "plain"])
def test_a_folder_gives_others_and_us_the_same_embeddings(request, tmp_path, of):
    static = static_body_of(request.getfixturevalue(of), TEXTS)
    write_body(static, tmp_path)
    for texts in (TEXTS, [""]):
        theirs = SentenceTransformer(str(tmp_path), device="cpu").encode(texts)
        np.testing.assert_allclose(static.encode(texts), theirs, rtol=1e-5, atol=1e-6)
    again = load_body(tmp_path, device="cpu")
    np.testing.assert_array_equal(again.encode(TEXTS), static.encode(TEXTS))
    assert again.max_seq_length == static.max_seq_length


@pytest.mark.parametrize("prompt", ["", "opera: "])
def test_a_folder_of_others_is_read_as_they_read_it(static_folder, tmp_path, prompt):
    shutil.copytree(static_folder, tmp_path, dirs_exist_ok=True)
    config = tmp_path / "config_sentence_transformers.json"
    prompts = {"prompts": {"own": prompt}, "default_prompt_name": "own"}
    config.write_text(json.dumps(json.loads(config.read_text()) | prompts))
    body = load_body(tmp_path, device="cpu")
    texts = [*filter(None, TEXTS), "bread " * 5000 + "tennis " * 5000]  # of no tokens half precision makes NaN
    theirs = SentenceTransformer(str(tmp_path), device="cpu").encode(texts)
    np.testing.assert_allclose(body.encode(texts), theirs, rtol=1e-3, atol=1e-3)  # which compute in half precision
    assert body.prompt == prompt
    write_body(body, tmp_path / "again")
    np.testing.assert_array_equal(load_body(tmp_path / "again", device="cpu").encode(texts), body.encode(texts))


def test_a_shorter_length_may_be_asked_for(static_folder):
    body = load_body(static_folder, max_seq_length=3, device="cpu")
    np.testing.assert_array_equal(body.encode(["bread " * 3 + "tennis"]), body.encode(["bread"]))


def test_a_prompt_without_tokens_changes_nothing(static_folder):
    body = load_body(static_folder, prompt=" ", device="cpu")
    np.testing.assert_array_equal(body.encode(["bread"]), load_body(static_folder, device="cpu").encode(["bread"]))


def test_static_body_with_token_module_raises(static_folder, tmp_path):
    first = SentenceTransformer(static_folder, device="cpu")[0]
    with pytest.raises(ValueError, match=r"model=.*Pooling"):
        load_modules(tmp_path, first, Pooling(16))


@pytest.mark.parametrize(
    "parameters", [{}, {"precision": "bfloat16"}, {"prompt": "opera: ", "max_seq_length": 9, "long_texts": "truncate"}]
)
def test_a_classifier_tunes_a_table_and_is_saved(static_folder, tmp_path, parameters):
    X, y = make_texts(8)
    settings = {"max_steps": 20, "learning_rate": 0.05, "random_state": 0} | parameters
    clf = SetFitClassifier(static_folder, **settings).fit(X, y)
    assert clf.loss_curve_[-5:].mean() < clf.loss_curve_[:5].mean()
    X_new, y_new = make_texts(20, seed=1)
    assert clf.score(X_new, y_new) > 0.8
    dump(clf, tmp_path / "model.skops")
    np.testing.assert_array_equal(load(tmp_path / "model.skops").predict_proba(X_new), clf.predict_proba(X_new))
    write_setfit(clf, tmp_path / "folder")
    again = read_setfit(tmp_path / "folder", trust_pickle=True)
    np.testing.assert_array_equal(again.predict(X_new), clf.predict(X_new))


def test_a_table_is_kept_in_a_memory_and_goes_on_with_a_warm_start(static_folder, tmp_path):
    X, y = make_texts(4)
    settings = {"max_steps": 5, "learning_rate": 0.05, "random_state": 0}
    first, found = (SetFitClassifier(static_folder, memory=tmp_path, **settings).fit(X, y) for _ in range(2))
    np.testing.assert_array_equal(found.predict_proba(X), first.predict_proba(X))
    assert len(list(tmp_path.rglob("output.pkl"))) >= 1
    warm = SetFitClassifier(static_folder, warm_start=True, **settings).fit(X, y)
    once = warm.encoder_.transform(X)
    assert np.abs(warm.fit(X, y).encoder_.transform(X) - once).max() > 1e-3


# -- what a table cannot do


def test_openvino_is_refused_for_a_table_whether_it_is_installed_or_not(static):
    with pytest.raises(ValueError, match="is for transformers, and this body is a table of tokens: take 'torch'"):
        OpenVINOBody(static, "float32")
