"""What runs beside the training steps: early stopping, progress, and scikit-learn's callbacks (from 1.9 on)."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any, NamedTuple, TypeVar

import numpy as np
from numpy.typing import NDArray

from sksetfit.inputs.stratification import stratified_holdout
from sksetfit.inputs.texts import merge_duplicates
from sksetfit.inputs.training_data import TrainingData
from sksetfit.training.sampler import balanced_batches

try:
    from sklearn.callback import CallbackSupportMixin
    from sklearn.callback import with_callbacks as _with_callbacks
except ImportError:
    _with_callbacks = None

    class CallbackSupportMixin:  # type: ignore[no-redef]
        """Stands in where scikit-learn has no callbacks."""


__all__ = [
    "CallbackSupportMixin",
    "EarlyStopping",
    "ProgressBar",
    "ScikitLearnCallbacks",
    "TrainingCallback",
    "TrainingResult",
    "TrainingState",
    "code_of",
    "hold_out",
    "scikit_learn_callbacks",
    "some_of_each_class",
    "with_callbacks",
]

MAX_SCORING_TEXTS = 512  # texts that the head is fitted on for a score
N_SCORINGS = 10  # of the steps that are planned, besides one of the body as it comes


class TrainingResult(NamedTuple):
    """What a training has made: body, label texts that took part, plan, loss of each step, scorings, and warnings."""

    body: Any
    label_texts: dict[Any, list[str]]
    plan: Any
    loss_curve: NDArray[np.float64]
    validation_steps: NDArray[np.int64]
    validation_scores: NDArray[np.float64]
    warnings: tuple[str, ...] = ()  # of texts that cannot be read


@dataclass
class TrainingState:
    """What a callback sees of a training, and how it ends it after a step: by ``stop = True``."""

    body: Any
    label_texts: dict[Any, list[str]]
    plan: Any
    losses: list[float] = field(default_factory=list)
    validation_steps: list[int] = field(default_factory=list)
    validation_scores: list[float] = field(default_factory=list)
    stop: bool = False

    def result(self) -> TrainingResult:
        """Return what the training would make if it ended now."""
        return TrainingResult(
            self.body,
            self.label_texts,
            self.plan,
            np.array(self.losses, dtype=np.float64),
            np.array(self.validation_steps, dtype=np.int64),
            np.array(self.validation_scores, dtype=np.float64),
        )


class TrainingCallback:
    """Called at the beginning of a training, after each step, and at its end; each method does nothing by default."""

    key: Any = None  # what of it decides the result, for the cache
    reads_body = True  # whether it may encode texts, so that the weights must be finite
    stopped = False  # whether it has ended a training early for a reason that its key does not cover

    def on_train_begin(self, state: TrainingState) -> None:
        """Prepare."""

    def on_step_end(self, state: TrainingState) -> None:
        """Look at a step."""

    def on_train_end(self, state: TrainingState) -> None:
        """Finish."""


class EarlyStopping(TrainingCallback):
    """Scores a classifier while its body is tuned, stops when nothing is gained, and puts the best weights back.

    Parameters
    ----------
    score : callable
        Gives the score of a `TrainingState`; the higher the better.
    n_iter_no_change : int
        After how many scorings in a row that are no better than the best before them to stop.
    key : object
        What the scores depend on besides the body, for a memory of tuned bodies.

    Notes
    -----
    Of equal scores the last counts as the best: on few texts many are equal, and what was tuned longer is the safer
    choice. It is no gain all the same.
    """

    def __init__(self, score: Callable[[TrainingState], float], n_iter_no_change: int, key: Any) -> None:
        self.key = key
        self._score = score
        self._n_iter_no_change = n_iter_no_change
        self._n_without_gain = 0

    def on_train_begin(self, state: TrainingState) -> None:
        """Score the body as it comes."""
        self._interval = -(-state.plan.n_steps // N_SCORINGS)
        self._take_score(state)

    def on_step_end(self, state: TrainingState) -> None:
        """Score the body if it is time to, and stop if nothing is gained."""
        n_done = len(state.losses)
        if n_done % self._interval == 0 or n_done >= state.plan.n_steps:
            self._take_score(state)
            state.stop = state.stop or self._n_without_gain >= self._n_iter_no_change

    def on_train_end(self, state: TrainingState) -> None:
        """Put the best weights back."""
        if state.validation_steps[-1] < len(state.losses):  # another callback wanted to stop
            self._take_score(state)
        state.body.load_state_dict(self._best_weights, strict=False)  # those that are tuned
        state.body.weights_changed()

    def _take_score(self, state: TrainingState) -> None:
        try:
            score = float(self._score(state))
            if math.isnan(score):
                raise ValueError("it gave NaN")
        except (TypeError, ValueError) as error:
            raise ValueError(
                f"scoring failed on the validation texts ({error}). Choose another scoring, or pass X_val and y_val "
                f"with texts of all classes."
            ) from error
        best = max(state.validation_scores, default=float("-inf"))
        self._n_without_gain = 0 if score > best else self._n_without_gain + 1
        if score >= best:
            self._best_weights = state.body.copy_of_weights()
        state.validation_scores.append(score)
        state.validation_steps.append(len(state.losses))


class ProgressBar(TrainingCallback):
    """A bar of the steps, with the loss of the last one."""

    reads_body = False

    def on_train_begin(self, state: TrainingState) -> None:
        """Show the bar."""
        from tqdm import tqdm

        self._bar: Any = tqdm(total=state.plan.n_steps, desc="tuning", unit="step")

    def on_step_end(self, state: TrainingState) -> None:
        """Move the bar."""
        self._bar.set_postfix(loss=f"{state.losses[-1]:.3f}", refresh=False)
        self._bar.update()

    def on_train_end(self, state: TrainingState) -> None:
        """Close the bar."""
        self._bar.close()


def hold_out(data: TrainingData, fraction: float, rng: np.random.RandomState) -> tuple[TrainingData, TrainingData]:
    """Return the texts that are left to learn from, and those that are held out.

    Raises
    ------
    ValueError
        If no text can be held out.
    """
    texts, indicator = merge_duplicates(data.texts, data.targets.indicator)
    some = stratified_holdout(indicator, fraction, rng)
    if not some.any():
        raise ValueError(
            "early_stopping=True can hold out no text: each class has a single one. Pass X_val and y_val to fit."
        )
    names = {text for text, is_held_out in zip(texts, some, strict=True) if is_held_out}
    held_out = np.array([text in names for text in data.texts])  # a text that is there twice, on one side
    return data.take(np.flatnonzero(~held_out)), data.take(np.flatnonzero(held_out))


def some_of_each_class(data: TrainingData) -> TrainingData:
    """Return a class-balanced sample of texts for scoring, or all if they are few."""
    n_most = max(MAX_SCORING_TEXTS, 4 * len(data.targets.classes))
    if len(data.texts) <= n_most:
        return data
    (rows,) = balanced_batches(data.targets.indicator, 1, n_most, np.random.RandomState(0))
    return data.take(rows)


def code_of(scoring: Any) -> Any:
    """Return the code of a function. Pickles have its name only, and in a notebook the function may change."""
    code = getattr(getattr(scoring, "_score_func", scoring), "__code__", None)
    return code and (code.co_code, code.co_names, [each for each in code.co_consts if not hasattr(each, "co_code")])


Method = TypeVar("Method", bound=Callable[..., Any])


def with_callbacks(method: Method) -> Method:
    """Return `fit` with callbacks where scikit-learn has them, and as it is otherwise; of the same types."""
    decorated: Method = method if _with_callbacks is None else _with_callbacks(method)
    return decorated


class ScikitLearnCallbacks(TrainingCallback):
    """Reports a fit and its tuning steps to the callbacks of an estimator.

    Parameters
    ----------
    estimator : estimator
        That has callbacks.
    data : dict
        The ``X``, ``y`` and ``metadata`` of the fit.
    fitted_attributes : callable
        Gives, for a `TrainingState`, the attributes that make the estimator a fitted one. Called only for callbacks
        that ask for it.
    """

    def __init__(
        self, estimator: Any, data: dict[str, Any], fitted_attributes: Callable[[TrainingState], dict[str, Any]]
    ) -> None:
        self._estimator = estimator
        self._data = data
        self._fitted_attributes = fitted_attributes
        self._fit: Any = None

    def on_train_begin(self, state: TrainingState) -> None:
        """Report the beginning of the fit and of the first step."""
        self._begin_fit(state.plan.n_steps)
        if state.plan.n_steps:
            self._begin_step()

    def on_step_end(self, state: TrainingState) -> None:
        """Report the end of a step, stop if a callback wants to, and report the beginning of the next step."""
        self.stopped = self._step.call_on_fit_task_end(
            estimator=self._estimator,
            reconstruction_attributes=lambda: self._fitted_attributes(state),
            **self._data,
        )
        state.stop = state.stop or self.stopped
        if not state.stop and len(state.losses) < state.plan.n_steps:
            self._begin_step()

    def end_fit(self, fitted_attributes: dict[str, Any]) -> None:
        """Report the end of the fit, which had no steps if its body was found in a memory."""
        if self._fit is None:
            self._begin_fit(0)
        self._fit.call_on_fit_task_end(
            estimator=self._estimator, reconstruction_attributes=lambda: fitted_attributes, **self._data
        )

    def _begin_fit(self, n_steps: int) -> None:
        self._fit = self._estimator._init_callback_context(max_subtasks=n_steps)  # noqa: SLF001  (scikit-learn's way)
        self._fit.call_on_fit_task_begin(estimator=self._estimator, **self._data)

    def _begin_step(self) -> None:
        self._step = self._fit.subcontext(task_name="tuning step")
        self._step.call_on_fit_task_begin(estimator=self._estimator, **self._data)


def scikit_learn_callbacks(
    estimator: Any, X: Any, y: Any, sample_weight: Any, fitted_attributes: Callable[[TrainingState], dict[str, Any]]
) -> list[ScikitLearnCallbacks]:
    """Return what reports to the callbacks of an estimator, nothing where it has none."""
    if not hasattr(estimator, "_skl_callbacks"):
        return []
    metadata = {} if sample_weight is None else {"sample_weight": sample_weight}
    return [ScikitLearnCallbacks(estimator, {"X": X, "y": y, "metadata": metadata}, fitted_attributes)]
