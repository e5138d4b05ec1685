"""Methods of a classifier that its head must have."""

from __future__ import annotations

from collections.abc import Callable
from functools import update_wrapper
from types import MethodType
from typing import Any, Concatenate, Generic, ParamSpec, TypeVar

from sklearn.base import BaseEstimator
from sklearn.multioutput import MultiOutputClassifier


class HeadMethodError(AttributeError, TypeError):
    """The head has no such method; an AttributeError, so that ``hasattr`` tells, and a TypeError of the ``head``."""


def own_head(classifier: Any) -> Any:
    """Return the fitted head of a classifier or, before a fit, the one that it will have; None where that is open."""
    return classifier._own_head  # noqa: SLF001  (of a student it is that of its teacher)


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
        head, given = own_head(classifier), getattr(classifier, "head", None)
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
