"""What the parts of an estimator that was read must hold, before it is used.

Some of scikit-learn's estimators call the method that their state names, read files, or hand their arrays to compiled
code, which does not check its indices. Those whose arrays cannot be checked by public attributes, such as trees,
support vector machines and nearest neighbours, are not among the types of `trust`: the user names them.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import numpy as np
from sklearn.dummy import DummyClassifier
from sklearn.feature_extraction.text import CountVectorizer
from sklearn.preprocessing import OneHotEncoder

# Attributes that name a method which is called in a prediction.
_METHOD_NAMES = ("stack_method_", "chain_method_", "chain_method", "response_method")
_METHODS = frozenset({"auto", "decision_function", "predict", "predict_log_proba", "predict_proba"})


def check_components(estimator: Any) -> None:
    """Refuse what would do something else than predict, or crash, when an estimator that was read is used.

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
        if isinstance(part, CountVectorizer) and part.input != "content":
            raise ValueError(f"a {name} would read files, as its input={part.input!r} says")
        for kind, is_sound in _CHECKS.items():
            if isinstance(part, kind) and not is_sound(own):
                raise ValueError(f"a {name} has arrays that do not fit together")


def forget_folders(estimator: Any) -> None:
    """Set ``memory`` of all parts to None: pickles would be read from that folder at the next fit.

    A file must not say where they lie.
    """
    for part in parts(estimator):
        own = getattr(part, "__dict__", {})
        if own.get("memory") is not None:
            part.memory = None
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


def _is_sound_encoder(own: dict[str, Any]) -> bool:
    """Tell whether the columns of a one-hot encoder are as many as it says."""
    if "categories_" not in own:
        return True
    n_columns = [len(categories) for categories in own["categories_"]]
    if own["_infrequent_enabled"]:
        groups = zip(own["_default_to_infrequent_mappings"], own["_infrequent_indices"], strict=True)
        for i, (group_of, infrequent) in enumerate(groups):
            if group_of is None and infrequent is None:
                continue
            if not (_is_array(group_of, (n_columns[i],)) and _are_codes(infrequent, n_columns[i])):
                return False
            n_columns[i] = int(group_of.max()) + 1
            if not _are_codes(group_of, n_columns[i]):
                return False
    dropped = own["_drop_idx_after_grouping"]
    for i, code in enumerate([None] * len(n_columns) if dropped is None else dropped):
        if code is not None:
            if not 0 <= code < n_columns[i]:
                return False
            n_columns[i] -= 1
    return list(own["_n_features_outs"]) == n_columns


def _is_sound_vocabulary(own: dict[str, Any]) -> bool:
    """Tell whether each word has a column of its own, and no column is left out."""
    vocabulary = own.get("vocabulary_", {})
    return sorted(vocabulary.values()) == list(range(len(vocabulary)))


def _is_array(value: Any, shape: tuple[int, ...]) -> bool:
    return isinstance(value, np.ndarray) and value.shape == shape


def _are_codes(codes: Any, n: int) -> bool:
    """Tell whether all are whole numbers from 0 to n - 1."""
    return isinstance(codes, np.ndarray) and codes.dtype.kind in "iu" and bool(((codes >= 0) & (codes < n)).all())


def _is_sound_dummy(own: dict[str, Any]) -> bool:
    """Tell whether a constant classifier has as many classes as it says: its answers are arrays of that width."""
    classes = own.get("classes_", [])
    n_classes = list(map(len, classes)) if isinstance(classes, list) and classes else len(classes)
    return "classes_" not in own or bool(own.get("n_classes_") == n_classes)


_CHECKS: dict[type, Callable[[dict[str, Any]], bool]] = {
    CountVectorizer: _is_sound_vocabulary,
    DummyClassifier: _is_sound_dummy,
    OneHotEncoder: _is_sound_encoder,
}
