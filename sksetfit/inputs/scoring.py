"""The accuracy of a classifier on targets in any form that its `fit` takes."""

from __future__ import annotations

from typing import Any

from sklearn.base import ClassifierMixin
from sklearn.utils.validation import check_is_fitted

from sksetfit.inputs.targets import align_columns, target_array
from sksetfit.inputs.texts import column_names


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
            If the columns of a frame have other names than ``classes_``.
        """
        check_is_fitted(self)
        if len(column_names(y) or []) > 1:
            y = align_columns(y, self.classes_, "y")
        return float(super().score(X, target_array(y, warn=False), sample_weight))
