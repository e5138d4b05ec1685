"""Conversion of setfit heads to heads of this package, with the same predictions and the user's labels."""

from __future__ import annotations

import copy
import warnings
from contextlib import suppress
from inspect import signature
from typing import Any

import numpy as np
from numpy.typing import NDArray
from sklearn.base import BaseEstimator, clone, is_classifier
from sklearn.linear_model import LogisticRegression
from sklearn.multiclass import OneVsRestClassifier
from sklearn.pipeline import Pipeline
from sklearn.utils.validation import check_is_fitted

from sksetfit.heads.strategies import STRATEGIES, Strategy, is_multi_label
from sksetfit.heads.torch_head import TorchHead
from sksetfit.persistence.components import parts

_N_PROBES = 256  # embeddings on which a relabelled head is compared with the one it was made of


def head_from_setfit(
    head: Any, labels: list[Any] | None, n_dimensions: int, name: str
) -> tuple[Strategy, BaseEstimator | None, BaseEstimator, NDArray[Any]]:
    """Return the strategy, the unfitted head for a next fit, the head that answers our classes, and these classes."""
    kind, inner = type(head).__name__, None
    try:
        if kind == "SetFitHead":  # of torch
            head = _from_torch(head)
        elif isinstance(head, BaseEstimator) and is_classifier(head):
            check_is_fitted(head)
            _complete(head)
            inner = clone(head.estimator if _strategy(head) else head)
        else:
            raise ValueError("It is no scikit-learn classifier.")
        answers = head.predict(_probes(n_dimensions))
        if strategy := _strategy(head):
            return strategy, inner, head, _column_labels(head, labels, answers.shape[1])
        if answers.ndim != 1:
            raise ValueError(f"It gives several labels per text and is none of {sorted(STRATEGIES)}.")
        if labels is not None and head.classes_.dtype.kind not in "UO":
            head = relabelled_head(head, _named(head.classes_, labels), n_dimensions)
            _sort_classes(_last(head))
    except (ValueError, TypeError, AttributeError) as error:  # what heads of other versions and packages raise
        raise ValueError(f"The head of {name!r}, a {kind}, cannot be used: {error}") from error
    return "one-vs-rest", inner, head, head.classes_


def _complete(head: BaseEstimator) -> None:
    """Set parameters that the version which pickled a head did not have to their defaults: `clone` reads them."""
    for part in parts(head):
        if isinstance(part, BaseEstimator):
            parameters = signature(type(part)).parameters.values()
            defaults = {each.name: each.default for each in parameters if each.default is not each.empty}
            part.__dict__ = defaults | vars(part)


def _strategy(head: BaseEstimator) -> Strategy | None:
    """Return the multi-label strategy that the head is, None for one label per text."""
    return next((name for name, kind in STRATEGIES.items() if type(head) is kind and is_multi_label(head)), None)


def _column_labels(head: BaseEstimator, labels: list[Any] | None, n_columns: int) -> NDArray[Any]:
    if isinstance(head.classes_, list) and not all(np.array_equal(classes, [0, 1]) for classes in head.classes_):
        raise ValueError("It answers more or less than 0 and 1 for a label.")
    if labels is None:
        return np.arange(n_columns)
    return _named(np.arange(n_columns), labels, all_of_them=True)


def _named(codes: NDArray[Any], labels: list[Any], *, all_of_them: bool = False) -> NDArray[Any]:
    """Return the labels of integers that the head answers."""
    if not set(range(len(labels))).issuperset(codes.tolist()) or (all_of_them and len(codes) != len(labels)):
        raise ValueError(
            f"It answers {codes.tolist()}, and there are {len(labels)} labels in config_setfit.json: {labels}."
        )
    named = [labels[int(code)] for code in codes]
    if {type(label) for label in named} not in ({str}, {int}) or len(set(named)) < len(named):
        raise ValueError(f"The labels in config_setfit.json must all be str, or all int, each once, got {labels}.")
    return np.array(named)


def _probes(n_dimensions: int) -> NDArray[np.float32]:
    """Return embeddings in all directions."""
    return np.random.RandomState(0).standard_normal((_N_PROBES, n_dimensions)).astype(np.float32)


def relabelled_head(head: BaseEstimator, classes: NDArray[Any], n_dimensions: int) -> BaseEstimator:
    """Return a copy of a fitted head that answers ``classes`` in place of its own, in their order.

    Raises
    ------
    ValueError
        If it does not, because a head of its kind keeps its labels elsewhere.
    """
    probes = _probes(n_dimensions)
    new = dict(zip(head.classes_.tolist(), classes.tolist(), strict=True))
    expected = np.array([new[label] for label in head.predict(probes).tolist()])
    relabelled = copy.deepcopy(head)
    with suppress(AttributeError):  # some have no place of their own for them
        _last(relabelled).classes_ = classes
    answers = relabelled.predict(probes)
    if answers.dtype.kind != classes.dtype.kind or not np.array_equal(answers, expected):
        raise ValueError(
            f"The labels of a fitted {type(_last(head)).__name__} cannot be exchanged for {classes.tolist()}. Fit it "
            f"on these themselves, as an array of dtype str."
        )
    return relabelled


def _last(head: BaseEstimator) -> BaseEstimator:
    """Return the estimator of a pipeline or search that gives its answers."""
    if isinstance(head, Pipeline):
        return _last(head[-1])
    return _last(head.best_estimator_) if hasattr(head, "best_estimator_") else head


def _sort_classes(head: BaseEstimator) -> None:
    """Put the classes of a logistic regression in order; scikit-learn's scorers read probabilities by it."""
    order = np.argsort(head.classes_)
    if np.array_equal(order, np.arange(len(order))):
        return
    if not isinstance(head, LogisticRegression):
        warnings.warn(
            f"The head, a {type(head).__name__}, keeps its classes in the order {head.classes_.tolist()}. Scorers that "
            f"read probabilities, such as roc_auc and neg_log_loss, expect them sorted, and are wrong of this model.",
            UserWarning,
            stacklevel=4,
        )
        return
    two = len(order) == 2  # and one row of weights, for the second class
    head.coef_, head.intercept_ = (-part if two else part[order] for part in (head.coef_, head.intercept_))
    head.classes_ = head.classes_[order]


def _from_torch(head: Any) -> BaseEstimator:
    """Return a scikit-learn classifier with the weights of a torch head of setfit."""
    scale = head.temperature + head.eps
    linear = head.linear
    weight = linear.weight.detach().cpu().double().numpy() / scale
    bias = np.zeros(len(weight)) if linear.bias is None else linear.bias.detach().cpu().double().numpy() / scale
    return _logistic_head(weight, bias, multi_label=getattr(head, "multitarget", False))


def plain_sklearn_head(head: BaseEstimator) -> BaseEstimator:
    """Return a logistic regression of equal weights for a `TorchHead`, and any other head as it is."""
    if not isinstance(head, TorchHead):
        return head
    weight, bias = head.coef_, head.intercept_
    if len(weight) < len(head.classes_):  # the two sides of one row
        weight, bias = np.vstack([-weight, weight]) / 2, np.concatenate([-bias, bias]) / 2
    logistic = _logistic_head(weight, bias, multi_label=head.multilabel_)
    if not head.multilabel_:
        logistic.classes_ = head.classes_
    return logistic


def _logistic_head(weight: NDArray[np.float64], bias: NDArray[np.float64], *, multi_label: bool) -> BaseEstimator:
    """Return a fitted logistic regression with these weights, a row per class; for multi-label one model per label."""
    # Fitted on nothing for all that a fitted one has beside its weights.
    n_classes, nothing = len(weight), np.zeros_like(weight)
    if multi_label:
        all_of_them = OneVsRestClassifier(LogisticRegression()).fit(nothing, np.eye(n_classes, dtype=np.int64))
        for i, one in enumerate(all_of_them.estimators_):
            one.coef_, one.intercept_ = weight[i : i + 1], bias[i : i + 1]
        return all_of_them
    fitted = LogisticRegression().fit(nothing, np.arange(n_classes))
    if n_classes == 2:  # the sigmoid of the difference is the softmax of two
        weight, bias = np.diff(weight, axis=0), np.diff(bias)
    fitted.coef_, fitted.intercept_ = weight, bias
    return fitted
