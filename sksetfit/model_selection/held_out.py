"""What meta-estimators share that look at answers to rows which their estimator was not fitted on."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
from numpy.typing import NDArray
from sklearn.base import MetaEstimatorMixin, clone
from sklearn.exceptions import NotFittedError
from sklearn.utils import Tags, _safe_indexing, get_tags
from sklearn.utils.metadata_routing import MetadataRouter, MethodMapping
from sklearn.utils.parallel import Parallel, delayed
from sklearn.utils.validation import _check_method_params, _num_samples, check_is_fitted

from sksetfit.inputs.scoring import TargetScoreMixin
from sksetfit.persistence.estimator_state import PlainStateMixin, checked_state, plain_state

Rows = NDArray[np.intp]
Splits = list[tuple[Rows, Rows]]
Answers = tuple[NDArray[Any], ...]


class HeldOutMixin(PlainStateMixin, TargetScoreMixin, MetaEstimatorMixin):
    """A meta-estimator with the parameters ``estimator``, ``cv`` and ``n_jobs``, which has learned ``estimator_``.

    ``_learned`` names what else it has learned and of which types, and ``_check_learned`` looks at it in a file.
    """

    cv: Any
    estimator: Any
    estimator_: Any
    n_jobs: int | None
    _learned: dict[str, type]

    def _check_learned(self, state: dict[str, Any]) -> None:
        raise NotImplementedError

    @property
    def _is_prefit(self) -> bool:
        return isinstance(self.cv, str)

    def _classes_before(self) -> Any:
        """Return the classes of an estimator that is fitted before `fit`, or None.

        It is with ``cv="prefit"`` and in a `FrozenEstimator`.
        """
        if not self._is_prefit:
            return getattr(clone(self.estimator), "classes_", None)
        try:
            check_is_fitted(self.estimator)
        except NotFittedError as error:
            raise NotFittedError(
                f"With cv='prefit' the estimator must be fitted, got {self.estimator!r}, which is not. Fit it first, "
                f"on other rows, or give cv a number of folds."
            ) from error
        return getattr(self.estimator, "classes_", None)

    def _fit_and_answer(
        self, X: Any, y: Any, splits: Splits, params: dict[str, Any], answer: Callable[[Any, Any], Answers]
    ) -> tuple[Any, Rows, Answers]:
        """Return the estimator fitted on all rows, those held out, and the answers of copies fitted on the others.

        With ``cv="prefit"`` the estimator is used as it is, and all rows are held out.
        """
        if self._is_prefit:
            return self.estimator, np.arange(_num_samples(X)), answer(self.estimator, X)
        found = Parallel(n_jobs=self.n_jobs)(
            delayed(_fit_copy)(clone(self.estimator), X, y, train, held_out, params, answer)
            for train, held_out in splits
        )
        answers = tuple(np.concatenate(parts) for parts in zip(*found, strict=True))
        rows = np.concatenate([held_out for _, held_out in splits])
        return clone(self.estimator).fit(X, y, **params), rows, answers

    @property
    def n_features_in_(self) -> int:
        """The number of columns of ``X``."""
        n_features: int = self.estimator_.n_features_in_
        return n_features

    @property
    def feature_names_in_(self) -> NDArray[np.object_]:
        """The names of the columns of ``X``."""
        names: NDArray[np.object_] = self.estimator_.feature_names_in_
        return names

    def get_metadata_routing(self) -> MetadataRouter:
        """Return what of the metadata given to `fit` goes where.

        Returns
        -------
        MetadataRouter
            To the `fit` of the estimator and the `split` of the splitter.
        """
        return (
            MetadataRouter(owner=type(self).__name__)
            .add(estimator=self.estimator, method_mapping=MethodMapping().add(caller="fit", callee="fit"))
            .add(splitter=self.cv, method_mapping=MethodMapping().add(caller="fit", callee="split"))
        )

    def __getstate__(self) -> dict[str, Any]:
        return plain_state(super().__getstate__())

    def __setstate__(self, state: dict[str, Any]) -> None:
        own: Any = self
        state = checked_state(own, state, self._learned)
        if "estimator_" in state:
            fitted = state["estimator_"]
            if isinstance(fitted, type) or not hasattr(fitted, "predict_proba"):
                kind = type(fitted).__name__
                raise ValueError(f"The saved {type(own).__name__}'s estimator_, a {kind}, must have predict_proba.")
            self._check_learned(state)
        super().__setstate__(state)

    def __sklearn_tags__(self) -> Tags:
        tags = super().__sklearn_tags__()
        tags.input_tags = get_tags(self.estimator).input_tags
        return tags


def _fit_copy(
    copy: Any,
    X: Any,
    y: Any,
    train: Rows,
    held_out: Rows,
    params: dict[str, Any],
    answer: Callable[[Any, Any], Answers],
) -> Answers:
    params = _check_method_params(X, params, indices=train)
    copy.fit(_safe_indexing(X, train), _safe_indexing(y, train), **params)
    return answer(copy, _safe_indexing(X, held_out))


def label_probabilities(estimator: Any, X: Any, n_labels: int) -> tuple[NDArray[np.float64]]:
    """Return the probability of each label, of an estimator that gives one array or one of two columns per label."""
    answer, n_rows = estimator.predict_proba(X), _num_samples(X)
    shapes = [np.shape(of_label) for of_label in answer] if isinstance(answer, list) else np.shape(answer)
    if len(shapes) == n_labels and set(shapes) <= {(n_rows, 1), (n_rows, 2)}:
        # A label that was constant in a fit has the column of its only class.
        constant = [None if shape[1] == 2 else estimator.classes_[i][0] for i, shape in enumerate(shapes)]
        columns = zip(answer, constant, strict=True)
        answer = np.column_stack([part[:, 1] if only is None else np.full(n_rows, only) for part, only in columns])
    elif shapes != (n_rows, n_labels):
        raise ValueError(
            f"{type(estimator).__name__}.predict_proba must give an array of {n_labels} columns, one per label of y, "
            f"or a list of {n_labels} arrays of two columns, got shapes {shapes}. Is it fitted on these labels?"
        )
    probabilities = np.asarray(answer, dtype=np.float64)
    if not np.isfinite(probabilities).all():
        raise ValueError(f"{type(estimator).__name__}.predict_proba gives values that are not finite.")
    return (probabilities,)


def likeliest_labels(estimator: Any, X: Any) -> tuple[NDArray[Any], NDArray[np.floating]]:
    """Return the likeliest label of each text, and its probability."""
    proba = estimator.predict_proba(X)
    if not np.isfinite(proba).all():
        raise ValueError(f"{type(estimator).__name__}.predict_proba gives values that are not finite.")
    return estimator.classes_[proba.argmax(axis=1)], proba.max(axis=1)
