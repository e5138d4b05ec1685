"""Heads as the classifier fits them: checked, copied, with a multi-label strategy around them, weighted."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray
from sklearn import config_context
from sklearn.base import BaseEstimator, clone, is_classifier
from sklearn.dummy import DummyClassifier
from sklearn.linear_model import LogisticRegression, RidgeClassifier
from sklearn.multiclass import OneVsRestClassifier
from sklearn.multioutput import ClassifierChain, MultiOutputClassifier
from sklearn.pipeline import Pipeline
from sklearn.preprocessing import LabelBinarizer
from sklearn.utils.validation import has_fit_parameter

from sksetfit.heads.default import LogisticRegressionHead, resolve
from sksetfit.inputs.labels import check_labels_known, plain_keys

Strategy = Literal["one-vs-rest", "multi-output", "classifier-chain"]
STRATEGIES: dict[Strategy, type[BaseEstimator]] = {
    "one-vs-rest": OneVsRestClassifier,
    "multi-output": MultiOutputClassifier,
    "classifier-chain": ClassifierChain,
}

CERTAIN = 50.0  # a logit of which the sigmoid is 1, and of its negative 0, but for 1e-21


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


def check_head_class_weight(head: BaseEstimator | None, classes: list[Any], *, multi_label: bool) -> None:
    """Raise ValueError if a dict of class weights, of a head or of the last step of its `Pipeline`, names other labels.

    scikit-learn notices it in the fit of the head, after the tuning. For multi-label targets the classes are 0 and 1.
    """
    while isinstance(head, Pipeline):
        head = head.steps[-1][1]
    class_weight = None if head is None else head.get_params().get("class_weight")
    if not isinstance(class_weight, Mapping):
        return
    name = "class_weight of the head" + ", which for several labels per text gets 0 and 1 of each label," * multi_label
    check_labels_known(plain_keys(class_weight), [0, 1] if multi_label else classes, name)


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


def fit_head(
    head: Any, embeddings: NDArray[Any], y: NDArray[Any], weights: NDArray[Any] | None, constant: NDArray[np.bool_]
) -> None:
    """Fit a head that `build_head` has made; for several labels each of its classifiers gets the weights.

    The labels that are ``constant`` among the texts are not learned: the answer is that of the first row.
    """
    wrapped = type(head) in STRATEGIES.values()
    y_fitted = y[:, ~constant] if wrapped and y.ndim == 2 else y
    y_fitted = y_fitted.ravel() if type(head) is OneVsRestClassifier and y_fitted.shape[1:] == (1,) else y_fitted
    if weights is None:
        head.fit(embeddings, y_fitted)
    elif wrapped:
        with config_context(enable_metadata_routing=True):  # the one way through all three strategies
            head.estimator.set_fit_request(sample_weight=True)
            head.fit(embeddings, y_fitted, sample_weight=weights)
        for each in (head.estimator, *head.estimators_):
            each.__dict__.pop("_metadata_request", None)  # it refers to its owner, which skops cannot write
    else:
        head.fit(embeddings, y_fitted, sample_weight=weights)
    if y.ndim == 2 and constant.any():
        if wrapped:
            _insert_constant(head, constant, y, embeddings.shape[1])
        else:  # a linear layer, as TorchHead is
            head.coef_[constant] = 0
            head.intercept_[constant] = np.where(y[0, constant], CERTAIN, -CERTAIN)


def _insert_constant(head: Any, constant: NDArray[np.bool_], y: NDArray[Any], n_features: int) -> None:
    """Give a strategy that was fitted on the other labels its estimators of the constant ones."""
    places, at_the_end = np.flatnonzero(constant), isinstance(head, ClassifierChain)
    estimators = list(head.estimators_)
    for place in places:
        n_columns = n_features + at_the_end * len(estimators)  # a link of a chain sees the answers before it
        answer = _constant_classifier(head.estimators_[0], y[0, place], n_columns)
        estimators.insert(len(estimators) if at_the_end else place, answer)
    head.estimators_ = estimators
    if isinstance(head, OneVsRestClassifier):
        head.label_binarizer_ = LabelBinarizer(sparse_output=True).fit(y)
        head.classes_ = head.label_binarizer_.classes_
        return
    head.classes_ = [each.classes_ for each in estimators]
    if at_the_end:
        head.order_ = np.append(np.flatnonzero(~constant)[head.order_], places)


def _constant_classifier(like: Any, answer: int, n_features: int) -> BaseEstimator:
    """Return a fitted classifier that answers 0 or 1 only, with the methods of ``like``.

    It is scikit-learn's, so that every reader of a saved file knows it. The constant classifier of its
    `OneVsRestClassifier` does not do: in the first place, it makes 0.5 the threshold of all decision functions.
    """
    nothing, both = np.zeros((2, n_features)), [0, 1]
    if not hasattr(like, "decision_function"):
        return DummyClassifier(strategy="constant", constant=int(answer)).fit(nothing, both)
    linear: Any = LogisticRegression() if hasattr(like, "predict_proba") else RidgeClassifier()
    linear.fit(nothing, both)
    linear.intercept_ = np.array([CERTAIN if answer else -CERTAIN])
    return linear


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
