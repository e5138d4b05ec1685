"""Thresholds chosen from answers to rows that the estimator was not fitted on."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.special import betaincinv

from sksetfit.utils.warn import warn_caller

Indicator = NDArray[np.bool_]
Probabilities = NDArray[np.float64]
Score = Callable[[Indicator, Indicator], float]

_MOST_CANDIDATES = 100  # per label: each is a call of the metric
_NEARLY_ZERO = 1e-9


def smoothed_thresholds(
    indicator: Indicator, probabilities: Probabilities, score: Score, *, smooth: float, few: NDArray[np.bool_]
) -> NDArray[np.float64]:
    """Return the best threshold of each label, drawn toward the median of all the more, the fewer rows tell it.

    Labels of too ``few`` rows get the median of the others.
    """
    indicator, probabilities = indicator[:, ~few], probabilities[:, ~few]
    best = [_best_threshold(*columns, score) for columns in zip(indicator.T, probabilities.T, strict=True)]
    n_rows = np.minimum(indicator.sum(axis=0), (~indicator).sum(axis=0))
    # Above 0, so that the median takes no label for given whose probability is 0 in all rows.
    thresholds = np.full(len(few), max(float(np.median(best)), _NEARLY_ZERO))
    thresholds[~few] = (n_rows * np.array(best) + smooth * np.median(best)) / (n_rows + smooth)
    return thresholds


def _best_threshold(has_label: NDArray[np.bool_], probabilities: NDArray[np.float64], score: Score) -> float:
    candidates = _candidates(has_label, probabilities)
    return float(candidates[np.argmax([score(has_label, probabilities >= candidate) for candidate in candidates])])


def _candidates(has_label: NDArray[np.bool_], probabilities: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return the midpoints below rows that have the label and above rows that have not."""
    values, group_of = np.unique(probabilities, return_inverse=True)
    below = np.concatenate([[0.0], values[:-1]])  # so that one of them may give the label to all rows
    some_have = np.bincount(group_of, weights=has_label) > 0
    some_have_not = np.bincount(group_of, weights=~has_label) > 0
    candidates: NDArray[np.float64] = ((below + values) / 2)[some_have & np.concatenate([[True], some_have_not[:-1]])]
    if len(candidates) > _MOST_CANDIDATES:
        candidates = candidates[np.linspace(0, len(candidates) - 1, _MOST_CANDIDATES).round().astype(int)]
    return candidates


def confidence_threshold(
    confidence: NDArray[np.floating],
    right: NDArray[np.bool_],
    *,
    precision: Any,
    coverage: float | None,
    confidence_level: float | None,
) -> tuple[float, float, float]:
    """Return the threshold, the share of texts that it answers, and the share of these answers that is right."""
    thresholds, n_answered, n_right = answered_by_threshold(confidence, right)
    precisions, coverages = n_right / n_answered, n_answered / len(right)
    if coverage is not None:
        i = np.flatnonzero(coverages >= coverage)[0]
    else:
        # The share of right answers, or its lower confidence bound after Clopper and Pearson.
        alpha = None if confidence_level is None else 1 - confidence_level
        sure = precisions if alpha is None else betaincinv(n_right, n_answered - n_right + 1, alpha)
        if (reached := sure >= precision).any():
            i = np.flatnonzero(reached)[-1]
        else:
            i = np.flatnonzero(precisions == precisions.max())[-1]
            wanted, bound, advice = f"precision={precision}", "", "Label more texts, or lower precision."
            if alpha is not None:
                wanted += f" at confidence_level={confidence_level}"
                bound = f", which is at least {sure[i]:.3f} at this level,"
                counts = f"{n_right[i]} of {n_answered[i]} accepted texts are right"
                advice = _advice(wanted, counts, precision, alpha)
            warn_caller(
                f"No threshold reaches {wanted} on the held-out texts. The one of the highest precision is taken: "
                f"{precisions[i]:.3f}{bound} at coverage {coverages[i]:.3f}. {advice}"
            )
    # Where all are answered, so shall be those of which it is less sure than of any of these.
    threshold = thresholds[i] if n_answered[i] < len(right) else 0.0
    return float(threshold), float(coverages[i]), float(precisions[i])


def _advice(wanted: str, counts: str, precision: float, alpha: float) -> str:
    """Say how many right answers have a lower bound, ``alpha ** (1 / n)`` without an error, that is the precision."""
    if precision == 1:
        return f"No number of texts reaches {wanted}; {counts}. Lower precision, or set confidence_level to None."
    n_needed = math.ceil(math.log(alpha) / math.log(precision))
    return (
        f"{wanted} needs at least {n_needed} accepted texts without an error; {counts}. Label more texts, or lower "
        f"precision or confidence_level."
    )


def answered_by_threshold(
    confidence: NDArray[np.floating], right: NDArray[np.bool_]
) -> tuple[NDArray[np.floating], NDArray[np.intp], NDArray[np.intp]]:
    """Return all thresholds, the highest first, how many texts each answers and how many of these answers are right."""
    order = np.argsort(-confidence, kind="stable")
    confidence, n_right = confidence[order], np.cumsum(right[order], dtype=np.intp)
    last = np.flatnonzero(np.append(confidence[1:] != confidence[:-1], True))  # those that are as sure go together
    return confidence[last], last + 1, n_right[last]
