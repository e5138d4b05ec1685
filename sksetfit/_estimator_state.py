"""What the state of a saved estimator must hold: its parameters and what it learned, of which version.

Floor 0: knows numpy and scikit-learn.
"""

from __future__ import annotations

import os
import warnings
from inspect import signature
from typing import Any

from sklearn.base import BaseEstimator

from sksetfit._version import __version__


def plain_state(state: dict[str, Any]) -> dict[str, Any]:
    """Return a copy of an estimator's state in which ``model`` is no path object."""
    model = state["model"]
    return state | {"model": os.fspath(model) if isinstance(model, os.PathLike) else model}


def checked_state(estimator: BaseEstimator, state: Any, learned: dict[str, type]) -> dict[str, Any]:
    """Return the state; parameters that an older version did not have get their defaults.

    Parameters
    ----------
    estimator : estimator
        Whose state it is to be.
    state : dict
        What `plain_state` returned, or what somebody put in its place.
    learned : dict of {str: type}
        The attributes that make a fitted estimator. An unfitted one has none of them.

    Raises
    ------
    ValueError
        If an attribute is missing, of another type, or hides a method.
    """
    own = type(estimator)
    if not isinstance(state, dict) or not all(isinstance(name, str) for name in state):
        raise ValueError(f"The saved {own.__name__} is no dict of its attributes, but a {type(state).__name__}.")
    hiding = sorted(name for name in state if name.startswith("__") or _is_member(own, name))
    if hiding:
        raise ValueError(f"The saved {own.__name__} has attributes that would hide its methods: {hiding}.")
    if learned.keys() & state.keys():
        for name, kind in learned.items():
            if not isinstance(state.get(name), kind):
                found = type(state[name]).__name__ if name in state else "nothing"
                raise ValueError(f"The saved {own.__name__}'s {name} must be of type {kind.__name__}, got {found}.")
    parameters = signature(own.__init__).parameters.values()
    return {each.name: each.default for each in parameters if each.default is not each.empty} | state


def _is_member(own: type, name: str) -> bool:
    member = getattr(own, name, None)
    return callable(member) or isinstance(member, property)


def warn_of_other_version(version: Any) -> None:
    """Warn if what was saved is of another version than this one.

    Raises
    ------
    ValueError
        If it is no version.
    """
    if not isinstance(version, str) or len(version) > 50:
        raise ValueError("The saved SetFitEncoder does not say which version of sksetfit wrote it.")
    if version != __version__:
        warnings.warn(
            f"This model was saved by sksetfit {version!r} and is read by sksetfit {__version__!r}: it may answer "
            f"otherwise than it did. Compare some predictions, and save it again or fit it anew.",
            UserWarning,
            stacklevel=3,
        )
