import numpy as np
import pytest
from sklearn.base import BaseEstimator, ClassifierMixin, clone
from sklearn.calibration import CalibratedClassifierCV
from sklearn.cluster import KMeans
from sklearn.ensemble import RandomForestClassifier, StackingClassifier, VotingClassifier
from sklearn.feature_selection import SelectKBest
from sklearn.linear_model import LogisticRegression, Ridge
from sklearn.model_selection import GridSearchCV
from sklearn.multiclass import OneVsRestClassifier
from sklearn.multioutput import ClassifierChain, MultiOutputClassifier
from sklearn.naive_bayes import GaussianNB
from sklearn.neighbors import KNeighborsClassifier, RadiusNeighborsClassifier
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from sklearn.svm import LinearSVC
from sklearn.utils.estimator_checks import parametrize_with_checks

from conftest import make_texts
from sksetfit import dump, load
from sksetfit.heads.default import LogisticRegressionHead
from sksetfit.heads.saved import check_fitted_head
from sksetfit.heads.strategies import STRATEGIES, build_head, check_head, stack_label_proba

MEMBERS = [("logistic", LogisticRegression()), ("bayes", GaussianNB())]
HEADS = [
    None,
    LogisticRegression(),
    LinearSVC(),
    KNeighborsClassifier(),
    RandomForestClassifier(3),
    VotingClassifier(MEMBERS),
    StackingClassifier(MEMBERS),
    CalibratedClassifierCV(LinearSVC()),
    GridSearchCV(LogisticRegression(), {"C": [1, 10]}),
    make_pipeline(StandardScaler(), LogisticRegression()),
]
rng = np.random.RandomState(0)
X = rng.normal(size=(60, 4))
Y = (X[:, :3] + 0.3 * rng.normal(size=(60, 3)) > 0).astype(int)


@pytest.mark.parametrize("head", HEADS, ids=lambda head: type(head).__name__)
def test_classifiers_are_heads(head):
    check_head(head)


NO_HEADS = [
    (
        LogisticRegression,
        r"^head must be an instance of a classifier, got the class LogisticRegression\. .*Regression\(\)",
    ),
    (Ridge(), r"^head must be a scikit-learn classifier, got Ridge\. For example LogisticRegression\(\)"),
    (KMeans(), "^head must be a scikit-learn classifier, got KMeans"),
    (StandardScaler(), "^head must be a scikit-learn classifier, got StandardScaler"),
    (SelectKBest(), "^head must be a scikit-learn classifier, got SelectKBest"),
    (make_pipeline(StandardScaler(), Ridge()), "^head must be a scikit-learn classifier, got Pipeline"),
    ("logistic", "^head must be a scikit-learn classifier, got str"),
    (False, "^head must be a scikit-learn classifier, got bool"),
    ([LogisticRegression()], "^head must be a scikit-learn classifier, got list"),
    (lambda X: X, "^head must be a scikit-learn classifier, got function"),
]


@pytest.mark.parametrize(("head", "message"), NO_HEADS)
def test_what_is_no_classifier_is_refused_as_a_head(head, message):
    with pytest.raises(TypeError, match=message):
        check_head(head)


def build(head, strategy="one-vs-rest", *, multi_label=False, seed=0):
    rng = np.random.RandomState(seed)
    return build_head(head, strategy, multi_label=multi_label, n_texts=160, n_classes=4, rng=rng)


def without_seeds(estimator):
    return repr(clone(estimator).set_params(**{k: None for k in estimator.get_params() if k.endswith("random_state")}))


def test_the_default_head_is_a_new_logistic_regression_each_time():
    assert without_seeds(build(None)) == repr(LogisticRegression(C=2.5, max_iter=1000))
    assert LogisticRegressionHead() is not LogisticRegressionHead()
    assert build(None, multi_label=True).estimator.C == 10
    assert build(LogisticRegression(C=3)).C == 3


@parametrize_with_checks([LogisticRegressionHead(), LogisticRegressionHead(C=1.0, class_weight="balanced")])
def test_scikit_learns_battery_holds(estimator, check):
    check(estimator)


def test_the_default_head_is_valid_by_itself(tiny_classifier, tmp_path):
    head = clone(tiny_classifier).set_params(head__C=1.0).head
    assert repr(head) == "LogisticRegressionHead(C=1.0)"
    assert clone(head).fit(X, Y[:, 0]).score(X, Y[:, 0]) > 0.8
    classifier = clone(tiny_classifier).set_params(head__C=1.0, max_steps=0).fit(*make_texts(4))
    assert type(classifier.head_) is LogisticRegression  # which 0.1.0 and setfit can read
    dump(classifier, tmp_path / "model.skops")
    assert repr(load(tmp_path / "model.skops").head) == "LogisticRegressionHead(C=1.0)"


def test_the_default_head_by_itself_fits_what_the_classifier_fits():
    y, weights = Y[:, 0], np.arange(1, 61) / 60
    alone = LogisticRegressionHead().fit(X, y, weights)
    plain = LogisticRegression(C=25 * 2**2 / weights.sum(), max_iter=1000).fit(X, y, weights)
    np.testing.assert_allclose(alone.predict_proba(X), plain.predict_proba(X), rtol=1e-6)
    np.testing.assert_allclose(alone.decision_function(X), plain.decision_function(X), rtol=1e-6)


def test_a_failed_refit_leaves_the_default_head_as_it_was():
    head = LogisticRegressionHead().fit(X, Y[:, 0])
    before = head.predict(X)
    with pytest.raises(ValueError, match="class"):
        head.fit(X[:, :2], np.zeros(len(X)))
    np.testing.assert_array_equal(head.predict(X), before)


FORGED = {
    "a method": (lambda state: state.update(predict_proba=np.float32), r"would hide its methods: \['predict_proba'\]"),
    "private data": (lambda state: state.update(_parameter_constraints={}), "would hide its methods"),
    "a model that is none": (lambda state: state.update(estimator_="model"), "must be of type LogisticRegression"),
    "other classes": (lambda state: state.update(classes_=np.array([2, 3])), "is no fitted model of its classes"),
    "other dimensions": (lambda state: state.update(n_features_in_=7), "is no fitted model of its classes"),
    "an unfitted model": (lambda state: state.update(estimator_=LogisticRegression()), "is no fitted model"),
}


@pytest.mark.parametrize("case", FORGED)
def test_a_forged_default_head_is_refused(case):
    change, message = FORGED[case]
    state = LogisticRegressionHead().fit(X, Y[:, 0]).__getstate__()
    change(state)
    with pytest.raises(ValueError, match=message):
        object.__new__(LogisticRegressionHead).__setstate__(state)


def test_an_unfitted_default_head_is_no_fitted_head():
    with pytest.raises(ValueError, match="must be a fitted classifier of embeddings of 4 dimensions"):
        check_fitted_head(LogisticRegressionHead(), np.array([0, 1]), 4)
    check_fitted_head(LogisticRegressionHead().fit(X, Y[:, 0]), np.array([0, 1]), 4)


@pytest.mark.parametrize("parameter", [{"C": "big"}, {"C": -1.0}, {"solver": "adam"}, {"fit_intercept": "yes"}])
def test_wrong_default_head_parameter_raises_before_training(tiny_classifier, parameter):
    (name,) = parameter
    classifier = tiny_classifier.set_params(model="no model", **{f"head__{name}": parameter[name]})
    with pytest.raises(ValueError, match=f"The '{name}' parameter of LogisticRegressionHead"):
        classifier.fit(*make_texts(4))


def test_a_subclass_of_the_default_head_stays_what_it_is():
    class Contrary(LogisticRegressionHead):
        def predict(self, X):
            return super().predict(X)[::-1]

    assert type(build(Contrary())) is Contrary
    assert build(Contrary()).C == build(None).C


def test_a_head_of_0_1_0_that_resolves_auto_is_still_taken(tiny_classifier):
    """What ``head__C=1`` made of ``head=None`` then, which files of 0.1.0 hold."""
    before = LogisticRegression(C="auto", fit_intercept="auto", class_weight="auto", max_iter=1000)
    assert without_seeds(build(before)) == without_seeds(build(None))


def test_default_head_is_balanced_for_multi_label():
    assert build(None, multi_label=True).estimator.class_weight == "balanced"
    assert build(LogisticRegressionHead().set_params(C=1), multi_label=True).estimator.class_weight == "balanced"
    assert build(LogisticRegression(), multi_label=True).estimator.class_weight is None


@pytest.mark.parametrize("strategy", STRATEGIES)
def test_random_state_seeds_unseeded_head(strategy):
    forest = make_pipeline(StandardScaler(), RandomForestClassifier(5))
    answers = [
        stack_label_proba(build(forest, strategy, multi_label=True, seed=seed).fit(X, Y).predict_proba(X))
        for seed in (1, 1, 2)
    ]
    np.testing.assert_array_equal(answers[0], answers[1])
    assert np.any(answers[0] != answers[2])
    assert build(RandomForestClassifier(random_state=7)).random_state == 7


@pytest.mark.parametrize("head", HEADS[1:], ids=lambda head: type(head).__name__)
def test_one_label_needs_no_strategy_and_a_copy_of_the_head_is_built(head):
    built = build(head, "classifier-chain")
    assert type(built) is type(head)
    assert built is not head
    assert without_seeds(built) == repr(head)


class Empty(ClassifierMixin, BaseEstimator):
    """An ensemble without members, which is false in a condition."""

    def __len__(self):
        return 0


def test_a_head_of_length_zero_is_not_taken_for_none():
    assert not Empty()
    assert type(build(Empty())) is Empty


@pytest.mark.parametrize(
    ("strategy", "wrapper"),
    [
        ("one-vs-rest", OneVsRestClassifier),
        ("multi-output", MultiOutputClassifier),
        ("classifier-chain", ClassifierChain),
    ],
)
@pytest.mark.parametrize("head", [None, GaussianNB()])
def test_several_labels_wrap_a_copy_of_the_head_by_the_strategy(strategy, wrapper, head):
    built = build(head, strategy, multi_label=True)
    assert type(built) is wrapper
    assert built.estimator is not head
    assert type(built.estimator) is (LogisticRegression if head is None else GaussianNB)


@pytest.mark.parametrize("strategy", STRATEGIES)
def test_the_answers_of_every_strategy_have_one_form(strategy):
    head = build(None, strategy, multi_label=True).fit(X, Y)
    predictions, probabilities = stack_label_proba(head.predict(X)), stack_label_proba(head.predict_proba(X))
    assert predictions.shape == probabilities.shape == Y.shape
    np.testing.assert_array_equal(probabilities > 0.5, predictions.astype(bool))
    assert np.mean(predictions == Y) > 0.8


def test_an_array_is_given_as_it_is():
    answer = np.eye(3)
    assert stack_label_proba(answer) is answer


# -- heads that were saved


EMBEDDINGS = np.random.RandomState(0).standard_normal((30, 8)).astype(np.float32)
CLASSES = np.array(["food", "music", "sport"])
OF_THREE, OF_TWO = CLASSES[np.arange(30) % 3], np.arange(30) % 2
SEVERAL = (EMBEDDINGS[:, :4] > 0).astype(np.int64)


@pytest.mark.parametrize("head", HEADS)
@pytest.mark.parametrize("y", [OF_THREE, OF_TWO], ids=["three", "two"])
def test_fitted_heads_answer_for_their_classes(head, y):
    fitted = build(head, "one-vs-rest").fit(EMBEDDINGS, y)
    check_fitted_head(fitted, np.unique(y), 8)


@pytest.mark.parametrize("strategy", STRATEGIES)
def test_fitted_heads_answer_for_several_labels(strategy):
    head = build(None, strategy, multi_label=True).fit(EMBEDDINGS, SEVERAL)
    check_fitted_head(head, np.arange(4), 8)
    with pytest.raises(ValueError, match="are not those of its head_"):
        check_fitted_head(head, np.arange(3), 8)


def fitted(head=None, y=OF_THREE):
    return (LogisticRegression() if head is None else head).fit(EMBEDDINGS, y)


def changed(**attributes):
    head = fitted()
    vars(head).update(attributes)
    return head


def test_a_head_is_not_asked_for_an_answer(monkeypatch):
    head = fitted()
    for method in ("predict", "predict_proba", "decision_function"):
        monkeypatch.setattr(LogisticRegression, method, lambda self, X: pytest.fail("asked"))
    check_fitted_head(head, CLASSES, 8)


def test_a_head_that_knows_no_answer_for_some_texts_is_kept():
    check_fitted_head(fitted(RadiusNeighborsClassifier(0.001)), CLASSES, 8)


FOREIGN = {
    "unfitted": (LogisticRegression(), "NotFittedError"),
    "text": ("a head", "got str"),
    "none": (None, "got NoneType"),
    "a transformer": (StandardScaler().fit(EMBEDDINGS), "got StandardScaler"),
    "a regressor": (Ridge().fit(EMBEDDINGS, OF_TWO), "got Ridge"),
    "a cluster": (KMeans(2, n_init=1).fit(EMBEDDINGS), "got KMeans"),
    "other classes": (fitted(y=np.char.upper(OF_THREE)), "are not those of its head_"),
    "fewer classes": (fitted(y=OF_TWO), "are not those of its head_"),
    "classes in another order": (changed(classes_=CLASSES[::-1]), "are not those of its head_"),
    "another length": (LogisticRegression().fit(EMBEDDINGS[:, :7], OF_THREE), "it is for 7"),
    "more rows than classes": (changed(coef_=np.zeros((4, 8))), "is missing or does not fit"),
    "a row alone": (changed(coef_=np.zeros(8)), "is missing or does not fit"),
    "no weights": (changed(coef_=None), "is missing or does not fit"),
    "coefficients that are text": (changed(coef_="x"), "is missing or does not fit"),
}


@pytest.mark.parametrize("case", FOREIGN)
def test_a_head_that_is_not_the_classifiers_is_refused(case):
    head, message = FOREIGN[case]
    with pytest.raises(ValueError, match="The saved classifier's") as caught:
        check_fitted_head(head, CLASSES, 8)
    assert message in str(caught.value)
