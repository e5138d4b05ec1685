"""How much each text counts: in the checks, in the tuning and in the head."""

import numpy as np
import pytest
from sklearn import config_context
from sklearn.base import BaseEstimator, ClassifierMixin
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import GridSearchCV, cross_validate
from sklearn.neighbors import KNeighborsClassifier
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import FunctionTransformer

from conftest import make_texts
from sksetfit import SetFitEncoder, dump, load
from sksetfit.inputs.targets import check_targets
from sksetfit.inputs.training_data import (
    check_sample_weight,
    check_training_data,
    class_weights,
    rows_with_weight,
    undersample,
)
from sksetfit.training import run as run_module

X, Y = make_texts(6)
LABELS = np.column_stack([np.array(Y) == "food", np.array(Y) != "music"]).astype(int)


class Recorder(ClassifierMixin, BaseEstimator):
    """A head that keeps what it was given."""

    def fit(self, X, y, sample_weight=None):
        self.classes_ = np.unique(y)
        self.n_rows_, self.weights_ = len(X), sample_weight
        return self

    def predict(self, X):
        return np.repeat(self.classes_[:1], len(X))


@pytest.fixture
def no_training(monkeypatch):
    def never(*_, **__):
        raise AssertionError("training has begun")

    monkeypatch.setattr(run_module, "train_body", never)


# -- what is no weight


@pytest.mark.parametrize(
    ("weights", "says"),
    [
        (np.ones(3), r"of shape \(18,\), got shape \(3,\)"),
        (np.ones((18, 1)), r"got shape \(18, 1\)"),
        (5, r"got shape \(\)"),
        (["heavy"] * 18, "must hold one number per text"),
        ([1.0] * 17 + [-1], "got -1.0 at row 17.*Negative values in data passed to `sample_weight`"),
        ([1.0] * 16 + [np.nan, 1], "got nan at row 16"),
        ([np.inf] + [1.0] * 17, "got inf at row 0"),
        ([1.0] * 17 + [1e38], r"between 1e-15 and 1e\+15, and 0, got 1e\+38 at row 17"),
        ([1e-46] + [1.0] * 17, "got 1e-46 at row 0"),
        (np.zeros(18), "is 0 for all texts"),
        ([float(label != "food") for label in Y], "no text that counts has the label 'food'"),
    ],
)
def test_what_is_no_sample_weight_is_told_before_any_training(
    tiny_classifier, tiny_encoder, no_training, weights, says
):
    for estimator in (tiny_classifier, tiny_encoder):
        with pytest.raises(ValueError, match=says):
            estimator.fit(X, Y, sample_weight=weights)


@pytest.mark.parametrize(
    ("class_weight", "says"),
    [
        ({"cake": 2}, r"names labels that y does not have: \['cake'\]"),
        ({"food": 0}, "must give each label a number greater than 0, got 0 for 'food'"),
        ({"food": -1}, "got -1 for 'food'"),
        ({"food": "much"}, "got 'much' for 'food'"),
        ({"food": np.nan}, "got nan for 'food'"),
        ("unbalanced", "The 'class_weight' parameter"),
    ],
)
def test_what_is_no_class_weight_is_told_before_any_training(tiny_classifier, no_training, class_weight, says):
    with pytest.raises(ValueError, match=says):
        tiny_classifier.set_params(class_weight=class_weight).fit(X, Y)


def test_column_that_only_counted_texts_fill_raises(no_training, tiny_classifier):
    with pytest.raises(ValueError, match="every text that counts has the label 0"):
        tiny_classifier.fit(X, LABELS, sample_weight=LABELS.all(axis=1))


@pytest.mark.parametrize(
    ("head", "given", "y", "says"),
    [
        (KNeighborsClassifier(3), {"sample_weight": np.ones(18)}, Y, "KNeighborsClassifier does not take"),
        (
            make_pipeline(LogisticRegression()),
            {"sample_weight": np.ones(18)},
            Y,
            "Pipeline does not take",
        ),
        (make_pipeline(LogisticRegression()), {"sample_weight": np.ones(18)}, LABELS, "Pipeline does not pass on"),
    ],
)
def test_a_head_that_takes_no_weights_is_told_before_any_training(tiny_classifier, no_training, head, given, y, says):
    with pytest.raises(ValueError, match=f"passed to the head's fit as sample_weight, which {says}"):
        tiny_classifier.set_params(head=head).fit(X, y, **given)


def test_a_head_without_class_weight_cannot_be_balanced_for_several_labels(tiny_classifier, no_training):
    tiny_classifier.set_params(head=KNeighborsClassifier(), class_weight="balanced")
    with pytest.raises(ValueError, match="KNeighborsClassifier has no class_weight"):
        tiny_classifier.fit(X, LABELS)


# -- what they do


def test_no_weights_and_equal_weights_are_the_same(tiny_classifier):
    plain = tiny_classifier.fit(X, Y).predict_proba(X)
    for weights in (np.ones(18), np.full(18, 1, dtype=int)):
        np.testing.assert_allclose(tiny_classifier.fit(X, Y, sample_weight=weights).predict_proba(X), plain, atol=1e-4)


@pytest.mark.parametrize("loss", ["supcon", "cosine"])
def test_the_tuning_reads_ratios_of_weights_only(tiny_encoder, loss):
    weights = np.random.RandomState(0).rand(18) + 0.1
    tiny_encoder.set_params(loss=loss, precision="float32")
    once = tiny_encoder.fit(X, Y, sample_weight=weights).transform(X)
    np.testing.assert_allclose(tiny_encoder.fit(X, Y, sample_weight=1000 * weights).transform(X), once, atol=1e-3)
    assert np.abs(tiny_encoder.fit(X, Y).transform(X) - once).max() > 1e-2


def test_weight_scale_keeps_default_head_probabilities(tiny_classifier):
    weights = np.random.RandomState(0).rand(18) + 0.1
    tiny_classifier.set_params(max_steps=0)
    once = tiny_classifier.fit(X, Y, sample_weight=weights).predict_proba(X)
    np.testing.assert_allclose(
        tiny_classifier.fit(X, Y, sample_weight=1000 * weights).predict_proba(X), once, atol=1e-3
    )


def test_a_weight_of_2_is_a_row_that_is_there_twice(tiny_classifier):
    tiny_classifier.set_params(max_steps=0, label_texts=None)
    twice = tiny_classifier.fit(X + X[:5], Y + Y[:5]).predict_proba(X)
    weighted = tiny_classifier.fit(X, Y, sample_weight=[2] * 5 + [1] * 13).predict_proba(X)
    np.testing.assert_allclose(weighted, twice, atol=1e-3)


def test_a_weight_of_0_is_a_text_that_is_not_there(tiny_classifier):
    weights = np.ones(18)
    weights[[1, 5, 11]] = 0
    kept = np.flatnonzero(weights)
    weighted = tiny_classifier.fit(X, Y, sample_weight=weights).predict_proba(X)
    without = tiny_classifier.fit([X[i] for i in kept], [Y[i] for i in kept], sample_weight=np.ones(15))
    np.testing.assert_array_equal(weighted, without.predict_proba(X))


def test_a_head_gets_the_product_of_both_weights(tiny_classifier):
    tiny_classifier.set_params(head=Recorder(), class_weight={"food": 3}, max_steps=0, label_texts=None)
    clf = tiny_classifier.fit(X, Y, sample_weight=np.arange(1, 19))
    of_class = np.where(np.array(Y) == "food", 3, 1)
    np.testing.assert_array_equal(clf.head_.weights_, of_class * np.arange(1, 19))


def test_a_label_text_counts_as_much_as_the_texts_of_its_label(tiny_classifier):
    tiny_classifier.set_params(head=Recorder(), label_texts={"food": "what we eat", "sport": ["a", "b"]}, max_steps=0)
    weights = np.array([{"food": 5.0, "music": 1, "sport": 2}[label] for label in Y])
    clf = tiny_classifier.fit(X, Y, sample_weight=weights)
    np.testing.assert_array_equal(clf.head_.weights_, [*weights, 5, 2, 2])


def test_a_head_that_takes_no_weights_is_fitted_without(tiny_classifier):
    assert tiny_classifier.set_params(head=KNeighborsClassifier(3)).fit(X, Y).predict(X).shape == (18,)
    assert tiny_classifier.set_params(head=Recorder()).fit(X, Y).head_.weights_ is None


def test_balanced_classes_have_equal_sums():
    targets = check_targets(["a"] * 9 + ["b"], 10)
    weights = class_weights("balanced", targets)
    assert weights[:9].sum() == pytest.approx(weights[9])
    np.testing.assert_array_equal(class_weights({"b": 4}, targets), [1] * 9 + [4])
    assert class_weights(None, targets) is None


def test_balanced_undersamples_to_rarest_class():
    y = np.repeat(["a", "b", "c"], [40, 10, 12])
    rows = undersample(check_targets(y, 62))
    assert np.unique(y[rows], return_counts=True)[1].tolist() == [10, 10, 10]
    assert rows.tolist() == sorted(set(rows.tolist()))
    assert np.diff(rows[:10]).min() >= 4  # from all over the data


def test_balanced_leaves_a_class_eight_texts_however_few_another_has():
    y = np.repeat(["a", "b", "c"], [40, 2, 5])
    assert np.unique(y[undersample(check_targets(y, 47))], return_counts=True)[1].tolist() == [8, 2, 5]


def test_balanced_fits_on_even_classes(tiny_classifier):
    texts, labels = [*X, *make_texts(12, seed=1, topics=("food",))[0]], [*Y, *["food"] * 12]
    clf = tiny_classifier.set_params(class_weight="balanced").fit(texts, labels)
    assert clf.encoder_.class_count_.tolist() == [8, 6, 6]


def test_a_text_of_several_labels_has_the_product_of_their_weights():
    targets = check_targets(np.array([[1, 1, 0], [1, 0, 0], [0, 0, 1], [0, 0, 0]]), 4)
    np.testing.assert_array_equal(class_weights({0: 2, 1: 3}, targets), [6, 2, 1, 1])
    assert class_weights("balanced", targets) is None  # the head weighs the sides of each label


def test_balanced_is_the_weight_of_each_label_in_the_head(tiny_classifier):
    tiny_classifier.set_params(head=LogisticRegression(), class_weight="balanced")
    clf = tiny_classifier.fit(X, LABELS)
    assert all(each.class_weight == "balanced" for each in clf.head_.estimators_)
    assert tiny_classifier.head.class_weight is None


@pytest.mark.parametrize("strategy", ["one-vs-rest", "multi-output", "classifier-chain"])
def test_each_classifier_of_several_labels_gets_the_weights(tiny_classifier, strategy, tmp_path):
    tiny_classifier.set_params(head=LogisticRegression(), multi_target_strategy=strategy, max_steps=0, label_texts=None)
    weights = np.random.RandomState(0).rand(18) + 0.1
    clf = tiny_classifier.fit(X, LABELS, sample_weight=weights)
    alone = LogisticRegression().fit(clf.encoder_.transform(X), LABELS[:, 0], sample_weight=weights)
    np.testing.assert_allclose(clf.head_.estimators_[0].coef_, alone.coef_, atol=1e-5)
    dump(clf, tmp_path / "model.skops")
    np.testing.assert_array_equal(load(tmp_path / "model.skops").predict_proba(X), clf.predict_proba(X))


def test_class_weights_move_the_answers(tiny_classifier):
    rare = [*(i for i, label in enumerate(Y) if label != "food"), Y.index("food")]
    texts, labels = [X[i] for i in rare], [Y[i] for i in rare]
    tiny_classifier.set_params(max_steps=0)
    plain = tiny_classifier.fit(texts, labels).predict_proba(X)[:, 0]
    weighted = tiny_classifier.set_params(class_weight="balanced").fit(texts, labels).predict_proba(X)[:, 0]
    assert (weighted > plain).all()


# -- metadata routing


@pytest.mark.parametrize("routing", [False, True])
def test_weights_pass_through_pipelines_and_searches(tiny_classifier, tiny_encoder, routing):
    weights = np.ones(18)
    weights[:2] = 0
    with config_context(enable_metadata_routing=routing):
        clf = tiny_classifier.set_params(head=Recorder())
        pipeline = make_pipeline(FunctionTransformer(lambda texts: texts), clf)
        named = {"setfitclassifier__sample_weight": weights}
        if routing:
            clf.set_fit_request(sample_weight=True).set_score_request(sample_weight=False)
            named = {"sample_weight": weights}
        pipeline.fit(X, Y, **named)
        assert pipeline[-1].head_.n_rows_ < 18 + 9  # nine label texts, and two texts that do not count
        search = GridSearchCV(clf, {"max_steps": [1]}, cv=2).fit(X, Y, sample_weight=weights)
        assert search.best_estimator_.head_.weights_ is not None


def test_weights_reach_the_encoder_by_routing(tiny_encoder):
    weights = np.random.RandomState(0).rand(18) + 0.1
    expected = tiny_encoder.fit(X, Y, sample_weight=weights).transform(X)
    with config_context(enable_metadata_routing=True):
        encoder = SetFitEncoder(**tiny_encoder.get_params()).set_fit_request(sample_weight=True)
        pipeline = make_pipeline(encoder, LogisticRegression().set_fit_request(sample_weight=True))
        pipeline.fit(X, Y, sample_weight=weights)
        np.testing.assert_array_equal(pipeline[0].transform(X), expected)


def test_weights_that_nobody_asked_for_are_an_error_under_routing(tiny_classifier):
    with (
        config_context(enable_metadata_routing=True),
        pytest.raises(ValueError, match="sample_weight"),
    ):
        cross_validate(tiny_classifier, X, Y, params={"sample_weight": np.ones(18)}, error_score="raise")


def test_a_classifier_that_asks_for_weights_can_be_kept(tiny_classifier, tmp_path):
    with config_context(enable_metadata_routing=True):
        tiny_classifier.set_fit_request(sample_weight=True).fit(X, Y)
    dump(tiny_classifier, tmp_path / "model.skops")
    assert load(tmp_path / "model.skops").predict(X).shape == (18,)


# -- the parts


def test_all_rows_count_where_none_has_weight_0():
    assert rows_with_weight(None, check_targets(Y, 18)) is None
    assert rows_with_weight(np.ones(18), check_targets(Y, 18)) is None
    assert check_sample_weight(None, 18) is None


def test_labelled_texts_are_taken_by_rows():
    labelled = check_training_data(X, Y, np.arange(18) % 3)
    assert len(labelled.texts) == 12
    some = labelled.take(np.array([3, 0]))
    assert some.texts == [labelled.texts[3], labelled.texts[0]]
    assert some.targets.y.tolist() == [labelled.targets.y[3], labelled.targets.y[0]]
    assert some.weights.tolist() == [labelled.weights[3], labelled.weights[0]]
    assert some.targets.classes is labelled.targets.classes
