import copy

import numpy as np
import pytest
import skops.io
from sklearn.base import clone
from sklearn.calibration import CalibratedClassifierCV
from sklearn.ensemble import RandomForestClassifier, StackingClassifier
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import GridSearchCV
from sklearn.pipeline import make_pipeline

from conftest import make_texts
from sksetfit import (
    DistilledSetFitClassifier,
    LogisticRegressionHead,
    RejectClassifier,
    SetFitClassifier,
    SetFitEncoder,
    TorchHead,
    dump,
    load,
)

X, TOPICS = make_texts(4)
Y = np.array(TOPICS) == "food"
WEIGHTS = {True: 5.0, False: 1.0}
KEYS = {
    "bool": WEIGHTS,
    "numpy's bool": {np.True_: 5.0, np.False_: 1.0},
    "int": {0: 1.0, 1: 5.0},
    "numpy's int": {np.int64(0): 1.0, np.int8(1): 5.0},
    "numpy's str": {np.str_("a"): 1.0, np.str_("b"): 5.0},
    "float": {0.5: 1.0, float("inf"): 5.0, np.float32(0.1): 2.0},
    "large int": {2**53 + 1: 1.0, 2**53: 5.0},
    "None": {None: 1.0, "a": 5.0},
    "tuple": {(1, "a"): 1.0, (1, True): 5.0},
    "equal texts": {1: 1.0, "1": 5.0},
    "the text of a bool": {True: 1.0, "True": 5.0},
    "no keys": {},
}


def read_again(estimator, tmp_path):
    dump(estimator, tmp_path / "model.skops")
    return load(tmp_path / "model.skops")


@pytest.mark.parametrize("kind", KEYS)
def test_dump_and_load_keep_the_keys_of_dicts(fitted, tmp_path, kind):
    keys = KEYS[kind]
    members = [("a", LogisticRegression(class_weight=keys)), ("b", RandomForestClassifier(class_weight=[keys]))]
    params = {"class_weight": keys, "label_texts": keys, "head": make_pipeline(StackingClassifier(members))}
    clf = copy.copy(fitted).set_params(**params)
    before = repr(clf.get_params())
    read = read_again(clf, tmp_path).get_params()
    assert repr(clf.get_params()) == before
    nested = [read[f"head__stackingclassifier__{name}__class_weight"] for name in "ab"]
    for found in [read["class_weight"], read["label_texts"], nested[0], nested[1][0]]:
        assert found == keys
        assert {key: isinstance(key, bool) for key in found} == {key: isinstance(key, (bool, np.bool_)) for key in keys}


def test_skops_alone_reads_the_keys_of_a_file_of_dump(fitted, tmp_path):
    params = {"class_weight": WEIGHTS, "head": LogisticRegression(class_weight=WEIGHTS)}
    dump(copy.copy(fitted).set_params(**params), tmp_path / "model.skops")
    read = skops.io.load(tmp_path / "model.skops", trusted=["sksetfit.SetFitClassifier", "sksetfit.SetFitEncoder"])
    assert read.class_weight == read.head.class_weight == WEIGHTS


OPTIONS = {"max_steps": 1, "label_texts": {True: "meals", False: "something else"}, "device": "cpu", "random_state": 0}
ESTIMATORS = {
    "a classifier": lambda model: SetFitClassifier(model, class_weight=WEIGHTS, **OPTIONS),
    "TorchHead": lambda model: SetFitClassifier(model, head=TorchHead(class_weight=WEIGHTS), **OPTIONS),
    "the default head": lambda model: SetFitClassifier(
        model, head=LogisticRegressionHead(class_weight=WEIGHTS), **OPTIONS
    ),
    "a head": lambda model: SetFitClassifier(model, head=LogisticRegression(class_weight=WEIGHTS), **OPTIONS),
    "a pipeline": lambda model: make_pipeline(
        SetFitEncoder(model, **OPTIONS), LogisticRegression(class_weight=WEIGHTS)
    ),
    "a search": lambda model: GridSearchCV(
        SetFitClassifier(model, **OPTIONS), {"class_weight": [WEIGHTS, {True: 1.0, False: 9.0}]}, cv=2
    ),
    "a reject option": lambda model: RejectClassifier(
        SetFitClassifier(model, class_weight=WEIGHTS, **OPTIONS), coverage=0.5, cv=2
    ),
    "calibrated": lambda model: CalibratedClassifierCV(SetFitClassifier(model, class_weight=WEIGHTS, **OPTIONS), cv=2),
}


@pytest.mark.parametrize("name", ESTIMATORS)
def test_a_model_of_bool_labels_that_was_read_is_fitted_again_to_the_same(tiny_model, tmp_path, name):
    estimator = ESTIMATORS[name](tiny_model).fit(X, Y)
    read = read_again(estimator, tmp_path)
    assert repr(read) == repr(estimator)
    np.testing.assert_array_equal(read.predict_proba(X), estimator.predict_proba(X))
    refitted = clone(read).fit(X, Y)
    np.testing.assert_array_equal(refitted.predict_proba(X), clone(estimator).fit(X, Y).predict_proba(X))
    if name == "a search":
        assert read.best_params_ == estimator.best_params_
        assert read.cv_results_["params"] == estimator.cv_results_["params"]
        masked = estimator.cv_results_["param_class_weight"]
        assert read.cv_results_["param_class_weight"].tolist() == masked.tolist()


def test_containers_keep_their_type(tiny_model, tmp_path):
    head = StackingClassifier([("one", LogisticRegression(class_weight=WEIGHTS))])
    clf = SetFitClassifier(tiny_model, head=head, **OPTIONS).fit(X, Y)
    read = read_again(clf, tmp_path).head_
    assert read.named_estimators_.one is read.estimators_[0]
    assert read.named_estimators_.one.class_weight == WEIGHTS
    assert clf.head_.named_estimators_.one is clf.head_.estimators_[0]


def test_a_student_keeps_the_keys_of_its_teachers_head(tiny_model, tmp_path):
    teacher = SetFitClassifier(tiny_model, head=LogisticRegression(class_weight=WEIGHTS), **OPTIONS).fit(X, Y)
    student = DistilledSetFitClassifier(teacher, max_steps=1, device="cpu").fit(X)
    assert read_again(student, tmp_path).head_.class_weight == WEIGHTS


FORGED = {
    "a list as a key": ([[1]], [1]),
    "keys of an array": (np.arange(3.0), [1, 2, 3]),
    "values of an array": ([1, 2, 3], np.zeros(3, bool)),
    "an estimator as a key": ([LogisticRegression()], [0]),
    "an estimator in a key": ([(1, LogisticRegression())], [0]),
    "fewer values than keys": ([True, False], [1]),
}


@pytest.mark.parametrize("case", FORGED)
def test_load_refuses_dicts_that_are_no_two_lists_of_plain_keys_and_values(fitted, tmp_path, case):
    keys, values = FORGED[case]
    forged = copy.copy(fitted).set_params(class_weight={"keys of a dict": keys, "values of a dict": values})
    skops.io.dump(forged, tmp_path / "model.skops")
    with pytest.raises(ValueError, match="a dict that is not two lists"):
        load(tmp_path / "model.skops")


def test_load_keeps_no_folder_of_a_grid(fitted, tmp_path):
    pipe = make_pipeline(LogisticRegression())
    grids = [{"memory": [str(tmp_path)], "logisticregression__C": [1]}, {"steps__memory": [str(tmp_path)]}]
    search = GridSearchCV(pipe, grids[0], cv=2).fit(np.eye(4), [0, 1, 0, 1])
    loaded = read_again(search.set_params(param_grid=grids), tmp_path)
    assert loaded.param_grid == [{"memory": [None], "logisticregression__C": [1]}, {"steps__memory": [None]}]
    assert search.param_grid == grids
