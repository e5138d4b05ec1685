"""Scorers of scikit-learn, checked by name."""

from __future__ import annotations

from typing import Any

from sklearn.metrics import check_scoring, get_scorer_names

from sksetfit.inputs.texts import did_you_mean


def check_scorer(estimator: Any, scoring: Any) -> Any:
    """Return the scorer that scikit-learn's `check_scoring` makes of ``scoring``.

    Raises
    ------
    ValueError
        If a name, alone or in a list, is none of scikit-learn's scorers. The message names the closest one.
    """
    for name in [scoring] if isinstance(scoring, str) else scoring if isinstance(scoring, (list, tuple, set)) else []:
        if isinstance(name, str) and name not in (known := get_scorer_names()):
            raise ValueError(
                f"scoring has {name!r}, which is no scorer of scikit-learn.{did_you_mean(name, known)} "
                f"sklearn.metrics.get_scorer_names() lists them."
            )
    return check_scoring(estimator, scoring=scoring)
