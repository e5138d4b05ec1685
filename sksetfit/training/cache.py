"""Tuned bodies that are kept in a joblib memory, so that a grid over the head tunes each body once."""

from __future__ import annotations

import os
from collections import OrderedDict
from collections.abc import Callable, Sequence
from threading import Lock
from typing import Any

import joblib
import numpy as np
import torch
from numpy.typing import NDArray

from sksetfit.body.model import Body
from sksetfit.body.saving.state import body_from_state
from sksetfit.inputs.unread import UnreadTexts
from sksetfit.utils.warn import warn_caller

MOST_RECENT_BYTES = 2**25  # of embeddings: those of 20,000 texts in 384 dimensions


def key_of(*parts: Any) -> str:
    """Return a key for all of these together: the same for the same values.

    Raises
    ------
    ValueError
        If one cannot be pickled, as a lambda cannot.
    """
    try:
        key: str = joblib.hash(parts)
    except Exception as error:  # of the pickler, or of an object that does not want to be pickled
        raise ValueError(
            f"memory= needs a head and a scoring that can be pickled ({type(error).__name__}: {error}). Define "
            f"functions at the top of a module, or set memory=None."
        ) from error
    return key


def as_memory(memory: Any) -> Any:
    """Return the memory of a folder, or what already is one."""
    if not isinstance(memory, (str, os.PathLike)):
        return memory
    # Arrays are mapped from their file, copied where they are written to: a body that is not needed costs nothing. On
    # Windows the file could then not be deleted as long as the estimator lives.
    return joblib.Memory(os.fspath(memory), mmap_mode=None if os.name == "nt" else "c", verbose=0)


class SkipCache(Exception):  # noqa: N818  (no error, but the way around the memory)
    """Raised so that joblib keeps no result."""


def cached_call(memory: Any, key: str, compute: Callable[[], tuple[Any, bool]]) -> Any:
    """Return what is kept under ``key``, or compute it and keep it, if ``compute`` says that it is to be kept.

    A memory that cannot be read or written costs a warning and no result.
    """
    computed: list[Any] = []
    started: list[bool] = []

    def computing() -> Any:
        started.append(True)
        value, to_be_kept = compute()
        computed.append(value)
        if not to_be_kept:
            raise SkipCache
        return value

    try:
        return as_memory(memory).cache(_kept, ignore=["compute"])(key, computing)
    except Exception as error:
        if computed:  # what could not be written cannot be mapped either; joblib has warned of it
            return computed[0]
        if started:
            raise
        warn_caller(
            f"memory={memory!r} cannot be used ({type(error).__name__}: {error}): what was tuned is not kept.",
        )
        return compute()[0]


def _kept(key: str, compute: Callable[[], Any]) -> Any:
    """Compute; joblib keeps the result under the name of this function and a hash of ``key``."""
    return compute()


class LazyBody:
    """A body from a joblib memory, which is built from its state when it is first needed.

    A grid asks the bodies of a few folds for the same embeddings again and again: those of the last calls are at
    hand, whichever estimator the body is in, so that in such a search a body may never be built.

    Parameters
    ----------
    name : str
        Of this body and no other, though it be tuned alike.
    state : dict
        From `body_to_state`.
    device : torch.device
        Where the body is to be.
    """

    def __init__(self, name: str, state: dict[str, Any], device: torch.device) -> None:
        self.name = name
        self._state = state
        self._device = device
        self._body: Body | None = None
        self._lock = Lock()
        self.wanted_device: Any = None  # the parameter that it was last placed by

    def built(self) -> Body:
        """Return the body itself."""
        with self._lock:  # threads that predict at once are to build one
            if self._body is None:
                self._body = body_from_state(self._state, self._device, listed_only=False)
            return self._body

    def to(self, device: torch.device) -> None:
        """Move the body, or build it there."""
        with self._lock:
            self._device = device
            if self._body is not None:
                self._body.to(device)

    def encode(
        self, texts: Sequence[str], precision: str = "float32", unread: UnreadTexts | None = None
    ) -> NDArray[np.float32]:
        """Return the embeddings of texts, as `Body.encode` does. Those at hand were counted when they were read."""
        key = key_of(self.name, precision, list(texts))
        embeddings = _recent.get(key)
        if embeddings is None:
            embeddings = self.built().encode(texts, precision, unread)
            _recent.put(key, embeddings)
        return embeddings.copy()  # the caller's own


class _RecentArrays:
    """The arrays that were used last, up to a number of bytes."""

    def __init__(self, n_bytes: int) -> None:
        self._n_free = n_bytes
        self._arrays: OrderedDict[str, NDArray[Any]] = OrderedDict()
        self._lock = Lock()

    def get(self, key: str) -> NDArray[Any] | None:
        with self._lock:
            if key in self._arrays:
                self._arrays.move_to_end(key)
            return self._arrays.get(key)

    def put(self, key: str, array: NDArray[Any]) -> None:
        with self._lock:
            if key in self._arrays:
                return
            self._arrays[key] = array
            self._n_free -= array.nbytes
            while self._n_free < 0:
                self._n_free += self._arrays.popitem(last=False)[1].nbytes


_recent = _RecentArrays(MOST_RECENT_BYTES)
