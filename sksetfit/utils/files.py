"""Files and folders that appear whole or not at all, and the checksums of files."""

from __future__ import annotations

import hashlib
import os
import re
import shutil
from collections.abc import Iterator
from contextlib import contextmanager, suppress
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
    _check_parent(place)
    partial = place.with_name(f".{uuid4().hex}.partial")  # not through tempfile, whose files only their owner may read
    try:
        yield partial
        partial.replace(place)
    finally:
        if partial.is_dir():
            shutil.rmtree(partial, ignore_errors=True)
        else:
            partial.unlink(missing_ok=True)


def free_place(folder: str | os.PathLike[str]) -> Path:
    """Return where a new folder is to be, once links are followed.

    Raises
    ------
    FileExistsError
        If something is there that is no empty folder.
    FileNotFoundError
        If there is no parent folder.
    """
    place = Path(folder).resolve()
    if place.exists() and not (place.is_dir() and not any(place.iterdir())):
        raise FileExistsError(
            f"{str(place)!r} exists, and nothing is written over it. Remove it first, or give the name of a new folder."
        )
    if place.is_mount() or place == Path.cwd():
        raise FileExistsError(f"{str(place)!r} is in use and cannot be replaced. Give the name of a new folder.")
    _check_parent(place)
    return place


@contextmanager
def new_folder(place: Path) -> Iterator[Path]:
    """Yield a folder beside a place that `free_place` has returned; it is renamed to it at the end.

    All files in it get the permissions of any new one and are on the disk before that. Errors of libraries in Rust
    (safetensors, tokenizers) that tell of the system, as of a full disk, are raised as OSError.
    """
    with atomic_write(place) as partial, _rust_errors_as_os_errors(place):
        partial.mkdir()
        yield partial
        _sync_files(partial)
        with suppress(FileNotFoundError):
            shutil.copymode(place, partial)  # of an empty folder that its owner has made
            place.rmdir()  # not every system renames over it


@contextmanager
def _rust_errors_as_os_errors(place: Path) -> Iterator[None]:
    try:
        yield
    except OSError:
        raise
    except Exception as error:
        number = re.search(r"\(os error (\d+)\)", str(error))
        if number is None:
            raise
        code = int(number[1])
        raise OSError(code, os.strerror(code), str(place)) from error


def _sync_files(folder: Path) -> None:
    any_new = folder / uuid4().hex
    any_new.touch()
    for path in folder.rglob("*"):
        if path.is_file():
            shutil.copymode(any_new, path)  # safetensors writes what only its owner may read
            with path.open("rb+") as file:
                os.fsync(file.fileno())
    any_new.unlink()


def _check_parent(place: Path) -> None:
    if not place.parent.is_dir():
        raise FileNotFoundError(f"{str(place)!r} cannot be written: there is no folder {str(place.parent)!r}.")


def sha256_of(path: Path) -> str:
    """Return the SHA-256 sum of a file, computed once per process and anew when the file may have changed."""
    about = path.stat()
    return _sha256(str(path.resolve()), about.st_ino, about.st_size, about.st_mtime_ns, about.st_ctime_ns)


@cache
def _sha256(path: str, *_changes_with_the_file: int) -> str:
    with open(path, "rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
