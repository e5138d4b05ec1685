import importlib.util
import json
import os
import pickle

import numpy as np
import pytest
from sklearn.calibration import CalibratedClassifierCV
from sklearn.discriminant_analysis import LinearDiscriminantAnalysis
from sklearn.ensemble import HistGradientBoostingClassifier, RandomForestClassifier, VotingClassifier
from sklearn.exceptions import NotFittedError
from sklearn.frozen import FrozenEstimator
from sklearn.linear_model import LogisticRegression, SGDClassifier
from sklearn.model_selection import GridSearchCV
from sklearn.multiclass import OneVsRestClassifier
from sklearn.multioutput import ClassifierChain, MultiOutputClassifier
from sklearn.naive_bayes import GaussianNB
from sklearn.neighbors import KNeighborsClassifier
from sklearn.neural_network import MLPClassifier
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import FunctionTransformer, StandardScaler
from sklearn.svm import SVC, LinearSVC
from transformers import CONFIG_MAPPING

for package in ("onnx", "onnxruntime", "onnxscript", "skl2onnx"):
    pytest.importorskip(package, reason="the extra onnx is not installed")

import onnx
import onnxruntime

from conftest import make_texts, needs_sklearn_1_8, write_tiny_model_of_kind
from onnx_cases import INDICATOR, X_NEW, X, Y, learner, write_static_model
from sksetfit import (
    DistilledSetFitClassifier,
    LogisticRegressionHead,
    MultiLabelThresholdClassifier,
    RejectClassifier,
    SetFitClassifier,
    SetFitEncoder,
    TorchHead,
    write_onnx,
)
from sksetfit.body.saving.architectures import TRANSFORMERS
from sksetfit.exchange.onnx import folder as module_of_folder
from sksetfit.exchange.onnx import predict
from sksetfit.exchange.onnx.predict import Classifier
from sksetfit.heads.strategies import STRATEGIES, stack_label_proba

FILES = ["config.json", "head.onnx", "model.onnx", "predict.py", "tokenizer.json"]
X_HELD, Y_HELD = make_texts(10, seed=2)
INDICATOR_HELD = np.array([[y == "food", y != "sport", "o" in x] for x, y in zip(X_HELD, Y_HELD, strict=True)])
CONSTANT = np.column_stack([INDICATOR, np.zeros(len(X), int), np.ones(len(X), int)])
TWO = [y == "food" for y in Y]
BY_NUMBER = [{"food": 7, "music": -2, "sport": 30}[y] for y in Y]


@pytest.fixture(scope="module")
def static_model(tiny_model, tmp_path_factory):
    """The folder of a table of tokens."""
    return write_static_model(tiny_model, tmp_path_factory.mktemp("static"))


@pytest.fixture(scope="module")
def learn(static_model):
    """Return a function that fits a classifier on the table of tokens."""
    return learner(static_model)


@pytest.fixture(scope="module")
def folder(fitted, tmp_path_factory):
    """The folder of the fitted classifier on the tiny BERT, which no test may change."""
    place = tmp_path_factory.mktemp("onnx") / "model"
    write_onnx(fitted, place, texts=X)
    return place


def assert_same_answers(clf, place, texts=X_NEW, atol=1e-5):
    ours = Classifier(place)
    np.testing.assert_allclose(ours.predict_proba(texts), stack_label_proba(clf.predict_proba(texts)), atol=atol)
    expected, found = clf.predict(texts), ours.predict(texts)
    assert found.dtype.kind == (expected.dtype.kind if expected.ndim == 1 else "i")  # a chain alone gives floats
    np.testing.assert_array_equal(found, expected)


def assert_written(clf, place, **options):
    write_onnx(clf, place, **options)
    assert_same_answers(clf, place)


def assert_nothing_written(error, message, clf, tmp_path, **options):
    with pytest.raises(error, match=message):
        write_onnx(clf, tmp_path / "model", **options)
    assert not list(tmp_path.iterdir())


# -- heads


slow = pytest.mark.slow
HEADS = {
    "default": (None, Y),
    "two of bool": (None, TWO),
    "torch head of two": (TorchHead(), TWO),
    "forest": (RandomForestClassifier(5, random_state=0), Y),
    "scaled": (make_pipeline(StandardScaler(), LogisticRegressionHead()), Y),
    "isotonic": (CalibratedClassifierCV(LogisticRegression(), method="isotonic", cv=2), Y),
}
SLOW_HEADS = {
    "int": (None, BY_NUMBER),
    "torch head": (TorchHead(), Y),
    "lda": (LinearDiscriminantAnalysis(), Y),
    "sgd": (SGDClassifier(loss="log_loss", random_state=0), Y),
    "sgd of two": (SGDClassifier(loss="log_loss", random_state=0), TWO),
    "one against all": (OneVsRestClassifier(LogisticRegression()), Y),
    "neighbours": (KNeighborsClassifier(3), Y),
    "naive bayes": (GaussianNB(), Y),
    "perceptron": (MLPClassifier((8,), solver="lbfgs", random_state=0), Y),
    "voting": (VotingClassifier([("a", LogisticRegression()), ("b", GaussianNB())], voting="soft", weights=[1, 2]), Y),
    "calibrated svc": (CalibratedClassifierCV(SVC(), cv=2), Y),
    "calibrated linear svc of two": (CalibratedClassifierCV(LinearSVC(), cv=2), TWO),
    "calibrated forest": (CalibratedClassifierCV(RandomForestClassifier(5, random_state=0), cv=2), Y),
    "search": (GridSearchCV(make_pipeline(StandardScaler(), LogisticRegression()), {}, cv=2), Y),
}


@pytest.mark.parametrize("name", [*HEADS, *(pytest.param(name, marks=slow) for name in SLOW_HEADS)])
def test_write_onnx_keeps_the_answers_of_a_head(learn, tmp_path, name):
    head, y = (HEADS | SLOW_HEADS)[name]
    clf = learn(y, head=head)
    write_onnx(clf, tmp_path / "model")
    texts = [text for text in X_NEW if text or name != "neighbours"]  # all are equally near to a row of zeros
    assert_same_answers(clf, tmp_path / "model", texts)


constant = pytest.mark.filterwarnings("ignore:Column [34] of y is", "ignore:Label (not )?[34] is present in all")


@constant
@pytest.mark.parametrize(
    "strategy", [pytest.param(name, marks=[slow] * (name == "multi-output")) for name in STRATEGIES]
)
def test_write_onnx_keeps_several_labels_also_constant_ones(learn, tmp_path, strategy):
    assert_written(learn(CONSTANT, multi_target_strategy=strategy), tmp_path / "model")


@slow
@constant
@pytest.mark.parametrize("strategy", STRATEGIES)
def test_write_onnx_keeps_several_labels_of_a_forest(learn, tmp_path, strategy):
    head = RandomForestClassifier(5, random_state=0)
    assert_written(learn(CONSTANT, head=head, multi_target_strategy=strategy), tmp_path / "model")


@slow
def test_write_onnx_keeps_several_labels_of_a_torch_head(learn, tmp_path):
    assert_written(learn(INDICATOR, head=TorchHead()), tmp_path / "model")


def test_logits_of_the_graph_give_its_probabilities(learn, tmp_path):
    for name, y in {"one": Y, "several": INDICATOR}.items():
        write_onnx(learn(y), tmp_path / name)
        session = onnxruntime.InferenceSession(tmp_path / name / "model.onnx", providers=["CPUExecutionProvider"])
        inputs = {"input_ids": np.array([[5, 120], [130, 0]]), "attention_mask": np.array([[1, 1], [1, 0]])}
        logits, probabilities, embedding = session.run(["logits", "probabilities", "embedding"], inputs)
        assert (logits.shape, embedding.shape) == ((2, 3), (2, 16))
        exponents = np.exp(logits)
        shares = exponents / exponents.sum(axis=1, keepdims=True) if name == "one" else exponents / (1 + exponents)
        np.testing.assert_allclose(shares, probabilities, atol=1e-6)


# -- classifiers around a classifier, and pipelines


def prefit(clf):
    return FrozenEstimator(clf)


@needs_sklearn_1_8
@pytest.mark.parametrize("y", [Y_HELD, pytest.param([y == "food" for y in Y_HELD], marks=slow)], ids=["three", "two"])
def test_write_onnx_keeps_a_temperature_and_a_rejection(learn, tmp_path, y):
    clf = learn(Y if y is Y_HELD else TWO)
    calibrated = CalibratedClassifierCV(prefit(clf), method="temperature", cv=2).fit(X_HELD, y)
    assert_written(calibrated, tmp_path / "calibrated")
    rejecting = RejectClassifier(calibrated, coverage=0.5, cv="prefit", reject_label=None if y is Y_HELD else -1)
    rejecting.fit(X_HELD, y)
    assert_written(rejecting, tmp_path / "rejecting", texts=X_HELD)
    assert_same_answers(rejecting, tmp_path / "rejecting", X_HELD)  # one of them is at the very threshold
    assert len(set(Classifier(tmp_path / "rejecting").predict(X_NEW).tolist()) - set(clf.classes_.tolist())) == 1


def test_write_onnx_keeps_thresholds_of_labels(learn, tmp_path):
    clf = MultiLabelThresholdClassifier(learn(INDICATOR), cv="prefit").fit(X_HELD, INDICATOR_HELD.astype(int))
    assert_written(clf, tmp_path / "model")
    assert Classifier(tmp_path / "model").config["thresholds"] == clf.thresholds_.tolist()


PIPELINES = {
    "scaled": ([StandardScaler(), LogisticRegression()], Y),
    "default head": ([LogisticRegressionHead()], Y),
    "chain": ([ClassifierChain(LogisticRegression())], INDICATOR),
    "chain of probabilities": ([ClassifierChain(LogisticRegression(), chain_method="predict_proba")], INDICATOR),
    "chain of scores": ([ClassifierChain(LogisticRegression(), chain_method="decision_function")], INDICATOR),
    "columns": ([MultiOutputClassifier(LogisticRegression())], INDICATOR),
    "constant labels": ([OneVsRestClassifier(RandomForestClassifier(3, random_state=0))], CONSTANT),
    "rejecting": ([RejectClassifier(LogisticRegression(), coverage=0.5, cv=2)], Y),
}


@constant
@pytest.mark.parametrize("name", [pytest.param(name, marks=[slow] * (name != "scaled")) for name in PIPELINES])
def test_write_onnx_keeps_a_pipeline(static_model, tmp_path, name):
    steps, y = PIPELINES[name]
    encoder = SetFitEncoder(static_model, max_steps=0, device="cpu", random_state=0)
    assert_written(make_pipeline(encoder, *steps).fit(X, y), tmp_path / "model")


@slow
def test_write_onnx_keeps_a_search_and_a_frozen_classifier(static_model, learn, tmp_path):
    search = GridSearchCV(SetFitClassifier(static_model, max_steps=0, random_state=0), {"head__C": [1.0]}, cv=2)
    assert_written(search.fit(X, Y), tmp_path / "search")
    assert_written(prefit(learn()), tmp_path / "frozen")
    assert_written(make_pipeline(learn()), tmp_path / "pipeline")


# -- bodies


def test_the_folder_of_a_transformer_gives_the_same_answers(fitted, folder):
    assert sorted(path.name for path in folder.iterdir()) == FILES
    assert_same_answers(fitted, folder)


@pytest.mark.parametrize("n_texts", [1, 37])
def test_any_number_of_texts_and_tokens_fits_the_graph(fitted, folder, n_texts):
    texts = [" ".join(["tennis"] * (1 + i)) for i in range(n_texts)]
    assert_same_answers(fitted, folder, texts)
    assert_same_answers(fitted, folder, texts[:1] * n_texts)


KINDS = sorted(TRANSFORMERS & set(CONFIG_MAPPING))
NARROW = {"modernbert": {"local_attention": 8}, "gemma3_text": {"sliding_window": 8}, "mistral": {"sliding_window": 8}}


@pytest.mark.parametrize("kind", [pytest.param(kind, marks=[slow] * (kind not in ("mpnet", "t5"))) for kind in KINDS])
def test_write_onnx_keeps_the_answers_of_every_kind_of_transformer(tiny_model, tmp_path, kind):
    write_tiny_model_of_kind(tiny_model, tmp_path / "body", kind, **NARROW.get(kind, {}))
    clf = SetFitClassifier(str(tmp_path / "body"), max_steps=0, device="cpu", random_state=0).fit(X, Y)
    assert_written(clf, tmp_path / "model")
    assert_same_answers(clf, tmp_path / "model", ["bread"])


@slow
@pytest.mark.parametrize("kind", ["fnet", "convbert", "deberta", "gpt2"])
def test_write_onnx_keeps_a_kind_of_transformer_that_no_file_holds(tiny_model, tmp_path, kind):
    write_tiny_model_of_kind(tiny_model, tmp_path / "body", kind)
    with pytest.warns(UserWarning, match="which dump does not save"):
        clf = SetFitClassifier(str(tmp_path / "body"), max_steps=0, device="cpu", random_state=0).fit(X, Y)
    assert_written(clf, tmp_path / "model")


def test_write_onnx_keeps_prompt_length_and_truncation(tiny_model, tmp_path):
    params = {"prompt": "query: ", "max_seq_length": 12, "long_texts": "truncate"}
    clf = SetFitClassifier(tiny_model, max_steps=0, device="cpu", random_state=0, **params).fit(X, Y)
    assert_written(clf, tmp_path / "model")
    assert "head.onnx" not in os.listdir(tmp_path / "model")


@slow
@pytest.mark.parametrize("model", [None, "static"])
def test_write_onnx_keeps_the_answers_of_a_student(fitted, tmp_path, model):
    assert_written(DistilledSetFitClassifier(fitted, model, max_steps=2, random_state=0).fit(X), tmp_path / "model")


def test_write_onnx_leaves_the_classifier_as_it_was(fitted, folder):
    answers = fitted.predict_proba(X_NEW)  # after the export
    again = pickle.loads(pickle.dumps(fitted))
    np.testing.assert_array_equal(answers, again.predict_proba(X_NEW))


def test_write_onnx_computes_in_float32_whatever_is_set(learn, tmp_path):
    clf, low = learn(), learn(precision="bfloat16")
    write_onnx(low, tmp_path / "model")
    assert_same_answers(clf, tmp_path / "model")
    assert (low.precision, low.encoder_.precision) == ("bfloat16", "bfloat16")


# -- the files


def test_no_inner_value_has_the_name_of_an_output(folder):
    model = onnx.load(folder / "model.onnx")
    onnx.checker.check_model(model)
    assert [each.name for each in model.graph.input] == ["input_ids", "attention_mask"]
    assert sorted(each.name for each in model.graph.output) == ["embedding", "logits", "probabilities"]
    inner = [name for node in model.graph.node for name in node.output] + [
        each.name for each in model.graph.initializer
    ]
    assert len(inner) == len(set(inner))
    own = {"embedding", "logits", "probabilities"}
    assert {name for name in inner if not name.startswith(("body.", "head."))} == own
    sizes = [[each.dim_value for each in value.type.tensor_type.shape.dim] for value in model.graph.input]
    assert sizes == [[0, 0], [0, 0]], "0 stands for any size"


def test_weights_beyond_the_limit_of_a_file_are_beside_it(learn, tmp_path, monkeypatch):
    monkeypatch.setattr(module_of_folder, "LARGEST_FILE", 1000)  # two gigabytes would take minutes
    clf = learn()
    assert_written(clf, tmp_path / "model")
    assert (tmp_path / "model" / "model.onnx.data").stat().st_size > 1000
    (tmp_path / "model").rename(tmp_path / "moved")
    assert_same_answers(clf, tmp_path / "moved")


def test_the_config_says_what_the_folder_holds(folder, fitted):
    config = json.loads((folder / "config.json").read_text(encoding="utf-8"))
    assert config["labels"] == fitted.classes_.tolist()
    assert (config["format"], config["multi_label"], config["prompt"], config["long_texts"]) == (
        1,
        False,
        "",
        "windows",
    )
    assert config["versions"]["onnxruntime"] == onnxruntime.__version__


def test_the_module_is_the_one_of_the_package(folder):
    with open(predict.__file__, encoding="utf-8") as file:
        assert (folder / "predict.py").read_text(encoding="utf-8") == file.read()


# -- what is refused


def test_what_is_no_fitted_classifier_of_texts_is_not_written(fitted, static_model, tmp_path):
    assert_nothing_written(NotFittedError, "not fitted", SetFitClassifier(static_model), tmp_path)
    for other in (str(tmp_path), SetFitClassifier, None):
        assert_nothing_written(TypeError, r"got (str|type|NoneType)\. Give the classifier first", other, tmp_path)
    assert_nothing_written(TypeError, "cannot write a SetFitEncoder", fitted.encoder_, tmp_path)
    plain = LogisticRegression().fit([[0.0], [1.0]], [0, 1])
    assert_nothing_written(TypeError, "cannot write a LogisticRegression", plain, tmp_path)
    cleaning = make_pipeline(FunctionTransformer(), fitted)
    assert_nothing_written(TypeError, "cannot write a Pipeline", cleaning, tmp_path)


@pytest.mark.parametrize("dtype", ["int8", "float16", None])
def test_other_types_of_weights_are_refused(fitted, tmp_path, dtype):
    assert_nothing_written(ValueError, "dtype must be 'float32', got", fitted, tmp_path, dtype=dtype)


def test_texts_that_are_none_are_refused(fitted, tmp_path):
    assert_nothing_written(TypeError, "texts must be a sequence of texts", fitted, tmp_path, texts="bread")


@pytest.mark.parametrize(
    ("head", "message"),
    [
        (LinearSVC(), "a LinearSVC as its head does not have. Take .* CalibratedClassifierCV"),
        (HistGradientBoostingClassifier(max_iter=2), "cannot convert a fitted HistGradientBoostingClassifier"),
    ],
)
def test_a_head_that_cannot_be_converted_is_named(learn, tmp_path, head, message):
    assert_nothing_written(ValueError, message, learn(head=head), tmp_path)


class Contrary(LogisticRegression):
    """Predicts the class that it deems least likely."""

    def predict(self, X):
        return self.classes_[self.predict_proba(X).argmin(axis=1)]


def test_a_head_whose_labels_do_not_follow_from_its_probabilities_is_refused(learn, tmp_path):
    assert_nothing_written(ValueError, "do not follow from its probabilities", learn(head=Contrary()), tmp_path)


class Flat(LogisticRegression):
    """Gives probabilities that are not those of its weights."""

    def predict_proba(self, X):
        return 0.9 * super().predict_proba(X) + 0.1 / len(self.classes_)


def test_a_head_whose_graph_gives_other_probabilities_is_refused(learn, tmp_path):
    assert_nothing_written(ValueError, "made of a fitted Flat does not give its prob", learn(head=Flat()), tmp_path)


def test_several_bodies_are_refused(static_model, tmp_path):
    clf = CalibratedClassifierCV(SetFitClassifier(static_model, max_steps=0, label_texts=None, random_state=0), cv=2)
    assert_nothing_written(ValueError, r"has 2 tuned bodies.*FrozenEstimator\(clf\)", clf.fit(X, Y), tmp_path)


def test_missing_packages_are_named(fitted, tmp_path, monkeypatch):
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: None)
    message = r"not installed \(onnx, onnxruntime, onnxscript, skl2onnx\).*pip install '\.\[onnx\]'"
    assert_nothing_written(ImportError, message, fitted, tmp_path)


def test_what_exists_is_not_overwritten(fitted, tmp_path):
    (tmp_path / "taken").mkdir()
    (tmp_path / "taken" / "mine.txt").write_text("mine")
    with pytest.raises(FileExistsError, match=r"taken' exists, and nothing is written over it"):
        write_onnx(fitted, tmp_path / "taken")
    with pytest.raises(FileNotFoundError, match="there is no folder"):
        write_onnx(fitted, tmp_path / "nowhere" / "model")
    assert [path.name for path in tmp_path.rglob("*")] == ["taken", "mine.txt"]


def test_a_full_disk_leaves_nothing_behind(learn, tmp_path, monkeypatch):
    def full(*_):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "fsync", full)
    assert_nothing_written(OSError, "No space left", learn(), tmp_path)


def test_a_difference_leaves_nothing_behind_and_names_the_text(learn, tmp_path, monkeypatch):
    def reading_one_token(encoding, config):  # as there is no model known of which an export differs
        return [encoding.ids[:1]], [1]

    clf = learn()
    monkeypatch.setattr(predict, "windows_of", reading_one_token)
    message = r"of the text '.*' \(\d+ words\) they differ by 0\.\d+, and 1e-04 is allowed\. Nothing was written"
    assert_nothing_written(ValueError, message, clf, tmp_path)
