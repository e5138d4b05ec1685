"""What the parts of an estimator that was read must hold, before it is used.

Some of scikit-learn's estimators call the method that their state names, read files, or hand their arrays to compiled
code, which does not check its indices. Those that cannot be checked by a few public attributes, such as trees, support
vector machines, nearest neighbours and text vectorizers, are not among the types of `trust`: the user names them.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from inspect import signature
from numbers import Integral
from typing import Any

import numpy as np
from sklearn.base import BaseEstimator

from sksetfit.persistence.fitted.checks import check_fitted

# Attributes that name a method which is called in a prediction.
_METHOD_NAMES = ("stack_method_", "chain_method_", "chain_method", "response_method")
_METHODS = frozenset({"auto", "decision_function", "predict", "predict_log_proba", "predict_proba"})


def check_components(estimator: Any) -> None:
    """Refuse what would do something else than predict, or crash, when an estimator that was read is used.

    Parameters that it lacks get their defaults.

    Raises
    ------
    ValueError
        If some part of it would.
    """
    for part in parts(estimator):
        name = type(part).__name__
        if isinstance(part, np.random.RandomState):
            if not 0 <= part.get_state(legacy=False)["state"]["pos"] <= 624:
                raise ValueError(f"a {name} is at a place that it does not have")
            continue
        own = vars(part)
        for attribute in _METHOD_NAMES:
            methods = own.get(attribute, "auto")
            if not set(methods if isinstance(methods, list) else [methods]) <= _METHODS:
                raise ValueError(f"a {name} would call {methods!r}, as its {attribute} says")
        of_words = any(kind.__name__ == "CountVectorizer" for kind in type(part).__mro__)
        if of_words and own.get("input") != "content":
            raise ValueError(f"a {name} would read files, as its input={own.get('input')!r} says")
        if isinstance(part, BaseEstimator):
            _complete(part)
            if hiding := [each for each in own if callable(getattr(type(part), each, None))]:
                raise ValueError(f"a {name} has attributes that would hide its methods: {hiding[:3]}")
            check_fitted(part)


def _complete(part: BaseEstimator) -> None:
    """Give an estimator of an older scikit-learn the defaults of parameters that it did not have."""
    for name, parameter in signature(type(part).__init__).parameters.items():
        if name == "self" or name in vars(part) or parameter.kind in {parameter.VAR_POSITIONAL, parameter.VAR_KEYWORD}:
            continue
        if parameter.default is parameter.empty:
            raise ValueError(f"a {type(part).__name__} lacks its parameter {name}")
        setattr(part, name, parameter.default)


def forget_machine(estimator: Any) -> None:
    """Set to None what belongs to the machine that a file is from: ``memory``, and ``n_jobs`` of more than all cores.

    Pickles would be read from the folder of ``memory`` at the next fit. ``n_jobs`` processes start at a prediction.
    """
    for part in parts(estimator):
        own = getattr(part, "__dict__", {})
        if own.get("memory") is not None:
            part.memory = None
        if isinstance(n_jobs := own.get("n_jobs"), Integral) and int(n_jobs) > (os.cpu_count() or 1):
            part.n_jobs = None
        for grids in (own.get("param_grid"), own.get("param_distributions")):
            for grid in grids if isinstance(grids, list) else [grids]:
                if isinstance(grid, dict):
                    grid.update({name: [None] for name in grid if str(name).split("__")[-1] == "memory"})


def parts(whole: Any) -> Iterator[Any]:
    """Yield all objects of scikit-learn's, and random states, that an estimator holds, itself included."""
    seen: dict[int, Any] = {}  # and kept, so that no other takes the place of one in memory
    waiting = [whole]
    while waiting:
        part = waiting.pop()
        if id(part) in seen:
            continue
        seen[id(part)] = part
        if isinstance(part, np.ma.MaskedArray):
            waiting.append(part.data)
        elif isinstance(part, np.ndarray) and part.dtype == object:
            waiting.extend(part.ravel().tolist())
        elif isinstance(part, dict):
            waiting.extend(part.keys())
            waiting.extend(part.values())
        elif isinstance(part, (list, tuple, set)):
            waiting.extend(part)
        elif isinstance(part, np.random.RandomState):
            yield part
        elif hasattr(part, "__dict__") and type(part).__module__.startswith(("sklearn.", "sksetfit")):
            yield part
            waiting.extend(vars(part).values())
