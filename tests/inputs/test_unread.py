"""Warnings of texts that a body cannot read or cannot tell apart."""

import warnings

import numpy as np
import pytest
from sklearn.model_selection import cross_val_predict
from tokenizers import Tokenizer, decoders, models, pre_tokenizers

from conftest import TOPICS, make_texts
from sksetfit import DistilledSetFitClassifier, MultiLabelThresholdClassifier, SetFitClassifier, SetFitEncoder
from sksetfit.body.loading.load import load_body
from sksetfit.body.windows import unknown_token
from sksetfit.inputs.unread import UnreadTexts

X, Y = make_texts(6)
UNKNOWN = ["日本 東京", "ᏣᎳᎩ, ᎦᏬᏂ!", "🥊", "日本 東京 bread"]  # with more unknown tokens than words
KNOWN = ["", " ", "?!", "bread 🥊", "bread cheese 日本", "naïve", "bread " * 100 + "日本"]
NOT_KNOWN = "consist mostly of tokens that the model does not know"
SAME = "become the same tokens as a text of another class"


@pytest.fixture
def body(tiny_model):
    return load_body(tiny_model, device="cpu")


def unread(body, texts):
    counts = UnreadTexts()
    body.encode(texts, unread=counts)
    return counts


def test_texts_of_mostly_unknown_tokens_are_counted(body):
    for text in UNKNOWN:
        assert unread(body, [text]).n_unknown == 1, text
    for text in KNOWN:
        assert unread(body, [text]).n_unknown == 0, text
    counts = unread(body, [*UNKNOWN, *KNOWN, *UNKNOWN])
    assert (counts.n_texts, counts.n_unknown) == (11, 4)
    assert counts.message.startswith(f"4 of 11 distinct texts {NOT_KNOWN}, for example '日本 東京' and 'ᏣᎳᎩ, ᎦᏬᏂ!'.")
    assert unread(body, KNOWN).message is None


def test_a_prompt_does_not_count(tiny_model):
    body = load_body(tiny_model, device="cpu", prompt="bread cheese apple: ")
    assert unread(body, [*UNKNOWN, *KNOWN]).n_unknown == 4
    assert unread(load_body(tiny_model, device="cpu", prompt="日本 東京: "), [*X, *KNOWN]).n_unknown == 0


def test_texts_in_windows_and_static_bodies_count_alike(fitted):
    texts = ["bread " * 50 + "日本 " * 100, "bread " * 100 + "日本 " * 40]
    static = DistilledSetFitClassifier(fitted, "static", max_steps=1).fit(X)
    for clf in (fitted, static):
        with pytest.warns(UserWarning, match="1 of 2 distinct texts consist mostly"):
            clf.predict(texts)


def test_one_in_thousands_is_no_warning():
    counts = UnreadTexts()
    counts.n_texts, counts.n_unknown = 5000, 4
    assert counts.message is None
    counts.n_unknown = 5
    assert counts.message is not None


def test_the_unknown_token_is_found_in_each_kind_of_tokenizer():
    words = {"[UNK]": 0, "a": 1}
    assert unknown_token(Tokenizer(models.WordLevel(words, unk_token="[UNK]"))) == 0
    assert unknown_token(Tokenizer(models.WordPiece(words, unk_token="[UNK]"))) == 0
    assert unknown_token(Tokenizer(models.Unigram([("a", 0.0), ("<unk>", 0.0)], 1))) == 1
    assert unknown_token(Tokenizer(models.BPE({"a": 0}, []))) is None


def test_marks_of_word_beginnings_are_no_words(tmp_path, tiny_model):
    pieces = [(piece, -1.0) for piece in ("<unk>", "\u2581", "\u2581bread", "b", "d")]
    tokenizer = Tokenizer(models.Unigram(pieces, 0))
    tokenizer.pre_tokenizer, tokenizer.decoder = pre_tokenizers.Metaspace(), decoders.Metaspace()
    body = load_body(tiny_model, device="cpu")
    body.tokenizer, body.unknown_token = tokenizer, unknown_token(tokenizer)
    assert body.tokenize(["🥊", "🥊 🥊 bread", "bread 🥊", "bread", ""]).unknown == [0, 1]


# -- predictions


@pytest.mark.parametrize("method", ["predict", "predict_proba", "decision_function", "transform"])
def test_each_prediction_warns_once(fitted, method):
    read = getattr(fitted.encoder_ if method == "transform" else fitted, method)
    with pytest.warns(UserWarning, match=f"2 of 20 distinct texts {NOT_KNOWN}") as caught:
        read([*X, *UNKNOWN[:2], *X, UNKNOWN[0]])
    assert len(caught) == 1
    read(X)  # without a warning


def test_cut_texts_are_counted_by_predictions_under_verbose(tiny_classifier, capsys):
    clf = tiny_classifier.set_params(max_steps=0, long_texts="truncate").fit(X, Y)
    texts = [*X, "bread " * 70, "bread " * 80]
    clf.predict(texts)
    assert capsys.readouterr().out == ""
    clf.set_params(verbose=1).predict(texts)
    assert capsys.readouterr().out == "[sksetfit] 2 of 20 distinct texts are cut: the model reads less than all\n"
    clf.predict(X)
    assert capsys.readouterr().out == ""


# -- fits


def fits_of(model):
    settings = {"max_steps": 2, "label_texts": None, "random_state": 0}
    return [SetFitClassifier(model, **settings), SetFitEncoder(model, **settings)]


@pytest.mark.parametrize("kind", [0, 1], ids=["classifier", "encoder"])
def test_a_fit_warns_once_of_texts_it_cannot_read(tiny_model, kind):
    estimator = fits_of(tiny_model)[kind]
    with pytest.warns(UserWarning, match=f"2 of 20 distinct texts {NOT_KNOWN}") as caught:
        estimator.fit([*X, "日本 東京", "bread 日本 東京"], [*Y, "food", "food"])
    assert len(caught) == 1


@pytest.mark.parametrize("kind", [0, 1], ids=["classifier", "encoder"])
def test_a_fit_warns_of_texts_of_two_classes_that_become_the_same_tokens(tiny_model, kind):
    estimator = fits_of(tiny_model)[kind]
    with pytest.warns(UserWarning, match=f"2 of 20 distinct texts {SAME}, for example 'Bread' and 'bread'") as caught:
        estimator.fit([*X, "Bread", "bread"], [*Y, "food", "music"])
    assert len(caught) == 1


def test_blank_texts_of_two_classes_are_to_be_dropped(tiny_model):
    for blank, advice in (
        (["", " "], "'' and ' ': .* Drop the texts that are empty"),
        (["", " ", "Bread", "bread"], SAME),
    ):
        texts, labels = [*X, *blank], [*Y, *["food", "music"] * (len(blank) // 2)]
        for estimator in fits_of(tiny_model):
            with pytest.warns(UserWarning, match=advice) as caught:
                estimator.fit(texts, labels)
            assert ("Take a model" in str(caught[0].message)) == ("Bread" in texts)


def test_the_same_text_in_two_classes_or_the_same_tokens_in_one_are_no_warning(tiny_model):
    for estimator in fits_of(tiny_model):
        estimator.fit([*X, "Bread", "bread", "tennis", "tennis"], [*Y, "food", "food", "food", "sport"])


def test_texts_made_of_class_names_count_only_where_the_caller_gives_them(tiny_model, monkeypatch):
    monkeypatch.setattr("sksetfit.training.run.names_are_informative", lambda *_: True)
    clf = SetFitClassifier(tiny_model, max_steps=1, random_state=0)
    y = ["日本語" if label == "food" else label for label in Y]
    assert "日本語" in clf.fit(X, y).encoder_.label_texts_
    with pytest.warns(UserWarning, match=f"1 of 19 distinct texts {NOT_KNOWN}"):
        clf.set_params(label_texts={"food": "日本語"}).fit(X, Y)


def test_a_cut_text_is_not_compared(tiny_model):
    texts = [*X, "bread " * 70 + "cheese", "bread " * 70 + "violin"]
    SetFitClassifier(tiny_model, max_steps=1, long_texts="truncate").fit(texts, [*Y, "food", "music"])
    SetFitClassifier(tiny_model, max_steps=1).fit(texts, [*Y, "food", "music"])


def test_a_body_from_the_memory_warns_as_well(tiny_model, tmp_path):
    for estimator in fits_of(tiny_model):
        estimator.set_params(memory=tmp_path / type(estimator).__name__)
        for _ in range(2):
            with pytest.warns(UserWarning, match=NOT_KNOWN) as caught:
                estimator.fit([*X, "日本 東京"], [*Y, "food"])
            assert len(caught) == 1


def test_a_student_warns_once(fitted):
    for model in (None, "static"):
        with pytest.warns(UserWarning, match=f"1 of 19 distinct texts {NOT_KNOWN}") as caught:
            DistilledSetFitClassifier(fitted, model, n_layers=1 if model is None else None, max_steps=1).fit(
                [*X, "日本"]
            )
        assert len(caught) == 1


def test_meta_estimators_pass_the_warning_on(tiny_classifier):
    tags = np.column_stack([np.array(Y) == topic for topic in TOPICS]).astype(int)
    clf = tiny_classifier.set_params(max_steps=1)
    tuned = MultiLabelThresholdClassifier(clf, cv=2, random_state=0).fit(X, tags)
    with pytest.warns(UserWarning, match=NOT_KNOWN) as caught:
        tuned.predict(UNKNOWN)
    assert len(caught) == 1
    with pytest.warns(UserWarning, match=NOT_KNOWN):
        cross_val_predict(clf, [*X, "日本", "東京"], [*Y, "food", "food"], cv=2)


@pytest.mark.real_weights
def test_the_default_model_reads_english_and_not_cherokee():
    clf = SetFitClassifier(max_steps=0, device="cpu")
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        clf.fit(["great film 👍", "loved it", "dull", "a waste of time"], ["good", "good", "bad", "bad"])
        clf.predict(["Привет, мир!", "übermäßig", "¿qué tal?", "こんにちは"])
    with pytest.warns(UserWarning, match="2 of 3 distinct texts"):
        clf.predict(["ᎣᏏᏲ ᏙᎯᏧ", "👍👍", "nice"])
