"""Searches over body and head together: scikit-learn's random and halving ones, and Optuna's."""

import numpy as np
import pandas as pd
import pytest
from scipy.stats import loguniform, randint
from sklearn.base import clone, is_classifier
from sklearn.experimental import enable_halving_search_cv  # noqa: F401
from sklearn.metrics import f1_score
from sklearn.model_selection import HalvingGridSearchCV, HalvingRandomSearchCV, RandomizedSearchCV
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import FunctionTransformer

from conftest import TOPICS, make_texts

# OptunaSearchCV is marked experimental since its first release, and reports its scores through a module of Optuna
# that Optuna is about to remove; neither can be done without.
pytestmark = [
    pytest.mark.filterwarnings("ignore:OptunaSearchCV is experimental"),
    pytest.mark.filterwarnings("ignore:`optuna.terminator` module has been deprecated:FutureWarning"),
]

TRAIN, TEST = make_texts(8), make_texts(20, seed=1)
FORMS = {
    "list": list,
    "array": np.array,
    "Series": lambda X: pd.Series(X, index=range(100, 100 + len(X))),
}
SPACE = {
    "learning_rate": loguniform(1e-3, 1e-2),
    "max_steps": randint(4, 9),
    "batch_size": [12, 24],
    "loss": ["supcon", "cosine"],
    "label_texts": ["auto", None],
    "head__C": loguniform(1, 100),
}
GRID = {
    "learning_rate": [3e-3],
    "max_steps": [5],
    "batch_size": [24],
    "loss": ["supcon", "cosine"],
    "label_texts": [None],
    "head__C": [1, 100],
}


@pytest.fixture
def classifier(tiny_classifier):
    """A classifier that is quick to fit, and much the same on every processor."""
    return tiny_classifier.set_params(precision="float32")


def optuna_space():
    """Return what `SPACE` says, as Optuna wants it: its own distributions, and choices that can be stored."""
    distributions = pytest.importorskip("optuna").distributions
    return {
        "learning_rate": distributions.FloatDistribution(1e-3, 1e-2, log=True),
        "max_steps": distributions.IntDistribution(4, 8),
        "batch_size": distributions.CategoricalDistribution([12, 24]),
        "loss": distributions.CategoricalDistribution(["supcon", "cosine"]),
        "label_texts": distributions.CategoricalDistribution(["auto", None]),
        "head__C": distributions.FloatDistribution(1, 100, log=True),
    }


def optuna_search(clf, space=None, **options):
    """Return a small search of Optuna's that prints nothing."""
    optuna = pytest.importorskip("optuna")
    optuna_integration = pytest.importorskip("optuna_integration")
    optuna.logging.set_verbosity(optuna.logging.CRITICAL)
    options = {"n_trials": 3, "cv": 2, "random_state": 0} | options
    return optuna_integration.OptunaSearchCV(clf, optuna_space() if space is None else space, **options)


SEARCHES = {
    "RandomizedSearchCV": lambda clf: RandomizedSearchCV(clf, SPACE, n_iter=3, cv=2, random_state=0),
    "HalvingRandomSearchCV": lambda clf: HalvingRandomSearchCV(
        clf, SPACE, n_candidates=3, cv=2, min_resources=12, random_state=0
    ),
    "HalvingGridSearchCV": lambda clf: HalvingGridSearchCV(clf, GRID, cv=2, min_resources=12, random_state=0),
    "OptunaSearchCV": optuna_search,
}


def assert_found(search, space):
    """Assert that a fitted search has tried the whole space, and that its best estimator predicts labels it knows."""
    assert search.best_params_.keys() == space.keys()
    best = search.best_estimator_
    assert {name: best.get_params()[name] for name in search.best_params_} == search.best_params_
    X, y = TEST
    answers = search.predict(X)
    assert set(answers) <= set(TOPICS)
    assert np.mean(answers == np.array(y)) > 0.5  # chance is a third
    np.testing.assert_array_equal(search.predict_proba(X), best.predict_proba(X))


@pytest.mark.parametrize("form", FORMS)
@pytest.mark.parametrize("name", SEARCHES)
def test_body_and_head_are_searched_together_in_any_form_of_texts(name, form, classifier):
    assert classifier.head is None  # and head__C is found nevertheless
    X, y = TRAIN
    assert_found(SEARCHES[name](classifier).fit(FORMS[form](X), FORMS[form](y)), SPACE)
    assert classifier.head is None


def test_optuna_finds_the_same_twice(classifier):
    first, second = (optuna_search(clone(classifier)).fit(*TRAIN) for _ in range(2))
    assert [trial.params for trial in first.trials_] == [trial.params for trial in second.trials_]
    assert [trial.value for trial in first.trials_] == [trial.value for trial in second.trials_]
    np.testing.assert_array_equal(first.predict_proba(TEST[0]), second.predict_proba(TEST[0]))


def indicator_of(topics):
    return np.array([[topic == name for name in TOPICS] for topic in topics], dtype=int)


@pytest.mark.parametrize("name", SEARCHES)
def test_several_labels_per_text_are_searched_by_f1(name, classifier):
    search = SEARCHES[name](classifier).set_params(scoring="f1_macro")
    if name.startswith("Halving"):
        search.set_params(min_resources=16, factor=1.5)  # the first round must hold every label, in every fold
    search.fit(TRAIN[0], indicator_of(TRAIN[1]))
    assert 0 < search.best_score_ <= 1
    assert search.best_params_.keys() == SPACE.keys()
    assert f1_score(indicator_of(TEST[1]), search.predict(TEST[0]), average="macro") > 0.5


def test_a_round_of_halving_too_small_for_every_label_names_the_label(classifier):
    search = HalvingGridSearchCV(classifier, {"head__C": [1, 100]}, cv=2, min_resources=2, random_state=0)
    with pytest.raises(ValueError, match=r"fits failed[\s\S]*Column \d of y is \d in all 1 rows"):
        search.fit(TRAIN[0], indicator_of(TRAIN[1]))


def test_the_steps_can_be_what_halving_gives_more_of(classifier):
    space = {name: values for name, values in SPACE.items() if name != "max_steps"}
    search = HalvingRandomSearchCV(
        classifier, space, resource="max_steps", min_resources=2, max_resources=6, n_candidates=3, cv=2, random_state=0
    )
    search.fit(*TRAIN)
    assert search.best_estimator_.max_steps == search.best_params_["max_steps"] == 6
    assert search.best_estimator_.n_steps_ == 6


def lower(texts):
    return [text.lower() for text in texts]


def test_optuna_reaches_the_head_through_a_pipeline(classifier):
    space = {f"setfitclassifier__{name}": distribution for name, distribution in optuna_space().items()}
    search = optuna_search(make_pipeline(FunctionTransformer(lower), classifier), space)
    assert_found(search.fit(*TRAIN), space)


def test_optuna_prunes_nothing_and_says_so_before_any_trial(classifier):
    search = optuna_search(classifier, enable_pruning=True)
    with pytest.raises(ValueError, match="must support partial_fit"):
        search.fit(*TRAIN)
    assert not hasattr(search, "study_")


def test_a_trial_in_a_thread_beside_another_scores_what_it_scores_alone(classifier):
    for trial in optuna_search(classifier, n_trials=4, n_jobs=2).fit(*TRAIN).trials_:
        alone = optuna_search(classifier, n_trials=1, study=study_that_tries(trial.params), refit=False)
        assert alone.fit(*TRAIN).best_score_ == trial.value


def study_that_tries(params):
    """Return a study whose first trial has these parameters."""
    study = pytest.importorskip("optuna").create_study(direction="maximize")
    study.enqueue_trial(params)
    return study


def test_the_default_parameters_can_be_the_first_trial(classifier):
    study = study_that_tries({"learning_rate": 3e-3, "max_steps": 6, "head__C": 10.0})
    best = optuna_search(classifier, n_trials=1, study=study).fit(*TRAIN).best_params_
    assert (best["learning_rate"], best["max_steps"], best["head__C"]) == (3e-3, 6, 10.0)


# What Optuna makes of errors and of choices that it cannot store; the guide answers each of these.


def test_texts_per_class_as_a_choice_work_with_a_warning(classifier):
    distributions = pytest.importorskip("optuna").distributions
    with pytest.warns(UserWarning, match=r"for persistent storage but contains \{'food'"):
        own = distributions.CategoricalDistribution([{"food": "something to eat"}])
    search = optuna_search(classifier, {"label_texts": own}, n_trials=1).fit(*TRAIN)
    assert search.best_estimator_.encoder_.label_texts_ == {"food": ["something to eat"]}


def test_an_unknown_parameter_is_named(classifier):
    distributions = pytest.importorskip("optuna").distributions
    search = optuna_search(classifier, {"max_step": distributions.IntDistribution(1, 3)})
    with pytest.raises(ValueError, match="Invalid parameter 'max_step'"):
        search.fit(*TRAIN)


EVERY_TRIAL_IS_NAN = [  # what scikit-learn says of failed fits, and numpy of the mean of no numbers
    *("ignore::sklearn.exceptions.FitFailedWarning", "ignore:Scoring failed:UserWarning"),
    *("ignore:Mean of empty slice:RuntimeWarning", "ignore:Degrees of freedom:RuntimeWarning"),
]


@pytest.mark.filterwarnings(*EVERY_TRIAL_IS_NAN)
def test_optuna_refits_with_own_parameters_if_all_trials_fail(classifier):
    lonely = {"prompt": pytest.importorskip("optuna").distributions.CategoricalDistribution(["word " * 500])}
    search = optuna_search(classifier, lonely, n_trials=1).fit(*TRAIN)
    assert search.best_estimator_.prompt is None
    assert [trial.state.name for trial in search.trials_] == ["FAIL"]
    with pytest.raises(ValueError, match="No trials are completed"):
        search.best_params_  # noqa: B018
    with pytest.raises(ValueError, match="prompt has 2500 characters"):  # one fit tells why
        clone(classifier).set_params(prompt="word " * 500).fit(*TRAIN)


@pytest.mark.filterwarnings(*EVERY_TRIAL_IS_NAN)
def test_optuna_error_score_raise_shows_type_error(classifier):
    search = optuna_search(classifier, n_trials=1, error_score="raise")
    with pytest.raises(TypeError, match="dtypes are not compatible"):
        search.fit([*TRAIN[0][:-1], None], TRAIN[1])


def test_optuna_search_is_no_classifier_but_its_best_estimator_is(classifier):
    search = optuna_search(classifier, n_trials=1).fit(*TRAIN)
    assert not is_classifier(search)  # so that cross_val_score around it would not stratify: give it cv=StratifiedKFold
    assert is_classifier(search.best_estimator_)
