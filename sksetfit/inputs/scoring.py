"""The accuracy of a classifier on targets in any form that its `fit` takes."""

from __future__ import annotations

from typing import Any

from sklearn.base import ClassifierMixin

from sksetfit.inputs.targets import target_array


class TargetScoreMixin(ClassifierMixin):
    """Mixin of classifiers: scikit-learn's own, whose `score` reads targets as `fit` does."""

    def score(self, X: Any, y: Any, sample_weight: Any = None) -> float:
        """Return the accuracy of the predictions for ``X``, for multi-label targets the subset accuracy.

        Parameters
        ----------
        X : array-like of shape (n_samples,) or (n_samples, n_features)
            What `predict` takes.
        y : array-like of shape (n_samples,) or (n_samples, n_labels)
            The true targets, in any form that `fit` takes.
        sample_weight : array-like of shape (n_samples,) or None, default=None
            How much each row counts. None: all count alike.

        Returns
        -------
        float
            The share of rows whose prediction is right.
        """
        return float(super().score(X, target_array(y, warn=False), sample_weight))
