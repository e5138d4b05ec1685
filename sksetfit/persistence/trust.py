"""What of other packages is read from a file without question.

skops trusts every estimator of scikit-learn. Some of them call whatever method their state names, read files, or hand
their arrays to compiled code that does not look at them; hence a list of ours.
"""

from __future__ import annotations

import re
from functools import cache
from threading import Lock

from sklearn.utils import all_estimators

_ESTIMATORS = frozenset(
    re.findall(
        r"\w+",
        """
        AdaBoostClassifier BaggingClassifier BernoulliNB CalibratedClassifierCV ClassifierChain ComplementNB
        DecisionTreeClassifier DummyClassifier ExtraTreeClassifier ExtraTreesClassifier FixedThresholdClassifier
        FrozenEstimator GaussianNB GridSearchCV LinearDiscriminantAnalysis LinearSVC LogisticRegression
        LogisticRegressionCV MLPClassifier MultiOutputClassifier MultinomialNB NearestCentroid
        OneVsOneClassifier OneVsRestClassifier OutputCodeClassifier PassiveAggressiveClassifier Perceptron
        RandomForestClassifier RandomizedSearchCV RidgeClassifier RidgeClassifierCV SGDClassifier
        StackingClassifier TunedThresholdClassifierCV

        Binarizer ColumnTransformer FeatureUnion IncrementalPCA KBinsDiscretizer LabelBinarizer LabelEncoder
        MaxAbsScaler MinMaxScaler Normalizer OneHotEncoder OrdinalEncoder PCA Pipeline PowerTransformer
        QuantileTransformer RobustScaler SimpleImputer StandardScaler TruncatedSVD VarianceThreshold
        """,
    )
)
# Helper classes of scikit-learn's, in Python, that do nothing when built.
_HELPERS = frozenset(
    {
        "sklearn.calibration._CalibratedClassifier",
        "sklearn.calibration._SigmoidCalibration",
        "sklearn.calibration._TemperatureScaling",
        "sklearn.metrics._scorer._PassthroughScorer",
        "sklearn.model_selection._split.KFold",
        "sklearn.model_selection._split.StratifiedKFold",
        "sklearn.multiclass._ConstantPredictor",
        "sksetfit.DistilledSetFitClassifier",
        "sksetfit.FewShotSplit",
        "sksetfit.LogisticRegressionHead",
        "sksetfit.MultiLabelThresholdClassifier",
        "sksetfit.RejectClassifier",
        "sklearn.neural_network._stochastic_optimizers.AdamOptimizer",
        "sklearn.neural_network._stochastic_optimizers.SGDOptimizer",
        "sklearn.utils._metadata_requests.MetadataRequest",  # in searches of scikit-learn 1.7
        "sklearn.utils._metadata_requests.MethodMetadataRequest",
        "sksetfit.SetFitClassifier",
        "sksetfit.SetFitEncoder",
        "sksetfit.TorchHead",
    }
)
_NUMBERS = frozenset({"numpy.bool", "numpy.bool_", "numpy.str_"}) | {
    f"numpy.{kind}{bits}" for kind in ("float", "int", "uint") for bits in (32, 64)
}
_LOSSES = frozenset(f"sklearn.linear_model._sgd_fast.{name}" for name in ("Hinge", "ModifiedHuber", "SquaredHinge"))
# The loaders of skops that make a value, and of which type they may make it; others call, read or bind something.
_OF_LOADERS = {
    "DictNode": frozenset({"builtins.dict", "collections.OrderedDict", "sklearn.utils._bunch.Bunch"}),
    "DTypeNode": frozenset({"numpy.dtype"}),
    "ListNode": frozenset({"builtins.list"}),
    "LossNode": _LOSSES,
    "MaskedArrayNode": frozenset({"numpy.ma.MaskedArray"}),
    "NdArrayNode": _NUMBERS | {"numpy.ndarray"},
    "RandomStateNode": frozenset({"numpy.random.mtrand.RandomState"}),
    "SetNode": frozenset({"builtins.set"}),
    "SliceNode": frozenset({"builtins.slice"}),
    "TupleNode": frozenset({"builtins.tuple"}),
    "TypeNode": _NUMBERS | {"builtins.bool", "builtins.float", "builtins.int", "builtins.str"},
}


_one_at_a_time = Lock()


def trusted_types() -> dict[str, frozenset[str]]:
    """Return the full names of the types that a file may hold, by the loader of skops that may make them."""
    with _one_at_a_time:  # scikit-learn cannot be walked through by several threads
        return _walk()


@cache
def _walk() -> dict[str, frozenset[str]]:
    public = {f"{kind.__module__}.{name}" for name, kind in all_estimators() if name in _ESTIMATORS}
    estimators = frozenset(name for name in public if name.startswith("sklearn."))
    return _OF_LOADERS | {"ObjectNode": estimators | _HELPERS}
