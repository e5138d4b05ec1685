"""Files and folders that appear whole or not at all."""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
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
