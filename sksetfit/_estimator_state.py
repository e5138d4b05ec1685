"""What the state of a saved estimator must hold: its parameters, what it learned, and the version that wrote it.

Floor 0: knows numpy and scikit-learn.
"""

from __future__ import annotations

import os
import warnings
from typing import Any

from sklearn.base import BaseEstimator

from sksetfit._version import __version__

_VERSION = "_sksetfit_version"


def plain_state(state: dict[str, Any]) -> dict[str, Any]:
    """Return a copy of an estimator's state, stamped with the version, in which ``model`` is no path object."""
    model = state["model"]
    return state | {"model": os.fspath(model) if isinstance(model, os.PathLike) else model, _VERSION: __version__}


def checked_state(estimator: BaseEstimator, state: Any, learned: dict[str, type]) -> dict[str, Any]:
    """Return the state without its stamp; parameters that an older version did not have get their defaults.

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

    Warns
    -----
    UserWarning
        If another version wrote it.
    """
    own = type(estimator)
    if not isinstance(state, dict) or not all(isinstance(name, str) for name in state):
        raise ValueError(f"The saved {own.__name__} is no dict of its attributes, but a {type(state).__name__}.")
    complete: dict[str, Any] = own().get_params(deep=False) | state
    _check_version(own.__name__, complete.pop(_VERSION, __version__))
    hiding = sorted(name for name in complete if name.startswith("__") or _is_member(own, name))
    if hiding:
        raise ValueError(f"The saved {own.__name__} has attributes that would hide its methods: {hiding}.")
    if learned.keys() & complete.keys():
        for name, kind in learned.items():
            if not isinstance(complete.get(name), kind):
                found = type(complete[name]).__name__ if name in complete else "nothing"
                raise ValueError(f"The saved {own.__name__}'s {name} must be a {kind.__name__}, got {found}.")
    return complete


def _check_version(name: str, version: Any) -> None:
    if version == __version__:
        return
    if not isinstance(version, str) or len(version) > 50:
        raise ValueError(f"The saved {name} does not say which version of sksetfit wrote it.")
    warnings.warn(
        f"This {name} was saved by sksetfit {version!r} and is read by sksetfit {__version__!r}: it may answer "
        f"otherwise than it did. Compare some predictions, and save it again or fit it anew.",
        UserWarning,
        stacklevel=2,
    )


def _is_member(own: type, name: str) -> bool:
    member = getattr(own, name, None)
    return callable(member) or isinstance(member, property)
