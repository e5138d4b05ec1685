"""Multi-label heads: labels that all training texts have, or none has."""

import numpy as np
import pandas as pd
import pytest
from sklearn.base import clone
from sklearn.ensemble import RandomForestClassifier
from sklearn.linear_model import LogisticRegression, RidgeClassifier
from sklearn.model_selection import KFold, cross_val_score
from sklearn.multiclass import OneVsRestClassifier
from sklearn.naive_bayes import GaussianNB
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from conftest import make_texts
from sksetfit import (
    LogisticRegressionHead,
    SetFitClassifier,
    SetFitEncoder,
    TorchHead,
    dump,
    load,
    read_setfit,
    write_setfit,
)

X, TOPICS = make_texts(6)
Y = pd.get_dummies(pd.Series(TOPICS)).astype(int)  # food, music, sport
NONE_FIRST = Y.assign(none=0, all=1)[["none", "food", "music", "all", "sport"]]
VARYING = ["food", "music", "sport"]
STRATEGIES = ["one-vs-rest", "multi-output", "classifier-chain"]
HEADS = {
    "default": None,
    "both methods": LogisticRegression(),
    "decision function only": RidgeClassifier(),
    "probabilities only": GaussianNB(),
    "linear layer": TorchHead(),
}
WARNING = r"Column '\w+' of y is [01] in all \d+ rows"


def frozen(tiny_model, **parameters):
    return SetFitClassifier(tiny_model, **{"max_steps": 0, "label_texts": None, "random_state": 0, **parameters})


@pytest.mark.parametrize("strategy", STRATEGIES)
@pytest.mark.parametrize("head", HEADS.values(), ids=HEADS)
def test_constant_labels_are_answered_and_leave_the_others_alone(tiny_model, tmp_path, head, strategy):
    classifier = frozen(tiny_model, head=head, multi_target_strategy=strategy)
    with pytest.warns(UserWarning, match=WARNING) as caught:
        classifier.fit(X, NONE_FIRST)
    assert [str(warning.message).split()[1] for warning in caught] == ["'none'", "'all'"]
    without = frozen(tiny_model, head=head, multi_target_strategy=strategy).fit(X, Y)
    answer = pd.DataFrame(classifier.predict(X), columns=classifier.classes_)
    assert (answer["none"] == 0).all()
    assert (answer["all"] == 1).all()
    np.testing.assert_array_equal(answer[VARYING], without.predict(X))
    for method in ("predict_proba", "decision_function"):
        assert hasattr(classifier, method) == hasattr(without, method)
        if hasattr(classifier, method):
            values = pd.DataFrame(getattr(classifier, method)(X), columns=classifier.classes_)
            atol = 0.01 if isinstance(head, TorchHead) else 1e-12
            np.testing.assert_allclose(values[VARYING], getattr(without, method)(X), atol=atol)
    if hasattr(classifier, "predict_proba"):
        np.testing.assert_allclose(classifier.predict_proba(X)[:, [0, 3]], [[0, 1]] * len(X), atol=1e-12)
    dump(classifier, tmp_path / "classifier.skops")
    restored = load(tmp_path / "classifier.skops")
    np.testing.assert_array_equal(restored.predict(X), answer)


@pytest.mark.parametrize("strategy", STRATEGIES)
def test_a_single_label_that_varies_is_learned(tiny_model, strategy):
    with pytest.warns(UserWarning, match=WARNING):
        classifier = frozen(tiny_model, multi_target_strategy=strategy).fit(X, Y[["food"]].assign(none=0))
    alone = frozen(tiny_model, head=LogisticRegression(C=10, class_weight="balanced")).fit(X, Y["food"])
    np.testing.assert_array_equal(classifier.predict(X), np.column_stack([alone.predict(X), np.zeros(len(X))]))


@pytest.mark.parametrize("strategy", STRATEGIES)
@pytest.mark.parametrize("head", [None, TorchHead()], ids=["default", "linear layer"])
def test_names_and_weights_of_a_constant_label_do_not_make_it_vary(tiny_classifier, head, strategy):
    classifier = tiny_classifier.set_params(
        head=head, multi_target_strategy=strategy, label_texts={"none": ["a song"], "food": ["a meal"]}
    )
    weights = np.where(np.arange(len(X)) % 5, 1.0, 2.0)
    with pytest.warns(UserWarning, match=WARNING):
        classifier.fit(X, NONE_FIRST, sample_weight=weights)
    np.testing.assert_array_equal(classifier.predict(X)[:, [0, 3]], [[0, 1]] * len(X))


@pytest.mark.parametrize("strategy", STRATEGIES)
def test_a_label_that_a_fold_lacks_gives_a_score(tiny_model, strategy):
    rare = Y.assign(rare=(np.arange(len(X)) == 0).astype(int))
    classifier = frozen(tiny_model, multi_target_strategy=strategy)
    with pytest.warns(UserWarning, match=WARNING):
        scores = cross_val_score(classifier, X, rare, cv=KFold(3), scoring="accuracy", error_score="raise")
    assert np.isfinite(scores).all()


def test_rows_without_weight_may_leave_a_label_constant(tiny_model):
    weights = (Y["food"] == 0).to_numpy(dtype=float)
    with pytest.warns(
        UserWarning, match=r"Column 'food' of y is 0 in all 12 rows .those of weight 0 aside.*predicted as 0"
    ):
        classifier = frozen(tiny_model).fit(X, Y, sample_weight=weights)
    assert not classifier.predict(X)[:, 0].any()


def test_early_stopping_scores_with_a_constant_label(tiny_classifier):
    classifier = tiny_classifier.set_params(early_stopping=True, multi_target_strategy="multi-output")
    with pytest.warns(UserWarning, match=WARNING):
        classifier.fit(X, NONE_FIRST)
    assert np.isfinite(classifier.validation_scores_).all()


def test_an_encoder_is_tuned_on_the_other_labels(tiny_model):
    with pytest.warns(UserWarning, match=WARNING):
        encoder = SetFitEncoder(tiny_model, max_steps=3, random_state=0).fit(X, NONE_FIRST)
    assert np.isfinite(encoder.transform(X)).all()


@pytest.mark.parametrize("strategy", STRATEGIES)
def test_a_folder_for_setfit_keeps_constant_labels(tiny_model, tmp_path, strategy):
    with pytest.warns(UserWarning, match=WARNING):
        classifier = frozen(tiny_model, multi_target_strategy=strategy).fit(X, NONE_FIRST)
    write_setfit(classifier, tmp_path / "folder")
    restored = read_setfit(tmp_path / "folder", trust_pickle=True)
    np.testing.assert_allclose(restored.predict_proba(X), classifier.predict_proba(X), atol=1e-6)
    np.testing.assert_array_equal(restored.predict(X)[:, [0, 3]], [[0, 1]] * len(X))


@pytest.mark.parametrize("y", [np.zeros((18, 2)), np.ones((18, 2)), np.tile([0, 1], (18, 1))])
def test_labels_that_are_all_constant_are_refused(tiny_model, y):
    with pytest.raises(ValueError, match=r"Column 0 of y is [01] in all 18 rows, and the other columns are constant"):
        frozen(tiny_model).fit(X, y)


def test_forests_answer_constant_labels(tiny_model):
    with pytest.warns(UserWarning, match=WARNING):
        classifier = frozen(tiny_model, head=RandomForestClassifier(5, random_state=0)).fit(X, NONE_FIRST)
    np.testing.assert_array_equal(classifier.predict_proba(X)[:, [0, 3]], [[0, 1]] * len(X))


WEIGHTED = [LogisticRegression(), LogisticRegressionHead(), TorchHead(), RandomForestClassifier(n_estimators=2)]


@pytest.mark.parametrize("head", [*WEIGHTED, make_pipeline(StandardScaler(), LogisticRegression())])
@pytest.mark.parametrize(
    ("y", "class_weight", "message"),
    [
        (TOPICS, {"fod": 2.0}, r"class_weight of the head names .*\['fod'\]. Did you mean 'food'\? .*'music', 'sport'"),
        (Y, {"food": 2.0}, r"which for several labels per text gets 0 and 1 of each label, names .*\['food'\]"),
    ],
)
def test_class_weights_of_a_head_are_checked_before_a_model_is_loaded(head, y, class_weight, message):
    name = next(name for name in head.get_params() if name.endswith("class_weight"))
    classifier = SetFitClassifier("no-such-model", head=clone(head).set_params(**{name: class_weight}))
    with pytest.raises(ValueError, match=message):
        classifier.fit(X, y)


@pytest.mark.parametrize("head", WEIGHTED)
@pytest.mark.parametrize(
    ("y", "class_weight"), [(TOPICS, {"food": 2.0}), (TOPICS, dict.fromkeys([*Y, "art"], 2)), (Y, {1: 3})]
)
def test_class_weights_of_a_head_may_name_some_labels_or_more_than_all(tiny_model, head, y, class_weight):
    head = clone(head).set_params(class_weight=class_weight)
    assert len(frozen(tiny_model, head=head).fit(X, y).predict(X)) == len(X)


def test_one_vs_rest_is_a_head_for_one_label_per_text(tiny_classifier):
    X, y = make_texts(4)
    clf = tiny_classifier.set_params(head=OneVsRestClassifier(LogisticRegression()), max_steps=1).fit(X, y)
    assert set(clf.predict(X)) <= set(y)
    assert clf.predict_proba(X).shape == (12, 3)
