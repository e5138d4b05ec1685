"""What runs beside the tuning steps: early stopping, and scikit-learn's callbacks where it has them (from 1.9 on)."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any, TypeVar

import numpy as np

from sksetfit.inputs.targets import held_out_rows
from sksetfit.inputs.texts import merge_duplicates
from sksetfit.inputs.training_data import Labelled
from sksetfit.training.sampler import balanced_batches

try:
    from sklearn.callback import CallbackSupportMixin
    from sklearn.callback import with_callbacks as _with_callbacks
except ImportError:
    _with_callbacks = None

    class CallbackSupportMixin:  # type: ignore[no-redef]
        """Stands in where scikit-learn has no callbacks."""


MOST_JUDGED_ON = 512  # texts that the head is fitted on for a score
N_SCORINGS = 10  # of the steps that are planned, besides one of the body as it comes


class EarlyStopping:
    """Scores a classifier while its body is tuned, stops when nothing is gained, and puts the best weights back.

    Parameters
    ----------
    score : callable
        Gives the score of a body, its label texts, the losses so far and the plan; the higher the better.
    n_iter_no_change : int
        After how many scorings in a row that are no better than the best before them to stop.
    key : object
        What the scores depend on besides the body, for a memory of tuned bodies.

    Notes
    -----
    Of equal scores the last counts as the best: on few texts many are equal, and what was tuned longer is the safer
    choice. It is no gain all the same.
    """

    stopped = False  # before its time it never does

    def __init__(self, score: Callable[..., float], n_iter_no_change: int, key: Any) -> None:
        self.key = key
        self._score = score
        self._n_iter_no_change = n_iter_no_change
        self._scores: list[float] = []
        self._steps: list[int] = []
        self._n_without_gain = 0

    def start(self, body: Any, label_texts: dict[Any, list[str]], plan: Any) -> None:
        """Score the body as it comes."""
        self._body = body
        self._label_texts = label_texts
        self._plan = plan
        self._interval = -(-plan.n_steps // N_SCORINGS)
        self._take_score([])

    def step(self, losses: list[float]) -> bool:
        """Score the body if it is time to, and tell whether to stop."""
        n_done = len(losses)
        if n_done % self._interval and n_done < self._plan.n_steps:
            return False
        self._take_score(losses)
        return self._n_without_gain >= self._n_iter_no_change

    def _take_score(self, losses: list[float]) -> None:
        try:
            score = float(self._score(self._body, self._label_texts, losses, self._plan))
            if math.isnan(score):
                raise ValueError("it gave NaN")
        except (TypeError, ValueError) as error:
            raise ValueError(
                f"scoring failed on the validation texts ({error}). Choose another scoring, or pass X_val and y_val "
                f"with texts of all classes."
            ) from error
        best = max(self._scores, default=float("-inf"))
        self._n_without_gain = 0 if score > best else self._n_without_gain + 1
        if score >= best:
            self._best_weights = self._body.copy_of_weights()
        self._scores.append(score)
        self._steps.append(len(losses))

    def go_on(self) -> None:
        """Do nothing."""

    def end(self, losses: list[float]) -> tuple[list[int], list[float]]:
        """Put the best weights back, and return the steps after which a score was taken, and the scores."""
        if self._steps[-1] < len(losses):  # somebody else wanted to stop
            self._take_score(losses)
        self._body.load_state_dict(self._best_weights, strict=False)  # those that are tuned
        return self._steps, self._scores


def hold_out(labelled: Labelled, fraction: float, rng: np.random.RandomState) -> tuple[Labelled, Labelled]:
    """Return the texts that are left to learn from, and those that are held out.

    Raises
    ------
    ValueError
        If no text can be held out.
    """
    texts, indicator = merge_duplicates(labelled.texts, labelled.targets.indicator)
    some = held_out_rows(indicator, fraction, rng)
    if not some.any():
        raise ValueError(
            "early_stopping=True can hold out no text: each class has a single one. Pass X_val and y_val to fit."
        )
    names = {text for text, is_held_out in zip(texts, some, strict=True) if is_held_out}
    held_out = np.array([text in names for text in labelled.texts])  # a text that is there twice, on one side
    return labelled.take(np.flatnonzero(~held_out)), labelled.take(np.flatnonzero(held_out))


def some_of_each_class(labelled: Labelled) -> Labelled:
    """Return texts of all classes alike, as many as tell how good the embeddings are, or all where they are few."""
    n_most = max(MOST_JUDGED_ON, 4 * len(labelled.targets.classes))
    if len(labelled.texts) <= n_most:
        return labelled
    (rows,) = balanced_batches(labelled.targets.indicator, 1, n_most, np.random.RandomState(0))
    return labelled.take(rows)


def code_of(scoring: Any) -> Any:
    """Return what a function does, which pickles tell by its name only: in a notebook it may be another tomorrow."""
    code = getattr(getattr(scoring, "_score_func", scoring), "__code__", None)
    return code and (code.co_code, code.co_names, [each for each in code.co_consts if not hasattr(each, "co_code")])


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
