import pickle
import pickletools
from numbers import Real
from pathlib import Path

import numpy as np
import pytest

from sksetfit import SetFitClassifier, SetFitEncoder, __version__
from sksetfit.persistence.estimator_state import checked_state, plain_state, warn_of_other_version

LEARNED = {"curve_": np.ndarray, "learning_rate_": Real, "n_": int}


@pytest.fixture
def state():
    return plain_state(vars(SetFitEncoder(Path("a/model"))) | {"curve_": np.zeros(2), "n_": 2, "learning_rate_": 1e-4})


def check(state):
    return checked_state(SetFitEncoder(), state, LEARNED)


def test_a_state_comes_back_with_the_model_as_text(state):
    assert check(state) == state
    assert state["model"] == str(Path("a/model"))


def test_neither_end_changes_what_it_is_given(state):
    before = dict(state)
    check(state)
    assert state == before
    attributes = vars(SetFitEncoder(Path("a/model")))
    plain_state(attributes)
    assert attributes["model"] == Path("a/model")


def test_parameters_that_an_older_version_did_not_have_get_their_defaults(state):
    del state["backend"], state["batch_size"]
    again = check(state)
    assert (again["backend"], again["batch_size"]) == ("torch", "auto")


@pytest.mark.parametrize(("parameter", "rate"), [(0.02, 0.02), ("auto", float("nan"))])
def test_the_learning_rate_of_an_older_fit_is_the_parameter(state, parameter, rate):
    del state["learning_rate_"]
    np.testing.assert_equal(check(state | {"learning_rate": parameter})["learning_rate_"], rate)


def test_a_learning_rate_that_is_no_number_is_refused(state):
    with pytest.raises(ValueError, match="learning_rate_ must be of type Real, got str"):
        check(state | {"learning_rate_": "fast"})


def test_an_unfitted_estimator_has_learned_nothing(state):
    del state["curve_"], state["n_"], state["learning_rate_"]
    assert check(state).keys() == SetFitEncoder().get_params().keys()


def test_attributes_of_the_users_own_are_kept(state):
    assert check(state | {"note": "for the meeting"})["note"] == "for the meeting"


@pytest.mark.parametrize("version", ["0.0.1", "99.0"])
def test_another_version_is_told_by_both_names(version):
    with pytest.warns(UserWarning, match=f"was saved by sksetfit '{version}' and is read by sksetfit '{__version__}'"):
        warn_of_other_version(version)


def test_same_version_does_not_warn():
    warn_of_other_version(__version__)


@pytest.mark.parametrize("version", [None, 1, ["0.1"], "1" * 99])
def test_what_is_no_version_is_refused(version):
    with pytest.raises(ValueError, match="does not say which version of sksetfit wrote it"):
        warn_of_other_version(version)


class Subclass(SetFitEncoder):
    def __init__(self, threshold, model="a/model"):
        super().__init__(model)
        self.threshold = threshold


def test_a_subclass_may_want_a_parameter():
    again = pickle.loads(pickle.dumps(Subclass(0.5)))
    assert (again.threshold, again.model) == (0.5, "a/model")


BROKEN = {
    "a list": (lambda state: [*state], "is no dict of its attributes, but a list"),
    "no names": (lambda state: state | {1: 2}, "is no dict of its attributes"),
    "something missing": (
        lambda state: {k: v for k, v in state.items() if k != "n_"},
        "n_ must be of type int, got nothing",
    ),
    "another type": (lambda state: state | {"curve_": [1.0]}, "curve_ must be of type ndarray, got list"),
    "a hidden method": (lambda state: state | {"transform": 1}, r"hide its methods: \['transform'\]"),
    "a hidden property": (lambda state: state | {"_n_features_out": 1}, r"hide its methods: \['_n_features_out'\]"),
    "a name of Python's own": (lambda state: state | {"__class__": int}, r"hide its methods: \['__class__'\]"),
}


@pytest.mark.parametrize("case", BROKEN)
def test_a_broken_state_is_refused(state, case):
    change, message = BROKEN[case]
    with pytest.raises(ValueError, match=rf"The saved SetFitEncoder.*{message}"):
        check(change(state))


@pytest.mark.parametrize("estimator", [SetFitClassifier(), SetFitEncoder()])
def test_an_estimator_whose_state_is_refused_stays_as_it_was(estimator):
    before = dict(vars(estimator))
    with pytest.raises(ValueError, match="The saved"):
        estimator.__setstate__({"n_steps_": 3, "model": "other"})
    assert vars(estimator) == before


def test_pickles_name_no_module_but_the_public_one(fitted):
    named = {argument for opcode, argument, _ in pickletools.genops(pickle.dumps(fitted, 0)) if opcode.name == "GLOBAL"}
    assert {name for name in named if name.startswith("sksetfit")} == {
        "sksetfit SetFitClassifier",
        "sksetfit SetFitEncoder",
    }


def test_pickles_of_0_1_0_are_read():
    """They name a function of a module that there was then."""
    restored = pickle.loads(b"csksetfit._estimator_state\nrestored\n.")
    assert restored(SetFitEncoder, SetFitEncoder(max_steps=3).__getstate__(), {"memory": "a"}).get_params() == (
        SetFitEncoder(max_steps=3, memory="a").get_params()
    )
