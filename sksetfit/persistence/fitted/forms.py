"""Forms of what is learned: arrays by their dimensions, numbers, types, and codes that are used as indices."""

from __future__ import annotations

from collections.abc import Callable
from numbers import Real
from typing import Any

import numpy as np

Checks = list[tuple[str, str, Callable[[Any, dict[str, Any]], bool]]]
# What estimators have learned, without which they cannot answer. Of arrays a letter for each dimension: c classes, r
# rows of a linear classifier, f columns of X, and others as they are found. "#" is a finite number, a name a type.
LEARNED = {
    "LinearClassifierMixin": "coef_:rf intercept_:r",
    "LinearDiscriminantAnalysis": "xbar_:f scalings_:fk",
    **dict.fromkeys(("BernoulliNB", "ComplementNB", "MultinomialNB"), "feature_log_prob_:cf class_log_prior_:c"),
    "GaussianNB": "theta_:cf var_:cf class_prior_:c",
    "NearestCentroid": "centroids_:cf class_prior_:c within_class_std_dev_:f",
    "TorchHead": "coef_:rf intercept_:r",
    "OutputCodeClassifier": "estimators_ code_book_:ce",
    "AdaBoostClassifier": "estimators_ n_classes_ estimator_weights_:e",
    "_ConstantPredictor": "y_:1",
    "_BasePCA": "components_:kf mean_:f explained_variance_:k",
    "TruncatedSVD": "components_:kf",
    "StandardScaler": "mean_:f scale_:f",
    "RobustScaler": "center_:f scale_:f",
    "MinMaxScaler": "min_:f scale_:f",
    "MaxAbsScaler": "scale_:f",
    "PowerTransformer": "lambdas_:f",
    "QuantileTransformer": "quantiles_:qf references_:q",
    "VarianceThreshold": "variances_:f",
    "BaseSearchCV": "best_estimator_",
    "BaggingClassifier": "estimators_ estimators_features_ n_classes_",
    "CalibratedClassifierCV": "calibrated_classifiers_",
    "ClassifierChain": "estimators_ order_",
    "ColumnTransformer": "transformers_ _transformer_to_input_indices n_features_in_ sparse_output_",
    "DummyClassifier": "class_prior_ n_classes_ n_outputs_ sparse_output_",
    "KBinsDiscretizer": "bin_edges_ n_bins_",
    "LabelBinarizer": "classes_ sparse_input_ y_type_",
    "LabelEncoder": "classes_",
    "MLPClassifier": "coefs_ intercepts_ n_layers_ n_outputs_ out_activation_ _label_binarizer:LabelBinarizer",
    "MultiOutputClassifier": "estimators_",
    "IsotonicRegression": "X_thresholds_:t y_thresholds_:t X_min_:# X_max_:#",
    "OneVsOneClassifier": "estimators_ pairwise_indices_",
    "OrdinalEncoder": "_missing_indices",
    "OneVsRestClassifier": "estimators_ label_binarizer_:LabelBinarizer",
    "SimpleImputer": "statistics_",
    "StackingClassifier": "estimators_ final_estimator_ stack_method_ _label_encoder",
    "TunedThresholdClassifierCV": "estimator_ best_threshold_:#",
    "FixedThresholdClassifier": "estimator_",
    "_BaseEncoder": "categories_",
    "_RidgeClassifierMixin": "_label_binarizer:LabelBinarizer",
    "_SigmoidCalibration": "a_:# b_:#",
    "_TemperatureScaling": "beta_:#",
}
_FINITE = {"coef_", "intercept_", "theta_", "centroids_", "components_"}  # others may be NaN or infinite after a fit
_MAY_BE_INTEGERS = {"class_prior_", "y_"}  # as the user gave them; others are divided in place
# What is None where one of these parameters is False.
_SWITCHES = {"center_": ("with_centering",), "mean_": ("with_mean",), "scale_": ("with_std", "with_scaling")}


def fits(value: Any, form: str, sizes: dict[str, Any], name: str, own: dict[str, Any]) -> bool:
    """Tell whether an attribute has this form; dimensions of arrays that have no size yet get theirs."""
    if value is None:
        return not all(own.get(switch, True) for switch in _SWITCHES.get(name, ()))
    if form[0].isupper():
        return type(value).__name__ == form
    if form == "#" or (form == "r" and isinstance(value, Real)):  # where no intercept is fitted
        return isinstance(value, Real) and bool(np.isfinite(float(value)))
    if hasattr(value, "toarray"):  # after sparsify
        value = value.toarray()
    if form == "rf" and np.ndim(value) == 1:  # as ridge regressions keep a single row
        value = value[None]
    kinds = "fiu" if name in _MAY_BE_INTEGERS else "f"
    if not isinstance(value, np.ndarray) or value.dtype.kind not in kinds or value.ndim != len(form):
        return False
    found = dict(zip(form, value.shape, strict=True))
    fits = all(sizes.get(letter) in {None, n} for letter, n in found.items())
    sizes.update(found)
    return fits and (name not in _FINITE or bool(np.isfinite(value).all()))


def are_codes(codes: Any, n: int) -> bool:
    """Tell whether all are whole numbers from 0 to n - 1."""
    codes = np.asarray(codes)
    return not codes.size or (codes.dtype.kind in "iu" and bool(((codes >= 0) & (codes < n)).all()))
