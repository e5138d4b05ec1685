"""What a head that was saved must be: a fitted classifier of the classes and embeddings of its owner."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray
from sklearn.base import is_classifier
from sklearn.linear_model import LogisticRegression
from sklearn.utils.validation import check_is_fitted

from sksetfit.heads.default import LogisticRegressionHead
from sksetfit.heads.strategies import is_multi_label
from sksetfit.inputs.texts import short_repr


def check_fitted_head(head: Any, classes: NDArray[Any], n_dimensions: int) -> None:
    """Raise an error unless a head that was saved is a fitted classifier of these classes and of such embeddings.

    It is not asked for an answer: what is in a file must not run before its owner uses it.

    Raises
    ------
    ValueError
        If it is not.
    """
    # Inside the function: the parts of scikit-learn that it knows take a tenth of a second to import.
    from sksetfit.persistence.components import check_components

    name = type(head).__name__
    try:
        if not is_classifier(head):
            raise TypeError("it is no classifier")
        if (n_features := getattr(head, "n_features_in_", n_dimensions)) != n_dimensions:
            raise ValueError(f"it is for {n_features}")
        check_components(head)
        own = _classes_of(head, classes)
        same = np.array_equal(own, classes)
    except Exception as error:  # whatever a head without some of its attributes happens to raise
        raise ValueError(
            f"The saved classifier's head_ must be a fitted classifier of embeddings of {n_dimensions} dimensions, got "
            f"{name} ({type(error).__name__}: {error})."
        ) from error
    if not same:
        raise ValueError(
            f"The saved classifier's classes_, {short_repr(classes.tolist())}, are not those of its head_, {name}: "
            f"{short_repr(np.asarray(own).tolist())}."
        )


def _classes_of(head: Any, classes: NDArray[Any]) -> Any:
    """Return the classes that a fitted head has, in the words of ``classes`` where it only has a number of them."""
    if type(head).__module__.startswith(("sklearn.", "sksetfit")):
        check_is_fitted(head)
    if type(head) in (LogisticRegression, LogisticRegressionHead):
        return head.classes_  # without which it counts as fitted, and cannot answer
    if is_multi_label(head):
        n_classes = len(getattr(head, "estimators_", None) or head.classes_)
        return classes if n_classes == len(classes) else np.arange(n_classes)
    return getattr(head, "classes_", classes)
