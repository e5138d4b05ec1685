"""Estimators that ask others: each has the others that it asks, which have the methods and give what it reads."""

from __future__ import annotations

from typing import Any

import numpy as np
from sklearn.base import is_regressor
from sklearn.exceptions import NotFittedError
from sklearn.utils.validation import check_is_fitted

from sksetfit.persistence.fitted.forms import Checks, are_codes

_SCORES = ("decision_function", "predict_proba")


def _answering(estimator: Any) -> Any:
    """Return the part of an estimator that gives its answers, as the last step of a pipeline does."""
    while hasattr(estimator, "__dict__"):
        own = vars(estimator)
        if own.get("steps"):
            estimator = own["steps"][-1][1]
            continue
        names = ("final_estimator_",) if "estimators_" in own else ("best_estimator_", "estimator_", "head_")
        inner = [own[name] for name in names if name in own]
        if not inner and type(estimator).__name__ == "FrozenEstimator":
            inner = [own["estimator"]]
        if not inner:
            break
        estimator = inner[0]
    return estimator


def _has(estimator: Any, *methods: str) -> bool:
    """Tell whether an estimator, and no type, has one of these methods."""
    return not isinstance(estimator, type) and any(hasattr(estimator, method) for method in methods)


def can(estimator: Any, *methods: str) -> bool:
    """Tell whether a fitted estimator has one of these methods."""
    try:
        check_is_fitted(estimator)
    except (NotFittedError, TypeError):
        return False
    return _has(estimator, *methods)


def gives_several_labels(estimator: Any) -> bool:
    """Tell whether an estimator was fitted on an indicator matrix."""
    of_columns = type(estimator).__name__ in {"MultiOutputClassifier", "ClassifierChain"}
    targets = getattr(vars(estimator).get("_label_binarizer"), "y_type_", "")
    return of_columns or bool(getattr(estimator, "multilabel_", False)) or str(targets).startswith("multilabel")


def _gives_one_value(estimator: Any, most: float = np.inf, least: int = 1) -> bool:
    """Tell whether an estimator gives one value a row, of so many classes; where it gives more, all are counted."""
    last = _answering(estimator)
    kind = type(last).__name__
    if not (can(estimator, "predict") and can(last, "predict")):
        return False
    if kind == "_ConstantPredictor" or not type(last).__module__.startswith(("sklearn.", "sksetfit")):
        return True  # the user has named those of other packages as trusted
    if kind == "BaggingClassifier" and not all(_gives_one_value(each, most) for each in vars(last)["estimators_"]):
        return False
    if is_regressor(last):
        return np.ndim(getattr(last, "coef_", 0)) < 2 or len(last.coef_) == 1
    classes = getattr(last, "classes_", None)
    is_one = isinstance(classes, np.ndarray) and classes.ndim == 1 and least <= len(classes) <= most
    return is_one and not gives_several_labels(last)


def _are_copies(part: Any, own: dict[str, Any], most: float = np.inf, least: int = 1) -> bool:
    """Tell whether the parts of a strategy were copies of one estimator, and each gives one value a row."""
    of_constant_labels = {"DummyClassifier", "_ConstantPredictor"}
    kinds = {type(each).__name__ for each in own["estimators_"]} - of_constant_labels
    return len(kinds) < 2 and all(_gives_one_value(each, most, least) for each in own["estimators_"])


def _are_binary(own: dict[str, Any], n_estimators: int) -> bool:
    """Tell whether a strategy has so many parts, each of which gives a score."""
    estimators = own["estimators_"]
    scored = all(is_regressor(each) or _has(each, *_SCORES) for each in estimators)
    return len(estimators) == n_estimators and scored and _are_copies(None, own, 2, 2)


def _one_vs_rest_is_sound(part: Any, own: dict[str, Any]) -> bool:
    return _are_binary(own, 1 if len(part.classes_) == 2 and not part.multilabel_ else len(part.classes_))


def _pairs_are_sound(part: Any, own: dict[str, Any]) -> bool:
    n_classes = len(part.classes_)
    return own["pairwise_indices_"] is None and _are_binary(own, n_classes * (n_classes - 1) // 2)


def _links_are_sound(part: Any, own: dict[str, Any]) -> bool:
    methods = [each for each in _SCORES if hasattr(part, each)]
    methods.append(own.get("chain_method_", "predict"))
    return _are_copies(part, own) and all(hasattr(each, method) for each in own["estimators_"] for method in methods)


def _order_is_sound(part: Any, own: dict[str, Any]) -> bool:
    n_links = len(own["estimators_"])
    return are_codes(own["order_"], n_links) and sorted(own["order_"]) == list(range(n_links))


def _bagging_is_sound(part: Any, own: dict[str, Any]) -> bool:
    n_classes = len(part.classes_)
    codes = [each.classes_ for each in own["estimators_"] if hasattr(each, "classes_")]
    return _are_copies(part, own, n_classes) and all(are_codes(each, n_classes) for each in codes)


def _columns_are_sound(part: Any, own: dict[str, Any]) -> bool:
    return all(are_codes(each, own["n_features_in_"]) for each in own["estimators_features_"])


def _members_are_sound(part: Any, own: dict[str, Any]) -> bool:
    methods = own["stack_method_"]
    return len(methods) == len(own["estimators_"]) and all(map(can, own["estimators_"], methods))


def _final_is_sound(part: Any, own: dict[str, Any]) -> bool:
    encoders, one = own["_label_encoder"], not isinstance(part.classes_, list)
    are_encoders = {type(each).__name__ for each in ([encoders] if one else encoders)} == {"LabelEncoder"}
    return are_encoders and (not one or _gives_one_value(own["final_estimator_"], len(part.classes_)))


def _calibrated_is_sound(part: Any, own: dict[str, Any]) -> bool:
    """Tell whether each classifier has one curve for each class, or one in all."""
    folds = [vars(each) for each in own["calibrated_classifiers_"]]
    kinds = {"_SigmoidCalibration", "_TemperatureScaling", "IsotonicRegression"}
    return all(
        can(fold["estimator"], *_SCORES)
        and fold["method"] in {"isotonic", "sigmoid", "temperature"}
        and np.array_equal(fold["classes"], part.classes_)
        and len(fold["calibrators"]) in {1, len(part.classes_)}
        and all(type(each).__name__ in kinds and can(each, "predict") for each in fold["calibrators"])
        for fold in folds
    )


def _transform(steps: list[Any]) -> bool:
    return all(step in ("drop", "passthrough", None) or _has(step, "transform") for step in steps)


def _steps_are_sound(part: Any, own: dict[str, Any]) -> bool:
    *first, last = [step for _, step in own["steps"]]
    return _transform(first) and (last in ("passthrough", None) or _has(last, "fit"))


def _indices_are_sound(part: Any, own: dict[str, Any]) -> bool:
    indices, n_columns = own["_transformer_to_input_indices"], own["n_features_in_"]
    known = {name for name, _, _ in own["transformers_"]} <= indices.keys()
    return (
        known
        and len(own.get("feature_names_in_", range(n_columns))) == n_columns
        and all(are_codes(each, own["n_features_in_"]) for each in indices.values())
    )


# Of each kind, the attribute that is at fault where a check fails.
CHECKS: Checks = [
    ("AdaBoostClassifier", "estimators_", _are_copies),
    ("BaggingClassifier", "estimators_", _bagging_is_sound),
    ("BaggingClassifier", "estimators_features_", _columns_are_sound),
    ("BaseThresholdClassifier", "estimator_", lambda part, own: _has(own["estimator_"], *_SCORES)),
    ("CalibratedClassifierCV", "calibrated_classifiers_", _calibrated_is_sound),
    ("ClassifierChain", "estimators_", _links_are_sound),
    ("ClassifierChain", "order_", _order_is_sound),
    ("ColumnTransformer", "transformers_", lambda part, own: _transform([each[1] for each in own["transformers_"]])),
    ("ColumnTransformer", "_transformer_to_input_indices", _indices_are_sound),
    ("FeatureUnion", "transformer_list", lambda part, own: _transform([each[1] for each in own["transformer_list"]])),
    ("MultiOutputClassifier", "estimators_", _are_copies),
    ("OneVsOneClassifier", "estimators_", _pairs_are_sound),
    ("OneVsRestClassifier", "estimators_", _one_vs_rest_is_sound),
    ("OutputCodeClassifier", "estimators_", lambda part, own: _are_binary(own, own["code_book_"].shape[1])),
    ("Pipeline", "steps", _steps_are_sound),
    ("StackingClassifier", "estimators_", _members_are_sound),
    ("StackingClassifier", "final_estimator_", _final_is_sound),
]
