"""The classifier on the embeddings: its default, its multi-label strategies, and one form for its answers."""

from __future__ import annotations

from collections.abc import Callable
from functools import update_wrapper
from types import MethodType
from typing import Any, Concatenate, Generic, Literal, ParamSpec, TypeVar

import numpy as np
from numpy.typing import NDArray
from sklearn import config_context
from sklearn.base import BaseEstimator, clone, is_classifier
from sklearn.linear_model import LogisticRegression
from sklearn.multiclass import OneVsRestClassifier
from sklearn.multioutput import ClassifierChain, MultiOutputClassifier
from sklearn.utils.validation import check_is_fitted, has_fit_parameter

from sksetfit.inputs.texts import shown

Strategy = Literal["one-vs-rest", "multi-output", "classifier-chain"]
STRATEGIES: dict[Strategy, type[BaseEstimator]] = {
    "one-vs-rest": OneVsRestClassifier,
    "multi-output": MultiOutputClassifier,
    "classifier-chain": ClassifierChain,
}


# Over six data sets of 8 to 512 texts in 2 to 77 classes; the best C of each has a log loss that is lower by 0.005.
C_TIMES_TEXTS_PER_CLASS = 25


class HeadMethodError(AttributeError, TypeError):
    """The head has no such method; an AttributeError, so that ``hasattr`` tells, and a TypeError of the ``head``."""


def default_head() -> LogisticRegression:
    """Return what ``head=None`` stands for.

    `build_head` resolves what is "auto".
    """
    return LogisticRegression(C="auto", fit_intercept="auto", max_iter=1000, class_weight="auto")


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
    if hasattr(head, "_parameter_constraints"):  # which its own fit would look at, after the tuning
        resolve(clone(head), multi_label=False, n_texts=2, n_classes=2)._validate_params()


def check_fitted_head(head: Any, classes: NDArray[Any], n_dimensions: int) -> None:
    """Raise an error unless a head that was saved is a fitted classifier of these classes and of such embeddings.

    It is not asked for an answer: what is in a file must not run before its owner uses it.

    Raises
    ------
    ValueError
        If it is not.
    """
    from sksetfit.persistence.components import (
        check_parts,  # whose parts of scikit-learn take a tenth of a second to import
    )

    name = type(head).__name__
    try:
        if not is_classifier(head):
            raise TypeError("it is no classifier")
        if (n_features := getattr(head, "n_features_in_", n_dimensions)) != n_dimensions:
            raise ValueError(f"it is for {n_features}")
        check_parts(head)
        own = _classes_of(head, classes)
        same = np.array_equal(own, classes)
        if same and (type(head) is LogisticRegression or _takes_several_labels(head)):  # whose shapes can be told
            n_rows = 1 if len(classes) == 2 and not is_multi_label(head) else len(classes)
            if (shapes := (head.coef_.shape, head.intercept_.shape)) != ((n_rows, n_dimensions), (n_rows,)):
                raise ValueError(f"its weights are of shapes {shapes}")
    except Exception as error:  # whatever a head without some of its attributes happens to raise
        raise ValueError(
            f"The saved classifier's head_ must be a fitted classifier of embeddings of {n_dimensions} dimensions, got "
            f"{name} ({type(error).__name__}: {error})."
        ) from error
    if not same:
        raise ValueError(
            f"The saved classifier's classes_, {shown(classes.tolist())}, are not those of its head_, {name}: "
            f"{shown(np.asarray(own).tolist())}."
        )


def _classes_of(head: Any, classes: NDArray[Any]) -> Any:
    """Return the classes that a fitted head has, in the words of ``classes`` where it only has a number of them."""
    if type(head).__module__.startswith("sklearn."):
        check_is_fitted(head)
    if type(head) is LogisticRegression:
        return head.classes_  # without which it counts as fitted, and cannot answer
    if is_multi_label(head):
        n_classes = len(getattr(head, "estimators_", None) or head.classes_)
        return classes if n_classes == len(classes) else np.arange(n_classes)
    return getattr(head, "classes_", classes)


def is_multi_label(head: Any) -> bool:
    """Tell whether a fitted head answers with several labels per text."""
    return bool(getattr(head, "multilabel_", isinstance(head, tuple(STRATEGIES.values()))))


def _takes_several_labels(head: Any) -> bool:
    """Tell whether a head, fitted or not, needs no strategy for several labels, as `TorchHead` does."""
    return getattr(head, "_takes_several_labels", False)


def check_head_takes_weights(
    head: BaseEstimator | None, *, multi_label: bool, sample_weight: bool, class_weight: Any
) -> None:
    """Raise an error if a head cannot be fitted with the weights that it is to be given."""
    built = default_head() if head is None else head
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
    # `head or default_head()` would drop an ensemble, which has a length.
    built = default_head() if head is None else clone(head)
    resolve(built, multi_label=multi_label, n_texts=n_texts, n_classes=n_classes, names_only=names_only)
    if multi_label and class_weight == "balanced":
        built.set_params(class_weight="balanced")
    if multi_label and not _takes_several_labels(built):
        built = STRATEGIES[strategy](built)
    for name, value in sorted(built.get_params().items()):
        if name.split("__")[-1] == "random_state" and value is None:
            built.set_params(**{name: rng.randint(2**31 - 1)})
    return built


def resolve(head: Any, *, multi_label: bool, n_texts: float, n_classes: int, names_only: bool = False) -> Any:
    """Put values in the place of "auto", and return the head.

    ``class_weight`` becomes "balanced" for several labels per text, each of which is on few texts, so that an
    unweighted head would answer with no label at all for most; single labels are as frequent as they are.

    ``C`` becomes a number at which probabilities come out right. The embeddings of tuned texts lie closer together than
    those of new ones, the more so the more texts there are: the larger the data, the more the head must be held back,
    where LogisticRegression does the opposite by itself. Many classes share the probability and need less of it. For
    several labels per text, each of which has a head of its own, it is 10.

    ``fit_intercept`` becomes False where all texts are made of names, which do not say how frequent classes are.
    """
    parameters = head.get_params()
    if parameters.get("class_weight") == "auto":
        head.set_params(class_weight="balanced" if multi_label else None)
    if parameters.get("fit_intercept") == "auto":
        head.set_params(fit_intercept=not names_only)
    if parameters.get("C") == "auto":
        head.set_params(C=10.0 if multi_label else C_TIMES_TEXTS_PER_CLASS * n_classes**2 / n_texts)
    return head


def one_array(answer: NDArray[Any] | list[NDArray[Any]]) -> NDArray[Any]:
    """Return what a head answers as one array.

    `MultiOutputClassifier` gives a list with an array of shape (n_texts, 2) for each label.
    """
    if isinstance(answer, list):
        return np.column_stack([of_label[:, 1] for of_label in answer])
    return answer


Given = ParamSpec("Given")
Answer = TypeVar("Answer")


class head_method(Generic[Given, Answer]):  # noqa: N801  (a decorator)
    """A method that exists where the head has one of its name.

    What `sklearn.utils.metaestimators.available_if` does, with an error that names the head and the way out.
    """

    def __init__(self, method: Callable[Concatenate[Any, Given], Answer]) -> None:
        self._method: Any = method
        update_wrapper(self, method)  # type: ignore[arg-type]  # its type knows functions only

    def __get__(self, classifier: Any, owner: type | None = None) -> Callable[Given, Answer]:
        if classifier is None:
            unbound: Callable[Given, Answer] = self._method
            return unbound
        name = self._method.__name__
        head, given = classifier._own_head, getattr(classifier, "head", None)
        if head is not None and not hasattr(head, name):
            # As the caller wrote it, where that tells it all: without the seeds and the strategy around it.
            culprit = head if given is None or hasattr(given, name) else given
            raise HeadMethodError(
                f"{type(classifier).__name__} has no {name} because its head, {culprit!r}, has none. "
                f"{_way_to(name, head) if hasattr(classifier, 'head') else 'It is that of its teacher.'}"
            )
        return MethodType(self._method, classifier)


def _way_to(method: str, head: BaseEstimator) -> str:
    if method == "decision_function" and isinstance(head, MultiOutputClassifier):
        return "Choose another multi_target_strategy, e.g. 'one-vs-rest'."
    wrapped = ", or wrap this one: CalibratedClassifierCV gives any head predict_proba"
    return f"Choose another head, e.g. LogisticRegression(){wrapped if method == 'predict_proba' else ''}."
