"""Labels of one kind in the array that a classifier keeps."""

import tracemalloc
from enum import Enum, IntEnum, StrEnum

import numpy as np
import pandas as pd
import polars as pl
import pytest
import torch
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import GridSearchCV, cross_val_score

from bad_inputs import named
from conftest import make_texts
from sksetfit import (
    FewShotSplit,
    LogisticRegressionHead,
    MultiLabelThresholdClassifier,
    RejectClassifier,
    RiskCoverageDisplay,
    SetFitClassifier,
    SetFitEncoder,
    TorchHead,
    make_templated_texts,
)
from sksetfit.inputs.targets import check_targets, target_array
from sksetfit.inputs.texts import check_texts
from sksetfit.inputs.training_data import check_training_data, check_validation_data

X, Y = make_texts(6)


class Team(str, Enum):  # noqa: UP042  (the str() of a StrEnum is its value)
    FOOD = "food"
    MUSIC = "music"
    SPORT = "sport"


class Loud(str):
    __slots__ = ()

    def __str__(self):
        return self.upper()

    def __hash__(self):
        return hash(str(self))

    def __eq__(self, other):
        return str.__eq__(self, other)


class Level(IntEnum):
    LOW = 1
    HIGH = 2


TEAMS = [Team(label) for label in Y]
SUBCLASSES = {
    "enumeration": TEAMS,
    "StrEnum": [StrEnum("Name", {"A": label}).A for label in Y],
    "own __str__": [Loud(label) for label in Y],
    "array": np.array(TEAMS, dtype=object),
    "Series": pd.Series(TEAMS, dtype=object),
    "frame of polars": pl.Series(TEAMS),
}


# -- subclasses of str and int


@pytest.mark.parametrize("y", named(SUBCLASSES))
def test_a_subclass_of_str_is_read_as_its_own_text(y):
    targets = check_targets(y, 18)
    assert targets.classes.tolist() == ["food", "music", "sport"]
    assert {type(label) for label in targets.y.tolist()} == {str}
    assert targets.y.tolist() == Y
    assert check_texts(y) == Y


def test_members_of_an_int_enumeration_are_numbers():
    assert check_targets([Level.LOW, Level.HIGH] * 2, 4).y.tolist() == [1, 2, 1, 2]


def test_a_fit_on_an_enumeration_is_one_on_its_texts(tiny_classifier):
    given = {"class_weight": {Team.FOOD: 3, Team.MUSIC: 1, Team.SPORT: 2}, "label_texts": {Team.FOOD: "what we eat"}}
    plain = {"class_weight": {"food": 3, "music": 1, "sport": 2}, "label_texts": {"food": "what we eat"}}
    expected = tiny_classifier.set_params(**plain).fit(X, Y).predict_proba(X)
    clf = tiny_classifier.set_params(**given).fit(X, TEAMS)
    np.testing.assert_array_equal(clf.predict_proba(X), expected)
    assert clf.encoder_.label_texts_ == {"food": ["what we eat"]}
    assert clf.score(X, TEAMS) == clf.score(X, Y) > 0.5
    assert clf.classes_.dtype == "<U5"


def test_validation_targets_of_an_enumeration_are_read():
    _, y_val = check_validation_data(X[:3], TEAMS[:3], check_targets(Y, 18))
    assert y_val.tolist() == Y[:3]


def test_an_enumeration_makes_templated_texts_and_few_shot_splits():
    for labels in (list(Team), {team: team.value for team in Team}):
        texts, y = make_templated_texts(labels, n_per_label=1)
        assert (texts, y.tolist()) == (["food", "music", "sport"], ["food", "music", "sport"])
    splits = [FewShotSplit(2, n_splits=1, random_state=0).split(X, y) for y in (TEAMS, Y)]
    for (train, test), (other_train, other_test) in zip(*splits, strict=True):
        assert train.tolist() == other_train.tolist()
        assert test.tolist() == other_test.tolist()


def test_a_reject_label_of_an_enumeration_is_its_text():
    rows = np.random.RandomState(0).normal(size=(18, 3)) + np.eye(3)[[["food", "music", "sport"].index(y) for y in Y]]
    clf = RejectClassifier(LogisticRegression(), coverage=0.5, cv=2, reject_label=Loud("none")).fit(rows, TEAMS)
    assert clf.reject_label_ == "none"
    assert type(clf.reject_label_) is str
    assert set(clf.predict(rows)) <= {"food", "music", "sport", "none"}
    with pytest.raises(ValueError, match="reject_label must be none of the classes"):
        RejectClassifier(LogisticRegression(), coverage=0.5, cv=2, reject_label=Team.FOOD).fit(rows, TEAMS)


def test_a_curve_takes_an_enumeration():
    import matplotlib

    matplotlib.use("agg")
    proba = np.eye(3)[[["food", "music", "sport"].index(label) for label in Y]]
    assert RiskCoverageDisplay.from_predictions(TEAMS, proba).risk.tolist() == [0]


# -- numbers


@pytest.mark.parametrize(
    "y",
    [
        [2**60, 2**60 + 1, 2.0, 2.0],
        np.array([2**60, 2**60 + 1, 2.0, 2.0], dtype=object),
        [np.uint64(2**60), np.uint64(2**60 + 1), np.int64(2), -1],
        pd.Series([2**60, 2**60 + 1, 2.0, 2.0], dtype=object),
        [np.float32(2), 2**53 + 1, 2**53, 2],
    ],
)
def test_large_integers_stay_apart(y):
    whole = [int(label) for label in y]
    assert list(map(int, check_targets(y, 4).y.tolist())) == whole
    assert list(map(int, TorchHead().fit(np.eye(4), y).classes_.tolist())) == sorted(set(whole))


def with_rows(labels):
    """Return rows of two clusters, and a label of each cluster in an array of objects."""
    of_row = np.arange(20) % 2
    rows = np.random.RandomState(0).normal(size=(20, 2)) + 4 * of_row[:, np.newaxis]
    return rows, np.array(labels, dtype=object)[of_row]


@pytest.mark.parametrize("labels", [[0, 1], [False, True], ["no", "yes"], [1.0, 2.0]])
@pytest.mark.parametrize(
    "estimator",
    [LogisticRegressionHead(), TorchHead(), RejectClassifier(LogisticRegressionHead(), coverage=1.0, cv=2)],
    ids=lambda estimator: type(estimator).__name__,
)
def test_objects_are_labels_of_their_type_in_every_classifier_of_rows(estimator, labels):
    rows, y = with_rows(labels)
    estimator.fit(rows, y)
    assert estimator.classes_.tolist() == labels
    assert estimator.score(rows, y) == 1
    assert estimator.score(rows, pd.Series(y, dtype=object)) == 1


@pytest.mark.parametrize("labels", [[0, 1], [False, True]])
def test_objects_are_labels_of_their_type_in_classifiers_of_texts(tiny_classifier, labels):
    y = np.array([labels[label == "food"] for label in Y], dtype=object)
    clf = tiny_classifier.set_params(max_steps=0).fit(X, y)
    assert clf.classes_.dtype == np.array(labels).dtype
    assert clf.score(X, y) > 0.5
    assert cross_val_score(clf, X, list(y), cv=2).mean() > 0.5


def test_an_indicator_of_objects_is_one_everywhere():
    rows = np.random.RandomState(0).normal(size=(20, 2))
    y = pd.Series((rows > 0).astype(int).tolist())
    clf = TorchHead().fit(rows, y)
    assert clf.multilabel_
    assert clf.score(rows, (rows > 0).astype(object)) > 0.8
    tuned = MultiLabelThresholdClassifier(TorchHead(), cv=2, random_state=0).fit(rows, y)
    assert tuned.score(rows, y) > 0.5


TIMES = [np.array([1, 2] * 9, f"{kind}8[{unit}]") for kind in "mM" for unit in ("s", "ns")]


@pytest.mark.parametrize("y", TIMES, ids=str)
@pytest.mark.parametrize(
    "estimator",
    [
        SetFitClassifier(),
        SetFitEncoder(),
        TorchHead(),
        LogisticRegressionHead(),
        RejectClassifier(LogisticRegression(), coverage=0.5),
        MultiLabelThresholdClassifier(LogisticRegression()),
    ],
    ids=lambda estimator: type(estimator).__name__,
)
def test_times_are_no_labels_in_any_estimator(estimator, y):
    texts = isinstance(estimator, SetFitClassifier | SetFitEncoder)
    with pytest.raises(TypeError, match=r"Unknown label type: y must hold str, int or bool, got (date|time)"):
        estimator.fit(X if texts else np.ones((18, 2)), y)
    with pytest.raises(TypeError, match="Unknown label type"):
        list(FewShotSplit(1).split(X, y))


# -- labels that a library wraps


@pytest.mark.parametrize("wrap", [torch.tensor, np.array], ids=["tensor", "array"])
def test_values_without_dimensions_are_labels(wrap):
    assert check_targets([wrap(value) for value in (0, 1, 0, 1)], 4).y.tolist() == [0, 1, 0, 1]
    assert check_targets(torch.tensor([0, 1, 0, 1]), 4).y.tolist() == [0, 1, 0, 1]


@pytest.mark.parametrize("y", [[b"pay", b"log"] * 2, np.array([b"pay", b"log"] * 2), pl.Series([b"pay", b"log"] * 2)])
def test_the_advice_for_bytes_works(y):
    with pytest.raises(TypeError) as raised:
        check_targets(y, 4)
    advice = str(raised.value).rpartition("Decode them: ")[2].rstrip(".")
    decoded = eval(advice, {"pandas": pd, "y": y})
    assert check_targets(decoded, 4).classes.tolist() == ["log", "pay"]


@pytest.mark.parametrize("labels", [["[1]", "[0]"], ["1, 0", "0, 1"], ["[1, 0]", "other"], ["[1, 2]", "[2, 1]"]])
def test_other_labels_with_brackets_are_labels(labels):
    assert check_targets(labels, 2).classes.tolist() == sorted(labels)


# -- a dict that names more classes than a fold has


def test_a_search_over_weights_and_label_texts_runs_with_a_rare_class(tiny_classifier):
    y = [*Y[:-1], "rare"]
    names = {"food": "a meal", "music": "a tune", "sport": "a game", "rare": "a rarity"}
    grid = {"class_weight": [dict.fromkeys(names, 2), None], "label_texts": [names, None]}
    clf = tiny_classifier.set_params(max_steps=1)
    with pytest.warns(UserWarning, match="least populated class"):
        search = GridSearchCV(clf, grid, cv=3, error_score="raise").fit(X, y)
    assert np.isfinite(search.cv_results_["mean_test_score"]).all()


# -- memory


def peak_bytes(function, *args):
    tracemalloc.start()
    try:
        function(*args)
        return tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()


def test_long_labels_are_not_copied():
    y = [f"{number % 2}" * 3000 for number in range(2)] * 2000
    for container in (list, pd.Series, np.array):
        labels = container(y)
        assert peak_bytes(check_targets, labels, 4000) < 2e7  # of 12 million characters, four bytes each in an array


def test_swapped_texts_of_any_length_are_refused_without_large_arrays():
    texts = [f"text {number}" for number in range(3000)] + ["x" * 100_000]
    labels = ["food", "music"] * 1500 + ["food"]

    def swapped():
        with pytest.raises(ValueError, match="X and y look swapped"):
            check_training_data(labels, texts)

    assert peak_bytes(swapped) < 5e6


def test_labels_are_an_array_of_str_unless_it_is_large():
    assert target_array(["a" * 257, "b"]).dtype == "<U257"
    assert target_array(["a" * 3000, "b"] * 1000).dtype == object
    assert target_array(["a" * 50, "b"] * 100_000).dtype == "<U50"
    assert target_array(np.array(["a", "b"], dtype="<U9")).dtype == "<U9"
