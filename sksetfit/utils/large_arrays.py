"""Large arrays of an archive of skops, written and read one at a time.

skops has its whole archive in memory and, while it reads, each array twice. It gets a small array in the place of each
large one, a stand-in of random bytes. The archive in the file is the one that skops alone would write.
"""

from __future__ import annotations

import io
from collections.abc import Callable, Collection, Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from functools import cache, partial
from typing import IO, Any
from uuid import uuid4
from zipfile import ZipFile

import numpy as np
from numpy.typing import NDArray

_N_BYTES = 16  # of a stand-in
_AT_ONCE = 2**20  # bytes

# While an archive is written: each array and its stand-in, by the identity of the array.
_written: ContextVar[dict[int, tuple[NDArray[Any], NDArray[np.uint8]]] | None] = ContextVar("_written", default=None)
# While one is read: what reads the array of each stand-in.
_read: ContextVar[dict[bytes, Callable[[], NDArray[Any]]] | None] = ContextVar("_read", default=None)


def stand_in_of(array: NDArray[Any]) -> NDArray[Any]:
    """Return the stand-in of an array within `written_whole`, always the same one, and elsewhere the array itself."""
    written = _written.get()
    if written is None:
        return array
    if id(array) not in written:
        written[id(array)] = array, _new_stand_in()
    return written[id(array)][1]


def array_behind(array: Any) -> Any:
    """Return the array of a stand-in within `read_in_parts`, always the same one, and anything else as it is."""
    read = (_read.get() or {}).get(array.tobytes()) if getattr(array, "nbytes", None) == _N_BYTES else None
    return array if read is None else read()


@contextmanager
def written_whole(stream: IO[bytes], compression: int) -> Iterator[IO[bytes]]:
    """Yield a stream for skops to write to, and then write that archive with the arrays of its stand-ins.

    Parameters
    ----------
    stream : binary stream
        Where the archive is to be.
    compression : int
        How its members are packed, as in `zipfile`.
    """
    small = io.BytesIO()
    before = _written.set({})
    try:
        yield small
        arrays = {stand_in.tobytes(): array for array, stand_in in (_written.get() or {}).values()}
    finally:
        _written.reset(before)
    with ZipFile(small) as source, ZipFile(stream, "w", compression) as whole:
        for name in source.namelist():
            content = source.read(name)
            array = arrays.get(content[-_N_BYTES:])  # the values of an array are the end of its member
            if array is None:
                whole.writestr(name, content)
            else:
                _write_array(whole, name, array)


@contextmanager
def read_in_parts(stream: IO[bytes], large: Collection[str]) -> Iterator[IO[bytes]]:
    """Yield the archive that skops is to read, in which arrays have stand-ins.

    Parameters
    ----------
    stream : binary stream
        The whole archive.
    large : collection of str
        The members that are such arrays. Whoever gets their stand-ins asks `array_behind` for the arrays. Where other
        arrays are larger, skops reads all of them itself: one more copy of these would be more than is saved.
    """
    with ZipFile(stream) as archive:
        sizes = {each.filename: each.file_size for each in archive.infolist() if not each.filename.endswith(".json")}
        if 2 * sum(sizes[name] for name in large) <= sum(sizes.values()):
            yield stream
            return
        small = io.BytesIO()
        arrays: dict[bytes, Callable[[], NDArray[Any]]] = {}
        with ZipFile(small, "w") as copied:
            for name in archive.namelist():
                if name not in large:
                    copied.writestr(name, archive.read(name))
                    continue
                stand_in = _new_stand_in()
                arrays[stand_in.tobytes()] = cache(partial(_read_array, archive, name))
                _write_array(copied, name, stand_in)
        before = _read.set(arrays)
        try:
            yield small
        finally:
            _read.reset(before)


def _new_stand_in() -> NDArray[np.uint8]:
    return np.frombuffer(uuid4().bytes, np.uint8)


def _write_array(archive: ZipFile, name: str, array: NDArray[Any]) -> None:
    """Write a member as `numpy.save` would, without a copy of the array."""
    array = np.asarray(array, order="C")
    values = array.reshape(-1).view(np.uint8)
    with archive.open(name, "w", force_zip64=array.nbytes > 2**30) as member:
        np.lib.format.write_array_header_1_0(member, np.lib.format.header_data_from_array_1_0(array))
        for start in range(0, len(values), _AT_ONCE):
            member.write(values[start : start + _AT_ONCE].data)


def _read_array(archive: ZipFile, name: str) -> NDArray[Any]:
    with archive.open(name) as member:
        array: NDArray[Any] = np.lib.format.read_array(member, allow_pickle=False)
        return array
