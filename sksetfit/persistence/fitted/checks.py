"""What the fitted estimators of scikit-learn must hold, so that their predictions index and multiply what is there.

Its compiled code and that of scipy use the indices, shapes and numbers of rows that they are given without a look.
Classes are compared by name, so that a check imports none of scikit-learn's modules of estimators.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np
from sklearn.base import BaseEstimator

from sksetfit.persistence.fitted import attributes, strategies
from sksetfit.persistence.fitted.forms import LEARNED, fits
from sksetfit.persistence.fitted.strategies import can, gives_several_labels

_MAY_LACK = {"xbar_", "scalings_"}  # which not every solver learns


def check_fitted(part: Any) -> None:
    """Refuse an estimator that lacks something that its fit has learned, or whose attributes do not fit together.

    Raises
    ------
    ValueError
        If it is one. An estimator that is not fitted has learned nothing.
    """
    if (fault := next(_faults(part), None)) is not None:
        raise ValueError(
            f"the attribute {fault!r} of a {type(part).__name__} is missing or does not fit its other attributes. "
            f"Fit it again, and do not change what it has learned"
        )


def _faults(part: Any) -> Iterator[str]:
    """Yield the names of attributes that are missing or do not fit the others."""
    own = vars(part)
    kinds = [kind.__name__ for kind in type(part).__mro__]
    forms = [each.partition(":")[::2] for kind in kinds for each in LEARNED.get(kind, "").split()]
    learned = {name for name, _ in forms} - _MAY_LACK
    if learned and not any(name.endswith("_") and not name.startswith("__") for name in own):
        return
    yield from sorted(learned - own.keys())
    classes = getattr(part, "classes_", None)
    sizes = {"1": 1, "f": own.get("n_features_in_")}
    if isinstance(classes, np.ndarray):
        if classes.ndim != 1 or classes.dtype.kind not in "OUSbiuf" or len({*classes.tolist()}) < len(classes):
            yield "classes_"
        sizes["c"] = len(classes)
        sizes["r"] = 1 if len(classes) == 2 and not gives_several_labels(part) else len(classes)
    elif not _of_several_outputs(classes, forms) and (classes is not None or (learned and "ClassifierMixin" in kinds)):
        yield "classes_"
    yield from (name for name, form in forms if form and name in own and not fits(own[name], form, sizes, name, own))
    yield from (name for name, value in own.items() if isinstance(value, BaseEstimator) and _lacks_fit(name, own))
    checks = [*attributes.CHECKS, *strategies.CHECKS]
    yield from (name for kind, name, is_sound in checks if kind in kinds and not is_sound(part, own))


def _of_several_outputs(classes: Any, forms: list[tuple[str, str]]) -> bool:
    """Tell whether classes are a list of those of each output, as of estimators none of whose arrays is by class."""
    return isinstance(classes, list) and not any({"c", "r"} & set(form) for _, form in forms)


def _lacks_fit(name: str, own: dict[str, Any]) -> bool:
    """Tell whether an estimator that was learned is not fitted. An ensemble keeps what it has copied, not fitted."""
    is_learned = "_" in (name[0], name[-1]) and not (name == "estimator_" and "estimators_" in own)
    return is_learned and not can(own[name], "fit")
