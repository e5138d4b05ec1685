"""Texts of more tokens than the model reads: cut off, or read in windows."""

import copy
import json
import pickle
import shutil

import numpy as np
import pytest
from sentence_transformers import SentenceTransformer
from sentence_transformers.sentence_transformer.modules import Normalize, Pooling, StaticEmbedding, Transformer
from tokenizers import Tokenizer, models, pre_tokenizers

from conftest import TOPICS, make_texts
from sksetfit import (
    DistilledSetFitClassifier,
    SetFitClassifier,
    SetFitEncoder,
    TorchHead,
    dump,
    load,
    model_card,
    read_setfit,
    write_setfit,
)
from sksetfit.body.model import Body
from sksetfit.body.saving import export as export_module
from sksetfit.body.windows import MAX_WINDOWS
from sksetfit.encoder import body_of

WIDTH = 12  # tokens per window, of which two are special
WORDS = [word for topic in TOPICS.values() for word in topic]
LONG = " ".join(np.random.RandomState(0).choice(WORDS, 47))
SHORT, Y = make_texts(4)


def long_texts(n_words=30, seed=0):
    """Return twelve texts of one topic each that fill so many words, and the topics."""
    rng = np.random.RandomState(seed)
    labels = [topic for topic in TOPICS for _ in range(4)]
    return [" ".join(rng.choice(TOPICS[topic], n_words)) for topic in labels], labels


def frozen_encoder(model, **parameters):
    settings = {"max_steps": 0, "label_texts": None, "max_seq_length": WIDTH, "long_texts": "windows", "device": "cpu"}
    return SetFitEncoder(model, **settings | parameters).fit(SHORT, Y)


def by_hand(encoder, text, n_windows):
    """Return the weighted mean of the embeddings of parts of nearly equal length, without unit length."""
    parts = np.array_split(text.split(), n_windows)
    return np.average(encoder.transform([" ".join(part) for part in parts]), axis=0, weights=[len(p) for p in parts])


def unit(vector):
    return vector / np.linalg.norm(vector)


@pytest.fixture(scope="module")
def windows(tiny_model):
    """An encoder that no test may change."""
    return frozen_encoder(tiny_model)


@pytest.fixture
def classifier(tiny_model):
    settings = {"max_steps": 3, "label_texts": None, "learning_rate": 3e-3, "random_state": 0, "device": "cpu"}
    return SetFitClassifier(tiny_model, max_seq_length=WIDTH, long_texts="windows", **settings)


# -- embeddings


def test_an_embedding_is_the_mean_of_those_of_the_windows(windows):
    np.testing.assert_allclose(windows.transform([LONG])[0], unit(by_hand(windows, LONG, 5)), atol=1e-6)


def test_a_text_of_one_token_too_many_has_two_windows_of_equal_length(windows):
    text = " ".join(WORDS[:11])
    np.testing.assert_allclose(windows.transform([text])[0], unit(by_hand(windows, text, 2)), atol=1e-6)


def test_the_prompt_stands_before_each_window(tiny_model):
    prompted = frozen_encoder(tiny_model, prompt="opera jazz ")  # which leaves eight words to a window
    np.testing.assert_allclose(prompted.transform([LONG])[0], unit(by_hand(prompted, LONG, 6)), atol=1e-6)


@pytest.mark.parametrize("include_prompt", [True, False])
def test_a_pooling_leaves_out_the_prompt_of_each_window(tiny_model, tmp_path, include_prompt):
    modules = [Transformer(tiny_model), Pooling(32, include_prompt=include_prompt)]
    SentenceTransformer(modules=modules, device="cpu").save_pretrained(str(tmp_path))
    prompted = frozen_encoder(str(tmp_path), prompt="opera jazz ")
    np.testing.assert_allclose(prompted.transform([LONG])[0], by_hand(prompted, LONG, 6), atol=1e-6)


def test_without_a_normalize_the_mean_keeps_its_length(tiny_model, tmp_path):
    modules = [Transformer(tiny_model), Pooling(32)]
    SentenceTransformer(modules=modules, device="cpu").save_pretrained(str(tmp_path))
    encoder = frozen_encoder(str(tmp_path))
    np.testing.assert_allclose(encoder.transform([LONG])[0], by_hand(encoder, LONG, 5), atol=1e-6)


def test_a_model_that_reads_texts_from_their_end_has_the_same_windows(tiny_model, tmp_path, windows):
    folder = shutil.copytree(tiny_model, tmp_path / "left")
    config = json.loads((folder / "tokenizer_config.json").read_text())
    (folder / "tokenizer_config.json").write_text(json.dumps(config | {"truncation_side": "left"}))
    for prompt in ("", "opera jazz "):
        right, left = frozen_encoder(tiny_model, prompt=prompt), frozen_encoder(str(folder), prompt=prompt)
        np.testing.assert_allclose(left.transform([LONG]), right.transform([LONG]), atol=1e-6)


def test_windows_keep_short_embeddings_and_order(windows):
    texts = [LONG, "bread", "", LONG + " rice", "tennis goal"]
    alone = np.concatenate([windows.transform([text]) for text in texts])
    np.testing.assert_allclose(windows.transform(texts), alone, atol=1e-6)


def test_truncate_reads_the_first_window_only(tiny_model, windows):
    cut = frozen_encoder(tiny_model, long_texts="truncate")
    first = " ".join(LONG.split()[:10])
    np.testing.assert_allclose(cut.transform([LONG]), cut.transform([first]), atol=1e-6)
    assert np.abs(windows.transform([LONG]) - cut.transform([LONG])).max() > 1e-2


def test_a_long_text_that_is_there_twice_is_encoded_once(windows, monkeypatch):
    encoded, forward = [], Body.forward
    monkeypatch.setattr(Body, "forward", lambda self, tokens, **how: encoded.extend(tokens) or forward(self, tokens))
    twice = windows.transform([LONG, "bread", LONG])
    assert len(encoded) == 5 + 1
    np.testing.assert_array_equal(twice[0], twice[2])


def test_windows_are_halved_where_the_memory_is_full(windows, monkeypatch):
    expected, forward = windows.transform([LONG]), Body.forward

    def of_two(self, tokens, **how):
        if len(tokens) > 2:
            raise RuntimeError("out of memory")
        return forward(self, tokens)

    monkeypatch.setattr(Body, "forward", of_two)
    np.testing.assert_allclose(windows.transform([LONG]), expected, atol=1e-6)


def test_what_is_behind_the_last_of_many_windows_is_not_read(windows):
    most = " ".join(["bread"] * 10 * MAX_WINDOWS)
    np.testing.assert_array_equal(windows.transform([most + " tennis" * 500]), windows.transform([most]))
    assert np.abs(windows.transform([most[:-5] + "tennis"]) - windows.transform([most])).max() > 1e-6


def test_a_static_model_reads_a_long_text_at_once(tmp_path):
    tokenizer = Tokenizer(models.WordLevel({"[UNK]": 0} | {word: i for i, word in enumerate(WORDS, 1)}, "[UNK]"))
    tokenizer.pre_tokenizer = pre_tokenizers.Whitespace()
    table = np.random.RandomState(0).randn(len(WORDS) + 1, 16).astype(np.float32)
    modules = [StaticEmbedding(tokenizer, table), Normalize()]
    SentenceTransformer(modules=modules, device="cpu").save_pretrained(str(tmp_path), create_model_card=False)
    whole = frozen_encoder(str(tmp_path), max_seq_length=None, long_texts="truncate").transform([LONG])
    np.testing.assert_array_equal(frozen_encoder(str(tmp_path)).transform([LONG]), whole)
    assert np.abs(frozen_encoder(str(tmp_path), long_texts="truncate").transform([LONG]) - whole).max() > 1e-2


@pytest.mark.parametrize("prompt", ["", "opera jazz "])
def test_openvino_gets_the_same_windows(tiny_model, monkeypatch, prompt):
    # Its packages are optional: here torch computes what OpenVINO would.
    def with_torch(folder, *, backend, model_kwargs, **options):
        assert backend == "openvino"
        return SentenceTransformer(folder, **options)

    encoder = frozen_encoder(tiny_model, prompt=prompt)
    texts = [LONG, "bread", LONG, "", " ".join(WORDS)]
    expected = encoder.transform(texts)
    write_body = export_module.write_body

    def written_first(body, folder):
        write_body(body, folder)
        monkeypatch.setattr(export_module, "SentenceTransformer", with_torch)

    monkeypatch.setattr(export_module, "check_openvino", lambda: None)
    monkeypatch.setattr(export_module, "write_body", written_first)
    encoder.set_params(backend="openvino")
    np.testing.assert_allclose(encoder.transform(texts), expected, atol=1e-6)
    np.testing.assert_allclose(encoder.transform(["bread"]), expected[1:2], atol=1e-6)


# -- tuning


def test_fits_on_short_texts_are_the_same_with_and_without_windows(tiny_model):
    settings = {"max_steps": 5, "learning_rate": 3e-3, "random_state": 0}
    fits = [SetFitClassifier(tiny_model, long_texts=way, **settings).fit(SHORT, Y) for way in ("truncate", "windows")]
    np.testing.assert_array_equal(fits[1].loss_curve_, fits[0].loss_curve_)
    np.testing.assert_array_equal(fits[1].predict_proba(SHORT), fits[0].predict_proba(SHORT))


@pytest.mark.parametrize("window", [0, 1, 2])
def test_as_many_steps_as_a_text_has_windows_use_each_of_them(classifier, window):
    X, y = long_texts(30)
    changed = X[0].split()
    changed[10 * window : 10 * window + 10] = ["violin"] * 10
    curves = [classifier.fit([first, *X[1:]], y).loss_curve_ for first in (X[0], " ".join(changed))]
    assert sum(curves[0] != curves[1]) >= 1
    curves = [
        classifier.set_params(long_texts="truncate").fit([first, *X[1:]], y).loss_curve_
        for first in (X[0], " ".join(changed))
    ]
    assert np.array_equal(*curves) == (window > 0)


def test_steps_see_different_windows(classifier):
    X, y = long_texts(60)
    frozen = classifier.set_params(learning_rate=1e-12, max_steps=6)
    assert len(set(frozen.fit(X, y).loss_curve_.round(6))) == 6
    assert len(set(frozen.set_params(long_texts="truncate").fit(X, y).loss_curve_.round(6))) == 1


def test_the_windows_of_steps_depend_on_the_random_state_only(classifier):
    X, y = long_texts(60)
    first, again = (classifier.fit(X, y).loss_curve_ for _ in range(2))
    np.testing.assert_array_equal(first, again)
    assert not np.array_equal(classifier.set_params(random_state=1).fit(X, y).loss_curve_, first)


def alike_at_first():
    """Return texts of one beginning, which only their ends tell apart, and their topics."""
    ends = [np.random.RandomState(i).permutation(words) for words in TOPICS.values() for i in range(6)]
    return [" ".join(["bread"] * 10 + list(end)) for end in ends], [topic for topic in TOPICS for _ in range(6)]


def test_the_head_is_fitted_on_whole_texts(classifier):
    X, y = alike_at_first()
    assert classifier.set_params(max_steps=0).fit(X, y).score(X, y) > 0.9
    assert classifier.set_params(long_texts="truncate").fit(X, y).score(X, y) < 0.5


def test_early_stopping_scores_whole_texts(classifier):
    X, y = alike_at_first()
    clf = classifier.set_params(early_stopping=True).fit(X, y, X_val=X, y_val=y)
    assert clf.validation_scores_.min() > 0.9
    clf = classifier.set_params(long_texts="truncate").fit(X, y, X_val=X, y_val=y)
    assert clf.validation_scores_.max() < 0.5


def test_a_trained_head_learns_from_windows(classifier):
    X, y = alike_at_first()
    classifier.set_params(head=TorchHead(), max_steps=10)
    assert classifier.fit(X, y).score(X, y) > 0.9
    assert classifier.set_params(long_texts="truncate").fit(X, y).score(X, y) < 0.5


def test_a_warm_start_may_go_on_with_windows(classifier):
    X, y = long_texts(30)
    clf = classifier.set_params(long_texts="truncate", warm_start=True).fit(X, y)
    cut = clf.predict_proba([LONG])
    assert (
        np.abs(clf.set_params(long_texts="windows", learning_rate=1e-12).fit(X, y).predict_proba([LONG]) - cut).max()
        > 1e-3
    )
    np.testing.assert_allclose(clf.encoder_.transform([LONG])[0], unit(by_hand(clf.encoder_, LONG, 5)), atol=1e-6)


def test_the_plan_counts_texts_that_are_split(classifier, capsys):
    X, y = long_texts(30)
    classifier.set_params(verbose=1).fit([*X, *SHORT, "bread " * 1001], [*y, *Y, "food"])
    assert (
        "13 of them longer than 12 tokens (max_seq_length), split into 136 windows, 1 of them cut after 100 windows: "
        "3 tuning steps" in capsys.readouterr().out
    )


@pytest.mark.parametrize("model", [None, "static"])
def test_a_student_reads_long_texts_as_its_teacher_does(classifier, tmp_path, model):
    X, y = long_texts(30)
    teacher = classifier.set_params(max_steps=10).fit(X, y)
    layers = {"n_layers": 1} if model is None else {}
    student = DistilledSetFitClassifier(teacher, model, max_steps=2, random_state=0, device="cpu", **layers).fit(X)
    begins_alike = [" ".join(["bread"] * 10 + [word] * 10) for word in ("bread", "tennis")]
    first, second = student.encoder_.transform(begins_alike)
    assert np.abs(first - second).max() > 1e-3
    assert student.encoder_.long_texts == "windows"
    dump(student, tmp_path / "student.skops")
    again = load(tmp_path / "student.skops")
    np.testing.assert_array_equal(again.predict_proba([LONG]), student.predict_proba([LONG]))


# -- what is kept


@pytest.fixture(scope="module")
def fitted_on_long_texts(tiny_model):
    """A classifier that no test may change."""
    settings = {"max_steps": 3, "label_texts": None, "learning_rate": 3e-3, "random_state": 0, "device": "cpu"}
    clf = SetFitClassifier(tiny_model, max_seq_length=WIDTH, long_texts="windows", **settings)
    return clf.fit(*long_texts(30))


def kept_in_a_file(clf, folder):
    dump(clf, folder / "model.skops")
    return load(folder / "model.skops")


WAYS = {
    "a file": kept_in_a_file,
    "a pickle": lambda clf, folder: pickle.loads(pickle.dumps(clf)),
    "a copy": lambda clf, folder: copy.deepcopy(clf),
}


@pytest.mark.parametrize("way", WAYS)
def test_what_is_kept_reads_windows(fitted_on_long_texts, tmp_path, way):
    again = WAYS[way](fitted_on_long_texts, tmp_path)
    texts = [LONG, "bread", LONG + " rice"]
    np.testing.assert_array_equal(again.predict_proba(texts), fitted_on_long_texts.predict_proba(texts))
    assert again.long_texts == again.encoder_.long_texts == "windows"


def test_a_body_found_in_a_memory_reads_windows(classifier, tmp_path):
    X, y = long_texts(30)
    classifier.set_params(memory=tmp_path)
    first, found = (classifier.fit(X, y).predict_proba([LONG]) for _ in range(2))
    np.testing.assert_array_equal(first, found)
    plain = classifier.set_params(memory=None).fit(X, y).predict_proba([LONG])
    np.testing.assert_allclose(found, plain, atol=1e-6)


def test_what_was_saved_before_there_were_windows_truncates(fitted_on_long_texts, tiny_model):
    cut = frozen_encoder(tiny_model, long_texts="truncate")
    state = cut.__getstate__()
    del state["long_texts"], state["body"]["long_texts"], state["body"]["n_long_texts"]
    state["body"]["format"] = 2
    old = SetFitEncoder.__new__(SetFitEncoder)
    old.__setstate__(state)
    assert old.long_texts == "truncate"
    np.testing.assert_array_equal(old.transform([LONG]), cut.transform([LONG]))


def test_the_card_says_what_is_done_with_long_texts(fitted_on_long_texts, tiny_classifier):
    card = str(model_card(fitted_on_long_texts))
    assert "A text of more than 12 tokens is split into windows of at most that length" in card
    assert "Only the first" not in card
    cut = str(model_card(tiny_classifier.set_params(long_texts="truncate").fit(SHORT, Y)))
    assert "Only the first 64 tokens of a text are read." in cut


def test_write_setfit_is_silent_for_short_texts(classifier, tmp_path):
    clf = classifier.set_params(max_seq_length=None).fit(SHORT, Y)
    write_setfit(clf, tmp_path / "folder")
    again = read_setfit(tmp_path / "folder", trust_pickle=True)
    np.testing.assert_allclose(again.predict_proba(SHORT), clf.predict_proba(SHORT), atol=1e-5)


def test_a_folder_of_setfit_truncates_and_a_warning_says_so(fitted_on_long_texts, tmp_path):
    with pytest.warns(UserWarning, match="fitted on 12 texts of more than 12 tokens.*cut them at 12 tokens"):
        write_setfit(fitted_on_long_texts, tmp_path / "folder")
    again = read_setfit(tmp_path / "folder", trust_pickle=True)
    assert again.long_texts == again.encoder_.long_texts == "truncate"
    np.testing.assert_allclose(
        again.predict_proba([*SHORT[:3], "bread"]),
        fitted_on_long_texts.predict_proba([*SHORT[:3], "bread"]),
        atol=1e-5,
    )
    first = " ".join(LONG.split()[:10])
    np.testing.assert_allclose(again.predict_proba([LONG]), again.predict_proba([first]), atol=1e-6)


class PanicException(BaseException):
    pass


class Panicking:
    """A tokenizer that panics at texts with a word, as one in Rust does."""

    def __init__(self, tokenizer):
        self._tokenizer = tokenizer

    def __getattr__(self, name):
        return getattr(self._tokenizer, name)

    def encode_batch(self, texts):
        if any("panic" in text for text in texts):
            raise PanicException("a slice")
        return self._tokenizer.encode_batch(texts)


@pytest.fixture
def panicking(tiny_model):
    clf = SetFitClassifier(tiny_model, max_steps=0, warm_start=True, random_state=0).fit(SHORT, Y)
    body = body_of(clf.encoder_)
    body.tokenizer = Panicking(body.tokenizer)
    return clf


def test_a_panic_of_the_tokenizer_is_an_error_with_the_row(panicking):
    assert panicking.predict(SHORT).shape == (len(SHORT),)
    texts = [SHORT[0], SHORT[0], SHORT[1], "do not panic", "panic"]
    for method in (panicking.predict, panicking.predict_proba, panicking.encoder_.transform):
        with pytest.raises(ValueError, match=r"tokenizer fails at the text 'do not panic' at row 3. Leave"):
            method(texts)
    assert panicking.predict(SHORT).shape == (len(SHORT),)


def test_a_panic_of_the_tokenizer_at_fit_is_an_error_with_the_row(tiny_model, monkeypatch):
    monkeypatch.setattr(Body, "_encodings", lambda body, texts: Panicking(body.tokenizer).encode_batch(texts))
    clf = SetFitClassifier(tiny_model, max_steps=1, random_state=0)
    with pytest.raises(ValueError, match=r"fails at the text 'do not panic' at row 1. Leave"):
        clf.fit([SHORT[0], "do not panic", *SHORT[1:]], [Y[0], Y[0], *Y[1:]])
    with pytest.raises(ValueError, match=r"fails at the text 'panic'. Leave"):
        clf.set_params(label_texts={Y[0]: "panic"}).fit(SHORT, Y)


def test_an_error_of_the_tokenizer_is_one_with_the_row(tiny_model):
    clf = SetFitClassifier(tiny_model, max_steps=0, warm_start=True, random_state=0).fit(SHORT, Y)
    knows_words_only = Tokenizer(models.WordLevel({"[PAD]": 0, "bread": 1, "cheese": 2}, "[UNK]"))
    knows_words_only.pre_tokenizer = pre_tokenizers.Whitespace()
    body_of(clf.encoder_).tokenizer = knows_words_only
    assert clf.predict(["bread cheese"]).shape == (1,)
    with pytest.raises(ValueError, match=r"tokenizer fails at the text 'soup' at row 1. Leave"):
        clf.predict(["bread", "soup"])


def test_another_interruption_of_the_tokenizer_goes_on(panicking, monkeypatch):
    monkeypatch.setattr(Panicking, "encode_batch", lambda self, texts: (_ for _ in ()).throw(KeyboardInterrupt))
    with pytest.raises(KeyboardInterrupt):
        panicking.predict(SHORT)
