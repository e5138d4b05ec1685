"""When a tuning is stopped, with which weights it ends, and which texts are held out for it."""

import numpy as np
import pandas as pd
import polars as pl
import pyarrow as pa
import pytest
from sklearn.base import clone
from sklearn.metrics import f1_score, make_scorer
from sklearn.model_selection import GridSearchCV

from conftest import make_texts, needs_sklearn_1_8
from sksetfit import SetFitClassifier
from sksetfit.body.model import Body
from sksetfit.inputs.training_data import check_training_data
from sksetfit.training import run as run_module
from sksetfit.training.callbacks import EarlyStopping, TrainingState, hold_out, some_of_each_class
from sksetfit.training.plan import Plan

X, Y = make_texts(8)
X_VAL, Y_VAL = make_texts(5, seed=1)


@pytest.fixture
def stopping(tiny_classifier):
    return tiny_classifier.set_params(early_stopping=True)


class Weights:
    """A body of one number, which `step` makes larger."""

    def __init__(self):
        self.number = 0

    def copy_of_weights(self):
        return {"number": self.number}

    def load_state_dict(self, state, *, strict):
        self.number = state["number"]

    def weights_changed(self):
        pass


def planned(n_steps):
    """Return the state of a training of so many steps that has not begun."""
    return TrainingState(Weights(), {}, Plan(batch_size=4, n_steps=n_steps, learning_rate=0.1, precision="float32"))


def run(scores, n_iter_no_change=3, n_steps=10):
    """Return the number of steps made, the steps and scores that are kept, and the number of the weights left."""
    given, state = iter(scores), planned(n_steps)
    early_stopping = EarlyStopping(lambda state: next(given), n_iter_no_change, key=None)
    early_stopping.on_train_begin(state)
    for _ in range(n_steps):
        step(state, early_stopping)
        if state.stop:
            break
    early_stopping.on_train_end(state)
    return len(state.losses), state.validation_steps, state.validation_scores, state.body.number


def step(state, callback):
    state.body.number += 1
    state.losses.append(1.0)
    callback.on_step_end(state)


# -- when it stops


@pytest.mark.parametrize(
    ("scores", "n_made", "best"),
    [
        ([0.1, 0.2, 0.3, 0.4, 0.5, 0.6, 0.7, 0.8, 0.9, 0.95, 1.0], 10, 10),
        ([0.5, 0.9, 0.8, 0.8, 0.8], 4, 1),
        ([0.9, 0.8, 0.8, 0.8], 3, 0),
        ([0.5, 0.9, 0.8, 0.9, 0.7], 4, 3),  # of equal scores the last; but it is no gain
        ([0.5, 0.5, 0.5, 0.6, 0.6, 0.6, 0.6], 6, 6),
    ],
)
def test_it_stops_when_nothing_is_gained_and_goes_back_to_the_best(scores, n_made, best):
    made, steps, kept, left = run(scores)
    assert (made, left) == (n_made, best)
    assert kept == scores[: len(kept)]
    assert steps == list(range(n_made + 1))


def test_scores_are_taken_about_ten_times_and_at_the_end():
    made, steps, scores, _ = run(np.arange(100), n_steps=37)
    assert made == 37
    assert steps == [0, 4, 8, 12, 16, 20, 24, 28, 32, 36, 37]
    assert len(scores) == 11


def test_a_score_that_is_no_number_is_an_error():
    with pytest.raises(ValueError, match=r"scoring failed on the validation texts \(it gave NaN\)"):
        run([np.nan])


# -- of a classifier


def test_the_scores_are_those_of_the_classifier_as_it_would_have_been(stopping):
    clf = stopping.set_params(max_steps=5, n_iter_no_change=5).fit(X, Y, X_val=X_VAL, y_val=Y_VAL)
    assert clf.validation_steps_.tolist() == [0, 1, 2, 3, 4, 5]
    frozen = SetFitClassifier(**clf.get_params() | {"early_stopping": False, "max_steps": 0}).fit(X, Y)
    assert clf.validation_scores_[0] == frozen.score(X_VAL, Y_VAL)
    assert clf.validation_scores_.max() == clf.score(X_VAL, Y_VAL)


def test_the_best_weights_are_put_back(stopping):
    scores = iter([0.1, 0.9, 0.5, 0.4, 0.3, 0.2])
    states = []

    def scoring(classifier, X, y):
        states.append(classifier.predict_proba(X))
        return next(scores)

    clf = stopping.set_params(scoring=scoring).fit(X, Y, X_val=X_VAL, y_val=Y_VAL)
    assert (clf.n_steps_, len(clf.loss_curve_)) == (4, 4)
    np.testing.assert_array_equal(clf.validation_scores_, [0.1, 0.9, 0.5, 0.4, 0.3])
    np.testing.assert_allclose(clf.predict_proba(X_VAL), states[1], atol=1e-6)
    assert np.abs(states[1] - states[4]).max() > 1e-3


MICRO = pytest.param(make_scorer(f1_score, average="micro"), marks=needs_sklearn_1_8)  # which wants a label 1


@pytest.mark.parametrize("scoring", ["f1_macro", "neg_log_loss", "roc_auc_ovr", MICRO])
def test_early_stopping_takes_any_scorer(stopping, scoring):
    clf = stopping.set_params(scoring=scoring).fit(X, Y, X_val=X_VAL, y_val=Y_VAL)
    assert np.isfinite(clf.validation_scores_).all()
    assert len(clf.validation_scores_) == len(clf.validation_steps_) > 1


def test_the_scores_of_several_labels_are_those_of_the_whole_matrix(stopping):
    def labels(y):
        return pd.DataFrame({"food": np.array(y) == "food", "loud": np.array(y) != "sport"}).astype(int)

    clf = stopping.set_params(scoring="f1_macro").fit(X, labels(Y), X_val=X_VAL, y_val=labels(Y_VAL))
    assert clf.validation_scores_.max() == pytest.approx(f1_score(labels(Y_VAL), clf.predict(X_VAL), average="macro"))


@pytest.mark.parametrize("frame", [pd.DataFrame, pl.from_pandas, pa.Table.from_pandas])
def test_columns_of_y_val_are_found_by_their_names(stopping, frame):
    y, y_val = (pd.get_dummies(pd.Series(labels)).astype(int) for labels in (Y, Y_VAL))
    other = frame(y_val[["sport", "food", "music"]])
    scores = [clone(stopping).fit(X, y, X_val=X_VAL, y_val=each).validation_scores_ for each in (y_val, other)]
    np.testing.assert_array_equal(*scores)
    clf = clone(stopping).set_params(early_stopping=False).fit(X, y)
    assert clf.score(X_VAL, other) == clf.score(X_VAL, y_val)
    renamed = y_val.rename(columns={"sport": "art"})
    for score in (clf.score, lambda texts, labels: stopping.fit(X, y, X_val=texts, y_val=labels)):
        with pytest.raises(ValueError, match=r"must have the columns \['food', 'music', 'sport'\].*got .*'art'"):
            score(X_VAL, renamed)


def test_numbered_columns_of_y_val_are_found_by_their_numbers(stopping):
    y, y_val = (pd.get_dummies(pd.Series(labels)).astype(int) for labels in (Y, Y_VAL))
    numbered, numbered_val = (each.set_axis([0, 1, 2], axis=1) for each in (y, y_val))
    fits = [(y.to_numpy(), y_val.to_numpy()), (numbered, numbered_val[[2, 0, 1]]), (numbered, y_val.to_numpy())]
    scores = [clone(stopping).fit(X, a, X_val=X_VAL, y_val=b).validation_scores_ for a, b in fits]
    np.testing.assert_array_equal(scores[0], scores[1])
    np.testing.assert_array_equal(scores[0], scores[2])
    with pytest.raises(ValueError, match="y has columns whose names are not all str, in no ascending order"):
        stopping.fit(X, numbered[[2, 0, 1]])


def test_texts_are_held_out_where_none_are_given(stopping, monkeypatch):
    seen, train = [], run_module.train_body

    def recording_train(config, data, **options):
        seen.append(data)
        return train(config, data, **options)

    monkeypatch.setattr(run_module, "train_body", recording_train)
    clf = stopping.set_params(validation_fraction=0.25).fit(X, Y)
    assert sorted(seen[0].targets.y) == sorted(["food", "music", "sport"] * 6)
    assert clf.encoder_.class_count_.tolist() == [6, 6, 6]
    assert clf.head_.coef_.shape == (3, 32)


def test_a_fit_with_held_out_texts_depends_on_the_seed_alone(stopping):
    first, second = (stopping.fit(X, Y).predict_proba(X) for _ in range(2))
    np.testing.assert_array_equal(first, second)


def test_it_takes_part_in_a_grid(stopping):
    search = GridSearchCV(stopping, {"n_iter_no_change": [1, 5], "head__C": [1, 10]}, cv=2).fit(X, Y)
    assert search.best_estimator_.validation_scores_.size > 1


def test_without_it_there_are_no_scores(fitted):
    assert fitted.validation_scores_.shape == fitted.validation_steps_.shape == (0,)


def test_no_steps_have_one_score(stopping):
    clf = stopping.set_params(max_steps=0).fit(X, Y)
    assert clf.validation_steps_.tolist() == [0]


def test_an_error_of_the_scorer_leaves_the_classifier_as_it_was(stopping, fitted):
    def scoring(classifier, X, y):
        raise RuntimeError("no score today")

    with pytest.raises(RuntimeError, match="no score today"):
        stopping.set_params(scoring=scoring).fit(X, Y)
    assert not hasattr(stopping, "encoder_")


# -- errors before any training


@pytest.fixture
def no_training(monkeypatch):
    def never(*_, **__):
        raise AssertionError("training has begun")

    monkeypatch.setattr(Body, "encode", never)


@pytest.mark.usefixtures("no_training")
@pytest.mark.parametrize(
    ("changes", "validation", "says"),
    [
        ({"early_stopping": False}, {"X_val": X_VAL, "y_val": Y_VAL}, "early_stopping=False. Set it to True"),
        ({}, {"X_val": X_VAL}, "X_val was given without y_val"),
        ({}, {"y_val": Y_VAL}, "y_val was given without X_val"),
        ({}, {"X_val": X_VAL, "y_val": Y_VAL[1:]}, "X_val and y_val must have the same number of rows"),
        ({}, {"X_val": ["a"], "y_val": ["dance"]}, "y_val has a label at row 0 that y does not have: 'dance'"),
        ({}, {"X_val": ["a"], "y_val": [None]}, "y_val has a missing label at row 0"),
        ({}, {"X_val": [None], "y_val": ["food"]}, "X_val has a missing value at row 0"),
        ({"scoring": "f1_makro"}, {}, "scoring has 'f1_makro', which is no scorer .* Did you mean 'f1_macro'"),
        ({}, {"X_val": ["a"], "y_val": [["food", "music"]]}, "y_val must hold one label per text"),
        ({"scoring": ["accuracy"]}, {}, "The 'scoring' parameter"),
        ({"validation_fraction": 1.0}, {}, "The 'validation_fraction' parameter"),
        ({"n_iter_no_change": 0}, {}, "The 'n_iter_no_change' parameter"),
    ],
)
def test_wrong_arguments_raise_before_training(stopping, changes, validation, says):
    with pytest.raises(ValueError, match=says):
        stopping.set_params(**changes).fit(X, Y, **validation)


@pytest.mark.usefixtures("no_training")
def test_matrix_of_another_width_raises(stopping):
    labels = np.column_stack([np.array(Y) == "food", np.array(Y) == "music"])
    with pytest.raises(ValueError, match=r"y_val must be a matrix of 0 and 1 of shape \(15, 2\)"):
        stopping.fit(X, labels, X_val=X_VAL, y_val=np.ones((15, 3)))


@pytest.mark.usefixtures("no_training")
def test_classes_of_single_texts_can_hold_none_out(stopping):
    with pytest.raises(ValueError, match="can hold out no text: each class has a single one"):
        stopping.fit(X[:2], ["a", "b"])


# -- what is held out


def test_a_text_that_is_there_twice_is_on_one_side(stopping):
    left, held_out = hold_out(check_training_data(X + X, Y + Y), 0.3, np.random.RandomState(0))
    assert set(left.texts).isdisjoint(held_out.texts)
    assert len(left.texts) + len(held_out.texts) == 48


def test_where_somebody_else_stops_the_last_step_is_scored_too():
    scores, state = iter([0.1, 0.9]), planned(100)
    early_stopping = EarlyStopping(lambda state: next(scores), 3, key=None)
    early_stopping.on_train_begin(state)
    step(state, early_stopping)
    assert not state.stop
    early_stopping.on_train_end(state)
    assert (state.validation_steps, state.validation_scores) == ([0, 1], [0.1, 0.9])
    assert state.body.number == 1


def test_a_warm_start_wants_texts_that_no_fit_has_seen(stopping):
    stopping.set_params(warm_start=True).fit(X, Y)
    with pytest.raises(ValueError, match="needs X_val and y_val when a warm start goes on with a body"):
        stopping.fit(X, Y)
    assert len(stopping.fit(X, Y, X_val=X_VAL, y_val=Y_VAL).validation_scores_) > 1


def test_a_scorer_may_change_and_fit_what_it_is_given(stopping):
    def scoring(classifier, X, y):
        classifier.set_params(head__C=1e-9, max_steps=0).fit(X, y)
        return 1.0

    clf = stopping.set_params(head__C=10, scoring=scoring).fit(X, Y, X_val=X_VAL, y_val=Y_VAL)
    assert (clf.head.C, clf.head_.C, clf.max_steps) == (10, 10, 10)


def test_columns_of_validation_targets_go_by_their_names(stopping):
    def labels(y, columns):
        frame = pd.DataFrame({"food": np.array(y) == "food", "loud": np.array(y) != "sport"}).astype(int)
        return frame[columns]

    stopping.set_params(scoring="f1_macro", max_steps=3)
    first, second = (
        stopping.fit(X, labels(Y, ["food", "loud"]), X_val=X_VAL, y_val=labels(Y_VAL, columns)).validation_scores_
        for columns in (["food", "loud"], ["loud", "food"])
    )
    np.testing.assert_array_equal(first, second)


@pytest.mark.parametrize("scoring", ["neg_log_loss", "f1"])
def test_a_scorer_that_does_not_fit_is_named(stopping, scoring):
    few = [i for i, label in enumerate(Y_VAL) if label != "food"]
    with pytest.raises(ValueError, match="scoring failed on the validation texts"):
        stopping.set_params(scoring=scoring).fit(X, Y, X_val=[X_VAL[i] for i in few], y_val=[Y_VAL[i] for i in few])


def test_held_out_texts_and_the_others_are_all(fitted):
    labelled = check_training_data(X, Y, np.arange(1, 25))
    left, held_out = hold_out(labelled, 0.2, np.random.RandomState(0))
    assert sorted(left.texts + held_out.texts) == sorted(X)
    assert sorted([*left.weights, *held_out.weights]) == list(range(1, 25))


def test_scoring_texts_are_balanced_sample(monkeypatch):
    monkeypatch.setattr("sksetfit.training.callbacks.MAX_SCORING_TEXTS", 6)
    few = some_of_each_class(check_training_data(X, Y))
    assert sorted(few.targets.y) == sorted(["food", "music", "sport"] * 4)
    monkeypatch.setattr("sksetfit.training.callbacks.MAX_SCORING_TEXTS", 24)
    assert len(some_of_each_class(check_training_data(X, Y)).texts) == 24


def test_unknown_tokens_of_validation_texts_are_warned_of_once(stopping):
    unknown = [f"{text} {'☃ ' * 20}" for text in X_VAL]
    with pytest.warns(UserWarning, match="15 of 15 distinct texts consist mostly of tokens") as caught:
        classifier = stopping.set_params(max_steps=3, n_iter_no_change=3).fit(X, Y, X_val=unknown, y_val=Y_VAL)
    assert len(classifier.validation_scores_) > 2
    assert len(caught) == 1
