import pickle

import numpy as np
import pandas as pd
import pytest
from scipy.sparse import csr_array
from sklearn.base import clone
from sklearn.dummy import DummyClassifier
from sklearn.ensemble import RandomForestClassifier, VotingClassifier
from sklearn.linear_model import LogisticRegression
from sklearn.naive_bayes import GaussianNB
from sklearn.neighbors import KNeighborsClassifier
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from sklearn.svm import LinearSVC

from conftest import TOPICS, make_texts
from sksetfit import SetFitClassifier, load_tickets

X_NEW, Y_NEW = make_texts(30, seed=1)
TOPIC_NAMES = list(TOPICS)


def two_topics_per_text(n=24, seed=0):
    """Return texts about one or two topics, and the indicator matrix of the topics."""
    rng = np.random.RandomState(seed)
    indicator = np.array([row for row in np.ndindex(2, 2, 2) if 1 <= sum(row) <= 2] * (n // 6))
    texts = [
        " ".join(word for topic, has in zip(TOPICS.values(), row, strict=True) if has for word in rng.choice(topic, 4))
        for row in indicator
    ]
    return texts, indicator


def test_new_texts_are_classified(fitted):
    assert fitted.score(X_NEW, Y_NEW) > 0.75


@pytest.mark.real_weights
def test_classifier_beats_frozen_body_on_tickets():
    X, y = load_tickets(return_X_y=True)
    keep = np.isin(y, ["billing", "login", "delivery", "refund"])
    X, y = X[keep], y[keep]
    train = np.concatenate([np.flatnonzero(y == label)[:4] for label in np.unique(y)])
    test = np.setdiff1d(np.arange(len(y)), train)
    frozen = SetFitClassifier(max_steps=0, label_texts=None).fit(X[train], y[train])
    tuned = SetFitClassifier(random_state=0).fit(X[train], y[train])
    assert tuned.score(X[test], y[test]) > frozen.score(X[test], y[test])


@pytest.mark.parametrize(
    "labels",
    [
        ["food", "music", "sport"],
        [3, 5, -1],
        [0.0, 1.0, 2.0],
        np.array(["a", "b", "c"], dtype=object),
        ["yes, please", "no\nway", "naïve 🎻"],
    ],
)
def test_predictions_are_in_the_labels_of_y(tiny_classifier, labels):
    X, y = make_texts(8)
    y = np.asarray(labels)[[TOPIC_NAMES.index(label) for label in y]]
    predictions = tiny_classifier.fit(X, y).predict(X)
    assert predictions.dtype == y.dtype
    np.testing.assert_array_equal(tiny_classifier.classes_, np.unique(y))
    assert np.mean(predictions == y) > 0.9


@pytest.mark.parametrize("labels", [[False, True], np.array([False, True], dtype=object)])
def test_two_classes_may_be_booleans(tiny_classifier, labels):
    X, y = make_texts(8, topics=["food", "music"])
    y = np.asarray(labels)[[int(label == "music") for label in y]]
    predictions = tiny_classifier.fit(X, y).predict(X)
    assert predictions.dtype == bool
    assert np.mean(predictions == y.astype(bool)) > 0.9


def test_probabilities_are_columns_of_the_classes(fitted):
    probabilities = fitted.predict_proba(X_NEW)
    assert probabilities.shape == (len(X_NEW), 3)
    np.testing.assert_allclose(probabilities.sum(axis=1), 1, rtol=1e-6)  # they are float32
    np.testing.assert_array_equal(fitted.classes_[probabilities.argmax(axis=1)], fitted.predict(X_NEW))


HEADS = [
    KNeighborsClassifier(3),
    GaussianNB(),
    LinearSVC(),
    RandomForestClassifier(20, random_state=0),
    make_pipeline(StandardScaler(), LogisticRegression()),
    VotingClassifier([("lr", LogisticRegression()), ("nb", GaussianNB())], voting="soft"),
]


@pytest.mark.parametrize("head", HEADS, ids=lambda head: type(head).__name__)
def test_any_classifier_may_be_the_head_and_is_copied(tiny_classifier, head):
    before = str(head.get_params())
    classifier = tiny_classifier.set_params(head=head).fit(*make_texts(8))
    assert classifier.score(X_NEW, Y_NEW) > 0.7
    assert classifier.head_ is not head
    assert not hasattr(head, "classes_")
    assert str(head.get_params()) == before
    assert hasattr(classifier, "predict_proba") == hasattr(head, "predict_proba")


def test_an_ensemble_without_members_is_still_the_head(tiny_classifier):
    class Empty(DummyClassifier):
        def __len__(self):
            return 0

    assert isinstance(tiny_classifier.set_params(head=Empty()).fit(*make_texts(2)).head_, Empty)


def test_parameters_of_the_default_head_can_be_set(tiny_classifier):
    classifier = clone(tiny_classifier).set_params(head__C=0.5, head__max_iter=777)
    assert classifier.get_params()["head__C"] == 0.5
    assert classifier.fit(*make_texts(2)).head_.C == 0.5
    assert tiny_classifier.head is None


@pytest.mark.parametrize("targets", ["one label", "several labels"])
def test_default_head_parameter_set_to_default(tiny_classifier, targets):
    X, y = make_texts(4) if targets == "one label" else two_topics_per_text()
    plain = clone(tiny_classifier).fit(X, y)
    touched = clone(tiny_classifier).set_params(head__max_iter=1000).fit(X, y)
    np.testing.assert_array_equal(plain.predict_proba(X), touched.predict_proba(X))


def test_a_random_head_follows_the_seed_and_leaves_the_global_one_alone(tiny_classifier):
    X, y = make_texts(4)
    classifier = tiny_classifier.set_params(head=RandomForestClassifier(5))
    np.random.seed(1)
    before = np.random.get_state()[1].tolist()
    first, second = (clone(classifier).fit(X, y).predict_proba(X) for _ in range(2))
    np.testing.assert_array_equal(first, second)
    assert np.random.get_state()[1].tolist() == before
    assert classifier.head.random_state is None


def test_an_estimator_with_a_model_that_is_none_can_be_pickled():
    assert pickle.loads(pickle.dumps(SetFitClassifier(model=None))).model is None


def test_a_head_and_its_parameters_are_set_in_one_call(tiny_classifier):
    assert tiny_classifier.set_params(head=LinearSVC(), head__C=3).head.C == 3
    assert tiny_classifier.set_params(head=None, head__C=4).head.C == 4
    with pytest.raises(ValueError, match="Invalid parameter 'nonsense'"):
        tiny_classifier.set_params(head=None, head__nonsense=1)


@pytest.mark.parametrize("as_y", [np.asarray, csr_array, lambda y: pd.DataFrame(y, columns=TOPIC_NAMES), np.bool_])
@pytest.mark.parametrize("strategy", ["one-vs-rest", "multi-output", "classifier-chain"])
def test_several_labels_per_text_by_each_strategy(tiny_classifier, strategy, as_y):
    X, indicator = two_topics_per_text()
    classifier = tiny_classifier.set_params(multi_target_strategy=strategy, max_steps=30)
    classifier.fit(X, as_y(indicator))
    X_new, expected = two_topics_per_text(seed=1)
    predictions, probabilities = classifier.predict(X_new), classifier.predict_proba(X_new)
    assert predictions.dtype == np.int64
    assert np.mean(predictions == expected) > 0.7
    assert probabilities.shape == (len(X_new), 3)
    assert np.mean((probabilities > 0.5) == predictions) == 1


def test_columns_of_a_frame_name_the_classes(tiny_classifier):
    X, indicator = two_topics_per_text()
    assert list(tiny_classifier.fit(X, indicator).classes_) == [0, 1, 2]
    named = tiny_classifier.fit(X, pd.DataFrame(indicator, columns=TOPIC_NAMES))
    assert list(named.classes_) == TOPIC_NAMES


def test_label_texts_may_name_columns(tiny_classifier):
    X, indicator = two_topics_per_text()
    classifier = tiny_classifier.set_params(label_texts={2: "tennis goal", 0: ["bread", "rice"]}).fit(X, indicator)
    assert classifier.encoder_.label_texts_ == {2: ["tennis goal"], 0: ["bread", "rice"]}


def test_label_texts_teach_the_head(tiny_classifier):
    X, y = ["bread", "violin"], ["food", "music"]
    words = {"food": list(TOPICS["food"]), "music": list(TOPICS["music"])}
    with_names = clone(tiny_classifier).set_params(label_texts=words).fit(X, y)
    without_names = clone(tiny_classifier).set_params(label_texts=None).fit(X, y)
    X_two, y_two = make_texts(30, seed=1, topics=["food", "music"])
    assert with_names.score(X_two, y_two) > without_names.score(X_two, y_two)


def test_two_named_labels_per_text_are_told_from_two_classes(tiny_classifier):
    X, indicator = two_topics_per_text()
    classifier = tiny_classifier.fit(X, indicator[:, :2])
    assert classifier.predict(X).shape == (len(X), 2)
    assert classifier.predict_proba(X).shape == (len(X), 2)


def test_what_the_encoder_learned_is_shown(fitted):
    assert fitted.n_steps_ == 10
    assert fitted.loss_curve_.shape == (10,)
    assert fitted.encoder_.transform(["bread"]).shape == (1, 32)


def test_a_class_of_one_text_is_learnt(tiny_classifier):
    X, y = make_texts(8, topics=["food", "music"])
    classifier = tiny_classifier.set_params(head__C=100).fit([*X, "tennis goal race swim"], [*y, "sport"])
    assert classifier.predict(["tennis goal race swim"]) == ["sport"]


def test_a_parameter_that_is_refused_leaves_the_head_as_it_was(tiny_classifier):
    with pytest.raises(ValueError, match="Invalid parameter 'bogus'"):
        tiny_classifier.set_params(head__bogus=3)
    assert tiny_classifier.head is None


def test_a_head_that_returns_nothing_from_fit_is_kept(tiny_classifier):
    class Silent(LogisticRegression):
        def fit(self, X, y):
            super().fit(X, y)

    assert tiny_classifier.set_params(head=Silent()).fit(*make_texts(2)).predict(["bread"]).shape == (1,)


def test_a_list_of_150_classes_is_learnt(tiny_classifier):
    y = [f"{first}{second}" for first in "abcdefghij" for second in "klmnopqrstuvwxy"]
    X = [f"{label[0]} {label[1]} {extra}" for label in y for extra in ("bread", "violin")]
    y = np.repeat(y, 2)
    fitted = tiny_classifier.set_params(max_steps=60).fit(X, y)
    assert len(fitted.classes_) == 150
    assert fitted.predict_proba(X[:3]).shape == (3, 150)
    assert fitted.score(X, y) > 0.5


def test_predictions_of_many_texts_are_those_of_each(fitted):
    texts = [f"{text} {i}" for i in range(75) for text in make_texts(10, seed=2)[0]]  # more than are read at once
    texts += texts[:100]
    proba = fitted.predict_proba(texts)
    assert proba.shape == (2350, 3)
    np.testing.assert_array_equal(proba[:100], proba[2250:])
    some = [0, 1999, 2000, 2249]
    np.testing.assert_allclose(proba[some], fitted.predict_proba([texts[i] for i in some]), atol=1e-5)
    np.testing.assert_array_equal(fitted.predict(texts), fitted.classes_[proba.argmax(axis=1)])
