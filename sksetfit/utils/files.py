"""Files and folders that appear whole or not at all, and the checksums of files."""

from __future__ import annotations

import hashlib
import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from functools import cache
from pathlib import Path
from uuid import uuid4


@contextmanager
def atomic_write(place: str | os.PathLike[str]) -> Iterator[Path]:
    """Yield a place beside the one that is meant; what was written there is renamed to it at the end.

    A crash, a full disk or an error inside leaves what is at ``place`` as it was.

    Raises
    ------
    FileNotFoundError
        If there is no folder for it.
    """
    place = Path(place).resolve()  # so that a link keeps pointing to what is written
    if not place.parent.is_dir():
        raise FileNotFoundError(f"{str(place)!r} cannot be written: there is no folder {str(place.parent)!r}.")
    partial = place.with_name(f".{uuid4().hex}.partial")  # not through tempfile, whose files only their owner may read
    try:
        yield partial
        partial.replace(place)
    finally:
        if partial.is_dir():
            shutil.rmtree(partial, ignore_errors=True)
        else:
            partial.unlink(missing_ok=True)


def sha256_of(path: Path) -> str:
    """Return the SHA-256 sum of a file, computed once per process and anew when the file may have changed."""
    about = path.stat()
    return _sha256(str(path.resolve()), about.st_ino, about.st_size, about.st_mtime_ns, about.st_ctime_ns)


@cache
def _sha256(path: str, *_changes_with_the_file: int) -> str:
    with open(path, "rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
