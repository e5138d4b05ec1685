"""The accuracy of a classifier on targets in any form that its `fit` takes."""

from __future__ import annotations

from typing import Any

from sklearn.base import ClassifierMixin
from sklearn.utils.validation import check_is_fitted

from sksetfit.inputs.targets import align_columns, target_array


class TargetScoreMixin(ClassifierMixin):
    """Mixin of classifiers: scikit-learn's own, whose `score` reads targets as `fit` does."""

    classes_: Any

    def score(self, X: Any, y: Any, sample_weight: Any = None) -> float:
        """Return the accuracy of the predictions for ``X``, for multi-label targets the subset accuracy.

        Parameters
        ----------
        X : array-like of shape (n_samples,) or (n_samples, n_features)
            What `predict` takes.
        y : array-like of shape (n_samples,) or (n_samples, n_labels)
            The true targets, in any form that `fit` takes. The columns of a frame are found by their names.
        sample_weight : array-like of shape (n_samples,) or None, default=None
            How much each row counts. None: all count alike.

        Returns
        -------
        float
            The share of rows whose prediction is right.

        Raises
        ------
        ValueError
            If the columns of a frame have other names than ``classes_``, or X and y have different lengths.
        """
        check_is_fitted(self)
        labels = target_array(align_columns(y, self.classes_, "y"), _n_rows(X), warn=False)
        return float(super().score(X, labels, sample_weight))


def _n_rows(X: Any) -> int | None:
    """Return how many rows there are; None for what `predict` may refuse, in its own words."""
    if isinstance(X, (list, tuple)):
        return len(X)
    shape = getattr(X, "shape", ())
    return shape[0] if shape else None
