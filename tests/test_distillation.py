import copy
import io
import os
import pickle
import shutil
import subprocess
import sys
import threading
from pathlib import Path

import joblib
import numpy as np
import pandas as pd
import pytest
from numpy.testing import assert_allclose, assert_array_equal
from sentence_transformers import SentenceTransformer
from sklearn import config_context
from sklearn.base import BaseEstimator, clone, is_classifier
from sklearn.calibration import CalibratedClassifierCV
from sklearn.exceptions import NotFittedError
from sklearn.frozen import FrozenEstimator
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import GridSearchCV, cross_val_score
from sklearn.neighbors import KNeighborsClassifier
from sklearn.pipeline import make_pipeline
from sklearn.svm import LinearSVC
from sklearn.utils import estimator_checks, get_tags

from conftest import TOPICS, make_texts
from forging import add, attributes, forge, plain
from sksetfit import (
    DistilledSetFitClassifier,
    RejectClassifier,
    SetFitClassifier,
    TuningCurveDisplay,
    dump,
    load,
    model_card,
    read_setfit,
    write_setfit,
)
from sksetfit.encoder import body_of
from sksetfit.hub.push import _card_text
from sksetfit.training import distill as distill_module

TEXTS, _ = make_texts(20)
X_NEW, Y_NEW = make_texts(15, seed=1)
INDICATOR = np.array([row for row in np.ndindex(2, 2, 2) if 1 <= sum(row) <= 2] * 4)
X_MANY = [
    " ".join(f"{topic[i % 10]} {topic[i // 3]}" for topic, has in zip(TOPICS.values(), row, strict=True) if has)
    for i, row in enumerate(INDICATOR)
]
KINDS = {"fewer layers": None, "static": "static", "a folder": "the tiny model"}


@pytest.fixture
def student(fitted):
    """An unfitted student that keeps one of two layers."""
    return DistilledSetFitClassifier(fitted, max_steps=2, device="cpu", random_state=0)


@pytest.fixture(scope="module", params=KINDS)
def learned(request, fitted, tiny_model):
    """A fitted student of each kind that no test may change."""
    model = tiny_model if request.param == "a folder" else KINDS[request.param]
    rate = 2e-2 if model == "static" else 5e-3
    options = {"max_steps": 30, "learning_rate": rate, "device": "cpu", "random_state": 0}
    return DistilledSetFitClassifier(fitted, model, **options).fit(TEXTS)


@pytest.fixture(scope="module")
def small(fitted):
    """A fitted student that no test may change, of fewer layers."""
    return DistilledSetFitClassifier(fitted, max_steps=2, device="cpu", random_state=0).fit(TEXTS)


@pytest.fixture
def teach(tiny_model):
    """Return a function that fits a teacher on the topics, or other targets, without tuning."""

    def fit(y=None, X=None, **params):
        X_own, y_own = make_texts(8)
        clf = SetFitClassifier(tiny_model, max_steps=0, label_texts=None, device="cpu", random_state=0, **params)
        return clf.fit(X_own if X is None else X, y_own if y is None else y)

    return fit


def same(teacher, **params):
    """Return a student that keeps all layers and does not learn: it answers as its teacher."""
    return DistilledSetFitClassifier(teacher, n_layers=2, max_steps=0, device="cpu", **params).fit(["bread"])


# -- answers


def test_students_answer_as_their_teacher(fitted, learned):
    assert np.mean(learned.predict(X_NEW) == fitted.predict(X_NEW)) > 0.65  # chance: 0.33
    assert np.abs(learned.predict_proba(X_NEW) - fitted.predict_proba(X_NEW)).mean() < 0.15
    assert learned.score(X_NEW, Y_NEW) > 0.65
    assert_array_equal(learned.classes_, fitted.classes_)


def test_what_was_learned_is_shown(learned):
    assert (learned.n_steps_, learned.loss_curve_.shape, learned.loss_curve_.dtype) == (30, (30,), np.float64)
    assert learned.loss_curve_[-10:].mean() < learned.loss_curve_[:10].mean()
    assert learned.encoder_.transform(X_NEW).shape == (len(X_NEW), 32)
    assert_array_equal(learned.encoder_.loss_curve_, learned.loss_curve_)
    assert learned.encoder_.learning_rate_ == learned.learning_rate_
    assert learned.encoder_.batch_size_ == learned.batch_size


def test_labels_and_containers_have_no_part(fitted, student):
    expected = clone(student).fit(TEXTS).predict_proba(X_NEW)
    for X, y in [(np.array(TEXTS), None), (pd.Series(TEXTS), ["other"]), (pd.DataFrame({"text": TEXTS}), [[1, 0]])]:
        assert_array_equal(clone(student).fit(X, y).predict_proba(X_NEW), expected)


@pytest.mark.parametrize("strategy", ["one-vs-rest", "multi-output", "classifier-chain"])
def test_several_labels_per_text_are_answered_as_the_teacher_does(teach, strategy):
    teacher = teach(INDICATOR, X_MANY, multi_target_strategy=strategy)
    student = DistilledSetFitClassifier(teacher, n_layers=2, max_steps=0, device="cpu")
    methods = ["predict", "predict_proba", "decision_function"]
    for each in (student, student.fit(X_MANY)):
        assert [hasattr(each, method) for method in methods] == [hasattr(teacher, method) for method in methods]
    for method in filter(lambda method: hasattr(teacher, method), methods):
        assert_array_equal(getattr(student, method)(X_NEW), getattr(teacher, method)(X_NEW))
    assert student.predict(X_NEW).dtype == np.int64
    assert student.predict_proba(X_NEW).shape == (len(X_NEW), 3)
    near = DistilledSetFitClassifier(teacher, "static", max_steps=60, device="cpu", random_state=0).fit(X_MANY)
    assert np.mean(near.predict(X_MANY) == teacher.predict(X_MANY)) > 0.8


def test_columns_of_a_frame_name_the_classes_of_the_student_too(teach):
    teacher = teach(pd.DataFrame(INDICATOR, columns=list(TOPICS)), X_MANY)
    assert list(same(teacher).classes_) == list(TOPICS)


@pytest.mark.parametrize("labels", [[3, 5, -1], [0.0, 1.0, 2.0], np.array(["a", "b", "c"], dtype=object)])
def test_labels_may_be_of_any_type(teach, labels):
    codes = [list(TOPICS).index(topic) for topic in make_texts(8)[1]]
    teacher = teach(np.asarray(labels)[codes])
    student = same(teacher)
    assert student.predict(X_NEW).dtype == teacher.predict(X_NEW).dtype
    assert student.predict(X_NEW).tolist() == teacher.predict(X_NEW).tolist()


@pytest.mark.parametrize("head", [LinearSVC(), KNeighborsClassifier(3)], ids=lambda head: type(head).__name__)
def test_a_student_has_the_methods_of_its_teachers_head(teach, head):
    teacher = teach(head=head)
    for student in (DistilledSetFitClassifier(teacher), same(teacher)):
        for method in ("predict_proba", "decision_function"):
            assert hasattr(student, method) == hasattr(teacher, method)
    if isinstance(head, LinearSVC):
        with pytest.raises(AttributeError, match="This 'DistilledSetFitClassifier' has no") as raised:
            same(teacher).predict_proba(X_NEW)
        assert "The head, LinearSVC(" in str(raised.value.__cause__)


def test_a_student_of_a_teacher_to_be_has_the_methods_that_it_will_have():
    unfitted = SetFitClassifier(head=LinearSVC())
    assert not hasattr(unfitted, "predict_proba")
    assert not hasattr(DistilledSetFitClassifier(unfitted), "predict_proba")


def test_a_student_teaches_another(learned):
    if learned.model == "static":
        with pytest.raises(ValueError, match="has no layers of its own"):
            DistilledSetFitClassifier(learned).fit(TEXTS)
        with pytest.raises(ValueError, match="is a table of tokens already"):
            DistilledSetFitClassifier(learned, "static").fit(TEXTS)
        return
    pupil = DistilledSetFitClassifier(
        learned, "static", max_steps=30, learning_rate=2e-2, device="cpu", random_state=0
    ).fit(TEXTS)
    assert np.mean(pupil.predict(X_NEW) == learned.predict(X_NEW)) > 0.6


def test_the_teacher_and_its_head_are_not_shared(teach):
    teacher = teach()
    student = same(teacher)
    expected = teacher.predict_proba(X_NEW)
    student.head_.coef_[:] = 0
    student.classes_[:] = "?"
    assert_array_equal(teacher.predict_proba(X_NEW), expected)
    assert "?" not in teacher.classes_


# -- what is refused


class NotATeacher(BaseEstimator):
    """Counts as no teacher, whatever it has."""

    encoder_ = head_ = classes_ = None


WRONG_TEACHERS = {
    "None": (lambda fitted: None, r"got None\. A file does not hold the teacher: set_params\(teacher=...\)"),
    "the class": (lambda fitted: SetFitClassifier, "must be a fitted SetFitClassifier, got <class"),
    "a pipeline": (lambda fitted: make_pipeline(fitted), "Of a pipeline or search give the classifier in it"),
    "the encoder": (lambda fitted: fitted.encoder_, "must be a fitted SetFitClassifier, got SetFitEncoder"),
    "text": (lambda fitted: "teacher", "must be a fitted SetFitClassifier, got 'teacher'"),
    "an estimator of others": (lambda fitted: NotATeacher(), "got NotATeacher"),
}


@pytest.mark.parametrize("case", WRONG_TEACHERS)
def test_what_is_no_teacher_is_refused(fitted, case):
    change, message = WRONG_TEACHERS[case]
    student = DistilledSetFitClassifier(change(fitted))
    assert isinstance(repr(student), str)
    with pytest.raises(TypeError, match=message):
        student.fit(TEXTS)


@pytest.mark.parametrize("kind", [SetFitClassifier, lambda: DistilledSetFitClassifier(SetFitClassifier())])
def test_a_teacher_that_is_not_fitted_is_refused(kind):
    with pytest.raises(NotFittedError, match=r"The teacher, .*, is not fitted: call its fit with labelled texts"):
        DistilledSetFitClassifier(kind()).fit(TEXTS)


WRONG = {
    "no layers": ({"n_layers": 0}, "The 'n_layers' parameter"),
    "a part of a layer": ({"n_layers": 1.5}, "The 'n_layers' parameter"),
    "a step backwards": ({"max_steps": -1}, "The 'max_steps' parameter"),
    "steps in words": ({"max_steps": "many"}, "The 'max_steps' parameter"),
    "batches of one": ({"batch_size": 1}, "The 'batch_size' parameter"),
    "no rate": ({"learning_rate": 0}, "The 'learning_rate' parameter"),
    "a loaded model": ({"model": NotATeacher()}, "The 'model' parameter"),
    "another precision": ({"precision": "float16"}, "The 'precision' parameter"),
    "a seed in words": ({"random_state": "x"}, "The 'random_state' parameter"),
    "too many layers": ({"n_layers": 3}, "n_layers=3 is more than the 2 layers"),
    "a device that is not there": ({"device": "abacus"}, "device='abacus' cannot be used"),
    "a model that is not there": ({"model": "/no/such"}, "model='/no/such' was not found"),
}


@pytest.mark.parametrize("case", WRONG)
def test_wrong_parameter_raises(student, case):
    params, message = WRONG[case]
    with pytest.raises(ValueError, match=message):
        student.set_params(**params).fit(TEXTS)
    assert not hasattr(student, "head_")


@pytest.mark.parametrize("X", ["a text", [], ["bread", None], ["bread", 1], [["bread"], ["tennis"]]])
def test_wrong_texts_raise(student, X):
    with pytest.raises((TypeError, ValueError), match=r"^X "):
        student.fit(X)


class Uncopied(LogisticRegression):
    """A head that cannot be copied."""

    def __deepcopy__(self, memo):
        raise KeyboardInterrupt


@pytest.mark.parametrize("how", ["a wrong parameter", "diverging", "a head that cannot be copied"])
def test_failed_student_fit_keeps_previous_fit(small, teach, monkeypatch, how):
    student = copy.copy(small)
    if how == "a wrong parameter":
        student.set_params(n_layers=9)
    elif how == "diverging":
        student.set_params(learning_rate=1e38, max_steps=20)
    else:
        other = teach([topic.upper() for topic in make_texts(8)[1]])
        other.head_.__class__ = Uncopied
        student.set_params(teacher=other)
    before = dict(vars(student))
    with pytest.raises((ValueError, KeyboardInterrupt)):
        student.fit(X_NEW)
    assert vars(student).keys() == before.keys()
    assert [name for name, value in vars(student).items() if value is not before[name]] == []
    assert_array_equal(student.predict_proba(X_NEW), small.predict_proba(X_NEW))


def test_folder_named_static_is_read_as_path(fitted, tiny_model, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    shutil.copytree(tiny_model, "static")
    student = DistilledSetFitClassifier(fitted, Path("static"), max_steps=0, device="cpu").fit(TEXTS)
    assert body_of(student.encoder_).transformer.config.model_type == "bert"


# -- as an estimator


CHECKS_WITHOUT_X = [
    "check_do_not_raise_errors_in_init_or_set_params",
    "check_estimator_cloneable",
    "check_estimator_repr",
    "check_estimator_sparse_tag",
    "check_estimators_unfitted",
    "check_get_params_invariance",
    "check_mixin_order",
    "check_no_attributes_set_in_init",
    "check_param_validation",
    "check_set_params",
    "check_valid_tag_types",
]


@pytest.mark.parametrize("check", CHECKS_WITHOUT_X)
def test_checks_of_scikit_learn_that_read_no_x_hold(fitted, check):
    getattr(estimator_checks, check)("DistilledSetFitClassifier", DistilledSetFitClassifier(fitted))


def test_the_tags_say_texts_in_and_no_labels_needed(student):
    tags = get_tags(student)
    assert is_classifier(student)
    assert not tags.target_tags.required
    assert tags.input_tags.string
    assert tags.classifier_tags.multi_label
    assert tags.requires_fit


def test_a_clone_has_the_very_teacher_and_nothing_learned(fitted, small):
    copied = clone(small)
    assert copied.teacher is fitted
    assert not hasattr(copied, "head_")
    assert copied.get_params(deep=False) == small.get_params(deep=False)
    seeded = DistilledSetFitClassifier(fitted, random_state=np.random.RandomState(0))
    assert clone(seeded).random_state is not seeded.random_state
    pipeline = make_pipeline("passthrough", small)
    assert clone(pipeline)[-1].teacher is fitted
    assert clone(clone(pipeline)).fit(TEXTS).predict(X_NEW).shape == (len(X_NEW),)


def test_equal_seeds_give_equal_bits_and_a_fit_draws_from_a_random_state(fitted, student, small):
    assert_array_equal(student.fit(TEXTS).predict_proba(X_NEW), small.predict_proba(X_NEW))
    other = clone(student).set_params(random_state=1, batch_size=8).fit(TEXTS)
    assert np.abs(other.predict_proba(X_NEW) - small.predict_proba(X_NEW)).max() > 0
    state = np.random.RandomState(0)
    curves = [student.set_params(random_state=state, batch_size=8).fit(TEXTS).loss_curve_ for _ in range(2)]
    assert not np.array_equal(*curves)


def test_a_search_finds_layers_and_steps(fitted, student):
    grid = {"n_layers": [1, 2], "max_steps": [0, 1]}
    search = GridSearchCV(student, grid, cv=2, error_score="raise").fit(X_NEW, Y_NEW)
    assert search.best_params_["n_layers"] == 2
    assert search.best_estimator_.teacher is fitted
    assert search.score(X_NEW, Y_NEW) > 0.7


def test_students_are_cross_validated(student):
    scores = cross_val_score(student.set_params(n_layers=2, max_steps=0), X_NEW, Y_NEW, cv=3)
    assert scores.mean() > 0.7


def test_students_are_calibrated_and_may_decline(small):
    calibrated = CalibratedClassifierCV(FrozenEstimator(small)).fit(X_NEW, Y_NEW)
    assert_allclose(calibrated.predict_proba(X_NEW).sum(axis=1), 1)
    declining = RejectClassifier(clone(small), coverage=0.5, cv=2).fit(X_NEW, Y_NEW)
    assert declining.predict(X_NEW).shape == (len(X_NEW),)


@pytest.mark.parametrize("verbose", [0, False])
def test_nothing_is_printed_unless_it_is_asked_for(student, capfd, verbose):
    student.set_params(verbose=verbose).fit(TEXTS).predict(X_NEW)
    assert capfd.readouterr() == ("", "")


def test_threads_learn_side_by_side(fitted, small):
    found = []
    fit = lambda: found.append(clone(small).fit(TEXTS).predict_proba(X_NEW))  # noqa: E731
    threads = [threading.Thread(target=fit) for _ in range(3)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(found) == 3
    for probabilities in found:
        assert_array_equal(probabilities, small.predict_proba(X_NEW))


# -- files, pickles and folders


@pytest.fixture(scope="module")
def file(learned, tmp_path_factory):
    file = tmp_path_factory.mktemp("file") / "student.skops"
    dump(learned, file)
    return file


def test_a_file_gives_equal_answers_and_holds_no_teacher(fitted, learned, file, tmp_path):
    again = load(file)
    assert again.teacher is None
    assert_array_equal(again.predict_proba(X_NEW), learned.predict_proba(X_NEW))
    assert again.get_params(deep=False) | {"teacher": fitted} == learned.get_params(deep=False)
    dump(fitted, tmp_path / "teacher.skops")
    if learned.model in {None, "static"}:
        assert os.path.getsize(file) < 0.8 * os.path.getsize(tmp_path / "teacher.skops")
    dump(again, tmp_path / "again.skops")
    assert_array_equal(load(tmp_path / "again.skops").predict_proba(X_NEW), learned.predict_proba(X_NEW))


def test_a_student_from_a_file_learns_again_when_it_has_a_teacher(fitted, learned, file):
    again = load(file)
    with pytest.raises(TypeError, match=r"A file does not hold the teacher: set_params\(teacher=...\)"):
        again.fit(TEXTS)
    assert_array_equal(again.predict_proba(X_NEW), learned.predict_proba(X_NEW))
    again.set_params(teacher=fitted).fit(TEXTS)
    assert_array_equal(again.predict_proba(X_NEW), learned.predict_proba(X_NEW))


def test_a_teacher_in_a_file_is_refused(tmp_path, small):
    dump(small, tmp_path / "student.skops")

    def put_teacher(schema):
        attributes(schema).pop("teacher", None)
        add(schema, "teacher", plain("a teacher"))

    forge(tmp_path / "student.skops", put_teacher)
    with pytest.raises(ValueError, match=r"has what no file may have: \['teacher'\]"):
        load(tmp_path / "student.skops")


def test_absurd_sizes_of_a_table_in_a_file_take_no_memory(fitted, tmp_path):
    student = DistilledSetFitClassifier(fitted, "static", max_steps=0, device="cpu").fit(TEXTS)
    dump(student, tmp_path / "student.skops")

    def enlarge(schema):
        body = attributes(attributes(attributes(schema)["encoder_"])["body"])
        attributes(body["transformer"]).update(vocab_size=plain(10**8), hidden_size=plain(10**8))

    forge(tmp_path / "student.skops", enlarge)
    with pytest.raises(ValueError, match=r"damaged: .*vocab_size is 100000000, and must be an integer"):
        load(tmp_path / "student.skops")


def joblibs(estimator):
    stream = io.BytesIO()
    joblib.dump(estimator, stream)
    stream.seek(0)
    return joblib.load(stream)


COPIES = {"pickle": lambda each: pickle.loads(pickle.dumps(each)), "joblib": joblibs, "deepcopy": copy.deepcopy}


@pytest.mark.parametrize("how", COPIES)
def test_pickles_and_copies_keep_the_teacher(fitted, learned, how):
    again = COPIES[how](learned)
    assert_array_equal(again.predict_proba(X_NEW), learned.predict_proba(X_NEW))
    assert again.teacher is not fitted
    assert_array_equal(again.teacher.predict_proba(X_NEW), fitted.predict_proba(X_NEW))
    unfitted = COPIES[how](clone(learned))
    assert not hasattr(unfitted, "head_")
    assert_array_equal(unfitted.fit(TEXTS).predict_proba(X_NEW), learned.predict_proba(X_NEW))


def test_a_shallow_copy_has_the_very_teacher(fitted, small):
    assert copy.copy(small).teacher is fitted


def test_a_student_is_written_for_others_and_read_again(learned, tmp_path):
    write_setfit(learned, tmp_path / "folder")
    theirs = SentenceTransformer(str(tmp_path / "folder"), device="cpu").encode(X_NEW)
    assert_allclose(learned.encoder_.transform(X_NEW), theirs, atol=1e-5)
    again = read_setfit(tmp_path / "folder", trust_pickle=True, device="cpu")
    assert isinstance(again, SetFitClassifier)
    assert_array_equal(again.predict(X_NEW), learned.predict(X_NEW))
    assert_allclose(again.predict_proba(X_NEW), learned.predict_proba(X_NEW), atol=1e-5)
    second = DistilledSetFitClassifier(again, n_layers=None, max_steps=0, device="cpu")
    if learned.model != "static":
        assert second.fit(TEXTS).predict(X_NEW).shape == (len(X_NEW),)


def test_openvino_is_refused_for_a_table(fitted):
    student = DistilledSetFitClassifier(fitted, "static", max_steps=0, device="cpu").fit(TEXTS)
    student.encoder_.set_params(backend="openvino")
    with pytest.raises(ValueError, match="is for transformers, and this body is a table of tokens: take 'torch'"):
        student.predict(X_NEW)


# -- the card


def test_the_card_of_a_student_says_what_it_is(learned, file, fitted):
    card = model_card(learned, X_NEW, Y_NEW, repo_id="jane/topics")
    assert "was trained to reproduce the embeddings that a larger model gives unlabelled texts" in card.text
    assert "The head, LogisticRegression, is that of the larger model" in card.text
    assert "fine-tuned" not in card.text
    assert "| teacher |" not in card.text
    assert "tuned in 30 steps" in card.text
    assert os.path.dirname(fitted.model) not in str(card)
    assert str(model_card(load(file), X_NEW, Y_NEW, repo_id="jane/topics")) == str(card)
    assert _card_text(learned, None, "jane/topics").startswith("---\nlibrary_name: sksetfit\n")


def test_model_card_of_static_student_omits_teacher_name(fitted):
    student = DistilledSetFitClassifier(fitted, "static", max_steps=1, device="cpu").fit(TEXTS)
    card = model_card(student)
    assert "| model | static |" in card.text
    assert "Sentence Transformer" not in card.text
    assert "The body, static embeddings made from " in card.text.split("## Use")[0]


def test_model_card_of_student_counts_given_texts(small):
    assert "Training texts" not in model_card(small).text
    given = model_card(small, X_train=X_NEW, y_train=Y_NEW).text
    assert "| food | 15 |" in given


# -- what a teacher is not exposed to


def test_a_teacher_may_be_frozen_and_chosen_by_a_grid(fitted, tiny_model):
    other = SetFitClassifier(tiny_model, max_steps=0, random_state=0).fit(*make_texts(8))
    grid = {"teacher": [FrozenEstimator(fitted), FrozenEstimator(other)]}
    search = GridSearchCV(DistilledSetFitClassifier(fitted, max_steps=0, random_state=0), grid, cv=2)
    search.fit(*make_texts(8, seed=3))
    assert search.best_params_["teacher"].estimator in (fitted, other)
    assert search.predict_proba(["bread"]).shape == (1, 3)


def test_parameters_of_a_teacher_are_neither_listed_nor_set(fitted):
    student = DistilledSetFitClassifier(fitted)
    assert not any(name.startswith("teacher__") for name in student.get_params())
    before = fitted.get_params()
    with pytest.raises(ValueError, match="'teacher__max_steps' would change the teacher, which is fitted"):
        student.set_params(teacher__max_steps=7)
    assert fitted.get_params() == before


def test_a_clone_keeps_what_was_requested(fitted):
    with config_context(enable_metadata_routing=True):
        student = DistilledSetFitClassifier(fitted).set_score_request(sample_weight=True)
        assert clone(student).get_metadata_routing().score.requests == {"sample_weight": True}
    assert clone(student).teacher is fitted


def test_nothing_learns_from_itself(fitted):
    student = DistilledSetFitClassifier(fitted, max_steps=0).fit(["bread"])
    student.teacher = student
    with pytest.raises(TypeError, match="teacher must be a fitted SetFitClassifier"):
        student.fit(["bread"])


def test_a_teacher_that_is_fitted_again_meanwhile_is_read_as_it_was(tiny_model, monkeypatch):
    teacher = SetFitClassifier(tiny_model, max_steps=0, random_state=0).fit(*make_texts(4))
    distill = distill_module.distill

    def distill_and_fit(*arguments, **options):
        result = distill(*arguments, **options)
        teacher.fit(["bread", "a tree"], ["food", "plant"])
        return result

    monkeypatch.setattr(distill_module, "distill", distill_and_fit)
    student = DistilledSetFitClassifier(teacher, max_steps=0).fit(["bread", "tennis"])
    assert student.classes_.tolist() == student.head_.classes_.tolist() == ["food", "music", "sport"]


def test_texts_that_no_step_would_read_are_not_encoded(fitted, monkeypatch):
    encoded = []
    encode = type(body_of(fitted.encoder_)).encode_tokens

    def counting(body, tokens, *precision):
        encoded.append(len(tokens))
        return encode(body, tokens, *precision)

    monkeypatch.setattr(type(body_of(fitted.encoder_)), "encode_tokens", counting)
    monkeypatch.setattr(distill_module, "MIN_TEXTS", 10)
    DistilledSetFitClassifier(fitted, max_steps=2, batch_size=6, random_state=0).fit([f"bread {i}" for i in range(40)])
    assert max(encoded) == 12


def test_a_curve_of_its_loss_is_drawn(fitted):
    student = DistilledSetFitClassifier(fitted, max_steps=3).fit(TEXTS)
    assert TuningCurveDisplay.from_estimator(student).loss_curve.shape == (3,)


def test_a_student_learns_in_a_forked_process(fitted):
    """Of the threads of torch a fork copies the records only, and what waits for them waits for ever."""
    code = """
import os, sys
import torch
from sksetfit import DistilledSetFitClassifier, SetFitClassifier

teacher = SetFitClassifier(sys.argv[1], max_steps=1).fit(["bread", "tennis"], ["food", "sport"])
torch.ones(3000, 3000).mul_(2)
child = os.fork()
if child == 0:
    DistilledSetFitClassifier(teacher, "static", max_steps=2).fit(["bread", "tennis", "golf"])
    os._exit(0)
assert os.waitpid(child, 0)[1] == 0
"""
    environment = os.environ | {"OMP_NUM_THREADS": "2"}
    subprocess.run([sys.executable, "-W", "ignore", "-c", code, fitted.model], env=environment, check=True, timeout=120)
