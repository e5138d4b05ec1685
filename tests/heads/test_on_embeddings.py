"""What both classifiers share; more of it is in test_classifier.py and test_distillation.py."""

import copy
import pickle

import numpy as np
import pytest
import sklearn
from sklearn.base import is_classifier
from sklearn.ensemble import VotingClassifier
from sklearn.exceptions import NotFittedError
from sklearn.frozen import FrozenEstimator
from sklearn.linear_model import LogisticRegression, SGDClassifier
from sklearn.neighbors import KNeighborsClassifier
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from sklearn.svm import SVC, LinearSVC
from sklearn.utils import get_tags
from sklearn.utils.validation import check_is_fitted

from conftest import make_texts
from sksetfit import DistilledSetFitClassifier, SetFitClassifier, SetFitEncoder
from sksetfit.body.model import Body
from sksetfit.heads.on_embeddings import HeadOnEmbeddings
from sksetfit.training.cache import LazyBody

X_NEW, Y_NEW = make_texts(10, seed=1)
ANSWERS = ["predict", "predict_proba", "decision_function"]


@pytest.fixture(scope="module", params=["teacher", "student"])
def either(request, fitted):
    """A fitted classifier of each kind, which no test may change."""
    if request.param == "teacher":
        return fitted
    return DistilledSetFitClassifier(fitted, n_layers=2, max_steps=0, device="cpu").fit(X_NEW)


@pytest.mark.parametrize("method", ANSWERS)
def test_answers_are_those_of_the_head_on_the_embeddings(either, method):
    expected = getattr(either.head_, method)(either.encoder_.transform(X_NEW))
    given = getattr(either, method)(X_NEW)
    if method == "predict":
        assert given.tolist() == expected.tolist()
    else:
        np.testing.assert_allclose(given, expected, rtol=1e-5)


def test_probabilities_are_of_full_precision(either):
    probabilities = either.predict_proba(X_NEW)
    assert probabilities.dtype == np.float64
    np.testing.assert_allclose(probabilities.sum(axis=1), 1, rtol=1e-14)


@pytest.mark.parametrize("method", ANSWERS)
@pytest.mark.parametrize("kind", [SetFitClassifier, DistilledSetFitClassifier])
def test_nothing_is_answered_before_a_fit(fitted, kind, method):
    unfitted = kind(fitted) if kind is DistilledSetFitClassifier else kind()
    with pytest.raises(NotFittedError, match=f"This {kind.__name__} instance is not fitted yet"):
        getattr(unfitted, method)(["bread"])
    with pytest.raises(NotFittedError):
        check_is_fitted(unfitted)


@pytest.mark.parametrize(
    ("head", "methods"),
    [
        (None, {"predict_proba", "decision_function"}),
        (LogisticRegression(), {"predict_proba", "decision_function"}),
        (LinearSVC(), {"decision_function"}),
        (SVC(), {"decision_function"}),
        (KNeighborsClassifier(), {"predict_proba"}),
        (SGDClassifier(loss="hinge"), {"decision_function"}),
        (SGDClassifier(loss="log_loss"), {"predict_proba", "decision_function"}),
        (make_pipeline(StandardScaler(), LinearSVC()), {"decision_function"}),
        (VotingClassifier([("logistic", LogisticRegression())], voting="hard"), set()),
    ],
    ids=lambda value: None if isinstance(value, set) else repr(value),
)
def test_a_method_exists_where_the_head_has_it(head, methods):
    teacher = SetFitClassifier(head=head)
    for classifier in (
        teacher,
        DistilledSetFitClassifier(teacher),
        DistilledSetFitClassifier(FrozenEstimator(teacher)),
    ):
        assert {name for name in ("predict_proba", "decision_function") if hasattr(classifier, name)} == methods


def test_the_fitted_head_counts_before_the_parameter(either):
    changed = copy.copy(either)
    changed.head_ = LinearSVC().fit(either.encoder_.transform(X_NEW), Y_NEW)
    assert not hasattr(changed, "predict_proba")
    assert hasattr(changed, "decision_function")


def test_a_decision_function_that_a_strategy_lacks_is_told_with_another_strategy(tiny_model):
    y = np.array([[1, 0], [0, 1], [1, 1], [0, 0]])
    classifier = SetFitClassifier(tiny_model, max_steps=0, multi_target_strategy="multi-output").fit(X_NEW[:4], y)
    with pytest.raises(AttributeError) as raised:
        classifier.decision_function(X_NEW)
    assert "SetFitClassifier with multi_target_strategy='one-vs-rest'" in str(raised.value.__cause__)
    classifier.set_params(multi_target_strategy="one-vs-rest").fit(X_NEW[:4], y)
    assert classifier.decision_function(X_NEW).shape == (len(X_NEW), 2)


def test_a_method_of_the_head_is_documented():
    assert SetFitClassifier.predict_proba.__doc__ == SetFitClassifier().predict_proba.__doc__
    assert SetFitClassifier().predict_proba.__name__ == "predict_proba"


def test_precision_and_device_count_when_they_are_set(either, monkeypatch):
    changed = pickle.loads(pickle.dumps(either)).set_params(precision="bfloat16")
    devices = []
    monkeypatch.setattr("sksetfit.body.prediction.chosen_device", lambda device: devices.append(device) or "cpu")
    before, after = either.predict_proba(X_NEW), changed.predict_proba(X_NEW)
    assert 0 < np.abs(before - after).max() < 0.1
    np.testing.assert_array_equal(changed.set_params(precision="float32").predict_proba(X_NEW), before)
    np.testing.assert_array_equal(changed.set_params(device="cpu:0").predict_proba(X_NEW), before)
    np.testing.assert_array_equal(changed.predict_proba(X_NEW), before)
    assert devices == ["cpu:0"]


@pytest.mark.parametrize("method", ANSWERS)
@pytest.mark.parametrize(
    ("parameter", "message"),
    [
        ({"precision": "half"}, "The 'precision' parameter of {} must be a str among"),
        ({"device": 3}, "The 'device' parameter of {} must be an instance of 'str' or None"),
        ({"device": "abacus"}, "device='abacus' cannot be used on this machine"),
        ({"device": "hpu"}, "device='hpu' cannot be used on this machine"),
    ],
)
def test_a_wrong_setting_is_refused_before_texts_are_encoded(either, method, parameter, message, monkeypatch):
    changed = pickle.loads(pickle.dumps(either)).set_params(**parameter)
    monkeypatch.setattr(Body, "encode", None)
    with pytest.raises(ValueError, match=message.format(type(either).__name__)):
        getattr(changed, method)(X_NEW)


def test_a_model_of_a_device_that_is_not_there_answers_where_it_was_loaded(either):
    """As a model that was trained on a GPU does on a machine without one."""
    for names in (["device"], ["device", "device of the encoder"]):
        state = either.__getstate__() | {"device": "cuda:99"}
        state["encoder_"] = pickle.loads(pickle.dumps(either.encoder_))
        if "device of the encoder" in names:
            of_encoder = state["encoder_"].__getstate__() | {"device": "cuda:99"}
            state["encoder_"] = object.__new__(SetFitEncoder)
            state["encoder_"].__setstate__(of_encoder)
        loaded = object.__new__(type(either))
        loaded.__setstate__(state)
        np.testing.assert_array_equal(loaded.predict(X_NEW), either.predict(X_NEW))
        with pytest.raises(ValueError, match="device='cuda:98' cannot be used on this machine"):
            loaded.set_params(device="cuda:98").predict(X_NEW)


def test_a_move_that_failed_is_made_again(either, monkeypatch):
    changed = copy.deepcopy(either)
    move = LazyBody.to

    def running_out_of_memory(body, device):
        monkeypatch.setattr(LazyBody, "to", move)
        raise RuntimeError("out of memory")

    monkeypatch.setattr(LazyBody, "to", running_out_of_memory)
    with pytest.raises(RuntimeError, match="out of memory"):
        changed.set_params(device="cpu:0").predict(X_NEW)
    moves = []
    monkeypatch.setattr(LazyBody, "to", lambda body, device: moves.append(str(device)))
    np.testing.assert_array_equal(changed.set_params(device=either.device).predict(X_NEW), either.predict(X_NEW))
    assert len(moves) == 1


@pytest.mark.parametrize("method", ANSWERS)
def test_what_is_no_text_is_refused(either, method):
    with pytest.raises(TypeError, match="X must hold one str per row, got int at row 1"):
        getattr(either, method)(["bread", 3])


def test_the_containers_that_others_want_do_not_touch_the_answers(either):
    expected = either.predict_proba(X_NEW)
    with sklearn.config_context(transform_output="pandas"):
        np.testing.assert_array_equal(either.predict_proba(X_NEW), expected)


def test_a_fitted_classifier_has_learned_what_its_kind_says(either):
    own = {name for name in vars(either) if name.endswith("_") and not name.startswith("_")}
    assert own - {"word_counts_", "class_count_"} == type(either)._learned.keys()
    assert {"classes_", "encoder_", "head_"} <= own
    assert all(isinstance(getattr(either, name), kind) for name, kind in type(either)._learned.items())
    check_is_fitted(either)


def test_the_tags_are_those_of_a_classifier_of_texts(either):
    assert isinstance(either, HeadOnEmbeddings)
    assert is_classifier(either)
    tags = get_tags(either)
    assert tags.input_tags.string
    assert tags.input_tags.one_d_array
    assert not tags.input_tags.two_d_array
    assert tags.classifier_tags.multi_label


FORGED = {
    "no classes": (lambda state: state.pop("classes_"), "classes_ must be of type ndarray, got nothing"),
    "no head": (lambda state: state.update(head_=None), "head_ must be a fitted classifier"),
    "a class less": (lambda state: state.update(classes_=state["classes_"][:2]), "are not those of its head_"),
    "a curve that is a list": (lambda state: state.update(loss_curve_=[1.0]), "loss_curve_ must be of type ndarray"),
    "steps that are text": (lambda state: state.update(n_steps_="3"), "n_steps_ must be of type Integral, got str"),
    "a hidden method": (lambda state: state.update(predict_proba=1), r"would hide its methods: \['predict_proba'\]"),
    "a private method": (
        lambda state: state.update(_encoded_chunks=1),
        r"would hide its methods: \['_encoded_chunks'\]",
    ),
}


@pytest.mark.parametrize("case", FORGED)
def test_a_forged_state_is_refused_and_nothing_is_changed(either, case):
    change, message = FORGED[case]
    state = either.__getstate__()
    change(state)
    other = copy.copy(either)
    before = dict(vars(other))
    with pytest.raises(ValueError, match=f"The saved .*{message}"):
        other.__setstate__(state)
    assert vars(other) == before


def test_a_head_for_other_embeddings_is_refused(either):
    state = either.__getstate__()
    state["head_"] = copy.deepcopy(state["head_"])
    state["head_"].n_features_in_ = 31
    with pytest.raises(ValueError, match=r"of embeddings of 32 dimensions, got LogisticRegression .*it is for 31"):
        copy.copy(either).__setstate__(state)


def test_pickles_and_copies_answer_alike(either):
    expected = either.predict_proba(X_NEW)
    for again in (pickle.loads(pickle.dumps(either)), copy.deepcopy(either), copy.copy(either)):
        np.testing.assert_array_equal(again.predict_proba(X_NEW), expected)


class TextsOfTheirLength(LogisticRegression):
    """Its labels are text of the length of the longest in one answer."""

    def predict(self, X):
        return np.array(super().predict(X).tolist())


def test_labels_of_different_lengths_are_given_whole(tiny_classifier):
    X, y = make_texts(4)
    names = dict(zip(sorted(set(y)), ["a", "a longer label", "b"], strict=True))
    classifier = tiny_classifier.set_params(head=TextsOfTheirLength(), max_steps=20, label_texts=None)
    classifier.fit(X, [names[label] for label in y])
    of_each = {label: next(text for text in X if classifier.predict([text]) == [label]) for label in names.values()}
    for first, last in (("a", "a longer label"), ("a longer label", "a")):
        texts = [of_each[first]] * 2000 + [of_each[last]] * 3
        assert classifier.predict(texts).tolist() == [first] * 2000 + [last] * 3
