"""The archive that a model is kept in: with checksums when it is written, and checked before anything is built of it.

What it checks is what skops, which reads the archive, leaves unchecked.
"""

from __future__ import annotations

import hashlib
import io
import json
import math
import re
from typing import IO, Any
from zipfile import ZIP_DEFLATED, ZIP_STORED, ZipFile, ZipInfo, is_zipfile

import numpy as np

_CHECKSUMS, _SCHEMA = "sha256.json", "schema.json"
_MEMBER = re.compile(r"schema\.json|[\w-]+\.(npy|npz|bin)", re.ASCII)  # as skops names them
# Weights shrink by less than a tenth; what grows twentyfold and beyond this many bytes was made to fill the memory.
_MOST_EXPANSION, _ALWAYS_ALLOWED = 20, 100_000_000
# Of a description, beyond what the size of its file allows: bytes, and the commas between its values.
_MOST_DESCRIPTION, _MOST_COMMAS = 10_000_000, 1_000_000


def add_checksums(stream: IO[bytes]) -> None:
    """Add the SHA-256 sums of all members to an archive, so that a change of any of them is noticed."""
    with ZipFile(stream, "a") as archive:
        archive.writestr(_CHECKSUMS, json.dumps(_checksums(archive), indent=1))


def check_archive(stream: IO[bytes]) -> Any:
    """Refuse an archive whose checksums differ or that would fill the memory; return what describes the rest.

    One without checksums, because skops alone wrote it, passes without that comparison.

    Raises
    ------
    ValueError
        If it is refused. What zipfile and json raise at broken ones comes through as it is.
    """
    if not is_zipfile(stream):
        stream.seek(0)
        raise ValueError(_what_it_is(stream.read(2)))
    packed = stream.seek(0, io.SEEK_END)
    with ZipFile(stream) as archive:
        _check_members(archive)
        _check_expansion(archive, packed)
        if _CHECKSUMS in archive.namelist() and json.loads(archive.read(_CHECKSUMS)) != _checksums(archive):
            raise ValueError("it was changed after it was written: SHA-256 sums differ")
        _check_content(archive)
        return json.loads(_description(archive, packed))


def _description(archive: ZipFile, packed: int) -> bytes:
    """Return what describes the rest, in JSON, unless it would take more memory than all that it describes."""
    size = archive.getinfo(_SCHEMA).file_size
    description = archive.read(_SCHEMA) if size <= _MOST_DESCRIPTION + packed else b""
    if not description or description.count(b",") > _MOST_COMMAS + packed // 20:
        raise ValueError(f"the description of its {packed} bytes, {size}, holds too much")
    return description


def _check_members(archive: ZipFile) -> None:
    names = archive.namelist()
    strange = [name for name in names if name != _CHECKSUMS and not _MEMBER.fullmatch(name)]
    if strange or len(set(names)) < len(names):
        raise ValueError(f"it has members that no model has: {strange[:3] or 'two of one name'}")
    for member in archive.infolist():
        if member.compress_type not in {ZIP_STORED, ZIP_DEFLATED}:
            raise ValueError(f"its member {member.filename!r} is packed in a way that is not read")


def _check_content(archive: ZipFile) -> None:
    for member in archive.infolist():
        with archive.open(member) as content:
            if member.filename.endswith(".npy"):
                _check_array(content, member)
            elif not member.filename.endswith(".npz") and content.read(2) == b"PK":
                raise ValueError(f"its member {member.filename!r} is an archive itself")


def _check_array(content: IO[bytes], member: ZipInfo) -> None:
    """Refuse an array that holds objects, or is not as large as it says."""
    version = np.lib.format.read_magic(content)
    read_header = {(1, 0): np.lib.format.read_array_header_1_0, (2, 0): np.lib.format.read_array_header_2_0}
    shape, _, dtype = read_header[version](content)
    n_bytes = math.prod(shape) * dtype.itemsize
    if dtype.hasobject or dtype.itemsize == 0 or n_bytes != member.file_size - content.tell():
        raise ValueError(f"its array {member.filename!r} of {dtype} in shape {shape} is not what the file holds")


def _what_it_is(start: bytes) -> str:
    if start == b"PK":
        return "its end is missing. Copy or fetch it again"
    if start[:1] == b"\x80":
        return "it is a pickle, and load reads what dump wrote. read_setfit reads the folder of a model of setfit"
    return "it is no archive, and load reads what dump wrote"


def _checksums(archive: ZipFile) -> dict[str, str]:
    sums = {}
    for name in sorted(set(archive.namelist()) - {_CHECKSUMS}):
        with archive.open(name) as member:
            sums[name] = hashlib.file_digest(member, "sha256").hexdigest()  # type: ignore[arg-type]
    return sums


def _check_expansion(archive: ZipFile, packed: int) -> None:
    """Refuse a small archive of endless content; sparse arrays are archives within it."""
    allowed = _ALWAYS_ALLOWED + _MOST_EXPANSION * packed
    unpacked = sum(member.file_size for member in archive.infolist())
    for name in archive.namelist():
        if name.endswith(".npz") and unpacked <= allowed:
            with ZipFile(io.BytesIO(archive.read(name))) as sparse:
                unpacked += sum(member.file_size for member in sparse.infolist())
    if unpacked > allowed:
        raise ValueError(f"its {packed} bytes would unpack to {unpacked}")
