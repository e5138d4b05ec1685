"""What the state of a saved estimator must hold: its parameters and what it learned, of which version."""

from __future__ import annotations

import os
import warnings
from inspect import signature
from numbers import Real
from typing import Any, Self

from sklearn.base import BaseEstimator

from sksetfit._version import __version__
from sksetfit.persistence.dict_keys import lists_to_dicts

# What belongs to the user's machine and session. Pickles and copies have it, a file that is shared has not: a folder of
# its maker's choice that pickles are read from would let it run what it likes at the next fit. And a student is small.
_OF_CALLBACKS = ("_skl_callbacks", "_skl_callbacks_to_teardown", "_callback_fit_ctx", "_parent_callback_ctx")
TRANSIENT_ATTRIBUTES = ("memory", "teacher", "_metadata_request", *_OF_CALLBACKS)

# What older versions did, where it is not what the default of a parameter that they did not have does.
_BEFORE = {"long_texts": "truncate"}


def plain_path(value: Any) -> Any:
    """Return a path as text, and anything else as it is."""
    return os.fspath(value) if isinstance(value, os.PathLike) else value


def plain_state(state: dict[str, Any]) -> dict[str, Any]:
    """Return a copy of an estimator's state in which ``model`` is no path object, without what is of the session."""
    kept = {name: value for name, value in state.items() if name not in TRANSIENT_ATTRIBUTES}
    kept |= {name: None for name in ("memory", "teacher") if name in state}
    if "model" in state:
        kept["model"] = plain_path(state["model"])
    return kept


class PlainStateMixin:
    """An estimator whose ``__getstate__`` is for files; its pickles and copies also hold what is of the session."""

    def __reduce__(self) -> tuple[Any, ...]:
        of_the_session = {name: value for name, value in vars(self).items() if name in TRANSIENT_ATTRIBUTES}
        return self._restored, (self._state_for_pickle(), of_the_session)  # by the public class, not by this module

    def _state_for_pickle(self) -> dict[str, Any]:
        state: Any = self.__getstate__()
        return dict(state)

    @classmethod
    def _restored(cls, state: dict[str, Any], of_the_session: dict[str, Any]) -> Self:
        estimator = cls.__new__(cls)
        cls._set_pickled_state(estimator, state, of_the_session)
        return estimator

    def _set_pickled_state(self, state: dict[str, Any], of_the_session: dict[str, Any]) -> None:
        self.__setstate__(state)  # type: ignore[attr-defined]
        self.__dict__.update(of_the_session)

    def __copy__(self) -> Any:
        """Return another estimator of the same attributes; by its state it would have a body of its own."""
        copied = type(self).__new__(type(self))
        copied.__dict__.update(self.__dict__)
        return copied


def restored(cls: Any, state: dict[str, Any], of_the_session: dict[str, Any]) -> Any:
    """Return the estimator that a pickle of 0.1.0 is of."""
    return cls._restored(state, of_the_session)


def checked_state(estimator: BaseEstimator, state: Any, learned: dict[str, type]) -> dict[str, Any]:
    """Return the state; parameters that an older version did not have get what it did, or else their defaults.

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
    state = lists_to_dicts(state)  # in files that `skops.io.load` reads, too
    if not isinstance(state, dict) or not all(isinstance(name, str) for name in state):
        raise ValueError(f"The saved {own.__name__} is no dict of its attributes, but a {type(state).__name__}.")
    hiding = sorted(name for name in state if name.startswith("__") or _is_member(own, name))
    if hiding:
        raise ValueError(f"The saved {own.__name__} has attributes that would hide its methods: {hiding}.")
    if of_the_session := [name for name in TRANSIENT_ATTRIBUTES if state.get(name) is not None]:
        raise ValueError(f"The saved {own.__name__} has what no file may have: {of_the_session}.")
    if learned.keys() & state.keys():
        state = (_learning_rate_before(state) if "learning_rate_" in learned else {}) | state
        for name, kind in learned.items():
            if name not in state or not isinstance(state[name], kind):
                found = type(state[name]).__name__ if name in state else "nothing"
                raise ValueError(f"The saved {own.__name__}'s {name} must be of type {kind.__name__}, got {found}.")
    parameters = signature(own.__init__).parameters.values()
    needed = {each.name for each in parameters if each.default is each.empty and each.kind is not each.VAR_KEYWORD}
    if missing := needed - state.keys() - {"self"}:
        raise ValueError(f"The saved {own.__name__} lacks parameters: {sorted(missing)}.")
    defaults = {each.name: each.default for each in parameters if each.default is not each.empty}
    completed: dict[str, Any] = defaults | {name: value for name, value in _BEFORE.items() if name in defaults} | state
    return completed


def _learning_rate_before(state: dict[str, Any]) -> dict[str, float]:
    """Return the learning rate that 0.1.0, which kept the parameter only, has fitted with."""
    parameter = state.get("learning_rate")
    return {"learning_rate_": float(parameter) if isinstance(parameter, Real) else float("nan")}


def _is_member(own: type, name: str) -> bool:
    member = getattr(own, name, None)
    return callable(member) or isinstance(member, property) or (name.startswith("_") and hasattr(own, name))


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
