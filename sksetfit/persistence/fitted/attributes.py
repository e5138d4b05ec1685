"""Attributes of classifiers and transformers that must fit one another otherwise than by their dimensions."""

from __future__ import annotations

from typing import Any

import numpy as np

from sksetfit.persistence.fitted.forms import Checks, are_codes, fits
from sksetfit.persistence.fitted.strategies import gives_several_labels


def _is(own: dict[str, Any], name: str, kind: str) -> bool:
    return type(own.get(name)).__name__ == kind


def _counts_are_sound(part: Any, own: dict[str, Any]) -> bool:
    classes = part.classes_ if "n_classes_" in own else ()
    n_classes = [len(each) for each in classes] if isinstance(classes, list) else len(classes)
    return np.array_equal(own.get("n_classes_", n_classes), n_classes)


def _linear_is_sound(part: Any, own: dict[str, Any]) -> bool:
    """Tell whether a classifier of one class, which ridge regression can be, has scores that lead to no second one."""
    return len(part.classes_) > 1 or not (own["coef_"].any() or np.max(own["intercept_"]) > 0)


def _layers_are_sound(part: Any, own: dict[str, Any]) -> bool:
    coefs, intercepts, width = own["coefs_"], own["intercepts_"], own["n_features_in_"]
    for coef, intercept in zip(coefs, intercepts, strict=True):
        sizes = {"a": width}
        if not (fits(coef, "ab", sizes, "coef_", own) and fits(intercept, "b", sizes, "intercept_", own)):
            return False
        width = sizes["b"]
    n_classes = len(own["classes_"])
    n_outputs = n_classes if n_classes > 2 or gives_several_labels(part) else 1
    labels = np.array_equal(own["_label_binarizer"].classes_, own["classes_"])
    return labels and own["n_layers_"] == len(coefs) + 1 and own["n_outputs_"] == width == n_outputs


def _dummy_is_sound(part: Any, own: dict[str, Any]) -> bool:
    """Tell whether a constant classifier knows its answers: it repeats what it holds for each row."""
    one = own["n_outputs_"] == 1
    classes, priors = ([own[name]] if one else own[name] for name in ("classes_", "class_prior_"))
    constants = [None] * len(classes) if own["constant"] is None else np.ravel(own["constant"])
    return (
        not own["sparse_output_"]
        and len(classes) == len(priors) == len(constants) == own["n_outputs_"]
        and all(
            np.ndim(of_one) == 1
            and fits(prior, "c", {"c": len(of_one)}, "class_prior_", own)
            and (constant is None or constant in of_one)
            for of_one, prior, constant in zip(classes, priors, constants, strict=True)
        )
    )


def _statistics_are_sound(part: Any, own: dict[str, Any]) -> bool:
    statistics = own["statistics_"]
    return np.shape(statistics) == (own["n_features_in_"],) and statistics.dtype.kind in "OUSbiuf"


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
            if not (np.shape(group_of) == (n_columns[i],) and are_codes(infrequent, n_columns[i])):
                return None
            n_columns[i] = int(group_of.max()) + 1
            if not are_codes(group_of, n_columns[i]):
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


def _missing_are_sound(part: Any, own: dict[str, Any]) -> bool:
    missing = own["_missing_indices"]
    return isinstance(missing, dict) and are_codes([*missing], own["n_features_in_"])


def _bins_are_sound(part: Any, own: dict[str, Any]) -> bool:
    if own["dtype"] is not None and np.dtype(own["dtype"]).kind != "f":
        return False
    edges = zip(own["bin_edges_"], own["n_bins_"], strict=True)
    fit = all(each.dtype.kind == "f" and each.shape == (n + 1,) for each, n in edges)
    is_encoded = _is(own, "_encoder", "OneHotEncoder") and own["_encoder"].n_features_in_ == len(own["n_bins_"])
    return fit and (own["encode"] == "ordinal" or is_encoded)


def _is_one_of(value: Any, *names: str) -> bool:
    return isinstance(value, str) and value in names


_STRATEGIES = ("constant", "most_frequent", "prior", "stratified", "uniform")
# Of each kind, the attribute that is at fault where a check fails.
CHECKS: Checks = [
    ("ClassifierMixin", "n_classes_", _counts_are_sound),
    ("DummyClassifier", "class_prior_", _dummy_is_sound),
    ("DummyClassifier", "strategy", lambda part, own: _is_one_of(own["strategy"], *_STRATEGIES)),
    ("KBinsDiscretizer", "bin_edges_", _bins_are_sound),
    ("LabelBinarizer", "y_type_", lambda part, own: isinstance(own["y_type_"], str)),
    ("LinearClassifierMixin", "intercept_", _linear_is_sound),
    ("MLPClassifier", "coefs_", _layers_are_sound),
    # Other distances of scipy's take parameters.
    ("NearestCentroid", "metric", lambda part, own: _is_one_of(own["metric"], "euclidean", "manhattan")),
    (
        "QuantileTransformer",
        "output_distribution",
        lambda part, own: _is_one_of(own["output_distribution"], "normal", "uniform"),
    ),
    ("_BaseEncoder", "categories_", _categories_are_sound),
    ("OneHotEncoder", "_n_features_outs", _one_hot_is_sound),
    ("OrdinalEncoder", "_missing_indices", _missing_are_sound),
    ("OrdinalEncoder", "categories_", lambda part, own: _n_grouped(own) is not None),
    ("SimpleImputer", "statistics_", _statistics_are_sound),
    ("PowerTransformer", "_scaler", lambda part, own: not own["standardize"] or _is(own, "_scaler", "StandardScaler")),
]
