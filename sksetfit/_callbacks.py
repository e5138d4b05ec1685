"""scikit-learn's callbacks, which it has from 1.9 on: told about the steps of a tuning, and able to stop it.

Floor 0: knows scikit-learn.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, TypeVar

try:
    from sklearn.callback import CallbackSupportMixin
    from sklearn.callback import with_callbacks as _with_callbacks
except ImportError:
    _with_callbacks = None

    class CallbackSupportMixin:  # type: ignore[no-redef]
        """Stands in where scikit-learn has no callbacks."""


Method = TypeVar("Method", bound=Callable[..., Any])


def with_callbacks(method: Method) -> Method:
    """Return `fit` with callbacks where scikit-learn has them, and as it is otherwise; of the same types."""
    decorated: Method = method if _with_callbacks is None else _with_callbacks(method)
    return decorated


__all__ = ["CallbackSupportMixin", "TaskReports", "task_reports", "with_callbacks"]


class TaskReports:
    """Reports a fit and its tuning steps to the callbacks of an estimator.

    Parameters
    ----------
    estimator : estimator
        That has callbacks.
    data : dict
        The ``X``, ``y`` and ``metadata`` of the fit.
    fitted_attributes : callable
        Gives, for a body, its label texts, the losses so far and the plan, the attributes that make the estimator a
        fitted one. Called only for callbacks that ask for it.
    """

    def __init__(self, estimator: Any, data: dict[str, Any], fitted_attributes: Callable[..., dict[str, Any]]) -> None:
        self._estimator = estimator
        self._data = data
        self._fitted_attributes = fitted_attributes
        self._fit: Any = None
        self.stopped = False  # whether a callback wanted to stop before the end

    def start(self, body: Any, label_texts: dict[Any, list[str]], plan: Any) -> None:
        """Report the beginning of the fit and of the first step."""
        self._body, self._label_texts, self._plan = body, label_texts, plan
        self._begin_fit(plan.n_steps)
        if plan.n_steps:
            self.go_on()

    def step(self, losses: list[float]) -> bool:
        """Report the end of a step, and tell whether a callback wants to stop."""
        self.stopped = self._step.call_on_fit_task_end(
            estimator=self._estimator,
            reconstruction_attributes=lambda: self._fitted_attributes(
                self._body, self._label_texts, losses, self._plan
            ),
            **self._data,
        )
        return self.stopped

    def go_on(self) -> None:
        """Report the beginning of a step."""
        self._step = self._fit.subcontext(task_name="tuning step")
        self._step.call_on_fit_task_begin(estimator=self._estimator, **self._data)

    def end(self, fitted_attributes: dict[str, Any]) -> None:
        """Report the end of the fit, which had no steps if its body was found in a memory."""
        if self._fit is None:
            self._begin_fit(0)
        self._fit.call_on_fit_task_end(
            estimator=self._estimator, reconstruction_attributes=lambda: fitted_attributes, **self._data
        )

    def _begin_fit(self, n_steps: int) -> None:
        self._fit = self._estimator._init_callback_context(max_subtasks=n_steps)
        self._fit.call_on_fit_task_begin(estimator=self._estimator, **self._data)


def task_reports(
    estimator: Any, X: Any, y: Any, sample_weight: Any, fitted_attributes: Callable[..., dict[str, Any]]
) -> TaskReports | None:
    """Return what reports to the callbacks of an estimator, None where it has none."""
    if not hasattr(estimator, "_skl_callbacks"):
        return None
    metadata = {} if sample_weight is None else {"sample_weight": sample_weight}
    return TaskReports(estimator, {"X": X, "y": y, "metadata": metadata}, fitted_attributes)
