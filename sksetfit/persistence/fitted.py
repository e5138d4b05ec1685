"""What the fitted estimators of scikit-learn must hold, so that their predictions index and multiply what is there.

Its compiled code and that of scipy use the indices, shapes and numbers of rows that they are given without a look.
Classes are compared by name, so that a check imports none of scikit-learn's modules of estimators.
"""

from __future__ import annotations

from collections.abc import Callable
from numbers import Real
from typing import Any

import numpy as np
from sklearn.base import is_regressor

from sksetfit.persistence.trust import LEARNED

_FINITE = {"coef_", "intercept_", "theta_", "centroids_", "components_"}  # others may be NaN or infinite after a fit


def is_sound(part: Any) -> bool:
    """Tell whether a fitted estimator has its parts, and they fit together. One that is not fitted has none."""
    own = vars(part)
    kinds = [kind.__name__ for kind in type(part).__mro__]
    parts = [each.partition(":")[::2] for kind in kinds for each in LEARNED.get(kind, "").split()]
    learned = {name for name, _ in parts} - {"xbar_", "scalings_"}  # which not every solver learns
    if learned and not any(name.endswith("_") and not name.startswith("__") for name in own):
        return True
    sizes = {"1": 1}
    if (classes := getattr(part, "classes_", None)) is not None and not isinstance(classes, list):
        is_list = classes.ndim == 1 and classes.dtype.kind in "OUSbiuf"
        if not is_list or ("LinearClassifierMixin" in kinds and own.get("coef_") is None):
            return False
        sizes["c"] = len(classes)
        sizes["r"] = 1 if len(classes) == 2 and not _gives_several_labels(part) else len(classes)
    if (n_columns := own.get("n_features_in_")) is not None:
        sizes["f"] = n_columns
    if not learned <= own.keys() or (learned and classes is None and "ClassifierMixin" in kinds):
        return False
    arrays = all(_fits(own[name], name, dims, sizes) for name, dims in parts if dims and own.get(name) is not None)
    counted = "n_classes_" not in own or np.array_equal(own["n_classes_"], _n_classes(part.classes_))
    return arrays and counted and all(_CHECKS[kind](part, own) for kind in kinds if kind in _CHECKS)


def _fits(value: Any, name: str, dims: str, sizes: dict[str, int]) -> bool:
    """Tell whether a value is an array of these dimensions; those that have no size yet get theirs."""
    if dims == "r" and isinstance(value, Real):  # where no intercept is fitted
        return bool(np.isfinite(float(value)))
    if hasattr(value, "toarray"):  # after sparsify
        value = value.toarray()
    if dims == "rf" and np.ndim(value) == 1:  # as ridge regressions keep a single row
        value = value[None]
    if not isinstance(value, np.ndarray) or value.dtype.kind not in "fiu" or value.ndim != len(dims):
        return False
    found = dict(zip(dims, value.shape, strict=True))
    fits = all(sizes.get(letter, n) == n for letter, n in found.items())
    sizes.update(found)
    return fits and (name not in _FINITE or bool(np.isfinite(value).all()))


def _n_classes(classes: Any) -> Any:
    return [len(each) for each in classes] if isinstance(classes, list) else len(classes)


# -- estimators that ask others


def _answering(estimator: Any) -> Any:
    """Return the part of an estimator that gives its answers, as the last step of a pipeline does."""
    while hasattr(estimator, "__dict__"):
        own = vars(estimator)
        if own.get("steps"):
            estimator = own["steps"][-1][1]
            continue
        # The estimator_ of an ensemble is what it has copied, not fitted.
        names = ("final_estimator_",) if "estimators_" in own else ("best_estimator_", "estimator_", "head_")
        inner = [own[name] for name in names if name in own]
        if not inner and type(estimator).__name__ == "FrozenEstimator":
            inner = [own["estimator"]]
        if not inner:
            break
        estimator = inner[0]
    return estimator


def _can(estimator: Any, method: str) -> bool:
    return hasattr(estimator, method) and not isinstance(estimator, type)


def _gives_several_labels(estimator: Any) -> bool:
    of_columns = type(estimator).__name__ in {"MultiOutputClassifier", "ClassifierChain"}
    targets = getattr(vars(estimator).get("_label_binarizer"), "y_type_", "")
    return of_columns or bool(getattr(estimator, "multilabel_", False)) or targets.startswith("multilabel")


def _gives_one_value(estimator: Any, most: float = 2) -> bool:
    """Tell whether an estimator gives one value a row, of so many classes; where it gives more, all are counted."""
    last = _answering(estimator)
    kind = type(last).__name__
    if kind == "_ConstantPredictor":
        return True
    if not type(last).__module__.startswith(("sklearn.", "sksetfit")):
        return _can(last, "predict")  # the user has named it as trusted
    if kind == "BaggingClassifier" and not all(_gives_one_value(each, most) for each in vars(last)["estimators_"]):
        return False
    if is_regressor(last):
        return np.ndim(getattr(last, "coef_", 0)) < 2 or len(last.coef_) == 1
    classes = getattr(last, "classes_", None)
    is_one = isinstance(classes, np.ndarray) and classes.ndim == 1 and len(classes) <= most
    return is_one and not _gives_several_labels(last)


def _one_vs_rest_is_sound(part: Any, own: dict[str, Any]) -> bool:
    n_estimators = 1 if len(part.classes_) == 2 and not part.multilabel_ else len(part.classes_)
    return len(own["estimators_"]) == n_estimators and all(map(_gives_one_value, own["estimators_"]))


def _pairs_are_sound(part: Any, own: dict[str, Any]) -> bool:
    n_pairs, estimators = len(part.classes_) * (len(part.classes_) - 1) // 2, own["estimators_"]
    return own["pairwise_indices_"] is None and len(estimators) == n_pairs and all(map(_gives_one_value, estimators))


def _codes_are_sound(part: Any, own: dict[str, Any]) -> bool:
    return all(map(_gives_one_value, own["estimators_"])) and own["code_book_"].shape[1] == len(own["estimators_"])


def _columns_are_sound(part: Any, own: dict[str, Any]) -> bool:
    return all(_gives_one_value(each, np.inf) for each in own["estimators_"])


def _chain_is_sound(part: Any, own: dict[str, Any]) -> bool:
    return _columns_are_sound(part, own) and sorted(own["order_"]) == list(range(len(own["estimators_"])))


def _bagging_is_sound(part: Any, own: dict[str, Any]) -> bool:
    columns = all(_are_codes(each, own["n_features_in_"]) for each in own["estimators_features_"])
    return columns and all(_gives_one_value(each, len(part.classes_)) for each in own["estimators_"])


def _stacking_is_sound(part: Any, own: dict[str, Any]) -> bool:
    members, last = all(_can(each, "fit") for each in own["estimators_"]), own["final_estimator_"]
    return members and (isinstance(part.classes_, list) or _gives_one_value(last, len(part.classes_)))


def _calibrated_is_sound(part: Any, own: dict[str, Any]) -> bool:
    """Tell whether each classifier has one curve for each class, or one in all."""
    folds = [vars(each) for each in own["calibrated_classifiers_"]]
    kinds = {"_SigmoidCalibration", "_TemperatureScaling", "IsotonicRegression"}
    return all(
        _can(fold["estimator"], "predict")
        and fold["method"] in {"isotonic", "sigmoid", "temperature"}
        and np.array_equal(fold["classes"], part.classes_)
        and len(fold["calibrators"]) in {1, len(part.classes_)}
        and {type(each).__name__ for each in fold["calibrators"]} <= kinds
        for fold in folds
    )


def _steps_are_sound(part: Any, own: dict[str, Any]) -> bool:
    steps = [step for _, step in own["steps"] if step not in ("passthrough", None)]
    return all(_can(step, "fit") for step in steps) and all(_can(step, "transform") for step in steps[:-1])


# -- classifiers and transformers


def _layers_are_sound(part: Any, own: dict[str, Any]) -> bool:
    coefs, intercepts, width = own["coefs_"], own["intercepts_"], own["n_features_in_"]
    for coef, intercept in zip(coefs, intercepts, strict=True):
        sizes = {"a": width}
        if not (_fits(coef, "coef_", "ab", sizes) and _fits(intercept, "intercept_", "b", sizes)):
            return False
        width = sizes["b"]
    n_classes = len(own["classes_"])
    n_outputs = n_classes if n_classes > 2 or _gives_several_labels(part) else 1
    labels = np.array_equal(own["_label_binarizer"].classes_, own["classes_"])
    return labels and own["n_layers_"] == len(coefs) + 1 and own["n_outputs_"] == width == n_outputs


def _centroids_are_sound(part: Any, own: dict[str, Any]) -> bool:
    return own["metric"] in {"euclidean", "manhattan"}  # others of scipy take parameters


def _dummy_is_sound(part: Any, own: dict[str, Any]) -> bool:
    """Tell whether a constant classifier knows its answers: it repeats what it holds for each row."""
    one = own["n_outputs_"] == 1
    classes, priors = ([own[name]] if one else own[name] for name in ("classes_", "class_prior_"))
    constants = [None] * len(classes) if own["constant"] is None else np.ravel(own["constant"])
    return (
        not own["sparse_output_"]
        and len(classes) == len(priors) == len(constants) == own["n_outputs_"]
        and all(
            np.ndim(of_one) == 1 and np.shape(of_one) == np.shape(prior) and (constant is None or constant in of_one)
            for of_one, prior, constant in zip(classes, priors, constants, strict=True)
        )
    )


def _categories_are_sound(part: Any, own: dict[str, Any]) -> bool:
    """Tell whether numbers among categories are sorted and all are distinct: their places are columns."""
    is_number, every = np.dtype(own.get("dtype", float)).kind in "biuf", own["categories_"]
    return is_number and len(every) == own["n_features_in_"] and all(map(_are_distinct, every))


def _are_distinct(categories: Any) -> bool:
    if categories.ndim != 1 or not len(categories) or categories.dtype.kind not in "OUSbiuf":
        return False
    if categories.dtype.kind in "OUS":
        return len(set(categories.tolist())) == len(categories)
    last = len(categories) - bool(np.isnan(categories[-1]))  # what is missing stands at the end
    return bool((categories[: last - 1] < categories[1:last]).all())


def _n_grouped(own: dict[str, Any]) -> list[int] | None:
    """Return how many groups the categories of each column make, None if the groups are not those of categories."""
    n_columns = [len(categories) for categories in own["categories_"]]
    if own["_infrequent_enabled"]:
        groups = zip(own["_default_to_infrequent_mappings"], own["_infrequent_indices"], strict=True)
        for i, (group_of, infrequent) in enumerate(groups):
            if group_of is None and infrequent is None:
                continue
            if not (np.shape(group_of) == (n_columns[i],) and _are_codes(infrequent, n_columns[i])):
                return None
            n_columns[i] = int(group_of.max()) + 1
            if not _are_codes(group_of, n_columns[i]):
                return None
    return n_columns


def _one_hot_is_sound(part: Any, own: dict[str, Any]) -> bool:
    """Tell whether the columns of a one-hot encoder are as many as it says."""
    n_columns = _n_grouped(own)
    if n_columns is None:
        return False
    dropped = own["_drop_idx_after_grouping"]
    for i, code in enumerate([None] * len(n_columns) if dropped is None else dropped):
        if code is not None:
            if not 0 <= code < n_columns[i]:
                return False
            n_columns[i] -= 1
    return list(own["_n_features_outs"]) == n_columns


def _are_codes(codes: Any, n: int) -> bool:
    """Tell whether all are whole numbers from 0 to n - 1."""
    return isinstance(codes, np.ndarray) and codes.dtype.kind in "iu" and bool(((codes >= 0) & (codes < n)).all())


def _bins_are_sound(part: Any, own: dict[str, Any]) -> bool:
    if own["dtype"] is not None and np.dtype(own["dtype"]).kind != "f":
        return False
    edges = zip(own["bin_edges_"], own["n_bins_"], strict=True)
    fit = all(each.dtype.kind == "f" and each.shape == (n + 1,) for each, n in edges)
    return fit and ("_encoder" not in own or own["_encoder"].n_features_in_ == len(own["n_bins_"]))


_CHECKS: dict[str, Callable[[Any, dict[str, Any]], bool]] = {
    "AdaBoostClassifier": _columns_are_sound,
    "BaggingClassifier": _bagging_is_sound,
    "CalibratedClassifierCV": _calibrated_is_sound,
    "ClassifierChain": _chain_is_sound,
    "DummyClassifier": _dummy_is_sound,
    "KBinsDiscretizer": _bins_are_sound,
    "MLPClassifier": _layers_are_sound,
    "MultiOutputClassifier": _columns_are_sound,
    "NearestCentroid": _centroids_are_sound,
    "OneHotEncoder": _one_hot_is_sound,
    "OneVsOneClassifier": _pairs_are_sound,
    "OneVsRestClassifier": _one_vs_rest_is_sound,
    "OrdinalEncoder": lambda part, own: _n_grouped(own) is not None,
    "OutputCodeClassifier": _codes_are_sound,
    "Pipeline": _steps_are_sound,
    "StackingClassifier": _stacking_is_sound,
    "_BaseEncoder": _categories_are_sound,
}
