"""What of scikit-learn works around the classifier with raw text, and what only behind the encoder.

docs/compositions.md tells users the same; who changes a table here changes it there.
"""

from pathlib import Path

import joblib
import numpy as np
import pandas as pd
import polars as pl
import pyarrow as pa
import pytest
from scipy.stats import loguniform
from sklearn import config_context
from sklearn.base import clone
from sklearn.calibration import CalibratedClassifierCV
from sklearn.compose import ColumnTransformer, make_column_selector
from sklearn.ensemble import (
    AdaBoostClassifier,
    BaggingClassifier,
    RandomForestClassifier,
    StackingClassifier,
    VotingClassifier,
)
from sklearn.experimental import enable_halving_search_cv  # noqa: F401
from sklearn.feature_extraction.text import TfidfVectorizer
from sklearn.frozen import FrozenEstimator
from sklearn.linear_model import LogisticRegression, LogisticRegressionCV
from sklearn.metrics import f1_score, make_scorer
from sklearn.model_selection import (
    FixedThresholdClassifier,
    GridSearchCV,
    GroupKFold,
    HalvingGridSearchCV,
    HalvingRandomSearchCV,
    RandomizedSearchCV,
    TunedThresholdClassifierCV,
    cross_val_predict,
    cross_val_score,
    cross_validate,
    learning_curve,
    permutation_test_score,
    validation_curve,
)
from sklearn.multiclass import OneVsOneClassifier, OneVsRestClassifier, OutputCodeClassifier
from sklearn.multioutput import ClassifierChain, MultiOutputClassifier
from sklearn.neighbors import KNeighborsClassifier
from sklearn.pipeline import Pipeline, make_pipeline, make_union
from sklearn.preprocessing import FunctionTransformer, StandardScaler
from sklearn.semi_supervised import SelfTrainingClassifier
from sklearn.svm import LinearSVC

from conftest import TOPICS, make_texts, needs_sklearn_1_8
from sksetfit import SetFitClassifier
from sksetfit.training import run as run_module

FORMS = {
    "list": list,
    "tuple": tuple,
    "object array": lambda X: np.array(X, dtype=object),
    "str array": np.array,
    "Series": lambda X: pd.Series(X, index=range(100, 100 + len(X))),
    "frame": lambda X: pd.DataFrame({"text": X}),
    "polars": pl.Series,
    "pyarrow": pa.array,
}


def make_tagged_texts(n_per_topic, seed=0):
    """Return texts, every fourth of which has two topics, and the indicator matrix of their topics."""
    texts, topics = make_texts(n_per_topic, seed)
    indicator = np.array([[topic == name for name in TOPICS] for topic in topics], dtype=int)
    for i in range(0, len(texts), 4):
        texts[i] = f"{texts[i]} {texts[i + 1]}"
        indicator[i] |= indicator[i + 1]
    return texts, indicator


TRAIN, MORE, TEST = make_texts(8), make_texts(16), make_texts(20, seed=1)
TRAIN_TWO, TEST_TWO = (make_texts(n, seed, topics=("food", "music")) for n, seed in ((8, 0), (20, 1)))
TRAIN_TAGS, TEST_TAGS = make_tagged_texts(12), make_tagged_texts(20, seed=1)
GRID = {"head__C": [0.1, 10]}


@pytest.fixture
def classifier(tiny_classifier):
    """A classifier that is quick to fit, and much the same on every processor."""
    return tiny_classifier.set_params(max_steps=5, precision="float32")


@pytest.fixture
def tagger(classifier):
    """A classifier that learns several labels per text, which is harder."""
    return classifier.set_params(max_steps=10, head__C=100)


@pytest.fixture
def encoder(tiny_encoder):
    return tiny_encoder.set_params(max_steps=5, precision="float32")


def assert_learns(model, train=TRAIN, test=TEST, better_than=0.5):
    """Assert that ``model`` predicts texts that it has not seen clearly better than chance (1/3 of three classes)."""
    X, y = test
    assert np.shape(model.fit(*train).predict(X)) == np.shape(y)
    assert model.score(X, y) > better_than


def lower(texts):
    return [text.lower() for text in texts]


def two_of(classifier):
    return [("supcon", classifier), ("cosine", clone(classifier).set_params(loss="cosine"))]


# Raw text: tools that cut rows out of X and hand them on.

RAW_TEXT = {
    "Pipeline": lambda clf: make_pipeline(FunctionTransformer(lower), clf),
    "GridSearchCV": lambda clf: GridSearchCV(clf, GRID | {"loss": ["supcon", "cosine"]}, cv=2),
    "GridSearchCV of a Pipeline": lambda clf: GridSearchCV(
        Pipeline([("clf", clf)]), {"clf__head__C": [10], "clf__max_steps": [2, 5]}, cv=2
    ),
    "GridSearchCV over heads": lambda clf: GridSearchCV(
        clf, [{"head": [None]} | GRID, {"head": [KNeighborsClassifier()], "head__n_neighbors": [3]}], cv=2
    ),
    "RandomizedSearchCV": lambda clf: RandomizedSearchCV(
        clf, {"head__C": loguniform(0.1, 10), "max_steps": [2, 5]}, n_iter=2, cv=2, random_state=0
    ),
    "HalvingGridSearchCV": lambda clf: HalvingGridSearchCV(clf, GRID, cv=2, min_resources=12, random_state=0),
    "HalvingGridSearchCV over steps": lambda clf: HalvingGridSearchCV(
        clf, GRID, resource="max_steps", min_resources=2, max_resources=6, cv=2, random_state=0
    ),
    "HalvingRandomSearchCV": lambda clf: HalvingRandomSearchCV(
        clf, {"head__C": loguniform(0.1, 10)}, n_candidates=2, cv=2, min_resources=12, random_state=0
    ),
    "CalibratedClassifierCV": lambda clf: CalibratedClassifierCV(clf, cv=2),
    "CalibratedClassifierCV, isotonic": lambda clf: CalibratedClassifierCV(clf, method="isotonic", cv=2),
    "CalibratedClassifierCV, temperature": lambda clf: CalibratedClassifierCV(clf, method="temperature", cv=2),
    "CalibratedClassifierCV, no ensemble": lambda clf: CalibratedClassifierCV(clf, ensemble=False, cv=2),
    "CalibratedClassifierCV of an SVM": lambda clf: CalibratedClassifierCV(clf.set_params(head=LinearSVC()), cv=2),
    "CalibratedClassifierCV, fitted": lambda clf: CalibratedClassifierCV(FrozenEstimator(clf.fit(*TRAIN))),
    "FrozenEstimator": lambda clf: FrozenEstimator(clf.fit(*TRAIN)),
    "VotingClassifier, hard": lambda clf: VotingClassifier(two_of(clf)),
    "VotingClassifier, soft": lambda clf: VotingClassifier(two_of(clf), voting="soft"),
    "StackingClassifier": lambda clf: StackingClassifier(two_of(clf), cv=2),
    "StackingClassifier beside tf-idf": lambda clf: StackingClassifier(
        [("tuned", clf), ("words", make_pipeline(TfidfVectorizer(), LogisticRegression()))], cv=2
    ),
    "OneVsRestClassifier": OneVsRestClassifier,
    "OutputCodeClassifier": lambda clf: OutputCodeClassifier(clf, code_size=2, random_state=0),
}


@pytest.mark.parametrize(
    "make",
    [
        pytest.param(make, marks=[needs_sklearn_1_8] * ("temperature" in name), id=name)
        for name, make in RAW_TEXT.items()
    ],
)
def test_works_with_raw_text(make, classifier):
    assert_learns(make(classifier))


@pytest.mark.parametrize("form", ["object array", "Series"])
@pytest.mark.parametrize(
    "name",
    [
        "Pipeline",
        "HalvingGridSearchCV",
        "CalibratedClassifierCV",
        "VotingClassifier, soft",
        "StackingClassifier",
        "OneVsRestClassifier",
    ],
)
def test_works_with_arrays_and_series(name, form, classifier):
    (X_train, y_train), (X_test, y_test) = TRAIN, TEST
    as_form = FORMS[form]
    assert_learns(RAW_TEXT[name](classifier), (as_form(X_train), np.array(y_train)), (as_form(X_test), y_test))


BINARY = {
    "TunedThresholdClassifierCV": lambda clf: TunedThresholdClassifierCV(clf, cv=2),
    "TunedThresholdClassifierCV of a label": lambda clf: TunedThresholdClassifierCV(
        clf, scoring=make_scorer(f1_score, pos_label="food"), cv=2
    ),
    "TunedThresholdClassifierCV, fitted": lambda clf: TunedThresholdClassifierCV(
        FrozenEstimator(clf.fit(*TRAIN_TWO)), cv="prefit", refit=False
    ),
    "FixedThresholdClassifier": lambda clf: FixedThresholdClassifier(clf, threshold=0.4),
    "FixedThresholdClassifier of a label": lambda clf: FixedThresholdClassifier(clf, threshold=0.4, pos_label="food"),
}


@pytest.mark.parametrize("make", BINARY.values(), ids=BINARY)
def test_thresholds_work_with_raw_text_and_named_labels(make, classifier):
    assert_learns(make(classifier), TRAIN_TWO, TEST_TWO, better_than=0.7)


@pytest.mark.parametrize(("threshold", "answer"), [(0.0, "food"), (1.0, "music")])
def test_a_threshold_decides_for_the_positive_label(threshold, answer, classifier):
    model = FixedThresholdClassifier(classifier, threshold=threshold, pos_label="food", response_method="predict_proba")
    assert set(model.fit(*TRAIN_TWO).predict(TEST_TWO[0])) == {answer}


@pytest.mark.parametrize("wrap", [OneVsRestClassifier, MultiOutputClassifier])
def test_the_whole_classifier_is_fitted_once_per_label(wrap, tagger):
    model = wrap(tagger)
    assert_learns(model, TRAIN_TAGS, TEST_TAGS, 0.35)
    assert len(model.estimators_) == 3


def test_multi_output_classifier_predicts_two_targets_of_several_classes(classifier):
    places = {"food": "kitchen", "music": "stage", "sport": "track"}
    (X, Y), (X_test, Y_test) = ((X, np.array([[topic, places[topic]] for topic in y])) for X, y in (TRAIN, TEST))
    model = MultiOutputClassifier(classifier).fit(X, Y)
    assert ((model.predict(X_test) == Y_test).mean(axis=0) > 0.5).all()
    assert [list(classes) for classes in model.classes_] == [list(places), list(places.values())]


# Validation


@pytest.mark.parametrize("form", FORMS)
def test_cross_val_score_takes_texts_in_every_form(form, classifier):
    X, y = MORE
    assert cross_val_score(classifier, FORMS[form](X), y, cv=2, error_score="raise").mean() > 0.5


def test_cross_val_predict_answers_in_labels_and_probabilities(classifier):
    X, y = MORE
    assert np.mean(cross_val_predict(classifier, X, y, cv=3) == np.array(y)) > 0.5
    proba = cross_val_predict(classifier, X, y, cv=3, method="predict_proba")
    np.testing.assert_allclose(proba.sum(axis=1), 1, rtol=1e-5)
    assert np.mean(np.array(list(TOPICS))[proba.argmax(axis=1)] == np.array(y)) > 0.5


def test_cross_validate_returns_fitted_classifiers(classifier):
    scores = cross_validate(
        classifier, *MORE, cv=2, scoring=["accuracy", "roc_auc_ovr"], return_estimator=True, error_score="raise"
    )
    assert scores["test_roc_auc_ovr"].mean() > 0.6
    assert all(clf.score(*TEST) > 0.5 for clf in scores["estimator"])


def test_learning_curve_learns_on_growing_parts(classifier):
    sizes, _, scores = learning_curve(classifier, *MORE, cv=2, train_sizes=[0.5, 1.0], error_score="raise")
    assert list(sizes) == [12, 24]
    assert scores[-1].mean() > 0.5


def test_validation_curve_varies_the_head(classifier):
    _, scores = validation_curve(
        classifier, *MORE, param_name="head__C", param_range=[1e-6, 10], cv=2, error_score="raise"
    )
    assert scores.shape == (2, 2)
    assert scores[-1].mean() > 0.5


def test_permuted_labels_score_worse(classifier):
    score, permuted, _ = permutation_test_score(classifier, *MORE, cv=2, n_permutations=2, random_state=0)
    assert score > max(0.5, *permuted)


def test_two_processes_share_the_work_and_send_fitted_classifiers_back(classifier):
    with joblib.parallel_config("loky", n_jobs=2):
        assert_learns(GridSearchCV(classifier, GRID, cv=2))
        scores = cross_validate(classifier, *MORE, cv=2, return_estimator=True, error_score="raise")
    assert all(clf.score(*TEST) > 0.5 for clf in scores["estimator"])


# Some tools number the labels before the classifier sees them, and with that hide the names of the classes from it.

LABELS_SEEN = {
    "cross_val_score": (lambda clf, X, y: cross_val_score(clf, X, y, cv=2), "names"),
    "GridSearchCV": (lambda clf, X, y: GridSearchCV(clf, {"head__C": [1]}, cv=2).fit(X, y), "names"),
    "CalibratedClassifierCV": (lambda clf, X, y: CalibratedClassifierCV(clf, cv=2).fit(X, y), "names"),
    "CalibratedClassifierCV, no ensemble": (
        lambda clf, X, y: CalibratedClassifierCV(clf, cv=2, ensemble=False).fit(X, y),
        "names and numbers",
    ),
    "TunedThresholdClassifierCV": (lambda clf, X, y: TunedThresholdClassifierCV(clf, cv=2).fit(X, y), "names"),
    "FixedThresholdClassifier": (lambda clf, X, y: FixedThresholdClassifier(clf).fit(X, y), "names"),
    "cross_val_predict": (lambda clf, X, y: cross_val_predict(clf, X, y, cv=2), "names"),
    "cross_val_predict of probabilities": (
        lambda clf, X, y: cross_val_predict(clf, X, y, cv=2, method="predict_proba"),
        "numbers",
    ),
    "VotingClassifier": (lambda clf, X, y: VotingClassifier([("a", clf)]).fit(X, y), "numbers"),
    "StackingClassifier": (lambda clf, X, y: StackingClassifier([("a", clf)], cv=2).fit(X, y), "numbers"),
    "OneVsRestClassifier": (lambda clf, X, y: OneVsRestClassifier(clf).fit(X, y), "numbers"),
    "OutputCodeClassifier": (lambda clf, X, y: OutputCodeClassifier(clf, random_state=0).fit(X, y), "numbers"),
}


@pytest.mark.parametrize(("use", "seen"), LABELS_SEEN.values(), ids=LABELS_SEEN)
def test_tools_hand_on_the_names_of_the_classes_or_numbers(use, seen, classifier, monkeypatch):
    kinds = set()
    fit = SetFitClassifier.fit

    def recording_fit(self, X, y):
        kinds.add("names" if np.asarray(y).dtype.kind == "U" else "numbers")
        return fit(self, X, y)

    monkeypatch.setattr(SetFitClassifier, "fit", recording_fit)
    use(classifier.set_params(max_steps=1), *TRAIN_TWO)
    assert " and ".join(sorted(kinds)) == seen


def test_label_texts_are_given_by_number_where_labels_are_numbered(classifier):
    texts = dict(zip(range(3), TOPICS, strict=True))
    assert_learns(VotingClassifier([("a", classifier.set_params(label_texts=texts))]))
    classifier.set_params(label_texts={name: name for name in TOPICS})
    with pytest.raises(ValueError, match="label_texts names labels that y does not have"):
        VotingClassifier([("a", classifier)]).fit(*TRAIN)


# The encoder in front: tools that want numbers get them.

IN_FRONT = {
    "LogisticRegression": LogisticRegression(),
    "OneVsOneClassifier": OneVsOneClassifier(LogisticRegression()),
    "BaggingClassifier": BaggingClassifier(LogisticRegression(), 3, random_state=0),
    "AdaBoostClassifier": AdaBoostClassifier(n_estimators=5, random_state=0),
    "StackingClassifier, passthrough": StackingClassifier([("a", KNeighborsClassifier())], passthrough=True, cv=2),
    "VotingClassifier": VotingClassifier([("a", LogisticRegression()), ("b", KNeighborsClassifier())]),
}


@pytest.mark.parametrize("form", ["list", "object array", "Series"])
@pytest.mark.parametrize("classifier", IN_FRONT.values(), ids=IN_FRONT)
def test_works_behind_the_encoder(classifier, form, encoder):
    (X_train, y_train), (X_test, y_test) = TRAIN, TEST
    as_form = FORMS[form]
    assert_learns(make_pipeline(encoder, classifier), (as_form(X_train), y_train), (as_form(X_test), y_test))


def test_classifier_chain_works_behind_the_encoder(encoder):
    model = make_pipeline(encoder, ClassifierChain(LogisticRegression()))
    assert_learns(model, TRAIN_TAGS, TEST_TAGS, 0.35)


def half_unlabelled(y):
    return np.array([label if i % 2 else -1 for i, label in enumerate(y)], dtype=object)


def test_self_training_works_behind_an_encoder_tuned_on_the_labelled_texts(encoder):
    X, y = make_texts(16)
    y = half_unlabelled(y)
    labelled = y != -1
    encoder.fit(np.array(X)[labelled], y[labelled])
    model = make_pipeline(FrozenEstimator(encoder), SelfTrainingClassifier(LogisticRegression(C=100)))
    assert_learns(model, (X, y))
    assert (model[-1].labeled_iter_ > 0).any()


def test_the_mark_of_unlabelled_texts_is_no_label_among_named_ones(encoder):
    X, y = TRAIN
    with pytest.raises(ValueError, match="mixes labels of several kinds"):
        make_pipeline(encoder, SelfTrainingClassifier(LogisticRegression())).fit(X, half_unlabelled(y))


@pytest.mark.parametrize(
    ("tool", "params"),
    [(GridSearchCV, {"encoder__loss": ["supcon", "cosine"], "head__C": [10]}), (CalibratedClassifierCV, None)],
)
def test_a_pipeline_with_the_encoder_takes_raw_text_into_other_tools(tool, params, encoder):
    pipeline = Pipeline([("encoder", encoder), ("head", LogisticRegression())])
    assert_learns(tool(pipeline, params, cv=2) if params else tool(pipeline, cv=2))


def test_feature_union_puts_words_beside_embeddings(encoder):
    model = make_pipeline(make_union(encoder, TfidfVectorizer()), LogisticRegression())
    assert_learns(model)
    names = model[0].get_feature_names_out()
    assert {"setfitencoder__setfitencoder0", "tfidfvectorizer__bread"} <= set(names)
    assert model[-1].n_features_in_ == len(names) > 32


def as_frame(texts, labels, dtype="str"):
    frame = pd.DataFrame({"length": [len(text) for text in texts], "text": texts})
    return frame.astype({"text": dtype}), labels


def beside_length(encoder, column="text"):
    return ColumnTransformer([("text", encoder, column), ("length", StandardScaler(), ["length"])])


@pytest.mark.parametrize(
    ("column", "dtype"),
    [
        ("text", "str"),
        ("text", object),
        (["text"], "str"),
        (make_column_selector(pattern="text"), "str"),
        (make_column_selector(dtype_include=["object", "string"]), "str"),
        (make_column_selector(dtype_include=["object", "string"]), object),
    ],
    ids=["name", "name, object", "list of names", "pattern", "dtype", "dtype, object"],
)
def test_column_transformer_encodes_one_column_beside_numbers(column, dtype, encoder):
    model = make_pipeline(beside_length(encoder, column), StandardScaler(), LogisticRegression())
    assert_learns(model, as_frame(*TRAIN, dtype), as_frame(*TEST, dtype))
    assert list(model[:-1].get_feature_names_out()[[0, 31, 32]]) == [
        "text__setfitencoder0",
        "text__setfitencoder31",
        "length__length",
    ]


@needs_sklearn_1_8
def test_column_transformer_takes_polars_frames(encoder):
    (train, y_train), (test, y_test) = as_frame(*TRAIN), as_frame(*TEST)
    model = make_pipeline(beside_length(encoder), StandardScaler(), LogisticRegression())
    assert_learns(model, (pl.from_pandas(train), y_train), (pl.from_pandas(test), y_test))


def test_the_encoder_names_its_features(encoder):
    model = make_pipeline(encoder, StandardScaler(), LogisticRegression()).fit(*TRAIN)
    names = [f"setfitencoder{i}" for i in range(32)]
    assert list(model[0].get_feature_names_out()) == list(model[:-1].get_feature_names_out()) == names


@pytest.mark.parametrize(
    ("container", "frame"), [("pandas", pd.DataFrame), pytest.param("polars", pl.DataFrame, marks=needs_sklearn_1_8)]
)
def test_set_output_makes_frames_of_embeddings(container, frame, encoder):
    model = make_pipeline(encoder, LogisticRegression()).set_output(transform=container)
    assert_learns(model)
    embeddings = model[:-1].transform(FORMS["Series"](TEST[0]))
    assert isinstance(embeddings, frame)
    assert list(embeddings.columns) == list(model[-1].feature_names_in_) == list(model[0].get_feature_names_out())
    np.testing.assert_array_equal(embeddings.to_numpy(), model[0].set_output(transform="default").transform(TEST[0]))


@needs_sklearn_1_8
def test_set_output_keeps_the_index_of_a_series(encoder):
    X = FORMS["Series"](TEST[0])
    assert encoder.set_output(transform="pandas").fit(*TRAIN).transform(X).index.equals(X.index)


def test_set_output_reaches_through_a_column_transformer(encoder):
    model = make_pipeline(beside_length(encoder), LogisticRegression()).set_output(transform="pandas")
    model.fit(*as_frame(*TRAIN))
    assert list(model[-1].feature_names_in_[[0, -1]]) == ["text__setfitencoder0", "length__length"]


@pytest.fixture
def tunings(monkeypatch):
    """A list that grows by one whenever an encoder is tuned."""
    made = []
    train = run_module.train_body

    def recording_train(*args, **kwargs):
        made.append(args)
        return train(*args, **kwargs)

    monkeypatch.setattr(run_module, "train_body", recording_train)
    return made


def test_a_pipeline_with_memory_tunes_the_encoder_once(encoder, tunings, tmp_path):
    model = Pipeline([("encoder", encoder), ("head", LogisticRegression())], memory=str(tmp_path))
    assert_learns(model)
    proba = model.predict_proba(TEST[0])
    model.set_params(head__C=0.01).fit(*TRAIN)
    assert not np.allclose(model.predict_proba(TEST[0]), proba)
    model.set_params(head__C=1.0).fit(*TRAIN)
    np.testing.assert_array_equal(model.predict_proba(TEST[0]), proba)
    assert len(tunings) == 1
    model.set_params(encoder__loss="cosine").fit(*TRAIN)
    assert len(tunings) == 2


def test_a_grid_over_the_head_tunes_a_cached_encoder_once_per_fold(encoder, tunings, tmp_path):
    model = Pipeline([("encoder", encoder), ("head", LogisticRegression())], memory=str(tmp_path))
    assert_learns(GridSearchCV(model, {"head__C": [0.1, 1, 10]}, cv=2))
    assert len(tunings) == 2 + 1  # two folds and the refit


# Raw text that must fail, so that the docs stay true.

NEEDS_NUMBERS = "Expected 2D array|could not convert string to float|Expected a 2-dimensional container"
MUST_FAIL = {
    "ClassifierChain": (ClassifierChain, NEEDS_NUMBERS),
    "OneVsOneClassifier": (OneVsOneClassifier, NEEDS_NUMBERS),
    "BaggingClassifier": (BaggingClassifier, NEEDS_NUMBERS),
    "AdaBoostClassifier": (AdaBoostClassifier, NEEDS_NUMBERS),
    "SelfTrainingClassifier": (SelfTrainingClassifier, NEEDS_NUMBERS),
    "StackingClassifier, passthrough": (
        lambda clf: StackingClassifier([("a", clf)], passthrough=True, cv=2),
        "same number of dimensions",
    ),
}


@pytest.mark.parametrize("form", ["list", "object array", "Series"])
@pytest.mark.parametrize("name", MUST_FAIL)
def test_raw_text_is_refused_by_what_needs_the_encoder_in_front(name, form, classifier, tunings):
    make, message = MUST_FAIL[name]
    X, y = TRAIN
    y = np.eye(len(X), 3, dtype=int) if make is ClassifierChain else y
    with pytest.raises(ValueError, match=message):
        make(classifier.set_params(max_steps=1)).fit(FORMS[form](X), y)
    assert bool(tunings) == (message != NEEDS_NUMBERS)  # only the stack tunes before it fails


def test_the_page_lists_every_tool_on_its_side():
    page = (Path(__file__).parents[1] / "docs" / "compositions.md").read_text(encoding="utf-8")
    raw, _, rest = page.partition("## Tools that need the encoder in front")
    in_front, _, _ = rest.partition("\n## ")
    for table, side in ((RAW_TEXT | BINARY, raw), (MUST_FAIL, in_front)):
        assert not [name for name in table if f"| `{name.split(',')[0].split(' ')[0]}" not in side]


def test_bagging_takes_a_column_of_texts_and_tunes_a_body_for_each_member(classifier, tunings):
    def as_column(texts, labels):
        return np.array(texts, dtype=object)[:, None], labels

    assert_learns(BaggingClassifier(classifier, 2, random_state=0), as_column(*TRAIN), as_column(*TEST))
    assert len(tunings) == 2


# Several labels per text

STRATEGIES = ("one-vs-rest", "multi-output", "classifier-chain")
TWO_LABELS = pytest.mark.xfail(
    raises=(ValueError, AssertionError),
    reason="the scorers read classes_: two labels there are a binary problem to them; MultiOutputClassifier has a list",
)


@pytest.mark.parametrize(
    ("n_labels", "strategy", "scoring"),
    [
        pytest.param(
            n_labels,
            strategy,
            scoring,
            # The other strategies have a decision_function, which the scorers prefer and do not cut to one column.
            marks=TWO_LABELS if n_labels == 2 and strategy == "multi-output" and scoring != "f1_macro" else (),
        )
        for n_labels in (3, 2)
        for strategy in STRATEGIES
        for scoring in ("f1_macro", "roc_auc", "average_precision")
    ],
)
def test_scorers_read_several_labels(n_labels, strategy, scoring, tagger):
    X, Y = TRAIN_TAGS[0], TRAIN_TAGS[1][:, :n_labels]
    tagger.set_params(multi_target_strategy=strategy)
    scores = cross_val_score(tagger, X, Y, cv=2, scoring=scoring, error_score="raise")
    assert scores.mean() > 0.6


@pytest.mark.parametrize("n_labels", [3, 2])
@pytest.mark.parametrize("strategy", STRATEGIES)
def test_cross_val_predict_gives_a_probability_of_each_label(n_labels, strategy, tagger):
    X, Y = TRAIN_TAGS[0], TRAIN_TAGS[1][:, :n_labels]
    tagger.set_params(multi_target_strategy=strategy)
    proba = cross_val_predict(tagger, X, Y, cv=2, method="predict_proba")
    assert proba.shape == Y.shape
    assert proba[Y == 1].mean() > proba[Y == 0].mean()


def test_labels_are_the_columns_of_a_frame(tagger):
    X, Y = TRAIN_TAGS[0], pd.DataFrame(TRAIN_TAGS[1], columns=list(TOPICS))
    assert_learns(tagger, (X, Y), TEST_TAGS, 0.35)
    assert cross_val_score(tagger, X, Y, cv=2, scoring="f1_macro", error_score="raise").mean() > 0.6
    assert list(tagger.classes_) == list(TOPICS)


@pytest.mark.parametrize(
    ("columns", "scoring"),
    [
        pytest.param(["food", "music", "sport"], "average_precision", marks=needs_sklearn_1_8),
        ([5, 6, 7], "average_precision"),
        (["food", "music"], "roc_auc"),
        pytest.param(["food", "music"], "average_precision", marks=TWO_LABELS),  # pos_label=1 is no valid label
        ([1, 2], "average_precision"),
    ],
)
def test_names_of_labels_do_not_change_a_score(columns, scoring, tagger):
    X, Y = TRAIN_TAGS[0], TRAIN_TAGS[1][:, : len(columns)]
    tagger.set_params(label_texts=None)
    unnamed, named = (
        cross_val_score(tagger, X, y, cv=2, scoring=scoring, error_score="raise")
        for y in (pd.DataFrame(Y), pd.DataFrame(Y, columns=columns))
    )
    np.testing.assert_array_equal(named, unnamed)


def test_stacking_takes_several_labels(tagger):
    final = MultiOutputClassifier(LogisticRegression())
    model = StackingClassifier([("a", tagger)], final, cv=2)
    assert_learns(model, TRAIN_TAGS, TEST_TAGS, 0.35)


# Heads

DEFAULTS_TO_COME = {"l1_ratios": (0,), "use_legacy_attributes": False}  # scikit-learn warns where they are not set
if not DEFAULTS_TO_COME.keys() <= LogisticRegressionCV().get_params().keys():  # below 1.8
    DEFAULTS_TO_COME = {}

HEADS = {
    "LinearSVC": LinearSVC(),
    "KNeighborsClassifier": KNeighborsClassifier(3),
    "RandomForestClassifier": RandomForestClassifier(20, random_state=0),
    "Pipeline": make_pipeline(StandardScaler(), LogisticRegression()),
    "GridSearchCV": GridSearchCV(LogisticRegression(), {"C": [0.1, 10]}, cv=2),
    "LogisticRegressionCV": LogisticRegressionCV(Cs=2, cv=2, scoring="accuracy", **DEFAULTS_TO_COME),
    "VotingClassifier": VotingClassifier([("a", LogisticRegression()), ("b", KNeighborsClassifier(3))], voting="soft"),
    "StackingClassifier": StackingClassifier([("a", LogisticRegression())], cv=2),
    "CalibratedClassifierCV": CalibratedClassifierCV(LinearSVC(), cv=2),
    "OneVsOneClassifier": OneVsOneClassifier(LogisticRegression()),
    "BaggingClassifier": BaggingClassifier(LogisticRegression(), 3, random_state=0),
    "AdaBoostClassifier": AdaBoostClassifier(n_estimators=5, random_state=0),
}


@pytest.mark.parametrize("head", HEADS.values(), ids=HEADS)
def test_any_classifier_is_a_head(head, classifier):
    classifier.set_params(head=head)
    assert_learns(classifier)
    assert type(classifier.head_) is type(head)
    assert classifier.head is head


@pytest.mark.parametrize("strategy", STRATEGIES)
@pytest.mark.parametrize("name", ["LinearSVC", "RandomForestClassifier", "GridSearchCV", "VotingClassifier"])
def test_any_classifier_is_a_head_of_several_labels(name, strategy, tagger):
    tagger.set_params(head=HEADS[name], multi_target_strategy=strategy)
    assert_learns(tagger, TRAIN_TAGS, TEST_TAGS, 0.35)


def test_a_grid_reaches_into_a_pipeline_that_is_the_head(classifier):
    classifier.set_params(head=HEADS["Pipeline"])
    search = GridSearchCV(classifier, {"head__logisticregression__C": [1e-6, 1]}, cv=2)
    assert_learns(search)
    assert search.best_params_["head__logisticregression__C"] == search.best_estimator_.head_[-1].C


# Metadata routing

ROUTED = {
    "alone": lambda clf: clf,
    "Pipeline": lambda clf: make_pipeline(FunctionTransformer(lower), clf),
    "GridSearchCV": lambda clf: GridSearchCV(clf, GRID, cv=2),
    "CalibratedClassifierCV": lambda clf: CalibratedClassifierCV(clf, cv=2),
    "VotingClassifier": lambda clf: VotingClassifier([("a", clf)]),
    "StackingClassifier": lambda clf: StackingClassifier([("a", clf)], cv=2),
    "OneVsRestClassifier": OneVsRestClassifier,
}


@pytest.mark.parametrize("make", ROUTED.values(), ids=ROUTED)
def test_metadata_routing_changes_nothing_for_text(make, classifier):
    with config_context(enable_metadata_routing=True):
        assert_learns(make(classifier))


def test_weights_are_routed_past_the_encoder(encoder):
    X, y = TRAIN
    with config_context(enable_metadata_routing=True):
        past = encoder.set_fit_request(sample_weight=False)
        model = make_pipeline(past, LogisticRegression().set_fit_request(sample_weight=True))
        model.fit(X, y, sample_weight=np.where(np.array(y) == "food", 1.0, 0.0) + 1e-9)
    assert set(model.predict(TEST[0])) == {"food"}


def test_groups_are_routed_to_the_splitter(classifier):
    X, y = MORE
    with config_context(enable_metadata_routing=True):
        groups = {"groups": np.arange(len(X)) % 4}
        scores = cross_val_score(classifier, X, y, cv=GroupKFold(2), params=groups, error_score="raise")
    assert scores.mean() > 0.5
