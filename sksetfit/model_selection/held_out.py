"""What meta-estimators share that look at answers to rows which their estimator was not fitted on."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
from numpy.typing import NDArray
from sklearn.utils import _safe_indexing
from sklearn.utils.metadata_routing import MetadataRouter, MethodMapping
from sklearn.utils.validation import _check_method_params

from sksetfit.persistence.estimator_state import PlainStateMixin, checked_state, plain_state


class HeldOutMixin(PlainStateMixin):
    """A meta-estimator with the parameters ``estimator`` and ``cv``, which has learned ``estimator_``.

    ``_learned`` names what else it has learned and of which types, and ``_check_learned`` looks at it in a file.
    """

    estimator_: Any
    _learned: dict[str, type]

    def _check_learned(self, state: dict[str, Any]) -> None:
        raise NotImplementedError

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
        own: Any = self
        return (
            MetadataRouter(owner=type(self).__name__)
            .add(estimator=own.estimator, method_mapping=MethodMapping().add(caller="fit", callee="fit"))
            .add(splitter=own.cv, method_mapping=MethodMapping().add(caller="fit", callee="split"))
        )

    def __getstate__(self) -> dict[str, Any]:
        state: Any = super().__getstate__()
        return plain_state(state)

    def __setstate__(self, state: dict[str, Any]) -> None:
        own: Any = self
        state = checked_state(own, state, self._learned)
        if "estimator_" in state:
            self._check_learned(state)
        super().__setstate__(state)  # type: ignore[misc]


def fit_and_predict(
    estimator: Any, X: Any, y: Any, train: Any, held_out: Any, params: dict[str, Any], answer: Callable[[Any, Any], Any]
) -> Any:
    """Fit on some rows, and return what ``answer`` makes of the estimator and the other rows."""
    params = _check_method_params(X, params, indices=train)
    estimator.fit(_safe_indexing(X, train), _safe_indexing(y, train), **params)
    return answer(estimator, _safe_indexing(X, held_out))
