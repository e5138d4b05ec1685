import copy
import importlib.util
import json
import os
import pickle
import subprocess
import sys
import warnings
from pathlib import Path
from typing import NamedTuple

import joblib
import numpy as np
import pandas as pd
import pytest
import sklearn.base
import torch
from huggingface_hub import constants
from sentence_transformers import SentenceTransformer
from sklearn.base import clone
from sklearn.calibration import CalibratedClassifierCV
from sklearn.ensemble import RandomForestClassifier, VotingClassifier
from sklearn.exceptions import InconsistentVersionWarning, NotFittedError
from sklearn.linear_model import LogisticRegression, LogisticRegressionCV
from sklearn.metrics import get_scorer
from sklearn.model_selection import GridSearchCV
from sklearn.multiclass import OneVsRestClassifier
from sklearn.multioutput import ClassifierChain, MultiOutputClassifier
from sklearn.neighbors import KNeighborsClassifier
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from sklearn.svm import SVC

import sksetfit
from conftest import TOPICS, make_texts
from hub_stand_in import quiet_client, stand_in_for_the_hub
from sksetfit import SetFitClassifier, SetFitEncoder, dump, load, read_setfit, write_setfit
from sksetfit.exchange.setfit.folder import HEAD
from sksetfit.exchange.setfit.heads import _from_torch
from sksetfit.heads.strategies import STRATEGIES
from sksetfit.persistence.components import parts
from sksetfit.utils.hub_client import publish

hub = pytest.fixture(stand_in_for_the_hub)
X, TOPIC = make_texts(8)
X_NEW, _ = make_texts(10, seed=1)
X_NEW = [*X_NEW, "", "bread"]
INDICATOR = np.array([[topic == "food", topic != "sport", "o" in text] for text, topic in zip(X, TOPIC, strict=True)])
LABELS = {
    "str": TOPIC,
    "int": [{"food": 7, "music": -2, "sport": 30}[topic] for topic in TOPIC],
    "bool": [topic == "food" for topic in TOPIC],
    "two of str": ["yes" if topic == "food" else "no" for topic in TOPIC],
    "object": pd.Series(TOPIC, dtype=object),
    "float": np.array([list(TOPICS).index(topic) for topic in TOPIC], dtype=float),
}
NAMED = pd.DataFrame(INDICATOR.astype(int), columns=["tasty", "quiet", "round"])
NOT_NAMED = INDICATOR.astype(int)
HEADS = {
    "logistic regression": LogisticRegression(),
    "pipeline": make_pipeline(StandardScaler(), LogisticRegression()),
    "search": GridSearchCV(make_pipeline(StandardScaler(), LogisticRegression()), {"logisticregression__C": [1]}, cv=2),
    "neighbours": KNeighborsClassifier(3),
    "calibrated": CalibratedClassifierCV(LogisticRegression(), cv=2),
    "forest": RandomForestClassifier(5, random_state=0),
    "one-vs-rest": OneVsRestClassifier(LogisticRegression()),
}


@pytest.fixture
def learn(tiny_model):
    """Return a function that fits a classifier on the texts and a kind of labels, without tuning."""
    return lambda y, **params: SetFitClassifier(tiny_model, max_steps=0, device="cpu", **params).fit(X, y)


@pytest.fixture
def folder(fitted, tmp_path):
    """The folder that was made of the fitted classifier."""
    write_setfit(fitted, tmp_path / "model")
    return tmp_path / "model"


def read(folder, **options):
    return read_setfit(folder, trust_pickle=True, **options)


def put_head(folder, head, **config):
    """Put a head and a config into a model's folder, as setfit saves them."""
    joblib.dump(head, folder / "model_head.pkl")
    (folder / "config_setfit.json").write_text(json.dumps({"labels": None, "normalize_embeddings": False} | config))


def embeddings_of(folder, texts):
    return SentenceTransformer(str(folder), device="cpu").encode(texts)


def assert_equal_answers(one, other, texts=X_NEW):
    predicted = one.predict(texts)
    assert predicted.dtype.kind == other.predict(texts).dtype.kind
    np.testing.assert_array_equal(predicted, other.predict(texts))
    np.testing.assert_allclose(one.predict_proba(texts), other.predict_proba(texts), atol=1e-6)
    np.testing.assert_array_equal(one.classes_, other.classes_)


# -- written and read again


@pytest.mark.parametrize("kind", sorted(LABELS.keys() - {"object"}))
def test_what_was_written_is_read_with_equal_answers(learn, tmp_path, kind):
    clf = learn(LABELS[kind])
    write_setfit(clf, tmp_path / "model")
    assert_equal_answers(read(tmp_path / "model"), clf)


@pytest.mark.parametrize("strategy", STRATEGIES)
@pytest.mark.parametrize("y", [NAMED, NOT_NAMED], ids=["named", "not named"])
def test_several_labels_per_text_are_read_with_equal_answers(learn, tmp_path, strategy, y):
    clf = learn(y, multi_target_strategy=strategy)
    write_setfit(clf, tmp_path / "model")
    again = read(tmp_path / "model")
    assert_equal_answers(again, clf)
    assert again.multi_target_strategy == strategy
    assert again.head.C == 10


@pytest.mark.parametrize("name", HEADS)
def test_labels_in_an_array_of_objects_are_written_as_str(learn, tmp_path, name):
    clf = learn(LABELS["object"], head=HEADS[name])
    assert clf.classes_.dtype == object
    write_setfit(clf, tmp_path / "model")
    head = joblib.load(tmp_path / "model" / "model_head.pkl")
    answers = head.predict(embeddings_of(tmp_path / "model", X_NEW))
    assert answers.dtype.kind == "U"
    assert answers.tolist() == clf.predict(X_NEW).tolist()
    assert read(tmp_path / "model").predict(X_NEW).tolist() == clf.predict(X_NEW).tolist()


def test_the_head_of_the_caller_stays_as_it_is(learn, tmp_path):
    clf = learn(LABELS["object"])
    before = copy.deepcopy(clf.head_)
    write_setfit(clf, tmp_path / "model")
    assert clf.head_.classes_.dtype == clf.classes_.dtype == object
    np.testing.assert_array_equal(clf.head_.coef_, before.coef_)


def test_a_head_whose_labels_cannot_be_exchanged_is_named(learn, tmp_path):
    clf = learn(LABELS["object"], head=VotingClassifier([("one", LogisticRegression())]))
    with pytest.raises(ValueError, match=r"labels of a fitted VotingClassifier cannot .* as an array of dtype str"):
        write_setfit(clf, tmp_path / "model")
    assert not list(tmp_path.iterdir())
    write_setfit(learn(LABELS["str"], head=clf.head), tmp_path / "model")
    assert read(tmp_path / "model").predict(X_NEW).tolist() == clf.predict(X_NEW).tolist()


def test_sentence_transformers_reads_the_body_alone(fitted, folder):
    np.testing.assert_allclose(embeddings_of(folder, X_NEW), fitted.encoder_.transform(X_NEW), atol=1e-5)


@pytest.mark.parametrize(
    ("y", "labels"),
    [
        (LABELS["str"], sorted(TOPICS)),
        (LABELS["object"], sorted(TOPICS)),
        (LABELS["int"], None),
        (LABELS["bool"], None),
        (NAMED, list(NAMED.columns)),
        (NOT_NAMED, None),
    ],
    ids=["str", "object", "int", "bool", "named", "not named"],
)
def test_the_config_names_labels_that_are_words(learn, tmp_path, y, labels):
    write_setfit(learn(y), tmp_path / "model")
    config = json.loads((tmp_path / "model" / "config_setfit.json").read_text())
    assert config == {"labels": labels, "normalize_embeddings": False}


def test_the_prompt_and_the_length_are_kept(learn, tmp_path):
    clf = learn(TOPIC, prompt="query: ", max_seq_length=12, long_texts="truncate")
    write_setfit(clf, tmp_path / "model")
    assert_equal_answers(read(tmp_path / "model"), clf, [*X_NEW, "tennis goal " * 50])


# -- where it is written


def test_an_empty_folder_is_filled_and_its_link_kept(fitted, tmp_path):
    (tmp_path / "empty").mkdir()
    (tmp_path / "link").symlink_to(tmp_path / "empty", target_is_directory=True)
    write_setfit(fitted, tmp_path / "link")
    assert (tmp_path / "link").is_symlink()
    assert (tmp_path / "empty" / "model_head.pkl").is_file()


@pytest.mark.parametrize("what", ["a folder", "a file"])
def test_what_exists_is_not_overwritten(fitted, tmp_path, what):
    place = tmp_path / "taken"
    if what == "a folder":
        place.mkdir()
    (place / "mine.txt" if what == "a folder" else place).write_text("mine")
    with pytest.raises(FileExistsError, match=r"taken' exists, and nothing is written over it\. Remove it first"):
        write_setfit(fitted, place)
    assert [path.name for path in tmp_path.rglob("*") if path.is_file()] in (["mine.txt"], ["taken"])


def test_folder_without_a_parent_raises(fitted, tmp_path):
    with pytest.raises(FileNotFoundError, match=r"there is no folder '.*nowhere'"):
        write_setfit(fitted, tmp_path / "nowhere" / "model")
    assert not list(tmp_path.iterdir())


def full_disk(*_, **__):
    raise OSError(28, "No space left on device")


@pytest.mark.parametrize("target", ["joblib.dump", "transformers.PreTrainedModel.save_pretrained", "os.fsync"])
@pytest.mark.parametrize("exists", [True, False])
def test_a_full_disk_leaves_nothing_behind(fitted, tmp_path, monkeypatch, target, exists):
    if exists:
        (tmp_path / "model").mkdir()
    monkeypatch.setattr(target, full_disk)
    with pytest.raises(OSError, match="No space left"):
        write_setfit(fitted, tmp_path / "model")
    assert [path.name for path in tmp_path.rglob("*")] == ["model"] * exists


def test_a_disk_that_is_full_for_weights_is_an_os_error(fitted, tmp_path):
    resource = pytest.importorskip("resource")
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (20_000, before[1]))  # larger files cannot be written by this process
    try:
        with pytest.raises(OSError, match=r"File too large: '.*model'"):
            write_setfit(fitted, tmp_path / "model")
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)
    assert not list(tmp_path.iterdir())


def test_the_folder_has_the_permissions_of_any_new_one(folder, tmp_path):
    (tmp_path / "other").mkdir()
    (tmp_path / "other" / "file").write_text("")
    assert folder.stat().st_mode == (tmp_path / "other").stat().st_mode
    modes = {path.stat().st_mode for path in folder.rglob("*") if path.is_file()}
    assert modes == {(tmp_path / "other" / "file").stat().st_mode}


def test_what_is_no_fitted_classifier_is_not_written(fitted, tiny_model, tmp_path):
    with pytest.raises(NotFittedError):
        write_setfit(SetFitClassifier(tiny_model), tmp_path / "model")
    for other in (fitted.encoder_, str(tmp_path / "model"), SetFitClassifier):
        with pytest.raises(TypeError, match=r"writes a fitted SetFitClassifier, got (SetFitEncoder|str|type)\."):
            write_setfit(other, tmp_path / "model")
    assert not list(tmp_path.iterdir())


# -- trust


class Hostile:
    def __init__(self, path):
        self.path = path

    def __reduce__(self):
        return Path.touch, (self.path,)


def test_nothing_is_unpickled_without_trust(folder, tmp_path):
    put_head(folder, Hostile(tmp_path / "harm"))
    with pytest.raises(ValueError, match="reading a pickle runs whatever code is in it"):
        read_setfit(folder)
    assert not (tmp_path / "harm").exists()
    with pytest.raises(ValueError, match="a NoneType, cannot be used: It is no scikit-learn classifier"):
        read(folder)
    assert (tmp_path / "harm").exists(), "else the test above could not fail"


def test_nothing_is_fetched_without_trust(hub):
    with pytest.raises(ValueError, match=r"read_setfit\('owner/model', trust_pickle=True\)"):
        read_setfit("owner/model")
    assert hub.asked == []


@pytest.mark.parametrize("trust", ["yes", 1, None, ["sklearn"]])
def test_trust_is_true_or_false(folder, trust):
    with pytest.raises(TypeError, match="trust_pickle must be True or False, got"):
        read_setfit(folder, trust_pickle=trust)


# -- what is read


def test_a_read_classifier_is_like_any_other(folder, fitted, tmp_path):
    clf = read(str(folder), device="cpu")
    assert (clf.model, clf.device, clf.encoder_.model) == (str(folder), "cpu", str(folder))
    assert isinstance(clf.encoder_, SetFitEncoder)
    assert (clf.n_steps_, clf.encoder_.n_steps_, clf.encoder_.label_texts_) == (0, 0, {})
    assert clf.loss_curve_.dtype == np.float64
    assert clf.loss_curve_.shape == (0,)
    assert clf.get_params() == clone(clf).get_params() | {"head": clf.head}
    dump(clf, tmp_path / "model.skops")
    for again in (load(tmp_path / "model.skops"), pickle.loads(pickle.dumps(clf)), copy.deepcopy(clf)):
        assert_equal_answers(again, fitted)
        assert again.head.get_params() == clf.head.get_params()
    write_setfit(clf, tmp_path / "again")
    assert_equal_answers(read(tmp_path / "again"), fitted)


def test_a_read_classifier_is_fitted_again(folder):
    clf = read(folder).set_params(max_steps=2, random_state=0)
    y = ["loud" if topic == "sport" else "quiet" for topic in TOPIC]
    assert clf.fit(X, y).classes_.tolist() == ["loud", "quiet"]
    assert clf.score(X, y) > 0.8
    assert len(clf.encoder_.loss_curve_) == 2


@pytest.mark.parametrize("name", HEADS)
@pytest.mark.parametrize("labels", [["a sport", "music", "of food"], [10, 20, 30]], ids=["str", "int"])
def test_a_head_that_answers_numbers_gets_the_labels_of_the_config(folder, name, labels):
    codes = [["sport", "music", "food"].index(topic) for topic in TOPIC]
    head = clone(HEADS[name]).fit(embeddings_of(folder, X), codes)
    put_head(folder, head, labels=labels)
    clf, embeddings = read(folder), embeddings_of(folder, X_NEW)
    assert clf.classes_.tolist() == labels
    assert clf.predict(X_NEW).tolist() == [labels[code] for code in head.predict(embeddings)]
    np.testing.assert_allclose(clf.predict_proba(X_NEW), head.predict_proba(embeddings), atol=1e-5)


LINEAR = {name: head for name, head in HEADS.items() if name in {"logistic regression", "pipeline", "search"}}


@pytest.mark.parametrize("name", LINEAR)
@pytest.mark.parametrize("labels", [["sport", "music", "food"], ["yes", "no"]], ids=["three", "two"])
def test_labels_of_a_logistic_regression_are_sorted_for_the_scorers(folder, name, labels):
    codes = [min(["sport", "music", "food"].index(topic), len(labels) - 1) for topic in TOPIC]
    head = clone(LINEAR[name]).fit(embeddings_of(folder, X), codes)
    put_head(folder, head, labels=labels)
    clf, embeddings, y = read(folder), embeddings_of(folder, X), [labels[code] for code in codes]
    assert clf.classes_.tolist() == clf.head_.classes_.tolist() == sorted(labels)
    assert clf.predict(X).tolist() == [labels[code] for code in head.predict(embeddings)]
    by_label = head.predict_proba(embeddings)[:, np.argsort(labels)]
    np.testing.assert_allclose(clf.predict_proba(X), by_label, atol=1e-5)
    for score in ("neg_log_loss", "roc_auc_ovr"):
        assert get_scorer(score)(clf, X, y) == pytest.approx(get_scorer(score)(head, embeddings, codes), abs=1e-4)


def test_a_head_whose_labels_are_not_sorted_warns_of_the_scorers(folder):
    put_head(folder, KNeighborsClassifier(1).fit(np.eye(2, 32), [0, 1]), labels=["yes", "no"])
    with pytest.warns(UserWarning, match=r"a KNeighborsClassifier, keeps .* \['yes', 'no'\]\. .* roc_auc") as caught:
        clf = read_setfit(folder, trust_pickle=True)
    assert caught[0].filename == __file__
    assert clf.predict_proba(X_NEW).shape == (len(X_NEW), 2)
    assert clf.classes_.tolist() == ["yes", "no"]


def test_only_the_labels_that_a_head_knows_are_its_classes(folder):
    put_head(folder, LogisticRegression().fit(np.eye(2, 32), [3, 1]), labels=["a", "b", "c", "d"])
    assert read(folder).classes_.tolist() == ["b", "d"]


def test_a_head_that_answers_words_keeps_them(folder, fitted):
    put_head(folder, fitted.head_, labels=["not", "these", "words"])
    assert_equal_answers(read(folder), fitted)


@pytest.mark.parametrize("labels", [["a"], ["a", "a", "b"], ["a", 1, "b"], [None, "a", "b"]])
def test_labels_that_do_not_fit_raise(folder, labels):
    put_head(folder, LogisticRegression().fit(np.eye(3, 32), [0, 1, 2]), labels=labels)
    with pytest.raises(ValueError, match=r"a LogisticRegression, cannot be used: .* labels in config_setfit\.json"):
        read(folder)


@pytest.mark.parametrize("labels", [["a", "b"], list("abcd")])
def test_a_label_for_each_column_is_wanted(folder, labels):
    put_head(folder, MultiOutputClassifier(LogisticRegression()).fit(np.eye(3, 32), np.eye(3)), labels=labels)
    with pytest.raises(ValueError, match=r"answers \[0, 1, 2\], and there are \d labels"):
        read(folder)


def test_columns_without_labels_are_numbered(folder):
    put_head(folder, ClassifierChain(LogisticRegression()).fit(np.eye(3, 32), np.eye(3)))
    assert read(folder).classes_.tolist() == [0, 1, 2]


def test_a_normalised_model_gives_embeddings_of_length_one(tiny_model, tmp_path):
    whole = SentenceTransformer(tiny_model, device="cpu")
    SentenceTransformer(modules=list(whole)[:2], device="cpu").save_pretrained(str(tmp_path))
    normalised = whole.encode(X)
    assert np.abs(embeddings_of(tmp_path, X) - normalised).max() > 0.1
    head = LogisticRegression().fit(normalised, TOPIC)
    put_head(tmp_path, head, normalize_embeddings=True)
    np.testing.assert_allclose(read(tmp_path).predict_proba(X), head.predict_proba(normalised), atol=1e-5)


def test_a_model_of_the_first_versions_has_no_config(folder, fitted):
    (folder / "config_setfit.json").unlink()
    assert_equal_answers(read(folder), fitted)


@pytest.mark.parametrize("content", ["{", "[]", "3", '{"labels": "ab"}', '{"normalize_embeddings": 1}'])
def test_damaged_config_raises(folder, content):
    (folder / "config_setfit.json").write_text(content)
    with pytest.raises(ValueError, match=r"config_setfit\.json' (is no JSON|must have a list of labels)"):
        read(folder)


def test_a_model_without_a_head_is_refused(tiny_model):
    with pytest.raises(ValueError, match=r"has no trained head: there is no model_head\.pkl in it"):
        read(tiny_model)


class NotAClassifier:
    pass


@pytest.mark.parametrize(
    ("head", "why"),
    [
        (NotAClassifier(), "It is no scikit-learn classifier"),
        (torch.nn.Linear(32, 2), "It is no scikit-learn classifier"),
        (LogisticRegression(), "is not fitted yet"),
        (OneVsRestClassifier(LogisticRegression()), "is not fitted yet"),
        (LogisticRegression().fit(np.eye(2, 5), [0, 1]), "X has 32 features"),
        (RandomForestClassifier(2).fit(np.eye(3, 32), np.eye(3)), "several labels per text and is none of"),
        (MultiOutputClassifier(SVC()).fit(np.eye(3, 32), np.eye(3) * 2), "more or less than 0 and 1"),
        (VotingClassifier([("one", SVC())]).fit(np.eye(3, 32), [0, 1, 2]), "fitted VotingClassifier cannot"),
    ],
    ids=lambda value: type(value).__name__ if not isinstance(value, str) else "",
)
def test_a_head_that_cannot_be_used_is_named(folder, head, why):
    put_head(folder, head, labels=["a", "b", "c"])
    with pytest.raises(ValueError, match=rf"a {type(head).__name__}, cannot be used: .*{why}"):
        read(folder)


NEWER = {"transform_input", "use_legacy_attributes"}  # parameters that scikit-learn 1.2.2 did not have
CV = LogisticRegressionCV(Cs=2, cv=2, scoring="accuracy")
CV.set_params(**{"l1_ratios": (0,), "use_legacy_attributes": False} if "use_legacy_attributes" in vars(CV) else {})
OLD_HEADS = {
    "Pipeline": HEADS["pipeline"],
    "LogisticRegressionCV": CV,
    "GridSearchCV": HEADS["search"],
    "OneVsRestClassifier": OneVsRestClassifier(HEADS["pipeline"]),
}


@pytest.mark.parametrize("kind", OLD_HEADS)
def test_a_head_without_newer_parameters_is_read_and_fitted_again(folder, kind, monkeypatch):
    y = INDICATOR.astype(int) if kind == "OneVsRestClassifier" else TOPIC
    head = clone(OLD_HEADS[kind]).fit(embeddings_of(folder, X), y)
    expected = head.predict(embeddings_of(folder, X_NEW))
    for part in parts(head):
        part.__dict__ = {name: value for name, value in vars(part).items() if name not in NEWER}
    with monkeypatch.context() as older:
        older.setattr(sklearn.base, "__version__", "1.2.2")
        put_head(folder, head)
    with pytest.warns(InconsistentVersionWarning, match=rf"1\.2\.2 when using version {sklearn.__version__}"):
        clf = read(folder)
    np.testing.assert_array_equal(clf.predict(X_NEW), expected)
    assert kind in repr(clf.head_)
    again = clone(clf).set_params(max_steps=0, label_texts=None)
    with warnings.catch_warnings(action="ignore", category=FutureWarning):  # of a default that will change
        again.fit(X, y)
    np.testing.assert_array_equal(again.predict(X_NEW), expected)


def test_head_of_a_package_that_is_not_installed_raises(folder):
    (folder / "model_head.pkl").write_bytes(b"cno_such_package.heads\nHead\n.")
    with pytest.raises(ValueError, match="needs the module 'no_such_package', which is not installed"):
        read(folder)


@pytest.mark.parametrize("content", [b"", b"no pickle", b"csklearn.linear_model\nNoSuchHead\n."])
def test_damaged_head_raises(folder, content):
    (folder / "model_head.pkl").write_bytes(content)
    with pytest.raises(ValueError, match=r"could not be read .* model_head\.pkl is damaged"):
        read(folder)


def test_scikit_learn_warns_of_a_head_of_another_version(fitted, folder, monkeypatch):
    with monkeypatch.context() as patch:
        patch.setattr(sklearn.base, "__version__", "1.2.0")
        joblib.dump(fitted.head_, folder / "model_head.pkl")
    with pytest.warns(InconsistentVersionWarning):
        clf = read(folder)
    assert_equal_answers(clf, fitted)
    with warnings.catch_warnings(action="error"), pytest.raises(InconsistentVersionWarning):
        read(folder)


# -- from the Hub


@quiet_client
def test_a_name_is_fetched_at_its_revision_without_what_is_not_read(hub, folder, fitted):
    (folder / "onnx").mkdir()
    (folder / "onnx" / "model.onnx").write_bytes(b"")
    first = publish(folder, "owner/model", private=True, commit_message="Push")
    (folder / HEAD).write_bytes(b"another head")
    publish(folder, "owner/model", private=True, commit_message="Push again")
    clf = read("owner/model", revision=first.oid)
    assert clf.model == "owner/model"
    assert_equal_answers(clf, fitted)
    assert not list(Path(constants.HF_HUB_CACHE).rglob("*.onnx"))


@quiet_client
@pytest.mark.parametrize("name", ["owner/no-such-model", "/no/such/folder"])
def test_model_that_is_not_found_raises(hub, name):
    with pytest.raises(ValueError, match=f"{name}' was not found. There is no such folder, and "):
        read(name)


def test_without_the_hub_it_raises():
    with pytest.raises(ConnectionError, match="There is no such folder, and"):
        read("owner/model")


def test_a_folder_has_no_revision(folder):
    with pytest.raises(ValueError, match="revision='v1' is for models on the Hub"):
        read(folder, revision="v1")


# -- the torch head


class SetFitHead(torch.nn.Module):
    """The attributes of a setfit torch head that are read."""

    def __init__(self, n_answers, *, multitarget=False, bias=True):
        super().__init__()
        self.linear = torch.nn.Linear(32, n_answers, bias=bias)
        torch.nn.init.normal_(self.linear.weight, generator=torch.Generator().manual_seed(0))
        if bias:
            torch.nn.init.normal_(self.linear.bias, generator=torch.Generator().manual_seed(1))
        self.temperature, self.eps, self.multitarget = 1.7, 1e-5, multitarget

    @torch.no_grad()
    def predict_proba(self, embeddings):
        logits = self.linear(torch.from_numpy(embeddings)) / (self.temperature + self.eps)
        return (torch.sigmoid(logits) if self.multitarget else torch.softmax(logits, dim=-1)).numpy()


@pytest.mark.parametrize("multitarget", [False, True])
@pytest.mark.parametrize("n_answers", [2, 5])
@pytest.mark.parametrize("bias", [True, False])
def test_a_torch_head_becomes_an_equal_one_of_scikit_learn(multitarget, n_answers, bias):
    theirs = SetFitHead(n_answers, multitarget=multitarget, bias=bias)
    ours = _from_torch(theirs)
    embeddings = np.random.RandomState(0).standard_normal((100, 32)).astype(np.float32)
    expected = theirs.predict_proba(embeddings)
    np.testing.assert_allclose(ours.predict_proba(embeddings), expected, atol=1e-5)
    np.testing.assert_array_equal(ours.predict(embeddings), expected >= 0.5 if multitarget else expected.argmax(axis=1))


def test_a_model_with_a_torch_head_is_read(folder, tmp_path):
    put_head(folder, SetFitHead(3), labels=["b", "c", "a"])
    clf = read(folder)
    expected = SetFitHead(3).predict_proba(embeddings_of(folder, X_NEW))
    np.testing.assert_allclose(clf.predict_proba(X_NEW), expected[:, [2, 0, 1]], atol=1e-5)
    assert clf.predict(X_NEW).tolist() == [list("bca")[i] for i in expected.argmax(axis=1)]
    assert clf.head is None
    dump(clf, tmp_path / "model.skops")
    assert_equal_answers(load(tmp_path / "model.skops"), clf)


# -- against setfit itself


WRITTEN = {
    **{kind: (labels, {}) for kind, labels in LABELS.items()},
    **{f"named {strategy}": (NAMED, {"multi_target_strategy": strategy}) for strategy in STRATEGIES},
    "not named": (NOT_NAMED, {}),
    "prompt": (TOPIC, {"prompt": "query: ", "max_seq_length": 12, "long_texts": "truncate"}),
}
CODES = [["sport", "music", "food"].index(topic) for topic in TOPIC]
UNSORTED = ["sport", "music", "food"]
SEVERAL = {"y": NOT_NAMED.tolist()}
TRAINED = {
    "words": {"y": TOPIC, "model": {}},
    "labels": {"y": CODES, "model": {"labels": UNSORTED}},
    "ints": {"y": CODES, "model": {}},
    "normalised": {"y": CODES, "model": {"labels": UNSORTED, "normalize_embeddings": True}},
    **{strategy: SEVERAL | {"model": {"multi_target_strategy": strategy}} for strategy in STRATEGIES},
    "torch": {
        "y": CODES,
        "model": {"labels": UNSORTED, "use_differentiable_head": True, "head_params": {"out_features": 3}},
    },
    "torch two": {"y": [code == 2 for code in CODES], "model": {"use_differentiable_head": True}},
    "torch several": SEVERAL
    | {
        "model": {
            "use_differentiable_head": True,
            "multi_target_strategy": "one-vs-rest",
            "head_params": {"out_features": 3},
        }
    },
}


class Reference(NamedTuple):
    answers: dict
    written: dict  # the classifiers that it was given
    root: Path


@pytest.fixture(scope="module")
def reference(tiny_model, tmp_path_factory):
    """Predictions of setfit, from a separate process."""
    if importlib.util.find_spec("setfit") is None:
        pytest.skip("setfit is not installed")
    root = tmp_path_factory.mktemp("reference")
    (root / "written").mkdir()
    written = {}
    for name, (y, params) in WRITTEN.items():
        written[name] = SetFitClassifier(tiny_model, max_steps=2, random_state=0, device="cpu", **params).fit(X, y)
        write_setfit(written[name], root / "written" / name)
    task = {"model": tiny_model, "X": X, "X_new": X_NEW, "train": TRAINED}
    (root / "task.json").write_text(json.dumps(task))
    script = Path(__file__).parents[2] / "reference_setfit.py"
    done = subprocess.run(
        [sys.executable, script, root], env=os.environ | {"HF_HUB_OFFLINE": "1"}, capture_output=True, text=True
    )
    assert done.returncode == 0, done.stderr[-3000:]
    return Reference(json.loads((root / "answers.json").read_text()), written, root)


@pytest.mark.parametrize("name", WRITTEN)
def test_the_reference_gives_equal_answers(reference, name):
    theirs, clf = reference.answers["written"][name], reference.written[name]
    probabilities = np.array(theirs["predict_proba"])
    if clf.multi_target_strategy == "multi-output":
        probabilities = probabilities[:, :, 1]  # of 0 and 1 for each label
    assert theirs["predict"] == clf.predict(X_NEW).tolist()
    assert {type(answer) for answer in np.ravel(np.array(theirs["predict"], dtype=object))} <= {str, int, bool, float}
    np.testing.assert_allclose(probabilities, clf.predict_proba(X_NEW), atol=1e-5)
    np.testing.assert_allclose(reference.answers["embeddings"][name], clf.encoder_.transform(X_NEW), atol=1e-5)
    assert theirs["labels"] == (clf.classes_.tolist() if clf.classes_.dtype.kind in "UO" else None)


READ_AND_ANSWER = """
import json, sys
from sksetfit import read_setfit
texts = json.loads(sys.argv[1])
for folder in sys.argv[2:]:
    clf = read_setfit(folder, trust_pickle=True, device="cpu")
    print(json.dumps([clf.predict(texts).tolist(), clf.predict_proba(texts).tolist()]))
"""


@pytest.fixture(scope="module")
def read_models(reference):
    """The predictions of each setfit model that was read; in a separate process, which imports setfit."""
    folders = [str(reference.root / "trained" / name) for name in TRAINED]
    env = os.environ | {"HF_HUB_OFFLINE": "1", "PYTHONPATH": str(Path(sksetfit.__file__).parent.parent)}
    command = [sys.executable, "-c", READ_AND_ANSWER, json.dumps(X_NEW), *folders]
    done = subprocess.run(command, env=env, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr[-3000:]
    return dict(zip(TRAINED, map(json.loads, done.stdout.splitlines()), strict=True))


@pytest.mark.parametrize("name", TRAINED)
def test_a_model_of_the_reference_gives_equal_answers_here(reference, read_models, name):
    theirs = reference.answers["trained"][name]
    predicted, probabilities = read_models[name]
    expected = np.array(theirs["predict_proba"])
    if name == "multi-output":
        expected = expected[:, :, 1]
    if "labels" in TRAINED[name]["model"]:
        expected = expected[:, np.argsort(UNSORTED)]
    assert predicted == theirs["predict"]
    np.testing.assert_allclose(probabilities, expected, atol=1e-5)


@pytest.mark.parametrize("name", [name for name in TRAINED if not name.startswith("torch")])
def test_a_model_of_the_reference_is_kept_without_a_pickle(reference, name, tmp_path):
    clf = read(reference.root / "trained" / name)
    assert clf.predict(X_NEW).tolist() == reference.answers["trained"][name]["predict"]
    dump(clf, tmp_path / "model.skops")
    assert_equal_answers(load(tmp_path / "model.skops"), clf)
