"""What of other packages is read from a file without question, and what such parts must hold.

Floor 0: knows numpy and scikit-learn. skops trusts every estimator of scikit-learn. Some of them call whatever method
their state names, read files, or hand their arrays to compiled code that does not look at them; hence a list of ours.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from functools import cache
from typing import Any

import numpy as np
from sklearn.feature_extraction.text import CountVectorizer
from sklearn.svm import SVC, NuSVC
from sklearn.utils import all_estimators

_ESTIMATORS = frozenset(
    re.findall(
        r"\w+",
        """
        AdaBoostClassifier BaggingClassifier BernoulliNB CalibratedClassifierCV CategoricalNB ClassifierChain
        ComplementNB DecisionTreeClassifier DummyClassifier ExtraTreeClassifier ExtraTreesClassifier
        FixedThresholdClassifier FrozenEstimator GaussianNB GridSearchCV HalvingGridSearchCV HalvingRandomSearchCV
        KNeighborsClassifier LinearDiscriminantAnalysis LinearSVC LogisticRegression LogisticRegressionCV MLPClassifier
        MultiOutputClassifier MultinomialNB NearestCentroid NuSVC OneVsOneClassifier OneVsRestClassifier
        OutputCodeClassifier PassiveAggressiveClassifier Perceptron QuadraticDiscriminantAnalysis
        RadiusNeighborsClassifier RandomForestClassifier RandomizedSearchCV RidgeClassifier RidgeClassifierCV
        SGDClassifier SVC StackingClassifier TunedThresholdClassifierCV VotingClassifier

        Binarizer ColumnTransformer CountVectorizer FeatureUnion IncrementalPCA KBinsDiscretizer LabelBinarizer
        LabelEncoder MaxAbsScaler MinMaxScaler MultiLabelBinarizer Normalizer OneHotEncoder OrdinalEncoder PCA Pipeline
        PowerTransformer QuantileTransformer RobustScaler SimpleImputer StandardScaler TargetEncoder TfidfTransformer
        TfidfVectorizer TruncatedSVD VarianceThreshold
        """,
    )
)
_OTHERS = frozenset(
    {
        *(f"builtins.{name}" for name in ("bool", "dict", "float", "int", "list", "set", "slice", "str", "tuple")),
        *(f"numpy.{name}" for name in ("bool", "bool_", "dtype", "ma.MaskedArray", "ndarray", "str_")),
        *(f"numpy.{kind}{bits}" for kind in ("float", "int", "uint") for bits in (32, 64)),
        *("collections.OrderedDict", "numpy.random.mtrand.RandomState", "numpy.random._generator.Generator"),
        *(f"sklearn.linear_model._sgd_fast.{name}" for name in ("Hinge", "Log", "ModifiedHuber", "SquaredHinge")),
        *("sklearn._loss._loss.CyHalfBinomialLoss", "sklearn._loss._loss.CyHalfMultinomialLoss"),
        # Of scikit-learn beyond its estimators: classes in Python that do nothing when built.
        "sklearn.calibration._CalibratedClassifier",
        "sklearn.calibration._SigmoidCalibration",
        "sklearn.calibration._TemperatureScaling",
        "sklearn.metrics._scorer._PassthroughScorer",
        "sklearn.model_selection._split.KFold",
        "sklearn.model_selection._split.StratifiedKFold",
        "sklearn.multiclass._ConstantPredictor",
        "sklearn.neural_network._stochastic_optimizers.AdamOptimizer",
        "sklearn.neural_network._stochastic_optimizers.SGDOptimizer",
        "sklearn.utils._bunch.Bunch",
        "sklearn.utils._metadata_requests.MetadataRequest",  # in searches of scikit-learn 1.7
        "sklearn.utils._metadata_requests.MethodMetadataRequest",
        "sksetfit.SetFitClassifier",
        "sksetfit.SetFitEncoder",
    }
)
# Attributes that name a method which is called in a prediction.
_METHOD_NAMES = ("stack_method_", "chain_method_", "chain_method", "response_method")
_METHODS = frozenset({"auto", "decision_function", "predict", "predict_log_proba", "predict_proba"})


@cache
def trusted_types() -> frozenset[str]:
    """Return the full names of the types that a file may hold."""
    public = {f"{kind.__module__}.{name}" for name, kind in all_estimators() if name in _ESTIMATORS}
    return _OTHERS | {name for name in public if name.startswith("sklearn.")}


def check_parts(estimator: Any) -> None:
    """Refuse what would do something else than predict, or crash, when an estimator that was read is used.

    Raises
    ------
    ValueError
        If some part of it would.
    """
    for part in _parts(estimator):
        own, name = vars(part), type(part).__name__
        for attribute in _METHOD_NAMES:
            methods = own.get(attribute, "auto")
            if not set(methods if isinstance(methods, list) else [methods]) <= _METHODS:
                raise ValueError(f"a {name} would call {methods!r}, as its {attribute} says")
        if isinstance(part, CountVectorizer) and part.input != "content":
            raise ValueError(f"a {name} would read files, as its input={part.input!r} says")
        if isinstance(part, (SVC, NuSVC)) and not _is_sound(own):
            raise ValueError(f"a {name} has arrays that do not fit together")


def _parts(whole: Any) -> Iterator[Any]:
    """Yield all objects of scikit-learn's that an estimator holds, itself included."""
    seen, waiting = set(), [whole]
    while waiting:
        part = waiting.pop()
        if id(part) in seen:
            continue
        seen.add(id(part))
        if isinstance(part, np.ndarray) and part.dtype == object:
            part = part.tolist()
        if isinstance(part, dict):
            waiting.extend(part.values())
        elif isinstance(part, (list, tuple, set)):
            waiting.extend(part)
        elif hasattr(part, "__dict__") and type(part).__module__.startswith(("sklearn.", "sksetfit")):
            yield part
            waiting.extend(vars(part).values())


def _is_sound(own: dict[str, Any]) -> bool:
    """Tell whether the arrays of a support vector machine, fitted or not, are as libsvm takes them to be."""
    if "support_vectors_" not in own:
        return True
    n_classes, n_vectors, n_texts = len(own["classes_"]), len(own["support_"]), own["shape_fit_"][0]
    n_pairs = n_classes * (n_classes - 1) // 2
    shapes = {
        "support_": (n_vectors,),
        "_n_support": (n_classes,),
        "_dual_coef_": (n_classes - 1, n_vectors),
        "_intercept_": (n_pairs,),
    }
    if isinstance(own["kernel"], str) and own["kernel"] != "precomputed":
        shapes["support_vectors_"] = (n_vectors, own["n_features_in_"])
    elif len(own.get("_BaseLibSVM__Xfit", range(n_texts))) != n_texts:
        return False
    return (
        all(isinstance(own[name], np.ndarray) and own[name].shape == shape for name, shape in shapes.items())
        and all(len(own[name]) in {0, n_pairs} for name in ("_probA", "_probB"))
        and (own["_n_support"] >= 0).all()
        and own["_n_support"].sum() == n_vectors
        and (own["support_"] >= 0).all()
        and (own["support_"] < n_texts).all()
        and own["_sparse"] is False
    )
