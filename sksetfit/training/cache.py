"""Tuned bodies that are kept in a joblib memory, so that a grid over the head tunes each body once."""

from __future__ import annotations

import os
import shutil
from collections import OrderedDict
from collections.abc import Callable, Sequence
from pathlib import Path
from threading import Lock
from typing import Any

import joblib
import numpy as np
import torch
from numpy.typing import NDArray

from sksetfit.body.model import Body
from sksetfit.body.saving.state import body_from_state
from sksetfit.inputs.unread import UnreadTexts
from sksetfit.utils.files import atomic_write, sha256_of
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


def cached_call(memory: Any, key: str, compute: Callable[[], tuple[Any, bool]]) -> Any:
    """Return what is kept under ``key``, or compute it and keep it, if ``compute`` says that it is to be kept.

    A memory that cannot be read or written, or whose entry was changed, costs a warning and no result.
    """
    given = repr(memory)

    def warn_of(error: Exception) -> None:
        about = f"{type(error).__name__}: {error}"
        warn_caller(f"memory={given} cannot be used ({about}): the fit goes on, and its model is not kept there.")

    try:
        memory = memory if hasattr(memory, "cache") else joblib.Memory(os.fspath(memory), verbose=0)
        if memory.store_backend is None:  # a joblib.Memory(None) keeps nothing
            return compute()[0]
        entry = Path(memory.store_backend.location, "sksetfit", key)
        if _is_whole(entry):
            return _load(entry)
    except Exception as error:
        warn_of(error)
        return compute()[0]
    value, to_be_kept = compute()
    if not to_be_kept:
        return value
    try:
        _write(entry, value)
        return _load(entry)
    except Exception as error:
        warn_of(error)
        return value


# An entry lies where joblib.Memory looks for its own, and is called so: clear() and reduce_size() delete it.
_OUTPUT, _CHECKSUM = "output.pkl", "output.sha256"


def _is_whole(entry: Path) -> bool:
    """Tell whether there is an entry with the checksum that it was written with; warn if it has another."""
    output, checksum = entry / _OUTPUT, entry / _CHECKSUM
    if not output.exists():
        return False
    if checksum.exists() and sha256_of(output) == checksum.read_text(encoding="ascii", errors="replace"):
        return True
    warn_caller(
        f"The entry {str(entry)!r} of memory= does not match its checksum. It is deleted, and the model is tuned again."
    )
    shutil.rmtree(entry)
    return False


def _load(entry: Path) -> Any:
    # Arrays are mapped from their file, copied where they are written to: a body that is not needed costs nothing. On
    # Windows the file could then not be deleted as long as the estimator lives.
    return joblib.load(entry / _OUTPUT, mmap_mode=None if os.name == "nt" else "c")


def _write(entry: Path, value: Any) -> None:
    entry.parent.mkdir(parents=True, exist_ok=True)
    try:
        with atomic_write(entry) as partial:
            partial.mkdir()
            joblib.dump(value, partial / _OUTPUT)
            (partial / _CHECKSUM).write_text(sha256_of(partial / _OUTPUT), encoding="ascii")
    except OSError:
        if not (entry / _OUTPUT).exists():  # else another process was first
            raise


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
