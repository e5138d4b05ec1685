"""Estimators whose parts fit together pass, and those with one part exchanged are refused before they are used."""

import numpy as np
import pandas as pd
import pytest
from sklearn.calibration import CalibratedClassifierCV
from sklearn.compose import ColumnTransformer
from sklearn.decomposition import PCA, IncrementalPCA, TruncatedSVD
from sklearn.discriminant_analysis import LinearDiscriminantAnalysis
from sklearn.dummy import DummyClassifier
from sklearn.ensemble import AdaBoostClassifier, BaggingClassifier, StackingClassifier
from sklearn.feature_selection import VarianceThreshold
from sklearn.frozen import FrozenEstimator
from sklearn.impute import SimpleImputer
from sklearn.isotonic import IsotonicRegression
from sklearn.linear_model import (
    LogisticRegression,
    LogisticRegressionCV,
    Ridge,
    RidgeClassifier,
    RidgeClassifierCV,
    SGDClassifier,
)
from sklearn.model_selection import FixedThresholdClassifier, GridSearchCV, TunedThresholdClassifierCV
from sklearn.multiclass import OneVsOneClassifier, OneVsRestClassifier, OutputCodeClassifier
from sklearn.multioutput import ClassifierChain, MultiOutputClassifier
from sklearn.naive_bayes import BernoulliNB, CategoricalNB, ComplementNB, GaussianNB, MultinomialNB
from sklearn.neighbors import NearestCentroid
from sklearn.neural_network import MLPClassifier
from sklearn.pipeline import FeatureUnion, Pipeline, make_pipeline
from sklearn.preprocessing import (
    KBinsDiscretizer,
    LabelBinarizer,
    MaxAbsScaler,
    MinMaxScaler,
    OneHotEncoder,
    OrdinalEncoder,
    PowerTransformer,
    QuantileTransformer,
    RobustScaler,
    StandardScaler,
    TargetEncoder,
)
from sklearn.svm import LinearSVC

from sksetfit import LogisticRegressionHead, TorchHead
from sksetfit.persistence.components import check_components

rng = np.random.RandomState(0)
X = np.abs(rng.standard_normal((40, 4)))
THREE, TWO = np.array(["a", "b", "c"])[np.arange(40) % 3], np.array(["a", "b"])[np.arange(40) % 2]
MANY = np.stack([TWO == "a", THREE == "a", THREE == "c"], 1).astype(int)
SMALL = {"hidden_layer_sizes": (2,), "tol": 9, "n_iter_no_change": 1}

CLASSIFIERS = [
    AdaBoostClassifier(LogisticRegression(), n_estimators=2),
    BaggingClassifier(LogisticRegression(), n_estimators=2, max_features=2),
    BernoulliNB(),
    *(CalibratedClassifierCV(LinearSVC(), method=name, cv=2) for name in ("isotonic", "sigmoid", "temperature")),
    ComplementNB(),
    DummyClassifier(),
    GaussianNB(),
    GridSearchCV(LogisticRegression(), {"C": [1]}, cv=2),
    LinearDiscriminantAnalysis(),
    LinearSVC(fit_intercept=False),
    LogisticRegression(),
    LogisticRegressionCV(Cs=2, cv=2),
    LogisticRegressionHead(),
    MLPClassifier(**SMALL),
    MultinomialNB(),
    NearestCentroid(),
    OneVsOneClassifier(LinearSVC()),
    OneVsRestClassifier(make_pipeline(StandardScaler(), LogisticRegression())),
    OneVsRestClassifier(LogisticRegressionHead()),
    OutputCodeClassifier(LogisticRegression(), random_state=0),
    RidgeClassifier(),
    RidgeClassifier(fit_intercept=False),
    RidgeClassifierCV(),
    SGDClassifier(),
    StackingClassifier([("a", LinearSVC()), ("b", LogisticRegression())], cv=2),
    TorchHead(),
]
OF_SEVERAL = [
    ClassifierChain(LogisticRegression(), order="random", random_state=0),
    ClassifierChain(BaggingClassifier(LogisticRegression(), n_estimators=2)),
    DummyClassifier(),
    MLPClassifier(**SMALL),
    MultiOutputClassifier(LinearSVC()),
    OneVsRestClassifier(CalibratedClassifierCV(LinearSVC(), cv=2)),
    OneVsRestClassifier(FixedThresholdClassifier(LogisticRegression())),
    OneVsRestClassifier(MLPClassifier(**SMALL)),
    OneVsRestClassifier(StackingClassifier([("a", LinearSVC())], cv=2)),
    RidgeClassifier(),
    TorchHead(),
]


@pytest.mark.filterwarnings("ignore")  # of fits that are not to converge
@pytest.mark.parametrize("estimator", CLASSIFIERS, ids=lambda each: type(each).__name__)
def test_a_fitted_classifier_passes(estimator):
    for y in (THREE, TWO):
        check_components(estimator)
        check_components(estimator.fit(X, y))
    check_components(FrozenEstimator(estimator))


@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize("estimator", OF_SEVERAL, ids=lambda each: type(each).__name__)
def test_a_fitted_classifier_of_several_labels_passes(estimator):
    for y in (MANY, MANY[:, :2]):
        check_components(estimator.fit(X, y))


@pytest.mark.filterwarnings("ignore")
def test_a_label_that_is_constant_passes():
    check_components(OneVsRestClassifier(LinearSVC()).fit(X, MANY * [1, 1, 0]))


WORDS = np.array([*"aabbcde"])[:, None]
TRANSFORMERS = [
    *(PCA(2, whiten=True), IncrementalPCA(2), TruncatedSVD(2), VarianceThreshold()),
    *(StandardScaler(), StandardScaler(with_mean=False, with_std=False), MinMaxScaler(), MaxAbsScaler()),
    *(
        SimpleImputer(),
        RobustScaler(),
        RobustScaler(with_centering=False),
        PowerTransformer(),
        QuantileTransformer(n_quantiles=5),
    ),
    *(KBinsDiscretizer(2, quantile_method="linear"), ColumnTransformer([("a", OneHotEncoder(), [0])])),
]


@pytest.mark.parametrize("transformer", TRANSFORMERS, ids=lambda each: type(each).__name__)
def test_a_fitted_transformer_passes(transformer):
    check_components(transformer.fit(X))


def test_transformers_side_by_side_pass():
    steps = [
        ("a", "passthrough", [0]),
        ("b", "drop", [1]),
        ("c", StandardScaler(), slice(2, 3)),
        ("d", OneHotEncoder(), []),
    ]
    frame = pd.DataFrame(X, columns=[*"abcd"])
    check_components(ColumnTransformer(steps, remainder=MinMaxScaler()).fit(X))
    check_components(ColumnTransformer([("a", StandardScaler(), ["b", "a"])]).fit(frame))
    check_components(FeatureUnion([("a", "passthrough"), ("b", "drop"), ("c", StandardScaler())]).fit(X))


@pytest.mark.parametrize("ridge", [RidgeClassifier(), RidgeClassifierCV()], ids=lambda each: type(each).__name__)
def test_a_ridge_of_one_class_passes(ridge):
    check_components(ridge.fit(X, ["a"] * 40))


@pytest.mark.parametrize("constant", [0, 2])
@pytest.mark.filterwarnings("ignore:Label .*is present")
def test_a_constant_label_at_any_place_passes(constant):
    check_components(OneVsRestClassifier(LinearSVC()).fit(X, np.where(np.arange(3) == constant, 1, MANY)))


MISSING = [[1.0], [np.nan], [-2.0]]
CATEGORIES = {
    "texts": OneHotEncoder().fit(WORDS),
    "in an order": OneHotEncoder(categories=[["e", "d", "c", "b", "a"]]).fit(WORDS),
    "without the first": OneHotEncoder(drop="first").fit(WORDS),
    "without one of two": OneHotEncoder(drop="if_binary").fit(np.stack([WORDS[:, 0], WORDS[:, 0] == "a"], 1)),
    "rare ones together": OneHotEncoder(min_frequency=2).fit(WORDS),
    "rare ones and a drop": OneHotEncoder(max_categories=2, drop="first").fit(WORDS),
    "numbers and what is missing": OneHotEncoder().fit(MISSING),
    "objects and what is missing": OneHotEncoder().fit(np.array([["a"], [None]], dtype=object)),
    "places": OrdinalEncoder().fit(MISSING),
}


@pytest.mark.parametrize("case", CATEGORIES)
def test_the_categories_of_a_fitted_encoder_pass(case):
    check_components(CATEGORIES[case])


def fitted(estimator, y=TWO, **attributes):
    """Return a fitted estimator with other attributes; those of its parts have the number of the part in front."""
    estimator.fit(X, y)
    vars(estimator).update(attributes)
    return estimator


def with_part(estimator, part, y=MANY):
    """Return a fitted estimator with another first part."""
    estimator.fit(X, y)
    estimator.estimators_ = [part, *estimator.estimators_[1:]]
    return estimator


def without(estimator, attribute):
    """Return a fitted estimator that lacks an attribute."""
    estimator.fit(X, TWO)
    del vars(estimator)[attribute]
    return estimator


def with_curve(*curves):
    """Return a fitted classifier with other calibration curves in its first fold."""
    calibrated = CalibratedClassifierCV(LinearSVC(), cv=2).fit(X, TWO)
    calibrated.calibrated_classifiers_[0].calibrators = list(curves)
    return calibrated


LOGISTIC, BINS = LogisticRegression(), KBinsDiscretizer(2, quantile_method="linear")
OF_THREE, TORCH = LogisticRegression().fit(X, THREE), TorchHead().fit(X, MANY[:, :2])


def with_value(name, value, method="sigmoid"):
    """Return a calibrated classifier, one of whose curves has another value under a name."""
    calibrated = CalibratedClassifierCV(LinearSVC(), method=method, cv=2).fit(X, TWO)
    setattr(calibrated.calibrated_classifiers_[0].calibrators[0], name, value)
    return calibrated


def fitted_curve(**attributes):
    curve = IsotonicRegression().fit([0.0, 1.0], [0.0, 1.0])
    vars(curve).update(attributes)
    return curve


def binarizer(**attributes):
    of_two = LabelBinarizer().fit(TWO)
    vars(of_two).update(attributes)
    return of_two


def columns(**attributes):
    transformer = ColumnTransformer([("a", StandardScaler(), [0, 1]), ("b", StandardScaler(), [3])]).fit(X)
    vars(transformer).update(attributes)
    return transformer


def ohe(fit_on=WORDS, **attributes):
    encoder = OneHotEncoder().fit(fit_on)
    vars(encoder).update(attributes)
    return encoder


CHANGED = {
    # weights
    "weights of another width": lambda: fitted(LogisticRegression(), coef_=np.ones((1, 5))),
    "rows for other classes": lambda: fitted(LogisticRegression(), THREE, coef_=np.ones((2, 4))),
    "two rows for two classes": lambda: fitted(LinearSVC(), coef_=np.ones((2, 4)), intercept_=np.ones(2)),
    "a column of intercepts": lambda: fitted(RidgeClassifier(), intercept_=np.ones((1, 1))),
    "weights that are infinite": lambda: fitted(LogisticRegression(), coef_=np.full((1, 4), np.inf)),
    "an intercept that is no number": lambda: fitted(LinearSVC(), intercept_=float("nan")),
    "weights that are texts": lambda: fitted(LogisticRegression(), coef_=np.array([[*"abcd"]])),
    "weights that are a list": lambda: fitted(LogisticRegression(), coef_=[[1.0] * 4]),
    "the weights of another analysis": lambda: fitted(LinearDiscriminantAnalysis(), xbar_=np.ones((4, 1))),
    "probabilities of other classes": lambda: fitted(MultinomialNB(), feature_log_prob_=np.ones((3, 4))),
    "means of other columns": lambda: fitted(GaussianNB(), theta_=np.ones((2, 1))),
    "centres of other classes": lambda: fitted(NearestCentroid(), centroids_=np.ones((3, 4))),
    "deviations that are integers": lambda: fitted(NearestCentroid(), within_class_std_dev_=np.ones(4, int)),
    "another distance": lambda: fitted(NearestCentroid(), metric="precomputed"),
    "a layer of another width": lambda: fitted(MLPClassifier(**SMALL), coefs_=[np.ones((4, 2)), np.ones((3, 1))]),
    "more outputs than classes": lambda: fitted(
        MLPClassifier(**SMALL), coefs_=[np.ones((4, 2)), np.ones((2, 3))], intercepts_=[np.ones(2), np.ones(3)]
    ),
    "outputs in one column": lambda: fitted(MLPClassifier(**SMALL), THREE, n_outputs_=1),
    "more layers than there are": lambda: fitted(MLPClassifier(**SMALL), n_layers_=9),
    "a class that is not answered": lambda: fitted(MLPClassifier(**SMALL), classes_=np.array(["a", "c"])),
    # constant answers
    "more classes than there are": lambda: fitted(DummyClassifier(), n_classes_=3),
    "a constant that is no class": lambda: fitted(DummyClassifier(strategy="constant", constant="a"), constant="c"),
    "a constant that is many": lambda: fitted(DummyClassifier(strategy="constant", constant="a"), constant=["a", "a"]),
    "sparse answers": lambda: fitted(DummyClassifier(), sparse_output_=True),
    "priors that are times": lambda: fitted(DummyClassifier(), class_prior_=np.zeros(2, "M8[s]")),
    "other priors": lambda: fitted(DummyClassifier(), class_prior_=np.ones(3)),
    # estimators that ask others
    "a part of three classes": lambda: with_part(OneVsRestClassifier(LOGISTIC), OF_THREE),
    "a part of three classes in a pipeline": lambda: with_part(
        OneVsRestClassifier(LOGISTIC), make_pipeline(StandardScaler(), OF_THREE)
    ),
    "a part of three classes in a frame": lambda: with_part(OneVsRestClassifier(LOGISTIC), FrozenEstimator(OF_THREE)),
    "a part of three classes in a search": lambda: with_part(
        OneVsRestClassifier(LOGISTIC), fitted(GridSearchCV(LOGISTIC, {"C": [1]}, cv=2), best_estimator_=OF_THREE)
    ),
    "a part of three classes in a bag": lambda: with_part(
        OneVsRestClassifier(LOGISTIC), with_part(BaggingClassifier(LOGISTIC, 2), OF_THREE, TWO)
    ),
    "a part of three classes in a stack": lambda: with_part(
        OneVsRestClassifier(LOGISTIC), fitted(StackingClassifier([("a", LOGISTIC)], cv=2), final_estimator_=OF_THREE)
    ),
    "a part of two labels": lambda: with_part(OneVsRestClassifier(LOGISTIC), TORCH),
    "a part of two labels within": lambda: with_part(
        OneVsRestClassifier(LOGISTIC), OneVsRestClassifier(LOGISTIC).fit(X, MANY[:, :2])
    ),
    "a part that is a ridge of two labels": lambda: with_part(
        OneVsRestClassifier(LOGISTIC), RidgeClassifier().fit(X, MANY[:, :2])
    ),
    "a part that is no classifier": lambda: with_part(MultiOutputClassifier(LOGISTIC), StandardScaler().fit(X)),
    "a part of several columns": lambda: with_part(
        MultiOutputClassifier(LOGISTIC), MultiOutputClassifier(LOGISTIC).fit(X, MANY)
    ),
    "a link of several columns": lambda: with_part(ClassifierChain(LOGISTIC), TORCH),
    "one of a pair of three classes": lambda: with_part(OneVsOneClassifier(LOGISTIC), OF_THREE, THREE),
    "a code of three classes": lambda: with_part(OutputCodeClassifier(LOGISTIC, random_state=0), OF_THREE, THREE),
    "fewer parts than labels": lambda: fitted(OneVsRestClassifier(LOGISTIC), MANY, estimators_=[]),
    "an order that leaves one out": lambda: fitted(ClassifierChain(LOGISTIC), MANY, order_=np.array([0, 1, 1])),
    "a code book of other classes": lambda: fitted(OutputCodeClassifier(LOGISTIC), THREE, code_book_=np.ones((2, 4))),
    "columns that are not there": lambda: fitted(BaggingClassifier(LOGISTIC, 1), estimators_features_=[np.array([9])]),
    "fewer parts than pairs": lambda: fitted(OneVsOneClassifier(LOGISTIC), THREE, estimators_=[]),
    "a part that is a type": lambda: with_part(StackingClassifier([("a", LOGISTIC)], cv=2), str, TWO),
    "a curve of another kind": lambda: with_curve(LOGISTIC),
    "fewer curves than classes": lambda: with_curve(),
    "a curve whose slope is a text": lambda: with_value("a_", "1"),
    "a curve whose offset is not finite": lambda: with_value("b_", float("nan")),
    "a curve that is not fitted": lambda: with_curve(IsotonicRegression()),
    "a curve of other lengths": lambda: with_curve(fitted_curve(y_thresholds_=np.ones(3))),
    "a temperature that is no number": lambda: with_value("beta_", [1.0], "temperature"),
    "a binarizer that is not fitted": lambda: fitted(RidgeClassifier(), _label_binarizer=LabelBinarizer()),
    "no missing categories": lambda: without(OrdinalEncoder(), "_missing_indices"),
    "a distribution that there is not": lambda: fitted(QuantileTransformer(n_quantiles=4), output_distribution="a"),
    "a strategy that there is not": lambda: fitted(DummyClassifier(), strategy="a"),
    "a distribution that is no text": lambda: fitted(QuantileTransformer(n_quantiles=4), output_distribution=[]),
    "a search without its best estimator": lambda: without(
        GridSearchCV(LogisticRegression(), {"C": [1.0]}, cv=2), "best_estimator_"
    ),
    "no names of columns": lambda: columns(feature_names_in_=[]),
    "missing categories that are no dict": lambda: fitted(OrdinalEncoder(), _missing_indices=np.zeros(2)),
    "a missing category of another column": lambda: fitted(OrdinalEncoder(), _missing_indices={4: 0}),
    "a binarizer of no kind of targets": lambda: fitted(RidgeClassifier(), _label_binarizer=binarizer(y_type_=str)),
    "classes of a linear model in a list": lambda: fitted(LogisticRegression(), classes_=["a", "b"]),
    "a binarizer of another type": lambda: fitted(MLPClassifier(**SMALL), _label_binarizer=OF_THREE),
    "a binarizer of parts that is not fitted": lambda: fitted(
        OneVsRestClassifier(LOGISTIC), label_binarizer_=LabelBinarizer()
    ),
    "an order of fractions": lambda: fitted(ClassifierChain(LOGISTIC), MANY, order_=np.array([0.0, 1.0, 2.0])),
    "a link of another type": lambda: with_part(ClassifierChain(LOGISTIC), GaussianNB().fit(X, TWO)),
    "links without probabilities": lambda: ClassifierChain(LinearSVC()).fit(X, MANY).set_params(estimator=LOGISTIC),
    "a part of one class": lambda: with_part(OneVsRestClassifier(GaussianNB()), GaussianNB().fit(X, ["a"] * 40)),
    "a part of another type": lambda: with_part(OneVsRestClassifier(LOGISTIC), GaussianNB().fit(X, TWO)),
    "a part that is not fitted": lambda: with_part(MultiOutputClassifier(LOGISTIC), LogisticRegression()),
    "a part of names in a bag": lambda: with_part(BaggingClassifier(GaussianNB(), 2), GaussianNB().fit(X, TWO), TWO),
    "a member without probabilities": lambda: with_part(
        StackingClassifier([("a", LOGISTIC)], cv=2), LinearSVC().fit(X, TWO), TWO
    ),
    "a last estimator that is not fitted": lambda: fitted(
        StackingClassifier([("a", LOGISTIC)], cv=2), final_estimator_=LogisticRegression()
    ),
    "a last estimator that transforms": lambda: fitted(
        StackingClassifier([("a", LOGISTIC)], cv=2), final_estimator_=StandardScaler().fit(X)
    ),
    "labels that no encoder has": lambda: fitted(StackingClassifier([("a", LOGISTIC)], cv=2), _label_encoder=LOGISTIC),
    "a classifier without scores": lambda: fitted(
        FixedThresholdClassifier(LOGISTIC), estimator_=StandardScaler().fit(X)
    ),
    "a threshold that is a text": lambda: fitted(TunedThresholdClassifierCV(LOGISTIC, cv=2), best_threshold_="x"),
    "the best of a search that is not fitted": lambda: fitted(
        GridSearchCV(LOGISTIC, {"C": [1]}, cv=2), best_estimator_=LogisticRegression()
    ),
    "the classes of two classes once": lambda: fitted(GaussianNB(), classes_=np.array(["a", "a"])),
    "one class of two": lambda: fitted(LogisticRegression(), classes_=np.array(["a"])),
    # what is missing
    "a part that is a number": lambda: with_part(AdaBoostClassifier(LOGISTIC, n_estimators=2), 1.5, TWO),
    "classes that are records": lambda: fitted(GaussianNB(), classes_=np.zeros(2, "i4,i4")),
    "no weights": lambda: without(LogisticRegression(), "intercept_"),
    "no classes": lambda: without(LogisticRegression(), "classes_"),
    "no parts": lambda: without(OneVsRestClassifier(LOGISTIC), "estimators_"),
    "no categories of a fitted encoder": lambda: without(OrdinalEncoder(), "categories_"),
    # transformers
    "a step that does not transform": lambda: make_pipeline(GaussianNB(), LOGISTIC),
    "a step that is a list": lambda: Pipeline([("a", []), ("b", LOGISTIC)]),
    "a union with a step that does not transform": lambda: FeatureUnion([("a", LOGISTIC)]),
    "columns that a table lacks": lambda: columns(_transformer_to_input_indices={"a": [0, 9], "b": [3]}),
    "columns that are names": lambda: columns(_transformer_to_input_indices={"a": ["x"], "b": [3]}),
    "columns of another transformer": lambda: columns(_transformer_to_input_indices={"a": [0, 1]}),
    "a transformer of columns that predicts": lambda: columns(transformers_=[("a", OF_THREE, [0, 1])]),
    "names of other columns": lambda: columns(feature_names_in_=np.array(["a"], object)),
    "no means where they are subtracted": lambda: fitted(StandardScaler(), mean_=None),
    "no scale where it divides": lambda: fitted(MaxAbsScaler(), scale_=None),
    "no scaler behind powers": lambda: without(PowerTransformer(), "_scaler"),
    "bins without their encoder": lambda: without(KBinsDiscretizer(2, quantile_method="linear"), "_encoder"),
    "edges of texts": lambda: fitted(BINS, bin_edges_=[np.array([*"abc"])] * 4),
    "edges of other bins": lambda: fitted(BINS, bin_edges_=[np.arange(9.0)] * 4),
    "components of other columns": lambda: fitted(PCA(2), components_=np.ones((2, 3))),
    "a mean of one column": lambda: fitted(PCA(2), mean_=np.ones((40, 1))),
    "a scale of rows": lambda: fitted(RobustScaler(), scale_=np.ones((40, 4))),
    "quantiles of other references": lambda: fitted(QuantileTransformer(n_quantiles=5), references_=np.ones(9)),
    "columns of a one-hot encoder that are not there": lambda: ohe(_n_features_outs=[1]),
    "groups that are not there": lambda: ohe(
        _infrequent_enabled=True,
        _default_to_infrequent_mappings=[np.array([0, 9, 1, 1, 1])],
        _infrequent_indices=[np.array([0])],
    ),
    "groups of places that are not there": lambda: fitted(
        OrdinalEncoder(), _infrequent_enabled=True, _default_to_infrequent_mappings=[X], _infrequent_indices=[X]
    ),
    "times in the place of what is missing": lambda: fitted(SimpleImputer(), statistics_=np.zeros(4, "M8[s]")),
    "statistics of other columns": lambda: fitted(SimpleImputer(), statistics_=np.zeros(3)),
    "a drop that is not there": lambda: ohe(_drop_idx_after_grouping=np.array([9], object)),
    "numbers that are not sorted": lambda: ohe([[1], [2]], categories_=[np.array([2, 1])]),
    "numbers that are there twice": lambda: ohe([[1], [2]], categories_=[np.array([1, 1])]),
    "what is missing in the middle": lambda: ohe(MISSING, categories_=[np.array([1, np.nan, 2])]),
    "texts that are there twice": lambda: ohe([["a"], ["b"]], categories_=[np.array(["a", "a"])]),
    "no categories": lambda: ohe([["a"]], categories_=[np.array([], str)], _n_features_outs=[0]),
    "categories of another column": lambda: ohe(n_features_in_=2),
    "columns of texts": lambda: ohe(dtype=np.dtype("<U100000")),
    "bins of texts": lambda: fitted(KBinsDiscretizer(2, quantile_method="linear"), dtype=np.str_),
}


@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize("case", CHANGED)
def test_a_part_that_does_not_fit_is_refused(case):
    with pytest.raises(ValueError, match="is missing or does not fit"):
        check_components(make_pipeline("passthrough", CHANGED[case]()))


@pytest.mark.filterwarnings("ignore:Label not 2 is present")
def test_a_constant_of_two_answers_is_refused():
    of_constant = OneVsRestClassifier(LinearSVC()).fit(X, MANY * [1, 1, 0])
    of_constant.estimators_[2].y_ = np.array([0, 1])
    with pytest.raises(ValueError, match="'y_' of a _ConstantPredictor"):
        check_components(of_constant)


@pytest.mark.parametrize("strategy", [OneVsRestClassifier(Ridge()), OneVsOneClassifier(Ridge())])
def test_a_strategy_of_regressors_passes(strategy):
    check_components(strategy.fit(X, THREE))


def test_a_sparsified_linear_classifier_passes():
    check_components(LogisticRegression().fit(X, THREE).sparsify())


@pytest.mark.parametrize(
    "head",
    [
        make_pipeline(KBinsDiscretizer(3, encode="ordinal"), CategoricalNB(min_categories=3)),
        make_pipeline(TargetEncoder(), LogisticRegression()),
    ],
)
def test_what_the_user_names_passes(head):
    check_components(head.fit(X, THREE))
