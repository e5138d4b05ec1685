"""Dicts of any keys in a file: as two lists, where skops would change their keys.

skops writes keys as text and calls their type on it: False comes back as True, 1 beside "1" gets lost, and None or a
tuple is an error.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from copy import copy
from typing import Any

import numpy as np
from sklearn.base import BaseEstimator

_KEYS, _VALUES = "keys of a dict", "values of a dict"
_KEPT = (str, np.str_, int, np.int64, float, np.float64)
_PLAIN = (str, np.str_, int, float, bool, bytes, type(None))

Replace = Callable[[dict[Any, Any]], dict[Any, Any]]


def dicts_to_lists(whole: Any) -> Any:
    """Return an estimator whose dicts of such keys, its parameters and attributes in any depth, are two lists each.

    It is a copy where it holds one, and else the same object.
    """
    return _replaced(whole, _to_lists, {})


def lists_to_dicts(whole: Any) -> Any:
    """Return what `dicts_to_lists` was given."""
    return _replaced(whole, _to_dict, {})


def _to_lists(value: dict[Any, Any]) -> dict[Any, Any]:
    if all(type(key) in _KEPT for key in value) and len({str(key) for key in value}) == len(value):
        return value
    keys = [key.item() if isinstance(key, np.generic) else key for key in value]
    return {_KEYS: keys, _VALUES: list(value.values())}


def _to_dict(value: dict[Any, Any]) -> dict[Any, Any]:
    if value.keys() != {_KEYS, _VALUES}:
        return value
    keys, values = value[_KEYS], value[_VALUES]
    # An array would grow as a dict, and an estimator as a key would be used without a check.
    if not (type(keys) is type(values) is list and len(keys) == len(values) and all(map(_is_plain, keys))):
        raise ValueError("The file has a dict that is not two lists of equal length, of plain keys and of values.")
    return dict(zip(keys, values, strict=True))


def _is_plain(key: Any) -> bool:
    return all(map(_is_plain, key)) if type(key) is tuple else type(key) in _PLAIN


def _replaced(value: Any, replace: Replace, done: dict[int, tuple[Any, Any]]) -> Any:
    """Return a value with its dicts replaced, or itself; ``done`` has what was seen and what became of it."""
    if id(value) in done:
        return done[id(value)][1]
    done[id(value)] = value, value  # which ends the search in what holds itself
    parts = dict(_parts(value))
    new_parts = {key: _replaced(part, replace, done) for key, part in parts.items()}
    changed = {key: part for key, part in new_parts.items() if part is not parts[key]}
    new = _copy_with(value, changed) if changed else value
    if isinstance(value, dict):
        new = replace(new)
    done[id(value)] = value, new
    return new


def _parts(value: Any) -> Iterable[tuple[Any, Any]]:
    """Return what a container or estimator holds, each with its key."""
    if isinstance(value, dict):
        return value.items()
    if type(value) in (list, tuple):
        return enumerate(value)
    if isinstance(value, np.ndarray) and value.dtype == object:
        return np.ndenumerate(np.asarray(value))
    of_scikit_learn = type(value).__module__.startswith("sklearn.") and hasattr(value, "__dict__")
    return vars(value).items() if of_scikit_learn or isinstance(value, BaseEstimator) else ()


def _copy_with(value: Any, changed: dict[Any, Any]) -> Any:
    """Return a shallow copy of a container or estimator with other parts under these keys."""
    if isinstance(value, tuple):
        return tuple(changed.get(i, part) for i, part in enumerate(value))
    if isinstance(value, (dict, list, np.ndarray)):
        new = copy(value)
        place = np.asarray(new) if isinstance(value, np.ndarray) else new
    else:
        new = object.__new__(type(value))
        place = new.__dict__
        place.update(vars(value))
    for key, part in changed.items():
        place[key] = part
    return new
