"""Heads as the classifier fits them: checked, copied, with a multi-label strategy around them, weighted."""

from __future__ import annotations

from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray
from sklearn import config_context
from sklearn.base import BaseEstimator, clone, is_classifier
from sklearn.multiclass import OneVsRestClassifier
from sklearn.multioutput import ClassifierChain, MultiOutputClassifier
from sklearn.utils.validation import has_fit_parameter

from sksetfit.heads.default import LogisticRegressionHead, resolve

Strategy = Literal["one-vs-rest", "multi-output", "classifier-chain"]
STRATEGIES: dict[Strategy, type[BaseEstimator]] = {
    "one-vs-rest": OneVsRestClassifier,
    "multi-output": MultiOutputClassifier,
    "classifier-chain": ClassifierChain,
}


def check_head(head: Any) -> None:
    """Raise an error unless ``head`` is None or an instance of a scikit-learn classifier with valid parameters."""
    if head is None:
        return
    if isinstance(head, type):
        raise TypeError(
            f"head must be an instance of a classifier, got the class {head.__name__}. Call it first: "
            f"head={head.__name__}()."
        )
    # Asked of the class: a StackingClassifier shows its predict only when it is fitted.
    if not (all(hasattr(type(head), name) for name in ("fit", "predict", "get_params")) and is_classifier(head)):
        raise TypeError(
            f"head must be a scikit-learn classifier, got {type(head).__name__}. For example "
            f"LogisticRegression(), LinearSVC(), or a Pipeline that ends in a classifier."
        )
    if hasattr(head, "_parameter_constraints"):  # which scikit-learn would check after the tuning, in fit
        is_default = isinstance(head, LogisticRegressionHead)
        resolved = head if is_default else resolve(clone(head), multi_label=False, n_texts=2, n_classes=2)
        resolved._validate_params()  # noqa: SLF001


def is_multi_label(head: Any) -> bool:
    """Tell whether a fitted head answers with several labels per text."""
    return bool(getattr(head, "multilabel_", isinstance(head, tuple(STRATEGIES.values()))))


def takes_several_labels(head: Any) -> bool:
    """Tell whether a head, fitted or not, needs no strategy for several labels, as `TorchHead` does."""
    return getattr(head, "_takes_several_labels", False)


def check_head_takes_weights(
    head: BaseEstimator | None, *, multi_label: bool, sample_weight: bool, class_weight: Any
) -> None:
    """Raise an error if a head cannot be fitted with the weights that it is to be given."""
    built = LogisticRegressionHead() if head is None else head
    parameters = built.get_params()
    if multi_label and class_weight == "balanced" and "class_weight" not in parameters:
        raise ValueError(
            f"class_weight='balanced' for several labels per text weighs the two sides of each label in the head, and "
            f"{type(built).__name__} has no class_weight. Take another head, e.g. LogisticRegression()."
        )
    if not sample_weight:
        return
    wrapping = multi_label and any("__" in name for name in parameters)
    if wrapping or not has_fit_parameter(built, "sample_weight"):
        raise ValueError(
            f"class_weight and sample_weight are passed to the head's fit as sample_weight, which "
            f"{type(built).__name__} {'does not pass on' if wrapping else 'does not take'}. Take another head, e.g. "
            f"LogisticRegression(), or fit without weights."
        )


def fit_head(head: Any, embeddings: NDArray[Any], y: NDArray[Any], weights: NDArray[Any] | None) -> None:
    """Fit a head that `build_head` has made; for several labels each of its classifiers gets the weights."""
    if weights is None:
        head.fit(embeddings, y)
    elif type(head) in STRATEGIES.values():
        with config_context(enable_metadata_routing=True):  # the one way through all three strategies
            head.estimator.set_fit_request(sample_weight=True)
            head.fit(embeddings, y, sample_weight=weights)
        for each in (head.estimator, *head.estimators_):
            each.__dict__.pop("_metadata_request", None)  # it refers to its owner, which skops cannot write
    else:
        head.fit(embeddings, y, sample_weight=weights)


def build_head(
    head: BaseEstimator | None,
    strategy: Strategy,
    *,
    multi_label: bool,
    n_texts: float,
    n_classes: int,
    rng: np.random.RandomState,
    names_only: bool = False,
    class_weight: Any = None,
) -> BaseEstimator:
    """Return an unfitted copy of ``head`` (None: the default), wrapped by the strategy for multi-label targets.

    A head that takes several labels by itself, as `TorchHead` does, is not wrapped.

    What is random in the head is seeded from ``rng``, unless it has a seed of its own.
    """
    # `head or LogisticRegressionHead()` would drop an ensemble, which has a length.
    built = LogisticRegressionHead() if head is None else clone(head)
    built = resolve(built, multi_label=multi_label, n_texts=n_texts, n_classes=n_classes, names_only=names_only)
    if multi_label and class_weight == "balanced":
        built.set_params(class_weight="balanced")
    if multi_label and not takes_several_labels(built):
        built = STRATEGIES[strategy](built)
    for name, value in sorted(built.get_params().items()):
        if name.split("__")[-1] == "random_state" and value is None:
            built.set_params(**{name: rng.randint(2**31 - 1)})
    return built


def stack_label_proba(answer: NDArray[Any] | list[NDArray[Any]]) -> NDArray[Any]:
    """Return what a head answers as one array.

    `MultiOutputClassifier` gives a list with an array of shape (n_texts, 2) for each label.
    """
    if isinstance(answer, list):
        return np.column_stack([of_label[:, 1] for of_label in answer])
    return answer
